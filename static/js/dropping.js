// Files that are dropped anywhere on the page or pasted.

import { filesIn } from "./files.js";

const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

// `mark(isOver)` shows that files hang over the page; `take(files)` gets what was let go, never nothing.
export const receive = (mark, take) => {
  let depth = 0; // every element that is entered says so
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    depth += 1;
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event)) mark((depth -= 1) > 0);
  });
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    const files = await filesIn(event.dataTransfer);
    if (files.length) take(files);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    take(files);
  });
};
