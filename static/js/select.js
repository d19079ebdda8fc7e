// Selecting in the library: checkboxes named ids that belong to the form [data-bulk]; its bar appears with the first one,
// counts them and sums their sizes. [data-select] begins and ends selecting without a new page, Shift + click takes a
// range, X toggles the picture in focus, Esc clears and then ends.

const bar = document.querySelector("[data-bulk]");
const shelf = document.querySelector(".shelf");
const button = document.querySelector("[data-select]");
let isSelecting = shelf?.classList.contains("selecting") ?? false;
let last = null;

const picks = () => [...document.querySelectorAll(`.pick[form="${bar.id}"]`)];
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

const update = () => {
  const chosen = picks().filter((pick) => pick.checked);
  bar.hidden = chosen.length === 0;
  bar.querySelector("[data-bulk-count]").textContent = chosen.length.toLocaleString("en");
  bar.querySelector("[data-bulk-size]").textContent = megabytes(chosen.reduce((sum, pick) => sum + Number(pick.dataset.size), 0));
  shelf?.classList.toggle("selecting", isSelecting || chosen.length > 0);
  if (button) button.querySelector("span").textContent = isSelecting ? "Done" : "Select";
};

const setAll = (checked) => {
  for (const pick of picks()) pick.checked = checked;
  update();
};

const select = (wanted) => {
  isSelecting = wanted;
  if (wanted) update();
  else setAll(false);
};

const takeRange = (from, to) => {
  const all = picks();
  const [start, end] = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
  if (start >= 0) for (const pick of all.slice(start, end + 1)) pick.checked = to.checked;
};

const onClick = (event) => {
  const pick = event.target.closest(".pick");
  // While selecting, a pointer on a picture ticks it; Enter, and a click with Ctrl, still open it.
  const picture = isSelecting && event.detail > 0 && !event.ctrlKey && !event.metaKey && event.target.closest(".tile > a");
  if (picture) {
    event.preventDefault();
    picture.parentElement.querySelector(".pick").click();
  } else if (pick) {
    if (event.shiftKey && last) takeRange(last, pick);
    last = pick;
    update();
  } else if (event.target.closest("[data-select]")) {
    event.preventDefault();
    select(!isSelecting);
  } else if (event.target.closest("[data-bulk-all]")) setAll(true);
  else if (event.target.closest("[data-bulk-clear]")) setAll(false);
};

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    if (bar.hidden) select(false);
    else setAll(false);
  }
  const pick = event.target.closest?.(".tile")?.querySelector(".pick");
  if (event.key.toLowerCase() === "x" && pick) {
    pick.checked = !pick.checked;
    last = pick;
    update();
  }
};

if (bar) {
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:after:swap", update);
  addEventListener("pageshow", update); // the browser may bring ticked boxes back
  update();
}
