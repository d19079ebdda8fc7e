// Toasts leave after 6 seconds, later while the pointer or the focus is on them; no message here is the only place that
// says a thing. An event "toast" on <body> with { detail: { text } } or { detail: { value } } (HX-Trigger) makes a new one.

const STAY = 6000;
const region = document.getElementById("toasts");
const timers = new WeakMap();

const leaveLater = (toast) => {
  clearTimeout(timers.get(toast));
  timers.set(toast, setTimeout(() => toast.remove(), STAY));
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

if (region) {
  for (const toast of region.children) adopt(toast);
  new MutationObserver((changes) => {
    for (const change of changes) change.addedNodes.forEach(adopt);
  }).observe(region, { childList: true });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest("[data-toast]").remove();
  });
  for (const [hold, release] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    region.addEventListener(hold, (event) => clearTimeout(timers.get(event.target.closest("[data-toast]"))));
    region.addEventListener(release, (event) => event.target.closest("[data-toast]") && leaveLater(event.target.closest("[data-toast]")));
  }
  document.body.addEventListener("toast", (event) => show(event.detail.text ?? event.detail.value));
}
