// The composer: counts characters, submits by Ctrl or Cmd + Enter, shows the picked model, steps aside on phones once sent.
//   <form data-composer> … <textarea data-counted="prompt-count" data-limit="32000"> <output id="prompt-count">
//   <details data-picker> with radios; <kbd data-mac="⌘ ↵">Ctrl ↵</kbd>
// Nothing is remembered here: what was typed comes back from the server.

const figures = new Intl.NumberFormat("en");
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

const count = (area) => {
  const shown = document.getElementById(area.dataset.counted);
  if (!shown) return;
  const length = [...area.value].length;
  // A limit without maxlength: the browser then cuts nothing that is pasted, and the server says what is too long.
  const limit = area.maxLength > 0 ? area.maxLength : Number(area.dataset.limit ?? 0);
  shown.textContent = limit > 0 ? `${figures.format(length)} / ${figures.format(limit)}` : figures.format(length);
};

const showPicked = (input) => {
  const picker = input.closest("[data-picker]");
  const shown = picker?.querySelector("[data-picked]");
  if (!shown) return;
  const label = input.closest("label");
  shown.querySelector("b").textContent = label.querySelector("b").textContent;
  shown.querySelector("small").textContent = label.querySelector("small").textContent;
};

const closePickers = (except) => {
  for (const picker of document.querySelectorAll("[data-picker][open]")) if (picker !== except) picker.open = false;
};

const prepare = () => {
  for (const area of document.querySelectorAll("[data-counted]")) count(area);
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
};

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-counted]")) count(event.target);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-picker] input")) showPicked(event.target);
});

document.addEventListener("click", (event) => {
  const picker = event.target.closest("[data-picker]");
  closePickers(picker);
  // A click on a choice closes; arrow keys also fire click, without a place on the screen, and must not.
  if (picker && event.target.matches("input") && event.detail > 0) picker.open = false;
});

document.addEventListener("keydown", (event) => {
  const picker = event.target.closest?.("[data-picker][open]");
  if (picker && (event.key === "Escape" || (event.key === "Enter" && event.target.matches("input")))) {
    event.preventDefault();
    picker.open = false;
    picker.querySelector("summary").focus();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
    const form = event.target.form ?? document.querySelector("form[data-composer]");
    if (!form?.matches("[data-composer]")) return;
    event.preventDefault();
    const button = document.querySelector(`button[type="submit"][form="${form.id}"]`) ?? form.querySelector('button[type="submit"]');
    if (!button?.disabled && button?.ariaDisabled !== "true") form.requestSubmit(button);
  }
});

// A button that says why it does not work yet stays focusable, so it has to be held back here.
document.addEventListener("click", (event) => {
  if (event.target.closest('button[aria-disabled="true"]')) event.preventDefault();
});

document.addEventListener("htmx:after:request", (event) => {
  const sent = event.target.matches?.("form[data-composer]") && event.detail.ctx?.response?.raw?.ok;
  if (sent && event.detail.ctx.request.action === event.target.getAttribute("action") && location.hash === "#composer") {
    location.hash = "#feed";
  }
});
document.addEventListener("htmx:after:swap", prepare);
prepare();
