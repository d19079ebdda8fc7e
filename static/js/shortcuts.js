// Whether a key press is a shortcut. Single characters act only outside fields, and can be switched off in Account (WCAG
// 2.1.4); the choice is this browser's own, like the theme. Arrows, Enter, Space and Escape are no characters and stay.

const KEY = "atelier-keys";
const FIELDS = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";

// A browser that forbids storage keeps the choice for as long as the page is open.
const stored = () => {
  try {
    return localStorage.getItem(KEY);
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
};

let isOn = stored() !== "off";

export const charactersAct = () => isOn;

export const letCharactersAct = (wanted) => {
  isOn = wanted;
  try {
    if (wanted) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "off");
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
};

addEventListener("storage", (event) => {
  if (event.key === KEY) isOn = event.newValue !== "off";
});

export const isTyping = (target) => Boolean(target.closest?.(FIELDS));

export const isShortcut = (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
  return !isTyping(event.target) && (isOn || event.key.length > 1 || event.key === " ");
};
