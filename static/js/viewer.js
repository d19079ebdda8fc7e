// The viewer: a layer over the page in which pictures are leafed through and zoomed.
//   Space on a tile, [data-view] inside one, or a "view" event on one opens it. On a picture's own page [data-view] carries
//   the picture as JSON. Everything in it works by pointer, finger and keyboard; without it every picture is a link.
// Only transforms change while something moves; sizes are read when the window changes.

import { isShortcut } from "./shortcuts.js";
import { Slides, slideOfTile, stepsOf } from "./slides.js";
import { Slideshow } from "./slideshow.js";
import { Picture, Zoom } from "./zoom.js";

const GAP = 24;
const PAN = 80;
// Room for the controls; on a phone a picture takes the whole width, and the caption has a line of its own.
const MARGIN = { x: 64, y: 60 };
const NARROW_MARGIN = { x: 0, y: 104 };
const NARROW = 800;
// In a low window, as on a phone held across, the controls lie over the picture: they go away by themselves.
const LOW = 480;
// From so many screen pixels for one of the picture, its pixels are shown as they are.
const PLAIN_PIXELS = 4;
const QUIET_AFTER = 2500;

const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const pathOf = (slide) => new URL(slide.href, location.href).pathname;

// Tells the server whether a picture is a favourite; returns whether it has understood.
const mark = async (slide, wanted) => {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
  const body = new URLSearchParams({ csrfmiddlewaretoken: token, value: wanted ? "1" : "0" });
  try {
    return (await fetch(`${pathOf(slide)}favourite/`, { method: "POST", body, headers: { "HX-Request": "true" } })).ok;
  } catch (error) {
    if (error instanceof TypeError) return false; // no network
    throw error;
  }
};

class Viewer {
  #slides = null;
  #opener = null;
  #shown = new Map();
  #drag = 0;
  #glide = null;
  #last = Promise.resolve();
  #waiting = 0;
  #quiet = 0;

  constructor(dialog) {
    this.dialog = dialog;
    const part = (name) => dialog.querySelector(`[data-${name}]`);
    for (const name of ["box", "room", "say", "note", "position", "caption", "open", "like", "download", "full", "percent"]) this[name] = part(name);
    this.track = document.createElement("div");
    this.track.className = "track";
    this.room.append(this.track);
    this.zoom = new Zoom(this.room, {
      onChange: (zoom, { smooth }) => this.#transform(zoom, smooth),
      onSwipe: (swipe) => this.#swipe(swipe),
      onResize: () => dialog.open && this.#layOut(),
    });
    this.show = new Slideshow({
      root: dialog,
      next: () => this.step(1, { wraps: true }),
      mayTurn: () => !this.zoom.isZoomed,
      say: (text) => (this.say.textContent = text),
    });
    this.#listen();
  }

  begin(slides, opener) {
    this.#clear();
    this.#slides = slides;
    this.#opener = opener;
    this.dialog.showModal();
    this.zoom.measure();
    this.#render();
    this.#wake();
    slides.begin();
  }

  // Resolves to whether there was one to go to. A second step while the first still glides lets that one arrive at once.
  step(by, options = {}) {
    this.#glide?.finish();
    this.#waiting += 1;
    const step = this.#last.then(() => this.#step(by, options)).finally(() => (this.#waiting -= 1));
    this.#last = step;
    return step;
  }

  async #step(by, { wraps = false }) {
    const slides = this.#slides;
    const hasMoved = (await slides.move(by)) || (wraps && slides.rewind());
    if (!this.dialog.open || slides !== this.#slides) return false;
    if (!hasMoved) {
      this.say.textContent = by < 0 ? "This is the first image" : "This is the last image";
      await this.#settle(0);
      return false;
    }
    await this.#settle(-by * (this.zoom.box.width + GAP));
    this.#render();
    return true;
  }

  // Let the row of pictures glide to a place; when it is there the new middle is drawn, and the place is the middle again.
  async #settle(to) {
    const from = this.#drag;
    this.#drag = 0;
    this.track.style.transform = "";
    if (isCalm() || from === to) return;
    this.zoom.fit({ smooth: false });
    this.#glide = this.track.animate(
      { transform: [`translateX(${from}px)`, `translateX(${to}px)`] },
      { duration: 200, easing: "cubic-bezier(.2, .7, .2, 1)" },
    );
    await this.#glide.finished;
    this.#glide = null;
  }

  #swipe({ x, isOver, speed }) {
    const way = x < 0 ? 1 : -1;
    const isEnd = way > 0 ? this.#slides.isLast : this.#slides.isFirst;
    this.#drag = isEnd ? x / 4 : x;
    if (!isOver) this.track.style.transform = `translateX(${this.#drag}px)`;
    else if (!isEnd && x && (Math.abs(x) > this.zoom.box.width / 4 || Math.abs(speed) > 0.4)) this.step(way);
    else this.#settle(0);
  }

  // The picture in the middle and its neighbours on both sides; what is there already is kept, so nothing loads twice.
  #render() {
    const wanted = new Map([0, 1, -1].map((place) => [this.#slides.peek(place), place]).filter(([slide]) => slide));
    for (const [slide, one] of this.#shown) {
      if (wanted.has(slide)) continue;
      one.figure.remove();
      this.#shown.delete(slide);
    }
    for (const [slide, place] of wanted) {
      if (!this.#shown.has(slide)) this.#shown.set(slide, this.#draw(slide));
      const one = this.#shown.get(slide);
      one.place = place;
      one.figure.ariaHidden = place === 0 ? null : "true";
      if (place) one.frame.style.transform = "";
    }
    this.zoom.fit({ smooth: false });
    this.#layOut();
    this.#tell();
  }

  #draw(slide) {
    const figure = document.createElement("figure");
    const frame = document.createElement("div");
    frame.className = slide.hasAlpha ? "frame alpha" : "frame";
    figure.append(frame);
    this.track.append(figure);
    return { figure, frame, picture: new Picture(frame, { steps: stepsOf(slide), alt: slide.alt }), place: 0 };
  }

  #layOut() {
    const { width, height } = this.zoom.box;
    const margin = { ...(width < NARROW ? NARROW_MARGIN : MARGIN), ...(height < LOW && { y: 0 }) };
    for (const [slide, one] of this.#shown) {
      one.fit = Math.min((width - 2 * margin.x) / slide.width, (height - 2 * margin.y) / slide.height, 1);
      one.frame.style.width = `${slide.width * one.fit}px`;
      one.frame.style.height = `${slide.height * one.fit}px`;
      one.figure.style.transform = `translateX(${one.place * (width + GAP)}px)`;
      one.picture.sharpen(slide.width * one.fit * devicePixelRatio);
    }
    const slide = this.#slides.current;
    const { fit } = this.#shown.get(slide);
    this.zoom.setContent({ width: slide.width * fit, height: slide.height * fit, real: 1 / (fit * devicePixelRatio) });
  }

  #transform(zoom, smooth) {
    const slide = this.#slides?.current;
    const one = this.#shown.get(slide);
    if (!one) return;
    one.frame.classList.toggle("gliding", smooth);
    one.frame.style.transform = zoom.isZoomed ? `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})` : "";
    this.room.classList.toggle("zoomed", zoom.isZoomed);
    const scale = zoom.scale * one.fit * devicePixelRatio;
    one.frame.classList.toggle("plain", scale >= PLAIN_PIXELS);
    one.picture.sharpen(slide.width * scale);
    const percent = `${Math.round(scale * 100)}%`;
    this.percent.textContent = percent;
    this.percent.parentElement.ariaLabel = `${percent}, ${zoom.isZoomed ? "fit to the window" : "show actual size"}`;
  }

  #tell() {
    const slide = this.#slides.current;
    const { position } = this.#slides;
    this.position.textContent = position;
    this.caption.textContent = slide.caption;
    this.#opener.follow(slide);
    this.note.hidden = !this.#shown.get(slide).picture.hasFailed;
    this.open.href = slide.href;
    this.download.href = `${slide.original}?download=1`;
    this.like.ariaPressed = String(slide.isFavourite);
    this.say.textContent = `${position ? `Image ${position}: ` : ""}${slide.alt}`;
    for (const button of this.dialog.querySelectorAll("[data-step]")) {
      const isEnd = button.dataset.step < 0 ? this.#slides.isFirst : this.#slides.isLast;
      if (isEnd && document.activeElement === button) this.box.focus();
      button.disabled = isEnd;
    }
  }

  // More was found at an end of the list: a neighbour to draw, a position to tell.
  refresh() {
    if (!this.dialog.open || this.#glide || this.#drag) return;
    const isWhole = [1, -1].every((place) => !this.#slides.peek(place) || this.#shown.has(this.#slides.peek(place)));
    if (isWhole) this.position.textContent = this.#slides.position;
    else if (!this.zoom.isZoomed) this.#render();
  }

  #listen() {
    const { dialog } = this;
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("keydown", (event) => this.#onKey(event));
    dialog.addEventListener("click", (event) => this.#onClick(event));
    for (const name of ["pointermove", "pointerdown"]) dialog.addEventListener(name, () => this.#wake());
    dialog.addEventListener("focusin", () => this.#wake());
    dialog.addEventListener("picture-failed", (event) => this.#fail(event.target));
    document.addEventListener("fullscreenchange", () => {
      this.full.ariaPressed = String(document.fullscreenElement === this.box);
    });
    this.full.hidden = !document.fullscreenEnabled;
  }

  // Only of the picture in the middle: of the others it is said when they get there.
  #fail(frame) {
    this.note.hidden = this.#shown.get(this.#slides?.current)?.frame !== frame;
  }

  #onClick(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.step) this.step(Number(button.dataset.step));
    else if (button.dataset.zoom) this.#zoomBy(button.dataset.zoom);
    else if (button === this.full) this.#toggleFull();
    else if (button === this.like) this.#toggleLike();
    else if ("leave" in button.dataset) this.dialog.close();
  }

  // The hearts on the page behind follow, so that both say the same.
  async #toggleLike() {
    const slide = this.#slides.current;
    const wanted = !slide.isFavourite;
    if (!(await mark(slide, wanted))) {
      this.say.textContent = "That did not work. Check the connection, then try again.";
      return;
    }
    slide.isFavourite = wanted;
    if (slide === this.#slides?.current) this.like.ariaPressed = String(wanted);
    this.say.textContent = wanted ? "A favourite" : "Not a favourite any more";
    for (const heart of document.querySelectorAll(`.heart[action^="${CSS.escape(pathOf(slide))}"] button`)) {
      heart.ariaPressed = String(wanted);
      heart.value = wanted ? "0" : "1";
      heart.classList.toggle("on", wanted);
    }
  }

  #zoomBy(what) {
    if (what === "in") this.zoom.in();
    else if (what === "out") this.zoom.out();
    else if (what === "fit" || this.zoom.isZoomed) this.zoom.fit();
    else this.zoom.actual();
  }

  async #toggleFull() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.box.requestFullscreen();
  }

  #onKey(event) {
    if (!isShortcut(event)) return;
    const act = this.#actOf(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  #actOf({ key, target, repeat }) {
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (key in arrows && this.zoom.isZoomed) return () => this.zoom.pan(arrows[key][0] * PAN, arrows[key][1] * PAN, { smooth: true });
    const steps = { ArrowLeft: -1, PageUp: -1, ArrowRight: 1, PageDown: 1 };
    // A key that is held down goes on as quickly as pictures come, and stops when it is let go.
    if (key in steps) return () => (repeat && this.#waiting) || this.step(steps[key]);
    if (key === "ArrowUp" || key === "ArrowDown") return () => {};
    if (key === " ") return target.closest("button, a") ? null : () => this.dialog.close();
    const zooms = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "actual" };
    return key in zooms ? () => (zooms[key] === "actual" ? this.zoom.actual() : this.#zoomBy(zooms[key])) : null;
  }

  // The controls step aside while pictures follow one another and nobody moves.
  #wake() {
    clearTimeout(this.#quiet);
    this.box.classList.remove("quiet");
    this.#quiet = setTimeout(() => this.box.classList.toggle("quiet", this.show.isPlaying || this.zoom.box.height < LOW), QUIET_AFTER);
  }

  #clear() {
    for (const { figure } of this.#shown.values()) figure.remove();
    this.#shown.clear();
  }

  #closed() {
    if (this.dialog.open || !this.#slides) return; // opened again before this was told
    this.show.pause();
    clearTimeout(this.#quiet);
    if (document.fullscreenElement) document.exitFullscreen();
    const slides = this.#slides;
    const opener = this.#opener;
    this.#slides = this.#opener = null;
    this.#clear();
    opener.back(slides);
  }
}

const dialog = document.getElementById("viewer");

const linkTo = (slide) => [...document.querySelectorAll(".tile > a[href]")].find((link) => link.pathname === pathOf(slide));

// The page behind keeps pace, so its next ones come as well; at the end the focus goes to the tile of the picture that was
// looked at last, or where that has left the document to the nearest one.
const openerOfTile = {
  follow: (slide) => linkTo(slide)?.scrollIntoView({ block: "nearest", behavior: "instant" }),
  back: ({ list, at }) => {
    const byDistance = list.map((slide, index) => [Math.abs(index - at), slide]).sort(([one], [other]) => one - other);
    const link = byDistance.map(([, slide]) => linkTo(slide)).find(Boolean);
    link?.scrollIntoView({ block: "nearest", behavior: "instant" });
    link?.focus({ preventScroll: true });
  },
};

// From a picture's own page one comes back to the page of the picture that was looked at last.
const openerOfPage = (first, element) => ({
  follow: () => {},
  back: ({ current }) => (current === first ? element.focus() : location.assign(current.href)),
});

const begin = (dialog) => {
  const viewer = new Viewer(dialog);
  const options = { onChange: () => viewer.refresh() };
  const openTile = (tile) => {
    if (slideOfTile(tile)) viewer.begin(Slides.ofTiles(tile, options), openerOfTile);
  };
  const openPage = (element) => {
    const slide = JSON.parse(element.dataset.view);
    slide.isFavourite = document.querySelector("#inspector-head .heart button")?.ariaPressed === "true";
    viewer.begin(new Slides([slide], 0, options), openerOfPage(slide, element));
  };
  const open = (element) => (element.dataset.view ? openPage(element) : openTile(element.closest(".tile")));

  document.addEventListener("click", (event) => {
    const element = event.target.closest("[data-view]");
    if (!element || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(element);
  });
  document.addEventListener("view", (event) => open(event.target));
  document.addEventListener("keydown", (event) => {
    const link = event.key === " " && isShortcut(event) && event.target.closest(".tile > a[href]");
    if (!link) return;
    event.preventDefault();
    openTile(link.parentElement);
  });
};

if (dialog) begin(dialog);
