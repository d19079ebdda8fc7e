"""An act on all of a library of 100,000 pictures, and taking it back."""

import time
import uuid

from tests.bench.figures import Sheet
from tests.bench.scene import Scene
from tests.bench.scroll import PICTURES, fill
from tests.crash.browser import Browser
from tests.crash.installation import Installation

_LONGEST = 600


def measure(scene: Scene, sheet: Sheet) -> None:
    """Fill a team, put all into the bin as its page does, and take that back."""
    with scene.installation() as made:
        fill(made.database)
        browser = made.open("scheduler")
        [(newest,)] = made.rows("SELECT max(id) FROM library_asset")
        chosen = {"all": "1", "query": "", "newest": str(newest), "act": "bin", "key": str(uuid.uuid4())}
        pressed = _press(browser, "library/bulk/", chosen)
        sheet.add(f"{PICTURES:,} images: answer", 1000 * pressed, "ms")
        sheet.add(f"{PICTURES:,} images: moved to the bin after", _until(made, "done", PICTURES), "s")
        [(act,)] = made.rows("SELECT id FROM library_bulkact")
        pressed = _press(browser, f"library/bulk/{act}/undo/", {})
        sheet.add(f"{PICTURES:,} images, taken back: answer", 1000 * pressed, "ms")
        sheet.add(f"{PICTURES:,} images, taken back: after", _until(made, "undone", 0), "s")


def _press(browser: Browser, address: str, fields: dict[str, str]) -> float:
    began = time.monotonic()
    answer = browser.post(address, fields)
    assert answer.status_code == 302, answer.text
    return time.monotonic() - began


def _until(made: Installation, state: str, binned: int) -> float:
    """Wait until the act is in this state; every picture has to be where it then belongs."""
    began = time.monotonic()
    made.wait(lambda: made.rows("SELECT state FROM library_bulkact") == [(state,)], "the act", patience=_LONGEST)
    assert made.rows("SELECT count(*) FROM library_asset WHERE binned_at IS NOT NULL") == [(binned,)]
    return time.monotonic() - began
