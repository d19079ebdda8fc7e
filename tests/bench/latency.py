"""How long people wait for us: from submit to the provider, and from the provider to the open page."""

import time
import uuid

from tests.bench.figures import Sheet, percentile
from tests.bench.page import OpenPage
from tests.bench.scene import Scene
from tests.crash.browser import Browser
from tests.crash.installation import Installation
from tests.crash.stage import EMAIL, PASSWORD

SUBMITS = 60
SHOWN = 40
AT_ONCE = 50
_PAUSE = 0.15
_STEPS = """
    SELECT g.prompt, extract(epoch FROM g.started_at)::float, extract(epoch FROM min(a.sent_at))::float
    FROM generations_generation g JOIN generations_attempt a ON a.generation_id = g.id GROUP BY g.id
"""


def measure_begun_pgmq(scene: Scene, sheet: Sheet) -> None:
    """With the queue in the same PostgreSQL."""
    with scene.installation() as made:
        _begun(made, sheet, "pgmq", most=150)


def measure_begun_redis(scene: Scene, sheet: Sheet) -> None:
    """With the queue in Redis."""
    with scene.installation(redis=True) as made:
        _begun(made, sheet, "Redis", most=50)


def _begun(made: Installation, sheet: Sheet, broker: str, *, most: float) -> None:
    browser = made.open("worker")
    made.wait_until_ended(made.submit(browser, times=3))
    pressed = {}
    for _ in range(SUBMITS):
        prompt = f"A red kite, {uuid.uuid4().hex}"
        pressed[prompt] = time.time()
        answer = browser.submit(prompt)
        assert answer.status_code == 303, answer.text
        time.sleep(_PAUSE)
    ids = [row[0] for row in made.rows("SELECT id FROM generations_generation")]
    made.wait_until_ended(ids)
    called = {record["prompt"]: record["at"] for record in made.emulator.requests()}
    steps = [
        (at, started, sent, called[prompt])
        for prompt, started, sent in made.rows(_STEPS)
        if (at := pressed.get(prompt))
    ]
    waits = [1000 * (call - at) for at, _, _, call in steps]
    sheet.add(f"submit → provider call on {broker}, p50", percentile(waits, 0.5), "ms")
    sheet.add(f"submit → provider call on {broker}, p95", percentile(waits, 0.95), "ms", most=most)
    for name, first, then in (("submit → claimed", 0, 1), ("claimed → about to be sent", 1, 2), ("→ received", 2, 3)):
        parts = [1000 * (step[then] - step[first]) for step in steps]
        sheet.add(f"of it, {name}, p50", percentile(parts, 0.5), "ms")


def measure_shown(scene: Scene, sheet: Sheet) -> None:
    """From the provider's last byte to the picture in a page that listens and fetches the card."""
    with scene.installation() as made:
        for role in ("scheduler", "worker"):
            made.start(role)
        _, url = made.start_web()
        browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
        made.emulator.set(heavy=True, latency=0.2)
        made.wait_until_ended(made.submit(browser, times=3))
        with OpenPage(browser) as page:
            alone = [_show(made, browser, page) for _ in range(SHOWN)]
            made.emulator.set(latency=3.0)
            crowd = made.submit(browser, times=AT_ONCE)
            made.wait_until_ended(crowd)
            page.wait_for(crowd)
            together = _waits(made, page, crowd)
        shown, loaded = [waits[0] for waits in alone], [waits[1] for waits in alone]
        crowded = [waits[0] for waits in together]
        sheet.add("provider's last byte → card with picture, p50", percentile(shown, 0.5), "ms")
        sheet.add("provider's last byte → card with picture, p95", percentile(shown, 0.95), "ms", most=250)
        sheet.add("provider's last byte → thumbnail loaded, p95", percentile(loaded, 0.95), "ms")
        sheet.add(f"the same, card, {AT_ONCE} at once, p95", percentile(crowded, 0.95), "ms", most=1000)


def _show(made: Installation, browser: Browser, page: OpenPage) -> tuple[float, float]:
    ids = made.submit(browser)
    page.wait_for(ids)
    return _waits(made, page, ids)[0]


def _waits(made: Installation, page: OpenPage, ids: list[int]) -> list[tuple[float, float]]:
    done = {record["prompt"]: record["done_at"] for record in made.emulator.requests()}
    prompts = dict(made.rows("SELECT id, prompt FROM generations_generation WHERE id = ANY(%s)", ids))
    return [(1000 * (page.shown[pk] - done[prompts[pk]]), 1000 * (page.loaded[pk] - done[prompts[pk]])) for pk in ids]
