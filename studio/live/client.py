"""One open stream's queue of news."""

import asyncio
from typing import Final, NamedTuple

from studio.live.grants import LiveGrant


class News(NamedTuple):
    """An event by name, and the id of what to fetch again (0: nothing in particular)."""

    event: str
    about: int | str = 0


# The first words of a new stream: from here on nothing is missed.
READY: Final = News("ready")
# Some news may have been missed: fetch again whatever may still change.
RESYNC: Final = News("resync")


class Client:
    """The news that one stream has not sent yet; a bounded number, each once. Used on the event loop only."""

    def __init__(self, grant: LiveGrant, *, greeting: News, room: int = 100) -> None:
        self.grant = grant
        self.over = False
        self._greeting = greeting
        self._room = room
        # A dictionary for its order: news carry only ids, so the same twice says nothing more.
        self._waiting: dict[News, None] = {}
        self._woken = asyncio.Event()

    def greet(self) -> None:
        """Say that the process listens: the first time with the stream's own greeting, then that there was a gap."""
        self.put(self._greeting)
        self._greeting = RESYNC

    def put(self, news: News) -> None:
        """Add news; a reader that is too slow gets one `resync` instead of what did not fit."""
        if self.over or news in self._waiting or RESYNC in self._waiting:
            return
        if len(self._waiting) >= self._room:
            self._waiting = {RESYNC: None}
        else:
            self._waiting[news] = None
        self._woken.set()

    def end(self, reason: str) -> None:
        """Let the stream say why, and end; unsent news give way."""
        if not self.over:
            self.over = True
            self._waiting = {News("closing", reason): None}
            self._woken.set()

    async def next(self) -> list[News]:
        """Wait for news and take them; when `over` is set after that, they were the last."""
        await self._woken.wait()
        self._woken.clear()
        batch, self._waiting = list(self._waiting), {}
        return batch
