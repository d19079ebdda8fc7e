"""Downloads that are under way: how many a team has here, and whether each may still go on."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, cast

from django.db import Error

from studio.core.bodies import Piece
from studio.exports.archive import ArchiveBody
from studio.exports.errors import TooManyDownloads
from studio.exports.models import Export
from studio.live.grants import LiveGrant
from studio.live.threads import in_thread
from studio.teams.access_live import still_granted

logger = logging.getLogger(__name__)

# Half of what is promised: the question itself takes its time, too.
CHECK_SECONDS: Final = 2.5
# Each holds a few megabytes and a share of the line. A download manager opens several, so this is more than people.
MOST_AT_ONCE: Final = 8

# A browser that pauses keeps its connection and takes nothing. Where there is no place left, the one that has stood
# still for so long gives its own up; it goes on from there when it is wanted again.
PAUSED_SECONDS: Final = 300.0


class CountedBody:
    """A body of which a team may have only so many under way at once; used for one answer."""

    def __init__(self, body: ArchiveBody, *, team_id: int) -> None:
        self._body = body
        self.team_id = team_id
        self.moved_at = 0.0
        # Set when it has to end in favour of another one.
        self.gave_way = asyncio.Event()

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._body.length

    def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Produce bytes; raises TooManyDownloads before the first of them."""
        return cast("AsyncGenerator[bytes, None]", self._counted(self._body.chunks(start, stop)))

    def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce the same, with pictures as stretches of their files."""
        return self._counted(self._body.pieces(start, stop))

    async def _counted(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        self._take_place()
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    self.moved_at = time.monotonic()
                    yield piece
        finally:
            _running.discard(self)

    def _take_place(self) -> None:
        running = [body for body in _running if body.team_id == self.team_id]
        if len(running) >= MOST_AT_ONCE:
            stillest = min(running, key=lambda body: body.moved_at)
            if time.monotonic() - stillest.moved_at < PAUSED_SECONDS:
                raise TooManyDownloads(
                    f"Your team is running {MOST_AT_ONCE} downloads at once, which is as many as it may. "
                    "Wait for one to end, then go on with this one."
                )
            stillest.gave_way.set()
            _running.discard(stillest)
        self.moved_at = time.monotonic()
        _running.add(self)


# Those of this process, which all live in its one event loop.
_running: set[CountedBody] = set()


async def until_over(export_id: int, grant: LiveGrant, body: CountedBody) -> bool:
    """Return True when the person may not have the export any longer: signed out, removed, revoked, its time over.

    False when the body has given its place up. While the database cannot be asked, nobody can have been removed either.
    """
    while True:
        try:
            await asyncio.wait_for(body.gave_way.wait(), CHECK_SECONDS)
        except TimeoutError:
            pass
        else:
            return False
        try:
            if not await in_thread(lambda: _may_go_on(export_id, grant)):
                logger.info("The download of export %s by user %s was ended", export_id, grant.user_id)
                return True
        except Error:
            logger.warning("The rights of a running download could not be checked", exc_info=True)


def _may_go_on(export_id: int, grant: LiveGrant) -> bool:
    return grant in still_granted([grant]) and Export.objects.live().filter(pk=export_id).exists()
