// Selecting pictures: checkboxes .pick that belong to the form [data-bulk]. What is chosen is kept here, not in the boxes, so
// that pictures whose page has left the document stay chosen; forms with [data-selection] get it when they are sent.
//   .shelf[data-query], .found[data-newest][data-count]  all that match the search can be chosen at once, up to the newest
//   that there was; .shelf[data-until]: the whole bin
//   [data-select] begins and ends selecting · Shift + click takes a range · X and Shift + X do so by keyboard
//   Ctrl + A takes all that is known of the page, once more all that match · Esc clears, then ends
//   B leads to the bar, past all pictures between, and from there back to the picture
//   grid:page from a part of the grid that has come (back) · library-changed on <body>: the grid asks anew

import { isShortcut, isTyping } from "./shortcuts.js";

const MOST = 10_000;
const PAUSE = 300;
// While a team makes many images, each open page asks no more often than this.
const SPAN = 1000;

const bar = document.querySelector("[data-bulk]");
const chosen = new Map(); // id → size in bytes
const sizes = new Map(); // of everything seen
let order = []; // ids as far as the grid was seen
let all = null; // what stands for everything that matches, or null
let last = null;
let place = null; // the picture that had the focus
let shelf = null;
let isSelecting = false;

const picksIn = (node) => [...node.querySelectorAll(`.pick[form="${bar.id}"]`)];
const find = (id) => shelf?.querySelector(`.pick[value="${CSS.escape(id)}"]`);
const parts = (name) => document.querySelectorAll(`[data-bulk-${name}]`);
const tell = (text) => document.body.dispatchEvent(new CustomEvent("toast", { detail: { text } }));

// As the server writes sizes.
const inBytes = (bytes) => {
  const power = [1000, 999_500, 999_500_000].filter((least) => bytes >= least).length;
  const size = bytes / 1000 ** power;
  return `${size.toLocaleString("en", { maximumFractionDigits: power < 2 ? 0 : 1 })} ${["bytes", "KB", "MB", "GB"][power]}`;
};

// A part of the grid takes its place in the known order: where its own pictures stand, or beside its neighbours. Only what
// was seen before has to be looked for, among all that was seen.
const learn = (node) => {
  const picks = picksIn(node);
  const ids = picks.map((pick) => pick.value);
  const own = new Set(ids.filter((id) => sizes.has(id)));
  for (const pick of picks) sizes.set(pick.value, Number(pick.dataset.size));
  if (!ids.length) return;
  const first = own.size ? order.findIndex((id) => own.has(id)) : -1;
  if (first >= 0) order = order.filter((id) => !own.has(id));
  order.splice(first >= 0 ? Math.min(first, order.length) : placeOf(node), 0, ...ids);
};

const placeOf = (node) => {
  for (let other = node.previousElementSibling; other; other = other.previousElementSibling) {
    const at = order.lastIndexOf(picksIn(other).at(-1)?.value);
    if (at >= 0) return at + 1;
  }
  for (let other = node.nextElementSibling; other; other = other.nextElementSibling) {
    const at = order.indexOf(picksIn(other)[0]?.value);
    if (at >= 0) return at;
  }
  return order.length;
};

const isChosen = (id) => (all ? Number(id) <= all.upTo : chosen.has(id));

const paint = (node) => {
  for (const pick of picksIn(node)) pick.checked = isChosen(pick.value);
};

// Also without the button, from the first tick to the last.
const isActive = () => isSelecting || Boolean(all) || chosen.size > 0;

const hasFocus = () => Boolean(document.activeElement.closest("[data-bulk], #bulk-more"));

const goBack = () => (find(place) ?? shelf?.querySelector(".pick"))?.closest(".tile").querySelector("a").focus({ preventScroll: true });

const update = () => {
  const bytes = [...chosen.values()].reduce((sum, size) => sum + size, 0);
  const isEmpty = !all && chosen.size === 0;
  if (isEmpty && hasFocus()) goBack();
  bar.hidden = isEmpty;
  // A class and no :has(), which would be asked again with every tile: messages rise above the bar.
  document.body.classList.toggle("has-bulk", !isEmpty);
  if (isEmpty) document.getElementById("bulk-note").replaceChildren();
  for (const part of parts("count")) part.textContent = all ? all.label : chosen.size.toLocaleString("en");
  for (const part of parts("word")) part.textContent = all ? "" : "selected";
  for (const part of parts("size")) part.textContent = all ? "" : inBytes(bytes);
  const size = all ? "" : `, ${inBytes(bytes)}`;
  for (const part of parts("zip-size")) part.textContent = size;
  for (const button of parts("zip")) button.ariaLabel = `Download ZIP${size}`;
  for (const button of parts("compare")) button.disabled = Boolean(all) || chosen.size < 2 || chosen.size > 4;
  for (const button of document.querySelectorAll("button[data-bulk-all]")) button.hidden = !everything();
  for (const label of parts("all-label")) label.textContent = `Select all ${everything()?.noun ?? ""}`;
  shelf?.classList.toggle("selecting", isActive());
  for (const button of document.querySelectorAll("[data-select]")) {
    button.querySelector("span").textContent = isActive() ? "Done" : "Select";
    button.disabled = !shelf;
  }
};

const take = (ids, wanted) => {
  for (const id of ids) {
    if (!wanted) chosen.delete(id);
    else if (chosen.size < MOST) chosen.set(id, sizes.get(id) ?? 0);
    else {
      tell(`At most ${MOST.toLocaleString("en")} images can be ticked. Choose all that match instead.`);
      break;
    }
  }
};

// Whatever is ticked or unticked after "all" begins from what is known.
const choose = (ids, wanted) => {
  if (all) {
    const known = order.filter(isChosen);
    all = null;
    take(known, true);
  }
  take(ids, wanted);
  paint(shelf);
  update();
};

const clear = () => {
  chosen.clear();
  all = null;
  last = null;
  if (shelf) paint(shelf);
  update();
};

// What "all" would stand for on this page.
const everything = () => {
  const { query, until } = shelf?.dataset ?? {};
  if (until) return { fields: { bin: "1", until }, upTo: Infinity, label: "All in the bin", noun: "in the bin" };
  if (query === undefined) return null;
  const { newest, count } = document.querySelector("#results > .found").dataset;
  const fields = { all: "1", query, newest };
  return { fields, upTo: Number(newest), label: `All ${count} matching`, noun: `${count} matching` };
};

const chooseAll = () => {
  all = everything();
  if (!all) return;
  chosen.clear();
  paint(shelf);
  update();
};

const range = (from, to) => {
  const [start, end] = [order.indexOf(from), order.indexOf(to)].sort((one, other) => one - other);
  return start < 0 ? [to] : order.slice(start, end + 1);
};

const pickOne = (id, wanted, isRange) => {
  choose(isRange && last ? range(last, id) : [id], wanted);
  last = id;
};

const onClick = (event) => {
  const pick = event.target.closest(".pick");
  // While selecting, a pointer on a picture ticks it; Enter, and a click with Ctrl, still open it.
  const link = isActive() && event.detail > 0 && !event.ctrlKey && !event.metaKey && event.target.closest(".tile > a");
  const picture = link && link.parentElement.querySelector(`.pick[form="${bar.id}"]`);
  if (picture) {
    event.preventDefault();
    pickOne(picture.value, !picture.checked, event.shiftKey);
  } else if (pick?.form === bar) pickOne(pick.value, pick.checked, event.shiftKey);
  else if (event.target.closest("[data-select]")) {
    event.preventDefault();
    isSelecting = !isActive();
    if (isSelecting) update();
    else clear();
  } else if (event.target.closest("[data-bulk-page]")) choose(order, true);
  else if (event.target.closest("[data-bulk-all]")) chooseAll();
  else if (event.target.closest("[data-bulk-clear]")) clear();
  else if (event.target.closest("[data-act-dismiss]")) event.target.closest(".act").remove();
  if (event.target.closest("#bulk-more button")) document.getElementById("bulk-more").hidePopover();
};

const onKey = (event) => {
  if (document.querySelector("dialog[open], :popover-open") || isTyping(event.target)) return;
  const key = event.key.toLowerCase();
  if (key === "a" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && order.length) {
    event.preventDefault();
    if (order.every((id) => chosen.has(id))) chooseAll();
    else choose(order, true);
  }
  if (!isShortcut(event)) return;
  if (key === "escape" && (isSelecting || !bar.hidden)) {
    if (bar.hidden) isSelecting = false;
    clear();
  }
  if (key === "b" && !bar.hidden) {
    event.preventDefault();
    if (hasFocus()) goBack();
    else bar.querySelector("button:not(:disabled)").focus();
  }
  const pick = event.target.closest?.(".tile")?.querySelector(`.pick[form="${bar.id}"]`);
  if (key === "x" && pick) pickOne(pick.value, event.shiftKey || !pick.checked, event.shiftKey);
};

// Another search shows other pictures: what was chosen in the one before is not carried along unseen. The same that comes
// anew, since somebody changed something, takes nothing away.
const begin = () => {
  const before = shelf;
  shelf = document.querySelector(".shelf");
  if (shelf === before) return;
  order = [];
  if (before && before.dataset.query !== shelf?.dataset.query) clear();
  for (const leaf of shelf?.querySelectorAll(".leaf") ?? []) learn(leaf);
  if (!before) isSelecting = shelf?.classList.contains("selecting") ?? false;
  if (shelf) paint(shelf);
  else clear();
  update();
};

const onPage = (event) => {
  const leaf = event.target.closest?.(".leaf") ?? event.target;
  if (!(leaf instanceof Element) || !shelf?.contains(leaf)) return;
  learn(leaf);
  paint(leaf);
  if (event.type === "grid:page" && !shelf.querySelector(".tile")) askAll();
};

// The line above the pictures says that there are none any more, while the grid may still hold some from before.
const isEmptied = () => {
  const found = document.querySelector("#results > .found");
  return Boolean(shelf?.isConnected && found && !found.querySelector("form"));
};

const onSwap = (event) => {
  begin();
  if (isEmptied()) askAll();
  onPage(event);
  for (const leaf of shelf?.querySelectorAll(".leaf") ?? []) {
    if (!leaf.querySelector(".pick") || sizes.has(leaf.querySelector(".pick").value)) continue;
    learn(leaf);
    paint(leaf);
  }
  if (shelf) update();
};

// The bar goes as an act begins, and with it the button that a dialog would give the focus back to.
const onStarted = () => {
  const dialog = document.querySelector("dialog[open]");
  clear();
  dialog?.addEventListener("close", goBack, { once: true });
};

const onFocus = (event) => {
  const pick = event.target.closest?.(".tile")?.querySelector(`.pick[form="${bar.id}"]`);
  if (pick) place = pick.value;
};

const onFormData = (event) => {
  if (!event.target.matches("[data-selection]")) return;
  const data = event.formData;
  data.delete("ids");
  if (all) for (const [name, value] of Object.entries(all.fields)) data.set(name, value);
  else for (const id of chosen.keys()) data.append("ids", id);
};

// Somebody has changed pictures: what is in reach is asked for anew, and how many there are; where the last ones left, or
// the first ones come, the whole of the results.
const ask = (part, more) => {
  const address = location.pathname + location.search;
  // Not from the form itself: its fields, the token among them, would stand in the address.
  htmx.ajax("GET", address, { source: bar.parentElement, target: part, select: part, swap: "outerHTML", push: "false", ...more });
};

// With the first images come filters for what made them.
const askAll = () => ask("#results", { selectOOB: document.getElementById("results").dataset.parts });

// Not put off by what comes meanwhile: there may be no pause between two.
let timer = 0;
let askedAt = -Infinity;
const onChanged = () => {
  const wait = Math.max(PAUSE, askedAt + SPAN - performance.now());
  timer ||= setTimeout(() => {
    timer = 0;
    askedAt = performance.now();
    const results = document.getElementById("results");
    if (!results || results.ariaBusy === "true") return; // a search under way brings what is new
    if (!shelf?.querySelector(".tile")) askAll();
    else {
      document.dispatchEvent(new Event("grid:refresh"));
      ask("#results > .found", { selectOOB: "#side" });
    }
  }, wait);
};

if (bar) {
  begin();
  for (const pick of picksIn(document)) if (pick.checked) chosen.set(pick.value, sizes.get(pick.value) ?? 0); // brought back
  document.addEventListener("click", onClick);
  document.addEventListener("keydown", onKey);
  document.addEventListener("grid:page", onPage);
  document.addEventListener("htmx:after:swap", onSwap);
  document.addEventListener("formdata", onFormData);
  document.addEventListener("bulk-started", onStarted);
  document.addEventListener("focusin", onFocus);
  for (const name of ["library-changed", "live-resumed"]) document.body.addEventListener(name, onChanged);
  update();
}
