// Opens dialogs. A link or button with data-dialog="<id>" opens that <dialog>; without script its href is the same form
// as a page. What htmx swaps into #dialog opens it by itself. [data-close], Esc and a click beside the box close.

const shared = document.getElementById("dialog");

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    dialog.showModal();
  }
  const inside = event.target.closest("dialog");
  if (inside && event.target.closest("[data-close]")) {
    event.preventDefault();
    inside.close();
  }
});

// Only a press that also began on the backdrop closes: dragging a selection out of a field must not.
document.addEventListener("pointerdown", (event) => {
  if (event.target.matches("dialog.dialog") && isBeside(event)) event.target.close();
});

const isBeside = (event) => {
  const box = event.target.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
};

document.addEventListener("htmx:after:swap", () => {
  if (!shared) return;
  if (shared.childElementCount && !shared.open) shared.showModal();
  else if (!shared.childElementCount && shared.open) shared.close();
});
shared?.addEventListener("close", () => shared.replaceChildren());
