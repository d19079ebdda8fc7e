"""A page that is open: listens to the live stream, fetches a card when it hears of it, and loads its picture."""

import re
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import httpx

from tests.crash.browser import Browser
from tests.crash.processes import wait_until

# As many as a browser opens to one place, less the stream.
BROWSER_CONNECTIONS = 5

_THUMB = re.compile(r'src="([^"]*/file/thumb/[^"]*)"')


class OpenPage:
    """Notes when the card of a generation first held a picture, and when that picture was loaded."""

    def __init__(self, browser: Browser) -> None:
        self.shown: dict[int, float] = {}
        self.loaded: dict[int, float] = {}
        self._team = browser.team
        client = browser._client
        self._client = httpx.Client(base_url=client.base_url, cookies=client.cookies, timeout=60, trust_env=False)
        self._ready = threading.Event()
        self._over = threading.Event()
        self._fetchers = ThreadPoolExecutor(BROWSER_CONNECTIONS)
        self._thread = threading.Thread(target=self._listen, name="page", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._fetchers.shutdown()
        self._client.close()

    def wait_for(self, ids: Collection[int]) -> None:
        """Wait until all these are on the page with their pictures."""
        wait_until(lambda: self.loaded.keys() >= set(ids), lambda: f"{len(self.loaded)} pictures on the page")

    def _listen(self) -> None:
        try:
            self._follow()
        except httpx.TransportError:
            # The page was closed under the stream; anything else is a fault.
            if not self._over.is_set():
                raise

    def _follow(self) -> None:
        with self._client.stream("GET", f"/t/{self._team}/live/", headers={"accept": "text/event-stream"}) as stream:
            for event, data in _events(stream.iter_lines()):
                if event == "ready":
                    self._ready.set()
                elif event == "generation" and int(data) not in self.shown and not self._over.is_set():
                    self._fetchers.submit(self._fetch, int(data))

    def _fetch(self, pk: int) -> None:
        card = self._client.get(f"/t/{self._team}/generations/{pk}/", headers={"hx-request": "true"})
        found = _THUMB.search(card.text)
        if found:
            self.shown.setdefault(pk, time.time())
            self._client.get(found[1]).raise_for_status()
            self.loaded.setdefault(pk, time.time())


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    event = data = ""
    for line in lines:
        if line.startswith("event:"):
            event = line[6:].strip()
        elif line.startswith("data:"):
            data = line[5:].strip()
        elif not line and event:
            yield event, data
            event = data = ""
