// Zoom and pan inside a box: wheel, pinch, drag, double click and double tap, or by the methods. Only numbers change here
// (scale 1 fits, x and y lead away from the middle); `onChange` puts them on the screen, at most once per frame.
//   const zoom = new Zoom(box, { onChange, onSwipe, wheel: () => true });
//   zoom.setContent({ width, height, real });  what is shown at scale 1, and the scale at which its pixels are the screen's

const DOUBLE_TAP = 300;
const SLIP = 10; // px a finger may move and still mean the same place
const STEP = 1.5;
const DEEPEST = 8;

const between = (least, value, most) => Math.min(Math.max(value, least), most);

export class Zoom {
  scale = 1;
  x = 0;
  y = 0;
  #content = { width: 0, height: 0, real: 1 };
  #box = { width: 0, height: 0, left: 0, top: 0 };
  #fingers = new Map();
  #swipe = null;
  #tap = null;
  #frame = 0;
  #smooth = false;
  #isTouch = false;

  // `peers` are those that show the same part together: each goes as deep as any of them.
  constructor(element, { onChange, onSwipe = null, onResize = () => {}, wheel = () => true, peers = () => [this] }) {
    this.element = element;
    this.peers = peers;
    this.onChange = onChange;
    this.onSwipe = onSwipe;
    this.wheel = wheel;
    new ResizeObserver(() => {
      this.measure();
      onResize();
    }).observe(element);
    element.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    element.addEventListener("dblclick", (event) => this.#onDoubleClick(event));
    element.addEventListener("pointerdown", (event) => this.#onDown(event));
    element.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const name of ["pointerup", "pointercancel"]) element.addEventListener(name, (event) => this.#onUp(event));
    element.addEventListener("dragstart", (event) => event.preventDefault());
  }

  get box() {
    return this.#box;
  }

  get deepest() {
    return Math.max(DEEPEST, ...this.peers().map((zoom) => zoom.#content.real * 4));
  }

  get isZoomed() {
    return this.scale > 1.001;
  }

  measure() {
    this.#box = this.element.getBoundingClientRect();
  }

  setContent(content) {
    this.#content = content;
    this.set(this, { smooth: false });
  }

  // Everything ends here, so nothing can be moved out of sight; `from` is not told again where two follow each other.
  set({ scale, x, y }, { smooth = false, quiet = false } = {}) {
    this.scale = between(1, scale, this.deepest);
    const { width, height } = this.#content;
    const roomX = Math.max(0, (width * this.scale - this.#box.width) / 2);
    const roomY = Math.max(0, (height * this.scale - this.#box.height) / 2);
    this.x = between(-roomX, x, roomX);
    this.y = between(-roomY, y, roomY);
    this.#smooth = smooth;
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#show(quiet));
  }

  // Keeps the point under `at` (from the middle of the box) where it is.
  zoomTo(scale, at = { x: 0, y: 0 }, options = {}) {
    const wanted = between(1, scale, this.deepest);
    const ratio = wanted / this.scale;
    this.set({ scale: wanted, x: at.x - (at.x - this.x) * ratio, y: at.y - (at.y - this.y) * ratio }, options);
  }

  in() {
    this.zoomTo(this.scale * STEP, undefined, { smooth: true });
  }

  out() {
    this.zoomTo(this.scale / STEP, undefined, { smooth: true });
  }

  fit(options = { smooth: true }) {
    this.set({ scale: 1, x: 0, y: 0 }, options);
  }

  actual(at) {
    this.zoomTo(this.#content.real, at, { smooth: true });
  }

  pan(x, y, options = {}) {
    this.set({ scale: this.scale, x: this.x + x, y: this.y + y }, options);
  }

  #show(quiet) {
    this.#frame = 0;
    this.onChange(this, { smooth: this.#smooth, quiet });
  }

  #place(event) {
    const { left, top, width, height } = this.#box;
    return { x: event.clientX - left - width / 2, y: event.clientY - top - height / 2 };
  }

  #onWheel(event) {
    if (!this.wheel(event, this)) return;
    event.preventDefault();
    this.measure();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
    this.zoomTo(this.scale * Math.exp(-between(-240, pixels, 240) * (event.ctrlKey ? 0.01 : 0.0022)), this.#place(event));
  }

  #onDoubleClick(event) {
    // A double tap is counted below: not every browser makes a double click of it.
    if (this.#isTouch || event.target.closest("button, a, input, select")) return;
    this.measure();
    this.#toggle(this.#place(event));
  }

  #toggle(at) {
    if (this.isZoomed) this.fit();
    else this.zoomTo(Math.max(2, this.#content.real), at, { smooth: true });
  }

  #onDown(event) {
    if (event.button !== 0 || event.target.closest("button, a, input, select")) return;
    if (this.#fingers.size === 0) this.measure();
    this.#isTouch = event.pointerType === "touch";
    this.#fingers.set(event.pointerId, this.#place(event));
    this.#swipe = this.#fingers.size === 1 ? { from: this.#place(event), at: event.timeStamp, isOn: false } : this.#noSwipe();
    if (this.#fingers.size === 2) this.#tap = null;
  }

  #noSwipe() {
    if (this.#swipe?.isOn) this.onSwipe({ x: 0, isOver: true, speed: 0 });
    return null;
  }

  #onMove(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) return;
    const now = this.#place(event);
    if (this.#fingers.size === 2) this.#pinch(event.pointerId, now);
    else if (this.#fingers.size === 1 && this.isZoomed) {
      this.#hold(event);
      this.pan(now.x - before.x, now.y - before.y);
    } else if (this.#fingers.size === 1) this.#drag(event, now);
    this.#fingers.set(event.pointerId, now);
  }

  #pinch(id, now) {
    const [other] = [...this.#fingers].filter(([key]) => key !== id).map(([, place]) => place);
    const old = this.#fingers.get(id);
    const spread = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    const middle = (one) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
    this.zoomTo((this.scale * spread(now)) / Math.max(1, spread(old)), middle(now));
    this.pan(middle(now).x - middle(old).x, middle(now).y - middle(old).y);
  }

  // A mouse drags only what is zoomed; a finger may also swipe to the next picture.
  #drag(event, now) {
    if (!this.onSwipe || event.pointerType === "mouse" || !this.#swipe) return;
    const moved = now.x - this.#swipe.from.x;
    const isSideways = Math.abs(moved) > SLIP && Math.abs(moved) > Math.abs(now.y - this.#swipe.from.y);
    if (!this.#swipe.isOn && !isSideways) return;
    this.#swipe.isOn = true;
    this.#hold(event);
    this.onSwipe({ x: moved, isOver: false, speed: 0 });
  }

  #hold(event) {
    if (!this.element.hasPointerCapture(event.pointerId)) this.element.setPointerCapture(event.pointerId);
  }

  #onUp(event) {
    if (!this.#fingers.delete(event.pointerId)) return;
    const swipe = this.#swipe;
    this.#swipe = null;
    const now = this.#place(event);
    if (swipe?.isOn) {
      const moved = event.type === "pointercancel" ? 0 : now.x - swipe.from.x;
      this.onSwipe({ x: moved, isOver: true, speed: moved / Math.max(1, event.timeStamp - swipe.at) });
    } else if (swipe && event.type === "pointerup" && event.pointerType === "touch") this.#onTap(event, now, swipe);
  }

  #onTap(event, now, swipe) {
    const near = (one) => Math.hypot(one.x - now.x, one.y - now.y) < SLIP * 3;
    if (!near(swipe.from)) return;
    if (this.#tap && event.timeStamp - this.#tap.at < DOUBLE_TAP && near(this.#tap.place)) {
      this.#tap = null;
      this.#toggle(now);
    } else this.#tap = { at: event.timeStamp, place: now };
  }
}

// A picture in a frame gets sharper by steps: what is there first, then the preview, then the original. Each is decoded
// before it takes the place of the one before, so nothing flickers and a transparent picture is never drawn twice.
export class Picture {
  #step = 0;
  #wanted = 0;
  #failed = false;

  // `steps`: [{ src, width }] from small to large; the frame may hold an image of the first step already.
  constructor(frame, { steps, alt = "" }) {
    this.frame = frame;
    this.steps = steps;
    this.alt = alt;
    if (!frame.firstElementChild) frame.append(this.#image(steps[0].src));
  }

  get hasFailed() {
    return this.#failed;
  }

  // As sharp as `pixels` of the screen in its width need it.
  async sharpen(pixels) {
    const found = this.steps.findIndex((step) => step.width >= pixels * 0.95);
    const wanted = found < 0 ? this.steps.length - 1 : found;
    if (wanted <= this.#wanted || this.#failed) return;
    this.#wanted = wanted;
    const image = this.#image(this.steps[wanted].src);
    try {
      await image.decode();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.#failed = true; // the file is missing or damaged: what is shown stays
      this.frame.dispatchEvent(new CustomEvent("picture-failed", { bubbles: true }));
      return;
    }
    if (wanted <= this.#step) return;
    this.#step = wanted;
    this.frame.replaceChildren(image);
  }

  #image(src) {
    const image = new Image();
    image.decoding = "async";
    image.draggable = false;
    image.alt = this.alt;
    image.src = src;
    return image;
  }
}
