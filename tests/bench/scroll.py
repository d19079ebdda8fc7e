"""What it costs a browser to scroll through a library of 100,000 pictures, with a thumbnail for each.

Tasks are told by the clock, as a person feels them, and by the CPU time of the page's main thread. Server, database
and a browser that paints without a graphics card share the cores here, and a thread that waits for its turn looks like
one that works: where the system allows it, the page's main thread therefore has its turn at once, as if a core were
free for it.
"""

import io
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from PIL import Image
from playwright.sync_api import CDPSession, Page, sync_playwright

from studio.library import names
from tests.bench.figures import Sheet, percentile
from tests.bench.scene import Scene
from tests.browser.conftest import ARGUMENTS, PROGRAMS
from tests.crash.stage import EMAIL, PASSWORD, TEAM

PICTURES: Final = 100_000
LONGEST_TASK: Final = 50
MOST_PAGES: Final = 3
# What a trace says of so many pictures is read before the next ones are scrolled through.
_STRETCH: Final = 2_000
_FACES: Final = 8
_PATIENCE: Final = 3_600_000
# As Chromium calls them; what else a trace has of the thread is inside one.
_TASK: Final = "ThreadControllerImpl::RunTask"

# Shapes of every kind, 250 pictures a day.
_FILL: Final = """
INSERT INTO library_asset (
    team_id, author_id, source, file_key, sha256, crc32, size, width, height, content_type, has_alpha, colour,
    has_thumb, has_preview, preview_tries, prompt, revised_prompt, title, notes, file_name, status, rating, marks,
    received_sha256, received_type, origin, sort_name, words, search, connection_name, model_slug, model_title, spec,
    credits, slot, created_at
)
SELECT t.id, m.user_id, 'generated', gen_random_uuid(), encode(sha256(int8send(n)), 'hex'), n, 1500000,
    (ARRAY[1024, 1536, 1024, 1200, 1920, 1080])[1 + n %% 6], (ARRAY[1024, 1024, 1536, 1600, 1080, 1350])[1 + n %% 6],
    'image/png', false, '#336699', true, false, 3, 'Picture ' || n || '. Soft light on a quiet set.', '', '', '', '',
    (ARRAY['draft', 'draft', 'approved', 'shortlisted'])[1 + n %% 4], CASE WHEN n %% 5 = 0 THEN 4 ELSE 0 END, '{}',
    '', '', '', '', '', '', '', 'gpt-image-2', 'GPT Image 2', '{}', 4, 0,
    now() - interval '1 day' * ((%(count)s - n) / 250)
FROM generate_series(1, %(count)s) AS n, teams_team t JOIN teams_membership m ON m.team_id = t.id
WHERE t.slug = %(team)s
"""

_WATCH: Final = """() => {
  const highest = Number(document.querySelector("[data-shelf] .tile").dataset.asset);
  window.seen = { highest, reached: 0, frames: 0, owed: 0, gap: 0,
    longest: 0, long: 0, shift: 0, nodes: 0, leaves: 0, tiles: 0 };
  const note = (kind, use) => new PerformanceObserver((list) => list.getEntries().forEach(use)).observe({ type: kind });
  note("longtask", (task) => {
    seen.long += 1;
    seen.longest = Math.max(seen.longest, task.duration);
  });
  note("layout-shift", (shift) => (seen.shift += shift.hadRecentInput ? 0 : shift.value));
}"""
# Half a screen a frame as long as there is something below; waiting at the end, as a person would.
_SCROLL: Final = """async (wanted) => {
  const shelf = document.querySelector("[data-shelf]");
  let atEnd = 0;
  let before = performance.now();
  while (seen.reached < wanted) {
    const now = await new Promise((resolve) => {
      requestAnimationFrame(resolve);
      setTimeout(resolve, 1000);  // Chromium without a screen can owe a frame for ever.
    });
    if (now) seen.gap = Math.max(seen.gap, now - before);
    else seen.owed += 1;
    before = now || performance.now();
    scrollBy({ top: innerHeight / 2, behavior: "instant" });
    const leaf = [...shelf.querySelectorAll(".leaf:not(.waiting)")].at(-1);
    const last = leaf?.querySelector("section:last-child .tile:last-child");
    if (last) seen.reached = Math.max(seen.reached, seen.highest - Number(last.dataset.asset) + 1);
    seen.frames += 1;
    if (seen.frames % 10 === 0) {
      seen.nodes = Math.max(seen.nodes, document.getElementsByTagName("*").length);
      seen.leaves = Math.max(seen.leaves, shelf.querySelectorAll(".leaf").length);
      seen.tiles = Math.max(seen.tiles, shelf.querySelectorAll(".tile").length);
    }
    // The last page is built over a few frames.
    const isAtEnd = leaf?.dataset.next === "" && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
    atEnd = isAtEnd ? atEnd + 1 : 0;
    if (atEnd > 30) break;
  }
  return seen;
}"""


def measure(scene: Scene, sheet: Sheet) -> None:
    """Fill a team, sign in with a browser, scroll."""
    with scene.installation() as made:
        keys = fill(made.database)
        _store_faces(made.home, keys)
        _, url = made.start_web()
        with _library(url) as page:
            sheet.add("the page's main thread runs at once (1) or when there is a turn (0)", _is_first(page), "")
            _scroll_through(page, sheet)


def fill(database: psycopg.Connection[Any]) -> list[tuple[int, uuid.UUID]]:
    """Make the rows of all pictures; return the team and the key of the files of each."""
    database.execute(_FILL, {"count": PICTURES, "team": TEAM})
    database.execute("VACUUM ANALYZE library_asset")
    return database.execute("SELECT team_id, file_key FROM library_asset").fetchall()


def _store_faces(home: Path, keys: list[tuple[int, uuid.UUID]]) -> None:
    """Give the pictures real thumbnails: a handful of files under as many names as are needed."""
    faces = []
    for number in range(_FACES):
        image = Image.effect_mandelbrot((512, 512), (-2 + 0.2 * number, -1.5, 1, 1.5 - 0.1 * number), 60).convert("RGB")
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=80)
        faces.append(home / f"face-{number}.webp")
        faces[-1].write_bytes(buffer.getvalue())
    for number, (team_id, file_key) in enumerate(keys):
        target = home / "media" / names.thumb_name(team_id=team_id, file_key=file_key)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(faces[number % _FACES], target)


@contextmanager
def _library(url: str) -> Iterator[Page]:
    program = next(path for name in PROGRAMS if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_PATIENCE)
        page.goto(f"{url}/auth/login/")
        page.get_by_label("Email").fill(EMAIL)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/studio/")
        page.goto(f"{url}/t/{TEAM}/library/")
        page.evaluate(_WATCH)
        yield page
        browser.close()


def _is_first(page: Page) -> bool:
    """Let the page's main thread run before every other thread of the machine; say whether the system allowed it."""
    browser = page.context.browser
    assert browser is not None
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    try:
        for pid in (process["id"] for process in processes if process["type"] == "renderer"):
            # A process's first thread is its main one; threads that it begins later do not inherit its place.
            os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        return False
    return True


def _scroll_through(page: Page, sheet: Sheet) -> None:
    devtools = page.context.new_cdp_session(page)
    first, before = page.evaluate("document.getElementsByTagName('*').length"), _heap(devtools)
    busy: list[float] = []
    for wanted in range(_STRETCH, PICTURES + 1, _STRETCH):
        seen, times = _scroll(page, wanted)
        assert seen["reached"] >= wanted, seen
        busy += times
    sheet.add("longest task of 50 ms or more, by the clock", seen["longest"], "ms", most=LONGEST_TASK)
    sheet.add("  tasks over 50 ms", seen["long"], "")
    sheet.add("longest task by its CPU time", max(busy), "ms", most=LONGEST_TASK)
    sheet.add("  tasks over 50 ms", sum(each > LONGEST_TASK for each in busy), "")
    sheet.add("  the one that 999 of 1,000 busy ones do not exceed", percentile(busy, 0.999), "ms")
    sheet.add("longest time between two frames", seen["gap"], "ms")
    sheet.add("  frames that the browser owed for more than a second", seen["owed"], "")
    sheet.add("layout shift", seen["shift"], "", most=0)
    sheet.add("pages in the document, at most", seen["leaves"], "", most=MOST_PAGES)
    sheet.add("  pictures", seen["tiles"], "")
    sheet.add("  elements, beside the page as it opened", seen["nodes"] / first, "×", most=MOST_PAGES)
    sheet.add("heap at the end, more than at the start", _heap(devtools) - before, "MiB")


def _scroll(page: Page, wanted: int) -> tuple[dict[str, float], list[float]]:
    """Scroll until so many have been there; return what was seen up to now, and how long the tasks since then took."""
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["toplevel"])
    seen = page.evaluate(_SCROLL, wanted)
    return seen, _tasks(browser.stop_tracing())


def _tasks(trace: bytes) -> list[float]:
    """Return the CPU time, in ms, of each task of the page's main thread that took at least one.

    Now and then a trace has a task of 0.05 ms work for 46 ms: the two clocks are read apart, and the thread's can jump.
    None works for longer than it takes.
    """
    events = json.loads(trace)["traceEvents"]
    named = [event for event in events if event["name"] == "thread_name"]
    main = {(event["pid"], event["tid"]) for event in named if event["args"]["name"] == "CrRendererMain"}
    tasks = (event for event in events if event["name"] == _TASK and (event["pid"], event["tid"]) in main)
    own = (min(event.get("dur", 0), event.get("tdur", 0)) / 1000 for event in tasks)
    return [took for took in own if took >= 1]


def _heap(devtools: CDPSession) -> float:
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 2**20
