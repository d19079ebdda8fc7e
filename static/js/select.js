// Selecting in the library: checkboxes named ids that belong to the form [data-bulk]; the bar appears with the first one,
// counts them and sums their sizes. [data-select] keeps the checkboxes in sight. X toggles the picture in focus, Shift + click takes a range, Esc clears.

const bar = document.querySelector("[data-bulk]");
const mode = document.querySelector("[data-select]"); // "Select": keeps the checkboxes in sight, a click on a picture ticks it

const picks = () => [...document.querySelectorAll(`.pick[form="${bar.id}"]`)];
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
let last = null;
let selecting = document.querySelector(".shelf.selecting") !== null;

const update = () => {
  const chosen = picks().filter((pick) => pick.checked);
  bar.hidden = chosen.length === 0;
  bar.querySelector("[data-bulk-count]").textContent = chosen.length.toLocaleString("en");
  bar.querySelector("[data-bulk-size]").textContent = megabytes(chosen.reduce((sum, pick) => sum + Number(pick.dataset.size), 0));
  document.querySelector(".shelf")?.classList.toggle("selecting", selecting || chosen.length > 0);
  if (mode) mode.querySelector("span").textContent = selecting || chosen.length > 0 ? "Done" : "Select";
};

const setAll = (checked) => {
  for (const pick of picks()) pick.checked = checked;
  update();
};

const takeRange = (from, to) => {
  const all = picks();
  const [start, end] = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
  if (start >= 0) for (const pick of all.slice(start, end + 1)) pick.checked = to.checked;
};

const onClick = (event) => {
  const pick = event.target.closest(".pick");
  const picture = selecting && !event.ctrlKey && !event.metaKey && event.target.closest(".tile > a");
  if (event.target.closest("[data-select]")) {
    event.preventDefault();
    const done = selecting || picks().some((each) => each.checked);
    selecting = !done;
    if (done) setAll(false);
    else update();
  } else if (picture) {
    event.preventDefault();
    picture.parentElement.querySelector(".pick")?.click();
  } else if (pick) {
    if (event.shiftKey && last) takeRange(last, pick);
    last = pick;
    update();
  } else if (event.target.closest("[data-bulk-all]")) setAll(true);
  else if (event.target.closest("[data-bulk-clear]")) setAll(false);
};

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !bar.hidden) setAll(false);
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
