// G then S, L, H or T goes to the place of the rail with that data-go; "/" focuses the page's search or prompt.
// Only outside fields, so typing is never taken for a command.

const WINDOW = 1500;
let armedAt = -Infinity;

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  const key = event.key.toLowerCase();
  if (key === "g") {
    armedAt = event.timeStamp;
    return;
  }
  const place = event.timeStamp - armedAt < WINDOW && document.querySelector(`.rail [data-go="${CSS.escape(key)}"]`);
  armedAt = -Infinity;
  if (place) place.click();
  else if (key === "/") {
    const field = document.querySelector("[data-slash]");
    if (!field) return;
    event.preventDefault();
    field.focus();
  }
});
