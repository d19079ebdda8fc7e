// Uploads: files that are chosen, dropped anywhere on the page, or pasted, three at a time, each with a line of its own.
//   <form data-uploads>  templates/library/upload_panel.html; the server answers each file with its line
//   [data-upload] opens the panel's <dialog>; without script it leads to the page of the same form.
// What was added comes into the grid by the same event as what others add: library-changed on <body>.

import { receive } from "./dropping.js";
import { isPicture, refusalOf } from "./files.js";

const AT_ONCE = 3;
const form = document.querySelector("[data-uploads]");

// What to say where the server did not answer with a line, and whether the same again may end better.
const lineless = (status) => {
  if (status === 413) return ["The file is too large to be sent.", false];
  if (status === 0 || status >= 500) return ["The connection broke. Nothing was added.", true];
  return ["Nothing was added. Load the page again to see whether you may still upload here.", false];
};

class Transfer {
  constructor(file, line) {
    this.file = file;
    this.line = line;
    this.state = "waiting";
    line.querySelector("[data-name]").textContent = file.name;
    line.querySelector("progress").ariaLabel = `Upload of ${file.name}`;
  }

  send() {
    this.state = "sending";
    this.line.dataset.outcome = "sending";
    const request = new XMLHttpRequest();
    this.request = request;
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) this.line.querySelector("progress").value = event.loaded / event.total;
    });
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    return new Promise((done) => {
      request.addEventListener("loadend", () => {
        this.end(request);
        done();
      });
      const data = new FormData();
      for (const field of form.querySelectorAll("input[type=hidden]")) data.set(field.name, field.value);
      data.set("files", this.file, this.file.name);
      request.send(data);
    });
  }

  end(request) {
    if (this.state === "cancelled") return;
    const answer = document.createElement("template");
    answer.innerHTML = request.getResponseHeader("Content-Type")?.startsWith("text/html") ? request.responseText : "";
    const line = answer.content.querySelector("[data-outcome]");
    if (!line) this.fail(...lineless(request.status));
    else {
      this.line.replaceWith(line);
      this.line = line;
      this.state = line.dataset.outcome;
      this.isWorthAgain = request.status >= 500;
    }
  }

  fail(text, isWorthAgain = true) {
    this.state = "refused";
    this.isWorthAgain = isWorthAgain;
    this.line.dataset.outcome = "refused";
    const said = this.line.querySelector("[data-text]");
    said.textContent = text;
    said.className = "sub bad";
    said.hidden = false;
    this.line.querySelector("progress").hidden = true;
  }

  cancel() {
    this.state = "cancelled";
    this.request?.abort();
    this.line.remove();
  }
}

const transfers = [];
let running = 0;

const part = (name) => form.querySelector(`[data-${name}]`);
const inState = (...states) => transfers.filter((each) => states.includes(each.state));

const counted = (number, one, many) => (number ? [`${number.toLocaleString("en")} ${number === 1 ? one : many}`] : []);

const summary = () => {
  const left = inState("waiting", "sending").length;
  const parts = [
    ...counted(left, "file left", "files left"),
    ...counted(inState("added").length, "added", "added"),
    ...counted(inState("known", "restored").length, "already here", "already here"),
    ...counted(inState("refused").length, "refused", "refused"),
  ];
  return parts.join(", ");
};

const show = () => {
  const left = inState("waiting", "sending").length;
  part("bar").hidden = part("lines").hidden = transfers.every((each) => each.state === "cancelled");
  part("summary").textContent = summary();
  part("stop").hidden = left === 0;
  part("again").hidden = left > 0 || !transfers.some((each) => each.isWorthAgain);
};

const changed = () => document.body.dispatchEvent(new CustomEvent("library-changed"));

const work = async () => {
  if (running >= AT_ONCE) return;
  const next = transfers.find((each) => each.state === "waiting");
  if (!next) return;
  running += 1;
  await next.send();
  running -= 1;
  show();
  if (inState("waiting", "sending").length === 0) changed();
  work();
};

const add = (files) => {
  for (const file of files) {
    const line = part("line").content.firstElementChild.cloneNode(true);
    const transfer = new Transfer(file, line);
    transfers.push(transfer);
    part("lines").append(line);
    const refusal = refusalOf(file);
    if (refusal) transfer.fail(refusal, false);
  }
  show();
  for (let slot = running; slot < AT_ONCE; slot += 1) work();
};

const open = () => {
  const dialog = form.closest("dialog");
  if (dialog && !dialog.open) dialog.showModal();
};

const take = (files) => {
  if (files.length === 0) return;
  open();
  add(files);
};

const again = () => {
  for (const each of transfers.filter((one) => one.isWorthAgain)) {
    const line = part("line").content.firstElementChild.cloneNode(true);
    each.line.replaceWith(line);
    transfers.splice(transfers.indexOf(each), 1, new Transfer(each.file, line));
  }
  show();
  for (let slot = running; slot < AT_ONCE; slot += 1) work();
};

const onClick = (event) => {
  if (event.target.closest("[data-upload]") && form.closest("dialog")) {
    event.preventDefault();
    open();
  } else if (event.target.closest("[data-stop]")) {
    for (const each of inState("waiting", "sending")) each.cancel();
    show();
  } else if (event.target.closest("[data-again]")) again();
  else if (event.target.closest("[data-drop-line]")) {
    transfers.find((each) => each.line === event.target.closest("li"))?.cancel();
    show();
  }
};

const mark = (isOver) => document.body.classList.toggle("dropping", isOver);

if (form) {
  document.addEventListener("click", onClick);
  form.addEventListener("change", (event) => {
    if (event.target.type !== "file") return;
    const isFolder = event.target.matches("[data-folder]");
    take([...event.target.files].filter((file) => !isFolder || isPicture(file)));
    event.target.value = "";
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  receive(mark, take);
  addEventListener("beforeunload", (event) => inState("waiting", "sending").length && event.preventDefault());
}
