// A picture's own page: the pencil opens the title's field with the text chosen, Esc puts it away.

const renameOf = (element) => element.closest?.("[data-rename]");

// "toggle" does not bubble, so it is caught on its way down; what htmx exchanges needs no new listener.
document.addEventListener("toggle", (event) => {
  const rename = renameOf(event.target);
  if (rename?.open && rename === event.target) rename.querySelector("input[name=title]").select();
}, true);

document.addEventListener("keydown", (event) => {
  const rename = renameOf(event.target);
  if (event.key !== "Escape" || !rename?.open) return;
  event.stopPropagation();
  rename.querySelector("form").reset();
  rename.open = false;
  rename.querySelector("summary").focus();
}, true);

// Saved: the field goes, and the pencil has the focus again.
document.addEventListener("htmx:after:swap", () => {
  const rename = document.querySelector("[data-rename][open]");
  if (!rename || rename.contains(document.activeElement) === false) return;
  if (document.querySelector("#inspector-head .callout")) return;
  rename.open = false;
  rename.querySelector("summary").focus();
});
