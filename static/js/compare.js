// Two to four pictures: side by side and zoomed together, under a slider, or as their difference. The page itself shows
// them side by side; everything here adds to that.

import { isShortcut, isTyping } from "./shortcuts.js";
import { stepsOf } from "./slides.js";
import { Picture, Zoom } from "./zoom.js";

const PADDING = 16;
const PAN = 80;

const root = document.querySelector("[data-compare]");
const all = (selector) => [...root.querySelectorAll(selector)];
const one = (selector) => root.querySelector(selector);

// What fits into a box of these measures.
const fitOf = (slide, box) =>
  Math.min((box.width - 2 * PADDING) / slide.width, (box.height - 2 * PADDING) / slide.height);

// One picture in a frame that follows a zoom.
class Sheet {
  constructor(frame, slide) {
    this.frame = frame;
    this.slide = slide;
    frame.classList.add("sized");
    this.picture = new Picture(frame, { steps: stepsOf(slide).slice(-2), alt: slide.alt });
  }

  layOut(box) {
    this.fit = fitOf(this.slide, box);
    this.width = this.slide.width * this.fit;
    this.height = this.slide.height * this.fit;
    this.frame.style.width = `${this.width}px`;
    this.frame.style.height = `${this.height}px`;
    this.picture.sharpen(this.width * devicePixelRatio);
  }

  get content() {
    return { width: this.width, height: this.height, real: 1 / (this.fit * devicePixelRatio) };
  }

  follow({ scale, x, y, isZoomed }, smooth) {
    this.frame.classList.toggle("gliding", smooth);
    this.frame.style.transform = isZoomed ? `translate(${x}px, ${y}px) scale(${scale})` : "";
    this.frame.classList.toggle("plain", scale * this.fit * devicePixelRatio >= 4);
    this.picture.sharpen(this.width * scale * devicePixelRatio);
  }
}

// On a page that scrolls the wheel zooms only what is zoomed already, or with Ctrl, as a pinch on a touchpad reports it.
const wheel = (event, zoom) => event.ctrlKey || zoom.isZoomed;

class Pane {
  constructor(element, { onZoom, peers }) {
    this.sheet = new Sheet(element.querySelector(".frame"), JSON.parse(element.dataset.pane));
    this.zoom = new Zoom(element, {
      wheel,
      peers,
      onResize: () => this.layOut(),
      onChange: (zoom, { smooth, quiet }) => {
        element.classList.toggle("zoomed", zoom.isZoomed);
        this.sheet.follow(zoom, smooth);
        onZoom(this, { smooth, quiet });
      },
    });
    this.zoom.measure();
    this.layOut();
  }

  layOut() {
    if (!this.zoom.box.width) return;
    this.sheet.layOut(this.zoom.box);
    this.zoom.setContent(this.sheet.content);
  }

  // The same part of another picture: as far from the middle, measured by the picture itself.
  imitate(pane, smooth) {
    const { zoom, sheet } = pane;
    const [x, y] = [zoom.x / sheet.width, zoom.y / sheet.height];
    this.zoom.set({ scale: zoom.scale, x: x * this.sheet.width, y: y * this.sheet.height }, { smooth, quiet: true });
  }
}

// Two pictures in one place: one over the other.
class Duel {
  constructor(element, slides) {
    this.element = element;
    this.slides = slides;
    this.stage = element.querySelector("[data-stage]");
    this.layers = [...element.querySelectorAll("[data-layer]")];
    this.divider = element.querySelector("[data-divider]");
    this.slider = element.querySelector("[data-slider]");
    this.way = "side";
    this.zoom = new Zoom(this.stage, {
      wheel,
      onResize: () => this.layOut(),
      onChange: (zoom, { smooth }) => {
        this.stage.classList.toggle("zoomed", zoom.isZoomed);
        for (const sheet of this.sheets ?? []) sheet.follow(zoom, smooth);
        tellPercent(zoom, this.sheets?.[0]);
      },
    });
    this.slider.addEventListener("input", () => this.divide());
    this.divider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      this.divider.setPointerCapture(event.pointerId);
    });
    this.divider.addEventListener("pointermove", (event) => {
      if (!this.divider.hasPointerCapture(event.pointerId)) return;
      const { left, width } = this.zoom.box;
      this.slider.value = Math.round(((event.clientX - left) / width) * 100);
      this.divide();
    });
  }

  show(way, pair) {
    this.way = way;
    this.element.classList.toggle("difference", way === "difference");
    this.sheets = this.layers.map((layer, index) => {
      const slide = this.slides[pair[index]];
      const frame = document.createElement("div");
      frame.className = slide.hasAlpha ? "frame alpha" : "frame";
      layer.replaceChildren(frame);
      return new Sheet(frame, slide);
    });
    for (const [index, badge] of this.element.querySelectorAll("[data-letter]").entries()) {
      badge.textContent = "ABCD"[pair[index]];
    }
    this.zoom.measure();
    this.layOut();
    this.zoom.fit({ smooth: false });
  }

  layOut() {
    if (!this.sheets || !this.zoom.box.width) return;
    for (const sheet of this.sheets) sheet.layOut(this.zoom.box);
    const [first, second] = this.sheets.map((sheet) => sheet.content);
    this.zoom.setContent({
      width: Math.max(first.width, second.width),
      height: Math.max(first.height, second.height),
      real: Math.max(first.real, second.real),
    });
    this.divide();
  }

  divide() {
    const share = Number(this.slider.value);
    const isSlider = this.way === "slider";
    // Each ends at the edge: where the right one is smaller, the left one must not be seen beside it.
    this.layers[0].style.clipPath = isSlider ? `inset(0 ${100 - share}% 0 0)` : "";
    this.layers[1].style.clipPath = isSlider ? `inset(0 0 0 ${share}%)` : "";
    this.divider.style.transform = `translateX(${(this.zoom.box.width * share) / 100}px)`;
  }

  nudge(by) {
    this.slider.value = Number(this.slider.value) + by;
    this.divide();
  }
}

const tellPercent = (zoom, sheet) => {
  const scale = sheet ? Math.round(zoom.scale * sheet.fit * devicePixelRatio * 100) : 100;
  one("[data-percent]").textContent = zoom.isZoomed ? `${scale}%` : "Fit";
  one("[data-zoom=toggle]").ariaLabel = zoom.isZoomed ? `${scale}%, fit again` : "Fit, show actual size";
};

const begin = () => {
  const together = one("[data-together]");
  const panes = [];
  const peers = () => panes.map((pane) => pane.zoom);
  for (const element of all("[data-pane]")) panes.push(new Pane(element, { onZoom, peers }));
  const duel = new Duel(one("[data-duel]"), panes.map((pane) => pane.sheet.slide));
  const versus = one("[data-versus]");
  const way = () => one("[data-way]:checked").value;
  const pair = () => {
    const chosen = all("[data-of]").map((select) => Number(select.value));
    return chosen.length ? chosen : [0, 1];
  };

  function onZoom(pane, { smooth, quiet }) {
    if (pane === panes[0]) tellPercent(pane.zoom, pane.sheet);
    if (quiet || !together.checked) return;
    for (const other of panes) if (other !== pane) other.imitate(pane, smooth);
  }

  const show = () => {
    const isSide = way() === "side";
    versus.hidden = !isSide;
    duel.element.hidden = isSide;
    for (const part of all("[data-only]")) part.hidden = !part.dataset.only.split(" ").includes(way());
    if (!isSide) duel.show(way(), pair());
    else tellPercent(panes[0].zoom, panes[0].sheet);
    history.replaceState(history.state, "", isSide ? location.pathname + location.search : `#${way()}`);
  };

  const zooms = () => (way() === "side" ? (together.checked ? panes.slice(0, 1) : panes).map((pane) => pane.zoom) : [duel.zoom]);
  const zoomBy = (what) => {
    for (const zoom of zooms()) {
      if (what === "in") zoom.in();
      else if (what === "out") zoom.out();
      else if (what === "fit" || (what === "toggle" && zoom.isZoomed)) zoom.fit();
      else zoom.actual();
    }
  };

  const actOf = ({ key, target }) => {
    const keys = { "+": "in", "=": "in", "-": "out", 0: "fit", 1: "actual" };
    if (key in keys) return () => zoomBy(keys[key]);
    const arrows = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (!(key in arrows) || target.matches("input")) return null;
    const [x, y] = arrows[key];
    if (zooms()[0].isZoomed) return () => zooms().forEach((zoom) => zoom.pan(x * PAN, y * PAN, { smooth: true }));
    return way() === "slider" && x ? () => duel.nudge(-2 * x) : null;
  };

  root.addEventListener("change", (event) => {
    if (event.target.matches("[data-way], [data-of]")) show();
    else if (event.target === together && together.checked) onZoom(panes[0], { smooth: true });
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-zoom]");
    if (button) zoomBy(button.dataset.zoom);
  });
  document.addEventListener("keydown", (event) => {
    if (!isShortcut(event) || isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const act = actOf(event);
    if (!act) return;
    event.preventDefault();
    act();
  });

  const asked = root.querySelector(`[data-way][value="${CSS.escape(location.hash.slice(1))}"]`);
  if (asked) asked.checked = true;
  show();
};

if (root) begin();
