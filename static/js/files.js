// Files that a person hands over: out of dropped folders too, and looked at before they travel.

const TYPES = new Set(["image/png", "image/jpeg", "image/webp"]);
const PICTURE = /\.(png|jpe?g|webp)$/i;
const MOST_BYTES = 128 * 1024 * 1024; // as studio/library/sniff.py
const MOST_FILES = 5000;

export const isPicture = (file) => TYPES.has(file.type) || PICTURE.test(file.name);

// Why a file need not be sent, in the server's words; undefined where it is worth a try.
export const refusalOf = (file) => {
  if (file.size === 0) return "The file is empty.";
  if (file.size > MOST_BYTES) return "The picture is larger than 128 MB.";
  if (!isPicture(file)) return "This is not a PNG, JPEG or WebP picture.";
  return undefined;
};

const entriesOf = (reader) => new Promise((done, fail) => reader.readEntries(done, fail));
const fileOf = (entry) => new Promise((done, fail) => entry.file(done, fail));

// A folder's reader gives its entries in parts, until there are none. What is no picture is passed over in a folder.
const walk = async (entry, found) => {
  if (found.length >= MOST_FILES) return;
  if (entry.isFile) {
    const file = await fileOf(entry);
    if (isPicture(file)) found.push(file);
    return;
  }
  const reader = entry.createReader();
  for (let part = await entriesOf(reader); part.length; part = await entriesOf(reader)) {
    for (const each of part) await walk(each, found);
  }
};

// The entries have to be taken at once: after the event the browser forgets them.
export const filesIn = async (transfer) => {
  const loose = [];
  const folders = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) folders.push(entry);
    else loose.push(item.getAsFile());
  }
  const found = loose.filter(Boolean);
  for (const folder of folders) await walk(folder, found);
  return found;
};
