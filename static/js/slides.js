// The pictures that the viewer leafs through, in the order of the page it was opened from: first what the page shows,
// and at both ends what the server answers for "around this picture, in this search".
//   slide: { href, caption, alt, width, height, hasAlpha, isFavourite, thumb, preview, original }

const TILE = ".tile > a[href]";
// How near to an end the next ones are asked for.
const AHEAD = 3;
const [THUMB, PREVIEW] = [512, 1600]; // sides of studio/library/pixels.py

const addressOf = (href) => new URL(href, location.href);
const idOf = (href) => addressOf(href).pathname;

export const slideOfTile = (tile) => {
  const link = tile.querySelector(":scope > a[href]");
  const image = link?.querySelector("img");
  if (!image) return null;
  const { pathname, search } = addressOf(link.href);
  const order = search || (tile.closest(".shelf") ? location.search : "");
  const file = (variant) => `${pathname}file/${variant}/`;
  return {
    href: pathname + order,
    caption: image.alt,
    alt: image.alt,
    width: Number(image.getAttribute("width")),
    height: Number(image.getAttribute("height")),
    hasAlpha: tile.classList.contains("alpha"),
    isFavourite: tile.querySelector(".heart button")?.ariaPressed === "true",
    thumb: file("thumb"),
    preview: file("preview"),
    original: file("original"),
  };
};

// What a picture is loaded from, small to large, with the width in pixels that each gives.
export const stepsOf = (slide) => {
  const widthOf = (side) => Math.round(slide.width * Math.min(1, side / Math.max(slide.width, slide.height)));
  const steps = [
    { src: slide.thumb, width: widthOf(THUMB) },
    { src: slide.preview, width: widthOf(PREVIEW) },
    { src: slide.original, width: slide.width },
  ];
  return steps.filter((step, index) => index === 0 || step.width > steps[index - 1].width);
};

// Null where nothing can be had: offline, signed out, or the picture is gone. What is here already stays usable.
const asked = async (address) => {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    return answer.ok && !answer.redirected ? await answer.json() : null;
  } catch (error) {
    if (error instanceof TypeError) return null; // no network
    throw error;
  }
};

export class Slides {
  #asking = { before: false, after: false };
  #ended = { before: false, after: false };

  // `sum` is how many there are altogether, as the page that shows them says it.
  constructor(list, at, { onChange, isWhole = false, sum = "" }) {
    this.list = list;
    this.at = at;
    this.sum = sum;
    this.onChange = onChange;
    this.#ended = { before: isWhole, after: isWhole };
  }

  static ofTiles(tile, options) {
    const scope = tile.closest(".shelf, .shots") ?? tile.parentElement;
    const tiles = [...scope.querySelectorAll(TILE)].map((link) => link.parentElement);
    const list = tiles.map(slideOfTile).filter(Boolean);
    const slide = slideOfTile(tile);
    const at = list.findIndex((one) => one.href === slide.href);
    const sum = scope.parentElement.querySelector(":scope > .found")?.dataset.count;
    return new Slides(list, at, { ...options, isWhole: !scope.matches(".shelf"), sum });
  }

  get current() {
    return this.list[this.at];
  }

  // Of the slides around: null beyond an end.
  peek(steps) {
    return this.list[this.at + steps] ?? null;
  }

  get isFirst() {
    return this.at === 0 && this.#ended.before;
  }

  get isLast() {
    return this.at === this.list.length - 1 && this.#ended.after;
  }

  // "12 of 60" as far as it is known: nothing before the number of those that come first is.
  get position() {
    if (!this.#ended.before) return "";
    const number = (this.at + 1).toLocaleString("en");
    const sum = this.#ended.after ? this.list.length.toLocaleString("en") : this.sum;
    return sum ? `${number} of ${sum}` : number;
  }

  // Returns whether there was somewhere to go; waits for the server where that is needed.
  async move(steps) {
    const way = steps < 0 ? "before" : "after";
    if (!this.peek(steps)) await this.#extend(way);
    if (!this.peek(steps)) return false;
    this.at += steps;
    this.lookAhead();
    return true;
  }

  // Back to the first of those that are known; whether that is another one.
  rewind() {
    const wasFirst = this.at === 0;
    this.at = 0;
    return !wasFirst;
  }

  // Whether something comes before the first is worth one question: only then its number is known.
  begin() {
    this.#extend("before");
    this.lookAhead();
  }

  lookAhead() {
    if (this.at < AHEAD) this.#extend("before");
    if (this.list.length - 1 - this.at < AHEAD) this.#extend("after");
  }

  async #extend(way) {
    if (this.#ended[way]) return;
    this.#asking[way] ||= this.#ask(way).finally(() => (this.#asking[way] = false));
    await this.#asking[way];
  }

  async #ask(way) {
    const end = way === "before" ? this.list[0] : this.list.at(-1);
    const { pathname, searchParams } = addressOf(end.href);
    searchParams.set("way", way);
    const answer = await asked(`${pathname}around/?${searchParams}`);
    if (!answer) return;
    const { slides, is_end: isEnd } = answer;
    const known = new Set(this.list.map((slide) => idOf(slide.href)));
    const fresh = slides.filter((slide) => !known.has(idOf(slide.href)));
    this.#ended[way] = isEnd || fresh.length === 0;
    if (way === "before") {
      this.list.unshift(...fresh);
      this.at += fresh.length;
    } else this.list.push(...fresh);
    this.onChange();
  }
}
