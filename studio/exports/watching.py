"""Downloads that are under way: how many a team has here, and whether each may still go on."""

import asyncio
import logging
from collections import Counter
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

# By team, in this process and so in its one event loop.
_running: Counter[int] = Counter()


class CountedBody:
    """A body of which a team may have only so many under way at once."""

    def __init__(self, body: ArchiveBody, *, team_id: int) -> None:
        self._body = body
        self._team_id = team_id

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._body.length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Produce bytes; raises TooManyDownloads before the first of them."""
        async with aclosing(self._counted(self._body.chunks(start, stop))) as chunks:
            async for data in chunks:
                yield cast("bytes", data)

    async def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce the same, with pictures as stretches of their files."""
        async with aclosing(self._counted(self._body.pieces(start, stop))) as pieces:
            async for piece in pieces:
                yield piece

    async def _counted(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[Piece, None]:
        if _running[self._team_id] >= MOST_AT_ONCE:
            raise TooManyDownloads(
                f"Your team is running {MOST_AT_ONCE} downloads at once, which is as many as it may. "
                "Wait for one to end, then go on with this one."
            )
        _running[self._team_id] += 1
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece
        finally:
            _running[self._team_id] -= 1
            if not _running[self._team_id]:
                del _running[self._team_id]


async def until_over(export_id: int, grant: LiveGrant) -> None:
    """Return when the person may not have the export any longer: signed out, removed, revoked, its time over.

    While the database cannot be asked, nobody can have been removed either.
    """
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            if not await in_thread(lambda: _may_go_on(export_id, grant)):
                logger.info("The download of export %s by user %s was ended", export_id, grant.user_id)
                return
        except Error:
            logger.warning("The rights of a running download could not be checked", exc_info=True)


def _may_go_on(export_id: int, grant: LiveGrant) -> bool:
    return grant in still_granted([grant]) and Export.objects.live().filter(pk=export_id).exists()
