// What can be done with one picture: #tile-menu, filled for the tile that opens it. Its "More actions" button shows it as a
// menu; a long press of a finger as a sheet at the bottom. A finger that moves is scrolling, and then nothing happens.

import { slideOfTile } from "./slides.js";

const LONG = 500;
const SLIP = 10;
// What a browser sends after a long press belongs to it, and does nothing, wherever it lands: the sheet may have come to
// lie under the finger. It ends as a finger comes down anew, or after this time.
const AFTER = 700;

const menu = document.getElementById("tile-menu");
const entry = (name) => menu.querySelector(`[data-tile="${name}"]`);
const setWord = (element, word) => (element.querySelector("span").textContent = word);

let tile = null;
let press = null; // { id, x, y, timer }
let openedAt = -Infinity;
let isHeld = false; // the finger that opened it is still there

const part = (name) => tile.querySelector({ pick: ".pick", like: ".heart button" }[name]);

const fill = () => {
  const slide = slideOfTile(tile);
  const thumb = menu.querySelector("[data-thumb]");
  thumb.src = slide.thumb;
  thumb.hidden = false;
  menu.querySelector("[data-caption]").textContent = slide.caption;
  entry("open").href = slide.href;
  for (const link of menu.querySelectorAll("[data-variant]")) link.href = slide.original.replace(/original\/$/, `${link.dataset.variant}/?download=1`);
  for (const name of ["pick", "like"]) entry(name).hidden = !part(name);
  setWord(entry("pick"), part("pick")?.checked ? "Take out of the selection" : "Select");
  setWord(entry("like"), part("like")?.ariaPressed === "true" ? "Not a favourite any more" : "Favourite");
  const edit = entry("edit");
  if (edit) {
    edit.hidden = !tile.dataset.asset;
    edit.search = `?reference=${tile.dataset.asset}`;
    edit.hash = "composer";
  }
  const bin = entry("bin");
  if (!bin) return;
  bin.hidden = !tile.dataset.asset || !part("pick");
  bin.querySelector("[data-id]").value = tile.dataset.asset ?? "";
};

const close = () => {
  if (menu.matches(":modal")) menu.close();
  else menu.hidePopover();
};

const copyLink = async (address) => {
  try {
    await navigator.clipboard.writeText(new URL(address, location.href).href);
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { text: "Link copied." } }));
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    document.body.dispatchEvent(new CustomEvent("toast", { detail: { text: "This browser does not let the link be copied." } }));
  }
};

const acts = {
  view: () => tile.dispatchEvent(new CustomEvent("view", { bubbles: true })),
  pick: () => part("pick").click(),
  like: () => part("like").click(),
  link: () => copyLink(entry("open").href),
};

const isBeside = (event) => {
  const { left, right, top, bottom } = menu.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
};

const onMenuClick = (event) => {
  if (event.target === menu && menu.matches(":modal") && isBeside(event)) menu.close();
  const act = event.target.closest("[data-tile]")?.dataset.tile;
  if (!act || (act === "bin" && !event.target.closest("button"))) return;
  // After this click, so that a link is followed and a form is sent before they are gone.
  setTimeout(() => {
    close();
    acts[act]?.();
  });
};

const open = (timeStamp) => {
  tile = press.tile;
  openedAt = timeStamp;
  press = null;
  isHeld = true;
  fill();
  navigator.vibrate?.(10);
  menu.showModal();
};

const forget = () => {
  clearTimeout(press?.timer);
  press = null;
};

const onUp = (event) => {
  forget();
  if (isHeld) openedAt = event.timeStamp;
  isHeld = false;
};

const onDown = (event) => {
  forget();
  if (!isHeld) openedAt = -Infinity;
  const link = event.pointerType === "touch" && event.isPrimary && event.target.closest(".tile > a[href]");
  if (!link || menu.matches(":modal, :popover-open")) return;
  const timer = setTimeout(() => open(event.timeStamp + LONG), LONG);
  press = { tile: link.parentElement, x: event.clientX, y: event.clientY, timer };
};

const onMove = (event) => {
  if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > SLIP) forget();
};

if (menu) {
  menu.addEventListener("click", onMenuClick);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest('[popovertarget="tile-menu"]');
    if (!opener) return;
    tile = opener.closest(".tile");
    fill();
  }, true);
  document.addEventListener("pointerdown", onDown, { passive: true });
  document.addEventListener("pointermove", onMove, { passive: true });
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, onUp);
  // The browser's own menu for links and pictures would lie over this one.
  document.addEventListener("contextmenu", (event) => {
    if (press || isHeld || event.timeStamp - openedAt < AFTER) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (!event.isTrusted || event.timeStamp - openedAt >= AFTER) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
}
