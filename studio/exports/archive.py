"""One archive on its way out: pages of the list from the database, pictures from the store, nothing kept in memory."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from functools import partial
from typing import Final, NamedTuple, cast

from django.db.models import Subquery

from studio.core.bodies import CHUNK, BodyFailedError, FileBody, Piece, Run
from studio.exports.errors import FileGone
from studio.exports.layout import Layout, layout_of
from studio.exports.models import ExportPage, ExportPart
from studio.exports.zipformat import Entry, central_header, local_header, place, unpack
from studio.library import files
from studio.live.threads import in_thread

logger = logging.getLogger(__name__)

Chunks = AsyncGenerator[bytes, None]
Pieces = AsyncGenerator[Piece, None]
OnVanished = Callable[[], None]

_PAGE_FIELDS: Final = ("export_id", "part_id", "first", "local_offset")
# Records are small, so that a question to the database is best asked for several pages of them; lines are not.
_RECORDS_AT_ONCE: Final = 4


class _Wanted(NamedTuple):
    """What of one picture was asked for: of its header, and from where to where of its file."""

    header: bytes
    entry: Entry
    start: int
    stop: int


# Produces pictures.
OfPictures = Callable[[Iterable[_Wanted]], AsyncGenerator[Piece, None]]


class ArchiveBody:
    """The bytes of one part, from any place; `on_vanished` is called, in a thread, where a picture's file is gone.

    What was frozen is found by the part's own key, so a list that is written anew meanwhile ends this one.
    """

    def __init__(self, part: ExportPart, *, on_vanished: OnVanished) -> None:
        self._part = part
        self._layout: Layout = layout_of(part)
        self._on_vanished = on_vanished

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._layout.length

    def chunks(self, start: int, stop: int) -> Chunks:
        """Produce the bytes from `start` up to but without `stop`."""
        return cast("Chunks", self._produce(start, stop, _read))

    def pieces(self, start: int, stop: int) -> Pieces:
        """Produce the same bytes, with pictures as runs of their files where the store has files."""
        return self._produce(start, stop, _open)

    async def _produce(self, start: int, stop: int, of_pictures: OfPictures) -> Pieces:
        part, layout = self._part, self._layout
        json, table, readme = layout.texts
        sections: tuple[tuple[int, int, Callable[[int, int], Pieces]], ...] = (
            (0, part.local_size, partial(self._pictures, of_pictures)),
            (json.offset, part.json_size, self._json),
            (table.offset, part.csv_size, self._csv),
            (readme.offset, len(part.readme), self._readme),
            (layout.directory, part.central_size, self._directory),
        )
        headers = [b"", *(local_header(text.entry) for text in layout.texts), b""]
        for header, (offset, size, produce) in zip(headers, sections, strict=True):
            if data := _cut(header, start - offset, stop - offset):
                yield data
            begin = offset + len(header)
            if start < begin + size and stop > begin:
                async with aclosing(produce(max(0, start - begin), min(size, stop - begin))) as made:
                    async for piece in made:
                        yield piece
        begin = layout.directory + part.central_size
        if data := _cut(layout.end, start - begin, stop - begin):
            yield data

    async def _pictures(self, of_pictures: OfPictures, start: int, stop: int) -> Pieces:
        async for page in self._pages("local_offset", "records", start, at_once=_RECORDS_AT_ONCE):
            wanted = list(_wanted(page, start, stop))
            try:
                async with aclosing(of_pictures(wanted)) as pieces:
                    async for piece in pieces:
                        yield piece
            except (FileNotFoundError, BodyFailedError) as error:
                logger.warning("%s: a file is gone or damaged: %s", self._part, error)
                await in_thread(self._on_vanished)
                raise FileGone("A file of this download is gone, so it is being prepared again. Try again.") from error
            start += sum(len(one.header) + one.stop - one.start for one in wanted)
            if start >= stop:
                return
            await asyncio.sleep(0)  # a page of small files may go out without a wait: others get their turn in between

    async def _json(self, start: int, stop: int) -> Pieces:
        ends = bytes(self._part.json_head), bytes(self._part.json_tail)
        async for data in self._text("json", ends, start, stop):
            yield data

    async def _csv(self, start: int, stop: int) -> Pieces:
        async for data in self._text("csv", (bytes(self._part.csv_head), b""), start, stop):
            yield data

    async def _text(self, name: str, ends: tuple[bytes, bytes], start: int, stop: int) -> Pieces:
        """Produce a part of a manifest: its head, the pages' lines, its tail."""
        head, tail = ends
        size: int = getattr(self._part, f"{name}_size")
        end = size - len(tail)
        if data := _cut(head, start, stop):
            yield data
        if start < end and stop > len(head):
            async for page in self._pages(f"{name}_offset", name, max(start, len(head))):
                offset: int = getattr(page, f"{name}_offset")
                lines = bytes(getattr(page, name) or b"")
                wanted = _cut(lines, start - offset, stop - offset)
                for at in range(0, len(wanted), CHUNK):
                    yield wanted[at : at + CHUNK]
                if offset + len(lines) >= min(stop, end):
                    break
        if data := _cut(tail, start - end, stop - end):
            yield data

    async def _readme(self, start: int, stop: int) -> Pieces:
        yield bytes(self._part.readme)[start:stop]

    async def _directory(self, start: int, stop: int) -> Pieces:
        """Produce a part of the directory, a page's share at a time."""
        async for page in self._pages("central_offset", "records", start, at_once=_RECORDS_AT_ONCE):
            placed = place(unpack(bytes(page.records or b"")), page.local_offset)
            block = b"".join(central_header(each) for each in placed)
            if data := _cut(block, start - page.central_offset, stop - page.central_offset):
                yield data
            if page.central_offset + len(block) >= stop:
                return
            await asyncio.sleep(0)  # building headers is work: others get their turn in between

    async def _pages(self, place: str, field: str, start: int, *, at_once: int = 1) -> AsyncGenerator[ExportPage, None]:
        """Read the page in which `start` lies and those that follow it, a few at a time, when they are wanted."""
        every = ExportPage.objects.filter(export=self._part.export_id, part=self._part.pk)
        begin = every.filter(**{f"{place}__lte": start}).order_by(f"-{place}", "-first").values("first")[:1]
        every = every.only(*_PAGE_FIELDS, place, field).order_by("first")
        pages: list[ExportPage] = await in_thread(partial(list, every.filter(first__gte=Subquery(begin))[:at_once]))
        if not pages:
            raise BodyFailedError(f"{self._part} was written anew")
        while pages:
            for page in pages:
                yield page
            pages = await in_thread(partial(list, every.filter(first__gt=pages[-1].first)[:at_once]))


def _wanted(page: ExportPage, start: int, stop: int) -> Iterator[_Wanted]:
    """Say what of a page's pictures lies between two places of the archive."""
    for offset, entry in place(unpack(bytes(page.records or b"")), page.local_offset):
        if offset >= stop:
            return
        header = local_header(entry)
        begin = offset + len(header)
        if start < begin + entry.size:
            until = max(0, min(entry.size, stop - begin))
            yield _Wanted(_cut(header, start - offset, stop - offset), entry, max(0, start - begin), until)


async def _read(pictures: Iterable[_Wanted]) -> Pieces:
    """Produce pictures by reading their files."""
    for one in pictures:
        async with aclosing(_by_itself(one, can_copy=False)) as pieces:
            async for piece in pieces:
                yield piece


async def _open(pictures: Iterable[_Wanted]) -> Pieces:
    """Produce pictures as runs of their files, those that cannot join others by themselves."""
    left = iter(pictures)
    while True:
        with closing(Run()) as run:
            alone = _join(run, left)
            if run:
                yield run
        if alone is not None:
            async with aclosing(_by_itself(alone, can_copy=True)) as pieces:
                async for piece in pieces:
                    yield piece
        elif not run.is_full:
            return


def _join(run: Run, pictures: Iterator[_Wanted]) -> _Wanted | None:
    """Fill a run from pictures; return the one that has to be sent by itself before it can go on."""
    for one in pictures:
        body = files.body_of(one.entry.stored, size=one.entry.size)
        if not (isinstance(body, FileBody) and body.join(run, one.start, one.stop, before=one.header)):
            return one
        if run.is_full:
            break
    return None


async def _by_itself(one: _Wanted, *, can_copy: bool) -> Pieces:
    if one.header:
        yield one.header
    body = files.body_of(one.entry.stored, size=one.entry.size)
    produce = body.pieces if can_copy and isinstance(body, FileBody) else body.chunks
    async with aclosing(passed_on(produce(one.start, one.stop))) as passed:
        async for piece in passed:
            yield piece


async def passed_on(pieces: AsyncIterator[Piece]) -> Pieces:
    """Produce what another one produces, as something that can be closed."""
    async for piece in pieces:
        yield piece


def _cut(data: bytes, start: int, stop: int) -> bytes:
    """Return the part of `data` from `start` to `stop`, either of which may lie outside."""
    return data[max(0, start) : max(0, stop)]
