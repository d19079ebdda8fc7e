"""Exports and their archives, as a test makes and reads them."""

import io
import zipfile
from typing import Any

from asgiref.sync import async_to_sync

from studio.accounts.models import User
from studio.exports.archive import ArchiveBody
from studio.exports.models import Export, ExportPart
from studio.exports.services import Wish, create_export
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.teams.models import Team


def make_export(team: Team, author: User, *, ids: list[int] | None = None, query: str = "", **wish: Any) -> Export:
    """Export these pictures, or what a search finds: without one the whole library."""
    chosen = Selection(ids=tuple(ids)) if ids is not None else Selection(search=LibrarySearch.read(query))
    return create_export(team=team, author=author, selection=chosen, wish=Wish(**wish))


def body_of(part: ExportPart) -> ArchiveBody:
    """Return the archive of a part, as long as none of its files is gone."""

    def vanished() -> None:
        raise AssertionError("A file is gone")

    return ArchiveBody(part, on_vanished=vanished)


def read(body: ArchiveBody, start: int = 0, stop: int | None = None) -> bytes:
    """Collect what a body produces."""

    async def collect() -> bytes:
        return b"".join([part async for part in body.chunks(start, body.length if stop is None else stop)])

    return async_to_sync(collect)()


def opened(data: bytes) -> zipfile.ZipFile:
    """Open an archive whose every file is as its checksum says."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def names_of(export: Export) -> list[str]:
    """Return the pictures of an export by their names in its archives."""
    found = []
    for part in export.parts.order_by("number"):
        found += opened(read(body_of(part))).namelist()[:-3]
    return found
