// The composer: counts characters, submits by Ctrl or Cmd + Enter, steps aside on phones once sent. There it lies over the
// page: as it comes its prompt gets the focus, Escape closes it, and the dock that opened it has the focus again.
//   <form data-composer> … <textarea data-counted="prompt-count" data-limit="32000"> <output id="prompt-count">
//   <span data-says="prompt" data-otherwise="Describe the image">  what stands in the field of this id
//   <kbd data-mac="⌘ ↵">Ctrl ↵</kbd>
// Nothing is remembered here: what was typed comes back from the server.
// One submit at a time: each uses up the form's key, and only the answer brings the next one. A second press of the same
// thing meanwhile is a double click and forgotten; what was changed since is sent as soon as there is a new key.

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

const say = (shown) => {
  const said = document.getElementById(shown.dataset.says)?.value.trim().slice(0, 200);
  shown.textContent = said || shown.dataset.otherwise;
};

const prepare = () => {
  for (const shown of document.querySelectorAll("[data-says]")) say(shown);
  for (const area of document.querySelectorAll("[data-counted]")) count(area);
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
};

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-counted]")) count(event.target);
  for (const shown of document.querySelectorAll(`[data-says="${event.target.id}"]`)) say(shown);
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

addEventListener("hashchange", () => {
  if (location.hash === "#composer") document.querySelector("#composer textarea")?.focus({ preventScroll: true });
  else if (document.activeElement.matches("body, #composer *")) document.querySelector(".dock a")?.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  const isOver = location.hash === "#composer" && document.querySelector(".dock")?.checkVisibility();
  if (event.key === "Escape" && isOver && !event.defaultPrevented && !document.querySelector("dialog[open], :popover-open")) location.hash = "#feed";
});

// A button that says why it does not work yet stays focusable, so it has to be held back here.
document.addEventListener("click", (event) => {
  if (event.target.closest('button[aria-disabled="true"]')) event.preventDefault();
});

let sending = null; // { form, body } under way
let next = null; // { button } to press once that is answered

const bodyOf = (form) => new URLSearchParams(new FormData(form)).toString();

// In the capture phase, so that it comes before htmx, which reads the form at once.
const onSubmit = (event) => {
  const form = event.target;
  if (!form.matches("form[data-composer]")) return;
  if (sending?.form !== form) {
    sending = { form, body: bodyOf(form) };
    next = null;
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  next = bodyOf(form) === sending.body ? null : { button: event.submitter };
};

const onAnswered = (event) => {
  if (event.target !== sending?.form) return;
  const { form } = sending;
  const waiting = next;
  sending = next = null;
  // After htmx is done with this request. A form that came back with an error is another one: then nothing follows.
  if (waiting) setTimeout(() => form.isConnected && form.requestSubmit(waiting.button?.isConnected ? waiting.button : null));
};

document.addEventListener("submit", onSubmit, { capture: true });
document.addEventListener("htmx:finally:request", onAnswered);
addEventListener("pageshow", () => {
  sending = next = null;
});

document.addEventListener("htmx:after:request", (event) => {
  const sent = event.target.matches?.("form[data-composer]") && event.detail.ctx?.response?.raw?.ok;
  if (sent && event.detail.ctx.request.action === event.target.getAttribute("action") && location.hash === "#composer") {
    location.hash = "#feed";
  }
});
document.addEventListener("htmx:after:swap", prepare);
prepare();
