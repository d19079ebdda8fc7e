// Toasts leave after 6 seconds, later where they can take something back, and while the pointer or the focus is on them; no
// message here is the only place that says a thing. Ctrl + Z outside fields takes back what the last of them offers to.
// That a download begins, a browser does not tell a screen reader: data-tells is shown as a button sends its form, or a link
// is followed.
// An event "toast" on <body> with { detail: { text } } or { detail: { value } } (HX-Trigger) makes a new one.

import { isTyping } from "./shortcuts.js";

const STAY = 6000;
const STAY_TO_UNDO = 15_000;
const region = document.getElementById("toasts");
const timers = new WeakMap();
let before = null; // what had the focus before a toast took it

const leaveLater = (toast) => {
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => toast.remove(), toast.querySelector("form") ? STAY_TO_UNDO : STAY));
};
const adopt = (node) => {
  if (node instanceof HTMLElement && node.matches("[data-toast]")) leaveLater(node);
};

const show = (text) => {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.toast = "";
  toast.textContent = text;
  region.append(toast);
};

const tellOf = (element) => element?.dataset.tells && show(element.dataset.tells);

const onKey = (event) => {
  const isUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const undo = isUndo && !isTyping(event.target) && [...region.querySelectorAll("form button")].at(-1);
  if (!undo) return;
  event.preventDefault();
  undo.click();
};

if (region) {
  for (const toast of region.children) adopt(toast);
  new MutationObserver((changes) => {
    for (const change of changes) change.addedNodes.forEach(adopt);
    if (document.activeElement === document.body) before?.focus({ preventScroll: true });
    if (!region.contains(document.activeElement)) before = null;
  }).observe(region, { childList: true });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove();
  });
  region.addEventListener("focusin", ({ relatedTarget }) => {
    if (!region.contains(relatedTarget)) before = relatedTarget;
  });
  for (const [hold, release] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    region.addEventListener(hold, (event) => clearTimeout(timers.get(event.target.closest("[data-toast]"))));
    region.addEventListener(release, (event) => event.target.closest("[data-toast]") && leaveLater(event.target.closest("[data-toast]")));
  }
  document.addEventListener("submit", (event) => tellOf(event.submitter));
  document.addEventListener("click", (event) => tellOf(event.target.closest("a[data-tells]")));
  document.addEventListener("keydown", onKey);
  document.body.addEventListener("toast", (event) => show(event.detail.text ?? event.detail.value));
}
