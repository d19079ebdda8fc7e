// One stream of events per visible tab, from the address in <body data-live>. Events carry ids only; they become DOM
// events on <body>, and whoever shows the thing refetches it: hx-trigger="generation-42 from:body".
//   generation → generation-<id>, or generation-unknown (detail.id) when nothing on the page has that id yet
//   bulk and export → bulk-<id> and export-<id>; with the first of them bulk-unknown and export-unknown (detail.id)
//   credits → credits-changed · members → members-changed · library → library-changed
//   connection → connection-<id> and connections-changed
//   live-resumed: the stream was away for a while, so anything may have changed.
// The stream closes while the tab is hidden: a browser has six connections per host, and eight tabs would freeze the site.

const address = document.body.dataset.live;
const SHORTEST = 1000;
const LONGEST = 30_000;

let source = null;
let timer = 0;
let failures = 0;
let wasAway = false;

const tell = (name, detail = {}) => document.body.dispatchEvent(new CustomEvent(name, { detail }));

const close = () => {
  clearTimeout(timer);
  source?.close();
  source = null;
};

const retry = () => {
  close();
  wasAway = true;
  const pause = Math.min(LONGEST, SHORTEST * 2 ** failures);
  failures += 1;
  // Half fixed, half chance: after a restart the tabs of a whole team must not come back at once.
  timer = setTimeout(open, pause / 2 + (Math.random() * pause) / 2);
};

// News that comes while the last fetch is under way must not be lost with the element which that fetch replaces.
const later = new Set();

const tellGeneration = (id) => {
  const name = `generation-${id}`;
  const shown = document.getElementById(name);
  if (!shown) tell("generation-unknown", { id });
  else if (!shown.classList.contains("htmx-request")) tell(name);
  else if (!later.has(id)) {
    later.add(id);
    setTimeout(() => {
      later.delete(id);
      tellGeneration(id);
    }, 100);
  }
};

// Work in the background tells how far it is again and again; a page that does not show it is told once that it is there.
const known = new Set();

const tellWork = (kind, id) => {
  const name = `${kind}-${id}`;
  tell(name);
  if (!known.has(name) && !document.getElementById(name)) tell(`${kind}-unknown`, { id });
  known.add(name);
};

function open() {
  if (source || document.hidden) return;
  source = new EventSource(address);
  // The first event, not the open connection, says that from now on nothing is missed.
  source.addEventListener("ready", () => {
    failures = 0;
    document.body.dataset.liveState = "open";
    if (wasAway) tell("live-resumed");
    wasAway = false;
  });
  source.addEventListener("resync", () => tell("live-resumed"));
  source.addEventListener("closing", (event) => {
    // A restart is worth coming back to; a lost right, or a newer tab in this one's place, is not.
    if (event.data !== "stopping") pause();
  });
  source.addEventListener("error", () => {
    document.body.dataset.liveState = "away";
    retry();
  });
  source.addEventListener("generation", (event) => tellGeneration(event.data));
  source.addEventListener("credits", () => tell("credits-changed"));
  source.addEventListener("members", () => tell("members-changed"));
  source.addEventListener("connection", (event) => {
    tell(`connection-${event.data}`);
    tell("connections-changed");
  });
  source.addEventListener("library", () => tell("library-changed"));
  for (const kind of ["bulk", "export"]) source.addEventListener(kind, (event) => tellWork(kind, event.data));
}

const pause = () => {
  close();
  wasAway = true;
  document.body.dataset.liveState = "away";
};

if (address) {
  document.addEventListener("visibilitychange", () => (document.hidden ? pause() : open()));
  addEventListener("pagehide", pause);
  addEventListener("pageshow", (event) => event.persisted && open());
  open();
}
