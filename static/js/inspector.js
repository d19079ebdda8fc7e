// A picture's own page. The pencil opens the title's field with the text chosen, Esc puts it away; what was saved empties
// its field, which htmx leaves as it is while it exchanges the rest. A menu closes with the choice.

const renameOf = (element) => element.closest?.("[data-rename]");

// "toggle" does not bubble, so it is caught on its way down; what htmx exchanges needs no new listener.
document.addEventListener("toggle", (event) => {
  const rename = renameOf(event.target);
  if (rename?.open && rename === event.target) rename.querySelector("input[name=title]").select();
}, true);

const putAway = (rename) => {
  rename.open = false;
  rename.querySelector("summary").focus();
};

document.addEventListener("keydown", (event) => {
  const rename = renameOf(event.target);
  if (event.key !== "Escape" || !rename?.open) return;
  event.stopPropagation();
  rename.querySelector("form").reset();
  putAway(rename);
}, true);

document.addEventListener("click", ({ target }) => {
  target.closest("#status-menu button, #downloads a")?.closest("[popover]").hidePopover();
});

document.addEventListener("htmx:after:swap", ({ target: form }) => {
  if (!form.matches?.("#inspector-head .rename form, #inspector-filed .addtag")) return;
  if (form.closest("#inspector-head, #inspector-filed").querySelector("[role=alert]")) return;
  const rename = renameOf(form);
  if (rename) return putAway(rename);
  form.elements.add.value = "";
  form.elements.add.focus();
});
