// Reference images that are dropped anywhere on the studio or pasted: they go through the composer's own file field, which
// htmx sends as soon as it changes. What comes while an earlier batch is under way follows it.
//   <div class="drop" data-drop> … <input type="file" name="references">

import { receive } from "./dropping.js";

const field = () => document.querySelector("#compose [data-drop] input[type=file]");

let waiting = [];
let sending = null; // the context of the request under way
let hadFocus = false;

const send = () => {
  const input = field();
  if (!input || sending || waiting.length === 0) return;
  const transfer = new DataTransfer();
  for (const file of waiting) transfer.items.add(file);
  waiting = [];
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};

const tell = (text) => {
  const note = document.getElementById("composer-note");
  if (note) note.textContent = text;
};

const mark = (isOver) => field()?.closest("[data-drop]").classList.toggle("is-over", isOver);

const add = (files) => {
  if (!field()) return tell("This model takes no reference images.");
  waiting.push(...files);
  return send();
};

if (document.getElementById("compose")) {
  receive(mark, add);
  document.addEventListener("htmx:before:request", (event) => {
    if (event.target.matches?.(".drop input[type=file]")) sending = event.detail.ctx;
    hadFocus = document.activeElement?.closest("#references") != null;
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx !== sending) return;
    // A failed request leaves the field as it is; what it holds must not go along with the next one.
    event.target.value = "";
    tell("The connection broke. Nothing was added.");
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const { ctx } = event.detail;
    if (ctx === sending) sending = null;
    // The button or field that was used is gone with the answer.
    if (hadFocus && ctx.target?.id === "references" && document.activeElement === document.body) field()?.focus({ preventScroll: true });
    setTimeout(send);
  });
}
