// One picture after another, by itself: play and pause, 3, 5 or 10 seconds each. It waits while the pointer or the focus is
// on the controls, while the picture is zoomed, and while the tab is hidden; the screen stays awake meanwhile.

export class Slideshow {
  #isPlaying = false;
  #timer = 0;
  #holds = new Set();
  #lock = null;

  // `next` shows the next picture; `mayTurn` says whether this is a moment for it; `say` tells a screen reader.
  constructor({ root, next, mayTurn, say }) {
    this.button = root.querySelector("[data-play]");
    this.pace = root.querySelector("[data-pace]");
    this.next = next;
    this.mayTurn = mayTurn;
    this.say = say;
    this.button.addEventListener("click", () => this.toggle());
    this.pace.addEventListener("change", () => this.#isPlaying && this.play());
    for (const controls of root.querySelectorAll("header, footer, .nav")) this.#holdOver(controls);
    document.addEventListener("visibilitychange", () => {
      this.#hold("hidden", document.hidden);
      if (this.#isPlaying && !document.hidden) this.#keepAwake();
    });
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  get #seconds() {
    return Number(this.pace.value);
  }

  toggle() {
    if (this.#isPlaying) this.pause();
    else this.play();
  }

  play() {
    this.#isPlaying = true;
    this.#mark();
    this.#arm();
    this.#keepAwake();
    this.say(`Slideshow playing, ${this.#seconds} seconds each`);
  }

  pause() {
    if (!this.#isPlaying) return;
    this.#isPlaying = false;
    clearTimeout(this.#timer);
    this.#mark();
    this.#lock?.release();
    this.#lock = null;
    this.say("Slideshow paused");
  }

  #holdOver(controls) {
    controls.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.#hold("pointer", true));
    controls.addEventListener("pointerleave", () => this.#hold("pointer", false));
    // The button that began it has the focus; from there Space pauses, so this focus need not.
    controls.addEventListener("focusin", (event) => {
      this.#hold("focus", event.target !== this.button && event.target.matches(":focus-visible"));
    });
    controls.addEventListener("focusout", () => this.#hold("focus", false));
  }

  #hold(why, isHeld) {
    if (isHeld) this.#holds.add(why);
    else this.#holds.delete(why);
    this.#arm();
  }

  #arm() {
    clearTimeout(this.#timer);
    if (this.#isPlaying && this.#holds.size === 0) this.#timer = setTimeout(() => this.#turn(), this.#seconds * 1000);
  }

  async #turn() {
    if (this.mayTurn() && !(await this.next())) this.pause();
    else this.#arm();
  }

  #mark() {
    this.button.ariaLabel = this.#isPlaying ? "Pause slideshow" : "Play slideshow";
    for (const symbol of this.button.querySelectorAll("[data-when]")) {
      symbol.hidden = (symbol.dataset.when === "playing") !== this.#isPlaying;
    }
  }

  async #keepAwake() {
    if (!("wakeLock" in navigator) || (this.#lock && !this.#lock.released)) return;
    try {
      const lock = await navigator.wakeLock.request("screen");
      if (this.#isPlaying) this.#lock = lock;
      else lock.release();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // refused, as on a low battery: the show goes on
    }
  }
}
