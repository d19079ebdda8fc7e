// The library's grid: rows filled evenly from the pictures' own measures, and a window of at most three pages.
//   <div class="shelf" data-shelf>
//     <div class="leaf" data-next="<address of the next page>"> … <div class="justified"> .tile … </div> </div>
//     <nav data-more> <a href> … </nav>
//   </div>
// Without script a leaf is a page of its own and the nav leads on. Here leaves are fetched as the end comes near; one
// that is out of reach leaves the document, and a spacer of exactly its height stays until it is scrolled to again.
//   grid:page (bubbles from a .leaf): its pictures have just come or come back, so ticks have to be set anew.
//   grid:refresh (sent to the document): pictures were changed elsewhere; what is in reach is fetched anew.

import { layOut } from "./justify.js";
import { cutOff, endIn, fetchLeaf, focusAgain, focusIn, linkOf, tilesIn } from "./leaves.js";

const MOST_LEAVES = 3;
const KEPT_IN_MEMORY = 12;
// So many pictures are built per frame; a whole page at once would hold up what a person is doing.
const AT_ONCE = 12;
// Rows may be somewhat higher than --rowh, as when flex grows them.
const IDEAL = 1.15;
export const addressOf = (url) => url.pathname + url.search;
// With a cursor, if only an empty one, the server answers with the leaf alone.
const partOf = ({ href }) => {
  const url = new URL(href);
  if (!url.searchParams.has("cursor")) url.searchParams.set("cursor", "");
  return addressOf(url);
};

export class Grid {
  constructor(shelf, place) {
    this.shelf = shelf;
    this.failure = document.querySelector("[data-failure]");
    this.above = this.spacer();
    this.below = this.spacer();
    const leaf = shelf.querySelector(".leaf");
    leaf.before(this.above);
    leaf.after(this.below);
    this.measure();
    this.url = addressOf(location);
    this.pages = [{ href: partOf(location), master: null, height: 0, leaf, isFull: true }];
    this.recent = [];
    this.loading = new Set();
    this.awake = new WeakSet();
    this.away = new AbortController();
    layOut(leaf, this.measures);
    this.pages[0].height = this.heightOf(leaf);
    this.follow(this.pages[0], leaf.dataset.next);
    if (place) this.returnTo(place);
    new ResizeObserver(() => this.resize()).observe(shelf);
    addEventListener("scroll", () => this.soon(), { passive: true, signal: this.away.signal });
    for (const name of ["pointerover", "focusin"]) {
      shelf.addEventListener(name, ({ target }) => this.wake(target.closest(".tile")), { signal: this.away.signal });
    }
    this.soon();
  }

  spacer() {
    const spacer = document.createElement("div");
    spacer.className = "spacer";
    return spacer;
  }

  // How high rows are is said by the style sheet, and only a box of pictures has it.
  measure() {
    const padding = parseFloat(getComputedStyle(this.shelf).paddingInlineStart) * 2;
    this.width = this.shelf.clientWidth - padding;
    const box = this.shelf.querySelector(".justified");
    if (box) {
      const look = getComputedStyle(box);
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      this.rows = { gap: parseFloat(look.columnGap), ideal: parseFloat(look.getPropertyValue("--rowh")) * rem * IDEAL };
    }
    this.measures = { ...this.rows, width: Math.floor(this.width) };
  }

  heightOf(leaf) {
    return leaf.getBoundingClientRect().height;
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.shelf.isConnected) this.update();
    });
  }

  // What follows a page has a place before it is there, as high as the page itself, so that nothing moves when it comes.
  follow(page, href) {
    const index = this.pages.indexOf(page);
    const known = this.pages[index + 1];
    // Another chain than before, since pictures came or went: it is followed anew, unless it is on the screen.
    if (known && (known.href === href || known.leaf)) return;
    this.pages.splice(index + 1);
    if (href) this.pages.push({ href, master: null, height: page.height, leaf: null, isFull: false });
  }

  // Two pages that are both there, of which the first does not end any more where the next one begins: what the first has
  // of the next one leaves it, and what is between them gets a page of its own, without a height until it is there.
  join(page) {
    const index = this.pages.indexOf(page);
    const next = this.pages[index + 1];
    const leaf = page && (page.master ?? (page.isFull && page.leaf));
    const other = next?.leaf && (next.master ?? (next.isFull && next.leaf));
    if (!leaf || !other || leaf.dataset.next === next.href) return;
    const repeats = endIn(leaf, other);
    const href = leaf.dataset.next;
    if (!page.master) page.isFull = false; // fetched anew first
    else if (repeats.length) {
      cutOff(leaf, repeats, { other, href: next.href });
      page.isFull = false;
    } else if (href && other.querySelector(".tile")) {
      this.pages.splice(index + 1, 0, { href, master: null, height: 0, leaf: null, isFull: false });
    } else {
      next.leaf.remove();
      this.pages.splice(index + 1, 1);
      this.follow(page, href);
      this.join(page);
    }
  }

  // What is on the screen of the next page is being fetched anew: only then is it known where this one ends.
  isEndUnknown(page) {
    const next = this.pages[this.pages.indexOf(page) + 1];
    return Boolean(next?.leaf?.querySelector(".tile") && !next.isFull && !next.master && !next.note);
  }

  // Which leaves should be there, then at most one of them filled, before the frame shows how high it was guessed. Their
  // pictures follow in tasks of their own.
  update() {
    const start = -this.above.getBoundingClientRect().top;
    const end = start + innerHeight;
    const reach = this.reach(start, end);
    this.show(reach);
    const missing = this.pages.slice(reach.from, reach.to + 1).filter((page) => !page.isFull);
    const middle = (start + end) / 2;
    const distance = (page) => Math.abs(page.top + page.height / 2 - middle);
    missing.sort((one, other) => distance(one) - distance(other));
    const ready = missing.find((page) => page.master && !this.isEndUnknown(page));
    if (ready) {
      this.fill(ready);
      this.soon();
    }
    if (this.pages.some((page) => page.rest?.length)) this.task ??= setTimeout(() => this.build());
    for (const page of missing) if (!page.master) this.load(page);
    const isUnderWay = (page) => !page.isFull || page.rest?.length > 0;
    const inView = this.pages.filter((page) => page.top < end && page.top + page.height > start);
    this.shelf.ariaBusy = String(inView.some(isUnderWay));
    const next = this.pages[reach.to + 1];
    if (next && !next.master && next.top - end < 3 * innerHeight) this.load(next);
  }

  build() {
    this.task = null;
    const growing = this.pages.find((page) => page.rest?.length);
    if (growing) this.grow(growing);
    this.soon();
  }

  reach(start, end) {
    let from = -1;
    let to = 0;
    let top = 0;
    this.pages.forEach((page, index) => {
      page.top = top;
      top += page.height;
      if (from < 0 && top > start) from = index;
      if (page.top < end) to = index;
    });
    if (from < 0) from = this.pages.length - 1;
    to = Math.max(from, to);
    while (to - from + 1 < Math.min(MOST_LEAVES, this.pages.length)) {
      const canFall = to < this.pages.length - 1;
      const isFallNearer = this.pages[to].top + this.pages[to].height - end <= start - this.pages[from].top;
      if (canFall && (isFallNearer || from === 0)) to += 1;
      else from -= 1;
    }
    return { from, to };
  }

  show({ from, to }) {
    this.pages.forEach((page, index) => {
      if (page.leaf && (index < from || index > to)) this.drop(page);
    });
    let before = this.above;
    for (const page of this.pages.slice(from, to + 1)) {
      if (!page.leaf) {
        page.leaf = document.createElement("div");
        page.leaf.className = "leaf waiting";
        page.leaf.style.height = `${page.height}px`;
        page.isFull = false;
        if (page.note) page.leaf.append(page.note);
        before.after(page.leaf);
      }
      before = page.leaf;
    }
    const sum = (pages) => pages.reduce((height, page) => height + page.height, 0);
    this.above.style.height = `${sum(this.pages.slice(0, from))}px`;
    this.below.style.height = `${sum(this.pages.slice(to + 1))}px`;
    if (this.isFocusLost) this.focusVisible();
  }

  drop(page) {
    if (page.leaf.contains(document.activeElement)) this.isFocusLost = true;
    page.leaf.remove();
    page.leaf = null;
    page.rest = [];
    page.isFull = false;
  }

  // Who scrolls on with the wheel finds the focus again on what they see.
  focusVisible() {
    const tile = tilesIn(this.shelf).find((each) => each.getBoundingClientRect().top >= 0);
    if (!tile) return;
    this.isFocusLost = false;
    if (document.activeElement === document.body) linkOf(tile).focus({ preventScroll: true });
  }

  fill(page) {
    const made = page.master.cloneNode(true);
    page.focus = focusIn(page.leaf) ?? page.focus;
    layOut(made, this.measures);
    page.rest = tilesIn(made).map((tile) => [tile.parentElement, tile]);
    for (const box of made.querySelectorAll(".justified")) box.replaceChildren();
    this.keepPlace(() => {
      page.leaf.replaceWith(made);
      page.leaf = made;
      page.isFull = true;
      page.height = this.heightOf(made);
    });
  }

  // The boxes of a new leaf have their measures already, so nothing moves while its pictures follow.
  grow(page, most = AT_ONCE) {
    for (const [box, tile] of page.rest.splice(0, most)) box.append(tile);
    if (page.focus && focusAgain(page.leaf, page.focus, { isWhole: !page.rest.length })) page.focus = null;
    if (page.rest.length) return;
    page.leaf.dispatchEvent(new CustomEvent("grid:page", { bubbles: true }));
    this.arrive(page);
    if (this.isFocusLost) this.focusVisible();
  }

  // What acts on a picture comes to life as a pointer or the focus comes to it: most are only scrolled past.
  wake(tile) {
    if (!tile || this.awake.has(tile)) return;
    this.awake.add(tile);
    window.htmx?.process(tile);
  }

  // Whatever changes above, what is at the top of the window stays where it is: a picture or, where none is in sight, the
  // page whose pictures are still to come. One further down would take the window along when that page comes.
  keepPlace(change) {
    const isAtTop = (node) => node.getBoundingClientRect().bottom > 0;
    const tile = tilesIn(this.shelf).find(isAtTop);
    const isInSight = tile?.getBoundingClientRect().top < innerHeight;
    const anchor = isInSight ? tile : [...this.shelf.querySelectorAll(".leaf")].find(isAtTop);
    const before = anchor?.getBoundingClientRect().top;
    change();
    const moved = anchor?.isConnected ? anchor.getBoundingClientRect().top - before : 0;
    if (Math.abs(moved) >= 0.5) scrollBy({ top: moved, behavior: "instant" });
  }

  resize() {
    const before = this.width;
    this.measure();
    if (this.width === before || this.width <= 0) return;
    this.keepPlace(() => {
      for (const page of this.pages) {
        if (page.rest?.length) this.grow(page, Infinity);
        if (page.leaf && !page.leaf.classList.contains("waiting")) {
          layOut(page.leaf, this.measures);
          page.height = this.heightOf(page.leaf);
        } else page.height *= before / this.width;
      }
    });
    this.soon();
  }

  async attempt(page, work) {
    if (this.loading.has(page)) return;
    this.loading.add(page);
    try {
      await work();
      this.loading.delete(page);
      this.soon();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof TypeError)) throw error;
      this.tellFailure(page); // stays in `loading`: only Retry asks again
    }
  }

  load(page) {
    return this.attempt(page, async () => {
      this.remember(page, await fetchLeaf(page.href, this.away.signal));
      const index = this.pages.indexOf(page);
      if (index < 0) return;
      this.follow(page, page.master.dataset.next);
      this.join(page);
      this.join(this.pages[index - 1]);
    });
  }

  remember(page, leaf) {
    page.master = leaf;
    this.recent = [...this.recent.filter((each) => each !== page), page];
    while (this.recent.length > KEPT_IN_MEMORY) this.recent.shift().master = null;
  }

  forget(leaf) {
    for (const page of this.pages) if (page.leaf === leaf) page.master = null;
  }

  tellFailure(page) {
    page.note = this.failure.content.firstElementChild.cloneNode(true);
    page.note.querySelector("[data-retry]").addEventListener("click", () => {
      page.note.remove();
      page.note = null;
      this.isFocusLost = true;
      this.loading.delete(page);
      this.soon();
    });
    page.leaf?.prepend(page.note);
  }

  refresh() {
    for (const page of this.pages) {
      page.master = null;
      if (page.leaf) page.isFull = false;
    }
    this.soon();
  }

  // Ctrl + Home: the first picture takes the focus once it is there; false if it is.
  goToStart() {
    const [first] = this.pages;
    scrollTo({ top: 0, behavior: "instant" });
    if (first.leaf) return false;
    this.isHomeward = true;
    document.activeElement.blur();
    return true;
  }

  // Where the window is, so that the way back ends at the same picture.
  place() {
    const page = this.pages.find((each) => each.leaf && each.leaf.getBoundingClientRect().bottom > 0);
    const tile = page?.leaf && tilesIn(page.leaf).find((each) => each.getBoundingClientRect().bottom > 0);
    return {
      pages: this.pages.map(({ href, height }) => [href, Math.round(height * 64) / 64]),
      width: this.width,
      page: this.pages.indexOf(page),
      asset: tile?.dataset.asset,
      top: (tile ?? page?.leaf)?.getBoundingClientRect().top ?? 0,
      below: page ? -page.leaf.getBoundingClientRect().top : 0,
      focus: document.activeElement.closest?.(".tile")?.dataset.asset,
      y: scrollY,
    };
  }

  returnTo(place) {
    this.goal = place;
    const [first] = this.pages;
    const scale = place.width / this.width;
    this.pages = place.pages.map(([href, height]) => ({ href, master: null, height: height * scale, leaf: null, isFull: false }));
    this.pages[0] = first;
    const from = Math.max(0, place.page);
    this.show({ from, to: from });
    const before = this.pages.slice(0, from).reduce((sum, page) => sum + page.height, 0);
    const top = this.above.getBoundingClientRect().top + scrollY;
    scrollTo({ top: from ? top + before + place.below * scale : place.y, behavior: "instant" });
    if (from === 0) this.arrive(first);
  }

  arrive(page) {
    if (this.isHomeward && page === this.pages[0]) {
      this.isHomeward = false;
      linkOf(tilesIn(page.leaf)[0])?.focus({ preventScroll: true });
    }
    if (!this.goal || this.pages.indexOf(page) !== this.goal.page) return;
    const { asset, top, focus } = this.goal;
    this.goal = null;
    const tile = asset && page.leaf.querySelector(`[data-asset="${CSS.escape(asset)}"]`);
    if (tile) scrollBy({ top: tile.getBoundingClientRect().top - top, behavior: "instant" });
    const focused = focus && page.leaf.querySelector(`[data-asset="${CSS.escape(focus)}"]`);
    linkOf(focused)?.focus({ preventScroll: true });
  }

  stop() {
    this.away.abort();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.task);
  }
}
