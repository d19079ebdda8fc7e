// Pages of the library's grid as the server sends them, and where one ends and the next begins.

export const tilesIn = (node) => [...node.querySelectorAll(".tile")];
export const linkOf = (tile) => tile?.querySelector(":scope > a");
const partsOf = (tile) => [...tile.querySelectorAll("a, input, button")];

// Read outside the document, where no picture of it is asked for yet; what is shown is a copy.
export const fetchLeaf = async (href, signal) => {
  const answer = await fetch(href, { headers: { "HX-Request": "true" }, signal });
  const elsewhere = answer.headers.get("HX-Redirect");
  if (elsewhere) location.assign(elsewhere);
  if (!answer.ok) throw new TypeError(`status ${answer.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const leaf = holder.content.querySelector(".leaf");
  if (!leaf) throw new TypeError("no page of pictures");
  return leaf;
};

// The pictures at the end of a page that another one has, or are behind those that it has.
export const endIn = (leaf, other) => {
  const held = new Set(tilesIn(other).map((tile) => tile.dataset.asset));
  const tiles = tilesIn(leaf);
  const first = tiles.findIndex((tile) => held.has(tile.dataset.asset));
  return first < 0 ? [] : tiles.slice(first);
};

// Take pictures off the end of a page, which another one then goes on from.
export const cutOff = (leaf, tiles, { other, href }) => {
  for (const tile of tiles) tile.remove();
  for (const section of [...leaf.children]) if (!tilesIn(section).length) section.remove();
  const isDayOver = other.querySelector("h2, .tile").matches("h2");
  if (leaf.lastElementChild && !isDayOver) {
    leaf.lastElementChild.classList.add("goes-on");
    leaf.lastElementChild.querySelector(".justified").dataset.open = "";
  }
  leaf.dataset.next = href;
};

// What has the focus on a page, before another one comes in its place.
export const focusIn = (leaf) => {
  const part = document.activeElement;
  const tile = leaf.contains(part) && part.closest(".tile");
  return tile ? { asset: tile.dataset.asset, at: tilesIn(leaf).indexOf(tile), part: partsOf(tile).indexOf(part) } : null;
};

// Give it to the same picture on the new page or, where that one is gone, to the one in its place; false while neither is
// there. Who has gone elsewhere meanwhile stays there.
export const focusAgain = (leaf, { asset, at, part }, { isWhole }) => {
  const tiles = tilesIn(leaf);
  const same = tiles.find((tile) => tile.dataset.asset === asset);
  if (!same && !isWhole) return false;
  const target = same ? partsOf(same)[part] : linkOf(tiles[Math.min(at, tiles.length - 1)]);
  if (document.activeElement === document.body) target?.focus({ preventScroll: true });
  return true;
};
