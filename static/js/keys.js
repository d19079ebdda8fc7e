// Shortcuts of every page; each acts only outside fields, and shortcuts.js says whether single characters act at all.
//   G then S, L, H or T   the place of the rail with that data-go
//   /                     the page's search or prompt, [data-slash]
//   ?                     the list of all of them, #shortcuts
//   any other             what carries it as data-key: in the viewer while that is open, else in the tile with the focus, else
//                         on the page itself
// The box [data-shortcuts] in Account switches single characters on and off in this browser.

import { charactersAct, isShortcut, letCharactersAct } from "./shortcuts.js";

const WINDOW = 1500;
let armedAt = -Infinity;

const scopesOf = (target) => {
  const dialog = document.querySelector("dialog[open]");
  if (dialog) return dialog.id === "viewer" ? [dialog] : [];
  return [target.closest?.(".tile"), document.getElementById("main")].filter(Boolean);
};

// What is in a tile is meant only while the tile has the focus.
const bearerOf = (key, target) => {
  for (const scope of scopesOf(target)) {
    const bearers = [...scope.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
    const found = bearers.find((one) => !one.disabled && (scope.matches(".tile") || !one.closest(".tile")));
    if (found) return found;
  }
  return null;
};

const go = (key, at) => {
  const place = at - armedAt < WINDOW && document.querySelector(`.rail [data-go="${CSS.escape(key)}"]`);
  armedAt = -Infinity;
  if (place) place.click();
  return Boolean(place);
};

const actOf = (key, target) => {
  const field = key === "/" && document.querySelector("[data-slash]");
  if (field) return () => field.focus();
  const list = key === "?" && document.getElementById("shortcuts");
  if (list) return () => list.showModal();
  const bearer = bearerOf(key, target);
  // Stars, sliders and open menus have a use of their own for arrows.
  return bearer && !(key.length > 1 && target.closest("input, [popover]")) ? () => bearer.click() : null;
};

document.addEventListener("keydown", (event) => {
  if (!isShortcut(event) || event.repeat) return;
  const key = event.key.length > 1 ? event.key : event.key.toLowerCase();
  const isElsewhere = document.querySelector("dialog[open]");
  if (key === "g" && !isElsewhere) {
    armedAt = event.timeStamp;
    return;
  }
  if (!isElsewhere && go(key, event.timeStamp)) return;
  const act = event.shiftKey && key !== "?" ? null : actOf(key, event.target);
  if (!act || (key === "?" && isElsewhere)) return;
  event.preventDefault();
  act();
});

const box = document.querySelector("[data-shortcuts]");
if (box) {
  box.checked = charactersAct();
  box.addEventListener("change", () => letCharactersAct(box.checked));
}
