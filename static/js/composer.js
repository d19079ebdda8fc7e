// The composer: counts characters, submits by Ctrl or Cmd + Enter, steps aside on phones once sent.
//   <form data-composer> … <textarea data-counted="prompt-count" data-limit="32000"> <output id="prompt-count">
//   <kbd data-mac="⌘ ↵">Ctrl ↵</kbd>
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

const prepare = () => {
  for (const area of document.querySelectorAll("[data-counted]")) count(area);
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
};

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-counted]")) count(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
    const form = event.target.form ?? document.querySelector("form[data-composer]");
    if (!form?.matches("[data-composer]")) return;
    event.preventDefault();
    const button = document.querySelector(`.primary[type="submit"][form="${form.id}"]`) ?? form.querySelector('.primary[type="submit"]');
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
