// Pages of the library's grid as the server sends them, and where one ends and the next begins.

export const tilesIn = (node) => [...node.querySelectorAll(".tile")];

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
