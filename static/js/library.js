// The library's page: starts the grid anew whenever the results are exchanged, goes back to where one was, and moves the
// focus among pictures by arrows, Home and End. Searching itself is htmx: the form #find and the links of its filters.
//   <div id="results" data-home="<address>" data-parts="#one, #two">  what a search exchanges, and what else with it

import { Grid, addressOf } from "./grid.js";
import { linkOf, tilesIn } from "./leaves.js";

const PLACES_KEPT = 8;
const STORE = "atelier-places";

// Places of the last few addresses of this tab.
const readPlaces = () => {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORE) ?? "[]"));
  } catch (error) {
    if (error instanceof DOMException) return new Map(); // storage is blocked: the way back ends at the top
    throw error;
  }
};

const savePlace = () => {
  if (!grid?.shelf.isConnected) return;
  const places = readPlaces();
  places.delete(grid.url);
  places.set(grid.url, grid.place());
  try {
    sessionStorage.setItem(STORE, JSON.stringify([...places].slice(-PLACES_KEPT)));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // blocked or full
  }
};

let grid = null;
let isReturning = ["back_forward", "reload"].includes(performance.getEntriesByType("navigation")[0]?.type);

const begin = () => {
  const shelf = document.querySelector("[data-shelf]");
  if (shelf && shelf === grid?.shelf) return;
  const isAnother = Boolean(grid);
  grid?.stop();
  const place = isReturning && readPlaces().get(addressOf(location));
  grid = shelf?.querySelector(".leaf") ? new Grid(shelf, place) : null;
  if (isAnother && !place) scrollTo({ top: 0, behavior: "instant" });
  isReturning = false;
};

const results = () => document.getElementById("results");
const field = () => document.querySelector("#find input[type=search]");

// Ask for a search by its address, as the field and the filters do.
const ask = (path, push) =>
  htmx.ajax("GET", path, {
    source: "#results",
    target: "#results",
    select: "#results",
    selectOOB: results().dataset.parts,
    swap: "outerHTML",
    push,
  });

// Back and forward between searches exchange what a search exchanges, not the whole body.
const onRestore = (event) => {
  const shown = results();
  const target = new URL(event.detail.path, location.href);
  if (target.pathname !== shown.dataset.home) return;
  event.preventDefault();
  isReturning = true;
  field().value = target.searchParams.get("q") ?? "";
  ask(addressOf(target), "false");
};

// One step back leads out of a search, not through every word on the way to it: what is typed in one go replaces.
const markTyping = (isTyping) => {
  field().setAttribute("hx-push-url", String(!isTyping));
  field().setAttribute("hx-replace-url", String(isTyping));
};

const isSearch = (event) => event.detail.ctx?.target?.id === "results";

const onAsk = (event) => {
  if (!isSearch(event)) return;
  results().ariaBusy = "true";
  results().classList.add("busy");
};

const onAnswer = (event) => {
  const leaf = event.target.closest?.(".leaf");
  if (leaf) grid?.forget(leaf);
  begin();
  if (!isSearch(event)) return;
  if (event.target === field()) markTyping(true);
  document.getElementById("said").textContent = results().dataset.said;
  openAgain();
};

// A search without an answer leaves what was found before where it is, and says so above it.
const tellFailure = ({ request }) => {
  const note = document.querySelector("[data-unanswered]").content.firstElementChild.cloneNode(true);
  note.querySelector("[data-retry]").addEventListener("click", () => {
    field().focus();
    ask(request.action, "true");
  });
  results().querySelector(":scope > .callout")?.remove();
  results().prepend(note);
  pressed = null;
};

const onResponse = (event) => {
  const { status, headers } = event.detail.ctx.response;
  if (!isSearch(event) || status < 400 || headers.has("HX-Redirect")) return;
  event.preventDefault();
  tellFailure(event.detail.ctx);
};

const onError = (event) => {
  if (isSearch(event)) tellFailure(event.detail.ctx);
};

const onEnd = (event) => {
  if (!isSearch(event)) return;
  results().ariaBusy = "false";
  results().classList.remove("busy");
};

// What was left empty asks for nothing, so it stays out of the address.
const onConfig = (event) => {
  const { body, method } = event.detail.ctx.request;
  if (!isSearch(event) || method !== "GET" || !(body instanceof FormData)) return;
  for (const [name, value] of [...body]) if (value === "") body.delete(name);
};

// A filter that takes several values stays open, and the focus stays on what was pressed.
let pressed = null;
const openAgain = () => {
  const menu = pressed && document.getElementById(pressed.menu);
  const link = pressed && document.getElementById(pressed.link);
  const source = pressed && document.querySelector(`[popovertarget="${CSS.escape(pressed.menu)}"]`);
  if (menu?.matches("[data-stays]")) {
    // What opens it is what it hangs on; without one it would stand in the window's corner.
    menu.showPopover({ source });
    link?.focus();
  } else source?.focus();
  pressed = null;
};

document.addEventListener("click", (event) => {
  const link = event.target.closest("#filters a, .filter a");
  const menu = link?.closest("[popover]");
  if (menu) pressed = { menu: menu.id, link: link.id };
});

// Arrows among pictures: by order to the sides, by place up and down; Home and End within the row, with Ctrl overall.
const rowOf = (tiles, tile) => {
  const { top } = tile.getBoundingClientRect();
  return tiles.filter((each) => Math.abs(each.getBoundingClientRect().top - top) < 2);
};

const beyond = (tiles, tile, step) => {
  const own = rowOf(tiles, tile);
  const first = tiles[tiles.indexOf(step > 0 ? own.at(-1) : own[0]) + step];
  if (!first) return null;
  const middle = (each) => each.getBoundingClientRect().left + each.getBoundingClientRect().width / 2;
  const distance = (each) => Math.abs(middle(each) - middle(tile));
  return rowOf(tiles, first).reduce((best, each) => (distance(each) < distance(best) ? each : best));
};

const moves = {
  ArrowLeft: (tiles, tile) => tiles[tiles.indexOf(tile) - 1],
  ArrowRight: (tiles, tile) => tiles[tiles.indexOf(tile) + 1],
  ArrowUp: (tiles, tile) => beyond(tiles, tile, -1),
  ArrowDown: (tiles, tile) => beyond(tiles, tile, 1),
  Home: (tiles, tile, isFar) => (isFar ? tiles[0] : rowOf(tiles, tile)[0]),
  End: (tiles, tile, isFar) => (isFar ? tiles.at(-1) : rowOf(tiles, tile).at(-1)),
};

const onKey = (event) => {
  const move = moves[event.key];
  const tile = event.target.closest?.("[data-shelf] .tile");
  if (!move || !tile || event.altKey || event.shiftKey || event.defaultPrevented) return;
  const isFar = event.ctrlKey || event.metaKey;
  if (isFar && !["Home", "End"].includes(event.key)) return;
  event.preventDefault();
  if (isFar && event.key === "Home" && grid?.goToStart()) return;
  const next = move(tilesIn(tile.closest("[data-shelf]")), tile, isFar);
  if (!next) return;
  linkOf(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest", behavior: "instant" });
};

if (results()) {
  history.scrollRestoration = "manual";
  begin();
  document.addEventListener("htmx:before:history:restore", onRestore);
  document.addEventListener("htmx:config:request", onConfig);
  document.addEventListener("htmx:before:request", onAsk);
  document.addEventListener("htmx:before:response", onResponse);
  document.addEventListener("htmx:error", onError);
  document.addEventListener("htmx:before:swap", savePlace);
  document.addEventListener("htmx:after:swap", onAnswer);
  document.addEventListener("htmx:finally:request", onEnd);
  document.addEventListener("grid:refresh", () => grid?.refresh());
  document.addEventListener("keydown", onKey);
  addEventListener("pagehide", savePlace);
  field().addEventListener("focus", () => markTyping(false));
}
