// Rows of pictures that fill their box: every picture keeps its shape, every row its own height.
//   layOut(node, { width, gap, ideal }) sets the measures of every .tile in the .justified boxes of node, and of the boxes.
// A box with data-open goes on in the next page, so its last row is filled as well; other last rows may stay ragged.

// How much higher than the ideal a last row may be to fill its box; beyond that it stays ragged.
const STRETCH = 1.35;
// What an empty end of the last row weighs beside rows that stray from the ideal: a lone picture is worth avoiding.
const GAP_AT_END = 0.12;
const STRETCH_OPEN = 1.7;
const NARROWEST = 0.4;
const WIDEST = 3.5;

const ratioOf = (tile) => {
  const picture = tile.querySelector("img");
  const ratio = picture.getAttribute("width") / picture.getAttribute("height");
  return Math.min(WIDEST, Math.max(NARROWEST, ratio || 1));
};

// Where rows break so that their heights stray least from the ideal.
const breakRows = (ratios, { width, gap, ideal, isOpen }) => {
  const cost = [0];
  const from = [0];
  for (let end = 1; end <= ratios.length; end += 1) {
    cost[end] = Infinity;
    let sum = 0;
    for (let start = end - 1; start >= 0; start -= 1) {
      sum += ratios[start];
      const height = (width - gap * (end - start - 1)) / sum;
      const isRagged = end === ratios.length && !isOpen && height > ideal;
      const strain = isRagged ? GAP_AT_END * (1 - ideal / height) : Math.log(height / ideal) ** 2;
      if (cost[start] + strain < cost[end]) {
        cost[end] = cost[start] + strain;
        from[end] = start;
      }
      if (height < ideal / 3) break;
    }
  }
  const rows = [];
  for (let end = ratios.length; end > 0; end = from[end]) rows.unshift([from[end], end]);
  return rows;
};

const layRow = (tiles, ratios, { width, gap, ideal, most, before }) => {
  const sum = ratios.reduce((total, ratio) => total + ratio, 0);
  const room = width - gap * (tiles.length - 1);
  const filled = room / sum;
  const height = filled > ideal * most ? Math.min(before || ideal, filled) : filled;
  let along = 0;
  let left = 0;
  tiles.forEach((tile, index) => {
    along += ratios[index] * height;
    const right = Math.round(along);
    tile.style.width = `${right - left}px`;
    tile.style.height = `${Math.round(height)}px`;
    left = right;
  });
  return height;
};

const layBox = (box, measures) => {
  const tiles = [...box.children];
  const ratios = tiles.map(ratioOf);
  const isOpen = "open" in box.dataset;
  let before = 0;
  let whole = -measures.gap;
  const stretch = isOpen ? STRETCH_OPEN : STRETCH;
  for (const [start, end] of breakRows(ratios, { ...measures, isOpen })) {
    // What follows a row did not fit into it, so it has no end to leave empty.
    const most = end === tiles.length ? stretch : Infinity;
    before = layRow(tiles.slice(start, end), ratios.slice(start, end), { ...measures, most, before });
    whole += Math.round(before) + measures.gap;
  }
  box.style.height = `${whole}px`;
  box.dataset.laid = "";
};

export const layOut = (node, measures) => {
  for (const box of node.querySelectorAll(".justified")) layBox(box, measures);
};
