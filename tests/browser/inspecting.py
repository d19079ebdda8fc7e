"""Looks at a page in both themes and at all widths: accessible, quiet, and no wider than its window."""

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page

from studio.runtime.home import ROOT

RESULTS = ROOT / "test-results"
LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (
    ("light", 1440),
    ("dark", 1440),
    ("light", 390),
    ("dark", 390),
)
WIDTHS = (360, 390, 768, 1440, 2560)
HEIGHT = 900
# What a person with a wheel or a finger would notice; a hidden overflow of the body counts too.
_SIDEWAYS = """() => {
  const root = document.documentElement;
  const wide = Math.max(root.scrollWidth, document.body.scrollWidth) - root.clientWidth;
  const out = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.right > root.clientWidth + 1 && getComputedStyle(element).position !== "fixed";
  });
  return wide > 0 ? `${wide}px: ` + out.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).join(" | ") : "";
}"""
# The end of every transition is judged, without waiting for it; what runs for ever stays as it is.
_STILL = """() => document.getAnimations()
  .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
  .forEach((one) => one.finish())"""
# What follows a new width does so in the frames after it, and frames are dear where no graphics card draws them: only
# a page that seems too wide is given more of them. Chromium may owe a frame for ever, so none is waited for that long.
_FRAMES = """async (most) => {
  const frame = () => Promise.race([new Promise(requestAnimationFrame), new Promise((done) => setTimeout(done, 500))]);
  let [width, same] = [-1, 0];
  for (let left = most; left > 0 && same < 10; left -= 1) {
    await frame();
    const now = document.documentElement.scrollWidth;
    same = now === width ? same + 1 : 0;
    width = now;
  }
}"""
# The checker leaves empty ones behind, and the page would pass them on to what it fetches.
_UNSTYLE = """() => document.querySelectorAll('[style=""]').forEach((element) => element.removeAttribute("style"))"""
# The policy's name for a style without a word: the checker's again, where the page changed before they were gone.
_NO_STYLE = f"'sha256-{b64encode(sha256().digest()).decode()}'"


class Ears:
    """Everything a page complained about in the console; a refusal that a test provokes is named beforehand."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        text = f"{message.text} ({message.location.get('url', '')})"
        if _NO_STYLE not in text and not any(re.search(pattern, text) for pattern in self._expected):
            self.complaints.append(text)

    @contextmanager
    def expecting(self, pattern: str) -> Iterator[None]:
        """Accept a complaint that is the point of the test."""
        self._expected.append(pattern)
        yield
        self._expected.remove(pattern)


def inspect(page: Page, name: str) -> None:
    """Hold the page, as it is now, to everything that any page promises, and keep its pictures in test-results."""
    viewport = page.viewport_size
    found: list[str] = []
    for theme, width in LOOKS:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.evaluate(_STILL)
        page.screenshot(path=RESULTS / f"{name}-{theme}-{width}.png", animations="disabled")
        found += [f"{name} {theme} {width}: {line}" for line in _violations(page)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        overflow = _sideways(page)
        found += [f"{name} {width} scrolls sideways by {overflow}"] if overflow else []
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    if viewport:
        page.set_viewport_size(viewport)
    assert not found, "\n".join(found)


def _sideways(page: Page) -> str:
    for frames in (2, 120):
        page.evaluate(_FRAMES, frames)
        if not (overflow := str(page.evaluate(_SIDEWAYS))):
            break
    return overflow


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    page.evaluate(_UNSTYLE)
    return [f"{one['id']} at {node['target']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
