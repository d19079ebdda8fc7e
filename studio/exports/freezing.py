"""Writing down what an export's archives are made of, a page at a time, so that a crash costs one page.

The work on an export belongs to whoever raised its `run` last, as long as the lease lasts. A page is read and measured
first and written in one short transaction afterwards, which fails if the work has gone to somebody else.
"""

import hashlib
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from studio.exports import handed, manifest
from studio.exports.facts import Known, collections_table, known_of, tags_table
from studio.exports.layout import layout_of
from studio.exports.making import Made, files_of
from studio.exports.models import Export, ExportPage, ExportPart, Scope, State
from studio.exports.naming import Named, Pattern
from studio.exports.operating import with_extras, with_received
from studio.exports.planning import tree_of
from studio.exports.zipformat import Entry, Placed, central_length, dos_time, local_length, pack
from studio.library import names
from studio.library.search import LibrarySearch

LEASE: Final = timedelta(seconds=60)
# Whoever claims it counts as failed until a page is written, so work that kills its process is given up, too.
MOST_STRIKES: Final = 5
_NAMED_MISSING: Final = 200


class Lost(Exception):
    """The work has gone to somebody else, or nobody wants it any more."""


@dataclass(frozen=True)
class _Line:
    """One picture of a page: what the archive holds of it, and what the manifests say."""

    asset_id: int
    name: str
    entry: Entry | None
    # The file as received, where it is another one and an operator takes it along.
    received: Entry | None
    json: tuple[bytes, bytes]  # as the first of a part, and as a later one
    csv: bytes
    collection_ids: frozenset[int]
    tag_ids: frozenset[int]


class Freezer:
    """Writes the pages of one export that was claimed."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self._pattern = Pattern(export.pattern)
        collection = LibrarySearch.read(export.query).collection
        self._home = frozenset(tree_of(collection)) if collection is not None else frozenset()

    def step(self) -> bool:
        """Write the next page, or the end; whether there is more to do. Raises Lost."""
        page = self.export.pages.filter(part=None).order_by("first").first()
        part = self.export.parts.filter(etag="").first()
        if page is None:
            self._finish(part)
            return False
        lines = self._lines(page)
        self._write(page, part or self._new_part(), lines)
        return True

    def _lines(self, page: ExportPage) -> list[_Line]:
        """Read and measure; nothing is written but files made for this export."""
        pictures = known_of(page.asset_ids, home=self._home)
        if self.export.for_operator:
            pictures = with_extras(pictures)
        made = files_of(self.export, pictures, breathe=self._breathe)
        places = range(page.first + 1, page.first + 1 + len(pictures))
        return [self._line(known, file, place) for known, file, place in zip(pictures, made, places, strict=True)]

    def _line(self, known: Known, made: Made | None, place: int) -> _Line:
        asset, facts = known.asset, known.facts
        name = self._pattern.name(_named(known, made, place))
        file = manifest.Handed(None)
        entry = received = None
        if self.export.for_operator:
            facts, received = with_received(known, name)
        if made is not None:
            file = manifest.Handed(name, made.sha256, made.size, made.content_type, made.marks)
            entry = Entry(name.encode(), made.size, made.crc32, dos_time(asset.created_at), made.stored)
        first, later = (manifest.json_line(facts, file, is_first=is_first) for is_first in (True, False))
        collection_ids = frozenset(filed.id for filed in facts.collections)
        tag_ids = frozenset(pk for pk, _ in facts.tags)
        texts = (first, later), manifest.csv_line(facts, file)
        return _Line(asset.pk, name, entry, received, *texts, collection_ids, tag_ids)

    def _breathe(self) -> None:
        """Keep the lease between two pictures that are work."""
        if self.export.lease_expires_at is not None and self.export.lease_expires_at - timezone.now() < LEASE / 2:
            self._hold()

    def _hold(self, **changes: object) -> None:
        """Write to the export's row, and take its lease anew; raises Lost. Locks the row within a transaction."""
        self.export.lease_expires_at = timezone.now() + LEASE
        mine = Export.objects.live().filter(pk=self.export.pk, run=self.export.run, state=State.PREPARING)
        if mine.update(lease_expires_at=self.export.lease_expires_at, **changes) != 1:
            raise Lost

    def _new_part(self) -> ExportPart:
        number = self.export.parts.count() + 1
        head = manifest.json_head(team=self.export.team.name, export=_described(self.export, number))
        csv_head = manifest.csv_head()
        return ExportPart(
            export=self.export,
            number=number,
            json_head=head,
            json_size=len(head),
            json_crc32=zlib.crc32(head),
            csv_head=csv_head,
            csv_size=len(csv_head),
            csv_crc32=zlib.crc32(csv_head),
            digest=_chained("", head, csv_head),
        )

    def _write(self, page: ExportPage, part: ExportPart, lines: Sequence[_Line]) -> None:
        """Put as much of the page into the part as it takes; the rest becomes a page of its own."""
        fitting, ended = self._fitting(part, lines)
        if not fitting:
            self._seal(part)
            return
        rest = page.asset_ids[fitting:]
        page.asset_ids = page.asset_ids[:fitting]
        taken = lines[:fitting]
        _fill(page, part, taken)
        # If it ends here then as it was measured, because the library's tables may grow until then.
        part.json_tail, part.readme = ended.json_tail, ended.readme
        missing = len(page.missing_names)
        with transaction.atomic():
            self._hold(done=F("done") + len(taken), missing=F("missing") + missing, strikes=0)
            handed.leave_out(self.export, [line.asset_id for line in taken if line.entry is None])
            part.save()
            page.part = part
            page.save()
            if rest:
                ExportPage.objects.create(export=self.export, first=page.first + fitting, asset_ids=rest)
        if rest:
            self._seal(part)

    def _fitting(self, part: ExportPart, lines: Sequence[_Line]) -> tuple[int, ExportPart]:
        """Return how many of the lines the part takes, and if its size matters, how it would end with these.

        A part that is empty takes one, however large.
        """
        most = self.export.part_bytes
        if most is None:
            return len(lines), part
        measured: dict[int, ExportPart] = {}

        def length_with(count: int) -> int:
            measured[count] = self._ended(part, lines[:count])
            return measured[count].length

        if length_with(len(lines)) <= most:
            fitting = len(lines)
        else:
            fitting = bisect_right(range(1, len(lines)), most, key=length_with) or int(_is_empty(part))
        return fitting, measured.get(fitting, part)

    def _ended(self, part: ExportPart, lines: Sequence[_Line]) -> ExportPart:
        """Return the part as it would be if it ended with these lines, as the library's tables are now."""
        ended = copy(part)
        _fill(ExportPage(), ended, lines)
        self._write_end(ended, _missing_names(part) + [line.name for line in lines if line.entry is None])
        _end(ended)
        return ended

    def _seal(self, part: ExportPart) -> None:
        """End a part: from now on its bytes are known from the first to the last."""
        if not part.readme:
            self._write_end(part, _missing_names(part))
        _end(part)
        with transaction.atomic():
            self._hold(length=F("length") + part.length)
            part.save()

    def _write_end(self, part: ExportPart, missing_names: Sequence[str]) -> None:
        """Write what follows a part's pictures and their lines."""
        is_whole = self.export.scope == Scope.LIBRARY
        part.json_tail = manifest.json_tail(
            collections=collections_table(self.export.team, None if is_whole else part.collection_ids),
            tags=tags_table(self.export.team, None if is_whole else part.tag_ids),
            files=part.files,
            missing=part.missing,
        )
        part.readme = manifest.readme(_readme(self.export, part, missing_names))

    def _finish(self, part: ExportPart | None) -> None:
        """End the last part and let it be downloaded."""
        if part is not None:
            self._seal(part)
        self._hold(state=State.READY)


def claim(*, pk: int | None = None) -> Export | None:
    """Take over the export that has waited longest, or this one; None if there is none to work on."""
    now = timezone.now()
    free = Export.objects.preparing().filter(Q(lease_expires_at=None) | Q(lease_expires_at__lt=now))
    if pk is not None:
        free = free.filter(pk=pk)
    with transaction.atomic():
        found = (
            free.select_for_update(skip_locked=True, of=("self",))
            .select_related("team", "author")
            .order_by(F("lease_expires_at").asc(nulls_first=True), "pk")
            .first()
        )
        if found is None:
            return None
        found.run, found.lease_expires_at, found.strikes = found.run + 1, now + LEASE, found.strikes + 1
        if found.strikes > MOST_STRIKES:
            found.state, found.failure = State.FAILED, "It could not be prepared: the server failed several times."
            handed.take_back(found)
        found.save(update_fields=["run", "lease_expires_at", "strikes", "state", "failure"])
    return None if found.state == State.FAILED else found


def release(export: Export) -> None:
    """Let others go on at once."""
    mine = Export.objects.filter(pk=export.pk, run=export.run, state=State.PREPARING)
    mine.update(lease_expires_at=timezone.now(), strikes=0)


def begin_anew(export: Export) -> bool:
    """Empty the pages of a stale export, so that its list is measured again; whether it was this call that did."""
    with transaction.atomic():
        stale = Export.objects.live().filter(pk=export.pk, state=State.STALE)
        if not stale.update(
            state=State.PREPARING, run=F("run") + 1, done=0, missing=0, length=0, lease_expires_at=None
        ):
            return False
        empty = {"local_offset": 0, "central_offset": 0, "json_offset": 0, "csv_offset": 0}
        export.pages.update(part=None, records=None, json=None, csv=None, missing_names=[], **empty)
        export.parts.all().delete()
        handed.note_anew(export)
    return True


def _fill(page: ExportPage, part: ExportPart, lines: Sequence[_Line]) -> None:
    """Write lines into the page and count them in its part."""
    is_first = _is_empty(part)
    page.local_offset, page.central_offset = part.local_size, part.central_size
    page.json_offset, page.csv_offset = part.json_size, part.csv_size
    entries = [entry for line in lines for entry in (line.entry, line.received) if entry is not None]
    page.records = pack(entries)
    page.json = b"".join(line.json[not (is_first and number == 0)] for number, line in enumerate(lines))
    page.csv = b"".join(line.csv for line in lines)
    page.missing_names = [line.name for line in lines if line.entry is None]
    for entry in entries:
        part.central_size += central_length(Placed(part.local_size, entry))
        part.local_size += local_length(entry)
    part.files += len(lines) - len(page.missing_names)
    part.extras += sum(line.received is not None for line in lines)
    part.missing += len(page.missing_names)
    part.json_size, part.json_crc32 = part.json_size + len(page.json), zlib.crc32(page.json, part.json_crc32)
    part.csv_size, part.csv_crc32 = part.csv_size + len(page.csv), zlib.crc32(page.csv, part.csv_crc32)
    part.collection_ids = sorted({*part.collection_ids}.union(*(line.collection_ids for line in lines)))
    part.tag_ids = sorted({*part.tag_ids}.union(*(line.tag_ids for line in lines)))
    part.digest = _chained(part.digest, page.records, page.json, page.csv)


def _end(part: ExportPart) -> None:
    """Count in the part what follows its pictures and their lines."""
    part.json_size += len(part.json_tail)
    part.json_crc32 = zlib.crc32(part.json_tail, part.json_crc32)
    part.etag = part.digest = _chained(part.digest, bytes(part.json_tail), bytes(part.readme))
    part.length = layout_of(part).length


def _is_empty(part: ExportPart) -> bool:
    return not (part.files or part.missing)


def _chained(digest: str, *pieces: bytes) -> str:
    """Return a hash of everything so far; the lengths keep two different cuts of the same bytes apart."""
    made = hashlib.sha256(digest.encode())
    for piece in pieces:
        made.update(len(piece).to_bytes(8, "little"))
        made.update(piece)
    return made.hexdigest()


def _named(known: Known, made: Made | None, place: int) -> Named:
    asset = known.asset
    return Named(
        id=asset.pk,
        number=place,
        collection=known.folder,
        date=timezone.localtime(asset.created_at).date().isoformat(),
        text=asset.title or asset.prompt[:200] or asset.file_name.rpartition(".")[0],
        author=known.facts.author,
        model=asset.model_title,
        status=asset.status,
        source=asset.source,
        extension=names.EXTENSIONS[made.content_type if made else asset.content_type],
    )


def _described(export: Export, number: int) -> dict[str, object]:
    return {
        "name": export.name,
        "scope": export.scope,
        "what": export.what,
        "format": export.format or None,
        "side": export.side,
        "quality": export.quality,
        "part": number,
        "made_at": export.created_at.isoformat(timespec="seconds"),
        "made_by": export.author.display_name,
    }


def _readme(export: Export, part: ExportPart, missing_names: Sequence[str]) -> list[str]:
    """Return the lines of README.txt."""
    made = timezone.localtime(export.created_at)
    lines = [
        f"{export.name}, part {part.number}" if export.part_bytes else export.name,
        f"Exported from the library of {export.team.name} by {export.author.display_name}, {made:%d %b %Y %H:%M %Z}.",
        "",
        f"Images: {part.files:,}. Files: {export.form}.",
        "Each image is here once, also where it is in several collections; manifest.json lists them all.",
        "manifest.csv opens in a spreadsheet, manifest.json is for programs. Both hold prompt, model, settings,",
        "author, date, cost in credits, status, tags, collections, sha256 and each file's marks of origin.",
    ]
    if not part.missing:
        return lines
    more = part.missing - len(missing_names[:_NAMED_MISSING])
    return [
        *lines,
        "",
        f"Missing: {part.missing:,}. The files of these images are missing or damaged on the server:",
        *missing_names[:_NAMED_MISSING],
        *([f"and {more:,} more, which the manifests name."] if more > 0 else []),
        "Tell the person who runs Atelier. All other images are in this archive.",
    ]


def _missing_names(part: ExportPart) -> list[str]:
    """Return the names of the missing files in the part's pages, or of the first ones where they are many."""
    named: list[str] = []
    if part.missing:
        pages = part.pages.exclude(missing_names=[]).order_by("first").values_list("missing_names", flat=True)
        for page in pages.iterator(chunk_size=50):
            named += page
            if len(named) >= _NAMED_MISSING:
                break
    return named
