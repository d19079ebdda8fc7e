// The manual order of a collection: [data-order] holds the address and items with data-item. An item moves by its handle
// (pointer, also by finger), or by keyboard: Space or Enter on the handle takes it, arrows move it, Space or Enter puts
// it down, Esc puts it back. Ticked items move together. What is shown moves at once; the server is told item by item,
// and what it refuses goes back to where it was.

const list = document.querySelector("[data-order]");
const said = document.getElementById("order-said");
const EDGE = 72; // px from the window's edge in which it scrolls
const FASTEST = 18; // px per frame
const SLACK = 5; // px a press may wander before it is a drag

const items = () => [...list.querySelectorAll("[data-item]")];
const token = () => list.querySelector("[name=csrfmiddlewaretoken]").value;
const nameOf = (item) => item.dataset.name;
const say = (text) => (said.textContent = text);
const place = (item) => `${items().indexOf(item) + 1} of ${items().length}`;

// What moves: the item, and with it every ticked one if it is ticked itself; in the order of the page.
const groupOf = (item) => {
  const ticked = items().filter((each) => each.querySelector(".pick").checked);
  return ticked.includes(item) ? ticked : [item];
};

const snapshot = () => items().map((item) => item.dataset.item);

const restore = (order) => {
  const byId = new Map(items().map((item) => [item.dataset.item, item]));
  const rest = list.querySelector(".more-row");
  for (const id of order) if (byId.has(id)) list.insertBefore(byId.get(id), rest);
};

const put = (group, side, anchor) => {
  const fragment = document.createDocumentFragment();
  fragment.append(...group);
  list.insertBefore(fragment, side === "before" ? anchor : anchor.nextSibling);
};

// One after the other: each says beside what the person let go, or to which end.
let line = Promise.resolve();

const tell = (group, where, order) => {
  const body = new FormData();
  for (const item of group) body.append("item", item.dataset.item);
  body.append(...where);
  line = line.then(async () => {
    try {
      const answer = await fetch(list.dataset.order, {
        method: "POST",
        body,
        headers: { "X-CSRFToken": token(), "HX-Request": "true" },
      });
      if (answer.status !== 204) throw new Error(String(answer.status));
    } catch {
      restore(order);
      const text = "Not moved: the order has changed meanwhile, or the server cannot be reached. Load the page again.";
      say(text);
      document.body.dispatchEvent(new CustomEvent("toast", { detail: { text } }));
    }
  });
};

const move = (group, side, anchor, where = [side, anchor.dataset.item]) => {
  const order = snapshot();
  put(group, side, anchor);
  const after = snapshot();
  if (order.every((id, index) => id === after[index])) return;
  say(`${group.length > 1 ? `${group.length} images` : nameOf(group[0])}: ${place(group[0])}.`);
  tell(group, where, order);
};

// Keyboard

let held = null; // { item, group, order }

const take = (item) => {
  const group = groupOf(item);
  held = { item, group, order: snapshot() };
  mark(true);
  const what = group.length > 1 ? `${group.length} images` : nameOf(item);
  say(`${what} taken, ${place(item)}. Arrow keys move, Space puts down, Escape puts back.`);
};

const mark = (is) => {
  for (const item of held.group) item.classList.toggle("held", is);
  held.item.querySelector(".handle").setAttribute("aria-pressed", String(is));
};

// The others, and how many of them stand before what is held.
const others = () => items().filter((item) => !held.group.includes(item));
const seat = (rest) => {
  const all = items();
  return rest.filter((item) => all.indexOf(item) < all.indexOf(held.group[0])).length;
};

const letGo = (keep) => {
  const { item, group, order } = held;
  const rest = others();
  const at = seat(rest);
  mark(false);
  held = null;
  if (!keep) restore(order);
  item.querySelector(".handle").focus();
  say(`${nameOf(item)} put ${keep ? "down" : "back"}, ${place(item)}.`);
  const after = snapshot();
  if (order.every((id, index) => id === after[index])) return;
  tell(group, at ? ["after", rest[at - 1].dataset.item] : ["before", rest[0].dataset.item], order);
};

// How many stand side by side, so that up and down go where the eye expects.
const columns = () => {
  const all = items();
  const top = all[0]?.offsetTop;
  const count = all.findIndex((item) => item.offsetTop !== top);
  return count < 1 ? all.length : count;
};

const STEPS = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns(), ArrowDown: columns, Home: () => -Infinity, End: () => Infinity };

const shift = (key) => {
  const rest = others();
  const to = Math.max(0, Math.min(rest.length, seat(rest) + STEPS[key]()));
  if (rest.length) put(held.group, to ? "after" : "before", rest[Math.max(0, to - 1)]);
  held.item.querySelector(".handle").focus();
  held.item.scrollIntoView({ block: "nearest" });
  say(`${nameOf(held.item)}: ${place(held.item)}.`);
};

const onKey = (event) => {
  const handle = event.target.closest(".handle");
  if (!handle || event.ctrlKey || event.metaKey) return;
  const item = handle.closest("[data-item]");
  if (event.key === " " || event.key === "Enter") {
    event.preventDefault();
    if (held) letGo(true);
    else take(item);
  } else if (event.key === "Escape" && held) {
    event.preventDefault();
    letGo(false);
  } else if (event.key in STEPS && (held || event.altKey)) {
    event.preventDefault();
    if (held) return shift(event.key);
    take(item);
    shift(event.key);
    letGo(true);
  }
};

// Pointer

let drag = null; // { group, item, ghost, x, y, target, frame }

const ghostOf = (item, count) => {
  const ghost = document.createElement("div");
  ghost.className = "carried";
  ghost.append(item.querySelector("img").cloneNode());
  if (count > 1) {
    const number = document.createElement("span");
    number.className = "num";
    number.textContent = count;
    ghost.append(number);
  }
  document.body.append(ghost);
  return ghost;
};

const unmark = () => {
  for (const item of list.querySelectorAll(".goes-before, .goes-after")) item.classList.remove("goes-before", "goes-after");
};

const targetAt = (x, y) => {
  const item = document.elementFromPoint(x, y)?.closest("[data-order] [data-item]");
  if (!item || drag.group.includes(item)) return null;
  const box = item.getBoundingClientRect();
  const isLate = x > box.left + box.width / 2;
  const isTurned = getComputedStyle(list).direction === "rtl";
  return { item, side: isLate === isTurned ? "before" : "after" };
};

const follow = () => {
  if (!drag) return;
  drag.frame = 0;
  drag.ghost.style.left = `${drag.x}px`;
  drag.ghost.style.top = `${drag.y}px`;
  unmark();
  drag.target = targetAt(drag.x, drag.y);
  drag.target?.item.classList.add(`goes-${drag.target.side}`);
  const depth = drag.y < EDGE ? drag.y - EDGE : Math.max(0, drag.y - innerHeight + EDGE);
  if (depth) {
    scrollBy(0, (Math.max(-EDGE, Math.min(EDGE, depth)) / EDGE) * FASTEST);
    drag.frame = requestAnimationFrame(follow);
  }
};

const begin = () => {
  drag.group = groupOf(drag.item);
  drag.ghost = ghostOf(drag.item, drag.group.length);
  for (const item of drag.group) item.classList.add("moving");
};

const finish = (keep) => {
  const { group, ghost, target, frame, item, pointer } = drag;
  const handle = item.querySelector(".handle");
  if (handle.hasPointerCapture(pointer)) handle.releasePointerCapture(pointer);
  drag = null;
  if (!ghost) return;
  cancelAnimationFrame(frame);
  ghost.remove();
  unmark();
  for (const each of group) each.classList.remove("moving");
  if (keep && target) move(group, target.side, target.item);
};

const onDown = (event) => {
  const handle = event.target.closest(".handle");
  if (!handle || event.button || drag) return;
  if (held) letGo(true);
  handle.setPointerCapture(event.pointerId);
  drag = { item: handle.closest("[data-item]"), pointer: event.pointerId, startX: event.clientX, startY: event.clientY, frame: 0 };
};

const onMove = (event) => {
  if (!drag || event.pointerId !== drag.pointer) return;
  [drag.x, drag.y] = [event.clientX, event.clientY];
  if (!drag.ghost && Math.hypot(drag.x - drag.startX, drag.y - drag.startY) < SLACK) return;
  if (!drag.ghost) begin();
  drag.frame ||= requestAnimationFrame(follow);
};

// The buttons below each picture: forms that work by themselves, here without a new page.
const onSubmit = (event) => {
  const to = event.submitter?.name === "to" && event.submitter.value;
  if (!to) return;
  const item = event.target.closest("[data-item]");
  const all = items();
  const [index, more] = [all.indexOf(item), list.querySelector(".more-row")];
  const anchor = { first: all[0], earlier: all[index - 1], later: all[index + 1], last: all.at(-1) }[to];
  // What is not on the page yet is known only to the server.
  if ((more && (to === "last" || (to === "later" && !anchor))) || location.search) return;
  event.preventDefault();
  if (!anchor || anchor === item) return say(`${nameOf(item)}: ${place(item)}.`);
  move([item], to === "first" || to === "earlier" ? "before" : "after", anchor, ["to", to]);
  event.submitter.focus();
};

if (list) {
  list.addEventListener("keydown", onKey);
  list.addEventListener("focusout", (event) => {
    // A move takes the focus along; when a person takes it elsewhere, what is held is put down.
    if (held && event.relatedTarget && !held.item.contains(event.relatedTarget)) letGo(true);
  });
  list.addEventListener("pointerdown", onDown);
  list.addEventListener("submit", onSubmit);
  addEventListener("pointermove", onMove);
  addEventListener("pointerup", (event) => drag?.pointer === event.pointerId && (onMove(event), drag.ghost && follow(), finish(true)));
  addEventListener("pointercancel", (event) => drag?.pointer === event.pointerId && finish(false));
  addEventListener("keydown", (event) => event.key === "Escape" && drag && finish(false));
}
