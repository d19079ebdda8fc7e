"""Takes stock: what the rows say there is against what the store has, whichever store that is.

Both sides come in the order of their names, so one walk compares them, in the same little memory for ten pictures and
for a million. The two are never of one moment; whatever seems wrong is therefore looked at once more.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from uuid import UUID

from studio.exports.models import Export
from studio.library import files, names
from studio.library.errors import BadImage
from studio.library.files import StoredFile
from studio.library.models import Asset, AssetQuerySet
from studio.library.pixels import decode
from studio.library.sniff import kind_of
from studio.library.upkeep import ORPHAN_AGE, key_of, without_row
from studio.teams.models import Team

# Files that were moved aside; they belong to whoever looks at them.
LOST: Final = "lost"
EXPORTS: Final = "exports"
_AT_ONCE: Final = 1000
_ROWS: Final = 2000


class Kind(StrEnum):
    """What can be wrong with a file."""

    MISSING = "missing"
    CORRUPT = "corrupt"
    WRONG_TYPE = "wrong type"
    ORPHANED = "orphaned"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; `asset` is None where the file belongs to none."""

    kind: Kind
    name: str
    asset: int | None
    detail: str
    # A file that no row names; the others are files that a row does name.
    is_extra: bool = False
    # Seen only by reading the file.
    is_of_content: bool = False

    @property
    def folder(self) -> str:
        """Which of the folders of the store it is about."""
        return self.name.partition("/")[0]


class Expected(NamedTuple):
    """A file that a row says there is; without a size it is one that can be made again."""

    name: str
    asset: int
    content_type: str
    size: int | None
    sha256: str


class Pair(NamedTuple):
    """A name with what each side has under it."""

    expected: Expected | None
    stored: StoredFile | None


@dataclass(frozen=True)
class Stock:
    """How to take stock: of one team or of all, up to which asset, by size or by every byte, and from which age on."""

    team: Team | None = None
    newest: int | None = None
    full: bool = False
    orphan_age: float | None = None
    # Called with the number of names compared so far.
    on_progress: Callable[[int], None] = lambda _: None

    def findings(self) -> Iterator[Finding]:
        """Compare everything; raises StoreDown where the store cannot be asked."""
        before = time.time() - (ORPHAN_AGE if self.orphan_age is None else self.orphan_age)
        pairs = _side_by_side(self._expected(), self._stored())
        compared = 0
        while some := list(islice(pairs, _AT_ONCE)):
            yield from _really_missing([pair.expected for pair in some if pair.expected and not pair.stored])
            for pair in some:
                yield from self._damage(pair)
            extra = [pair.stored for pair in some if pair.stored and not pair.expected]
            yield from _orphaned([file.name for file in extra if file.modified < before])
            compared += len(some)
            self.on_progress(compared)

    def _expected(self) -> Iterator[Expected]:
        """Name every file of every asset, in the order of the names."""
        teams = [self.team.pk] if self.team else list(Asset.objects.values_list("team", flat=True).distinct())
        for kind in sorted(names.FOLDERS):
            for team_id in sorted(teams, key=lambda pk: f"{pk}/"):
                assets = Asset.objects.unpurged().filter(team=team_id)
                if self.newest is not None:
                    assets = assets.filter(pk__lte=self.newest)
                yield from _files_of(kind, assets.order_by("file_key"))

    def _stored(self) -> Iterator[StoredFile]:
        if self.team is None:
            yield from (file for file in files.listing() if not file.name.startswith(f"{LOST}/"))
            return
        for kind in sorted(names.FOLDERS):
            yield from files.listing(f"{kind}/{self.team.pk}")

    def _damage(self, pair: Pair) -> Iterator[Finding]:
        expected, stored = pair
        if expected is None or stored is None:
            return
        size = expected.size
        if stored.size == 0 or (size is not None and stored.size != size):
            wanted = f"{size:,}" if size is not None else "some"
            detail = f"{stored.size:,} bytes instead of {wanted}"
            yield Finding(Kind.CORRUPT, expected.name, expected.asset, detail)
        elif self.full:
            yield from _content_damage(expected)


def _files_of(kind: str, assets: AssetQuerySet) -> Iterator[Expected]:
    fields = ("pk", "team_id", "file_key", "content_type", "size", "sha256", *_RECEIVED)
    if kind == names.THUMBS:
        assets = assets.filter(has_thumb=True)
    elif kind == names.PREVIEWS:
        assets = assets.filter(has_preview=True)
    elif kind == names.RECEIVED:
        assets = assets.filter(received_size__isnull=False)
    for asset in assets.only(*fields).iterator(chunk_size=_ROWS):
        if kind == names.ORIGINALS:
            yield Expected(asset.original_name, asset.pk, asset.content_type, asset.size, asset.sha256)
        elif kind == names.RECEIVED:
            yield Expected(
                asset.received_name, asset.pk, asset.received_type, asset.received_size, asset.received_sha256
            )
        else:
            name = asset.thumb_name if kind == names.THUMBS else asset.preview_name
            yield Expected(name, asset.pk, names.DERIVED_TYPE, None, "")


_RECEIVED: Final = ("received_size", "received_type", "received_sha256")


def _side_by_side(expected: Iterator[Expected], stored: Iterator[StoredFile]) -> Iterator[Pair]:
    """Join two walks in the order of their names."""
    row, file = next(expected, None), next(stored, None)
    while row is not None or file is not None:
        if file is None or (row is not None and row.name < file.name):
            yield Pair(row, None)
            row = next(expected, None)
        elif row is None or file.name < row.name:
            yield Pair(None, file)
            file = next(stored, None)
        else:
            yield Pair(row, file)
            row, file = next(expected, None), next(stored, None)


def _really_missing(rows: Iterable[Expected]) -> Iterator[Finding]:
    """Look again: a picture may have been purged, or its file written, between the two walks."""
    there = files.sizes_of([row.name for row in rows])
    absent = [row for row in rows if there[row.name] is None]
    assets = Asset.objects.unpurged().in_bulk([row.asset for row in absent])
    for row in absent:
        asset = assets.get(row.asset)
        if asset is not None and _still_says_so(row, asset):
            yield Finding(Kind.MISSING, row.name, row.asset, "is not there")


def _still_says_so(row: Expected, asset: Asset) -> bool:
    if row.name == asset.thumb_name:
        return asset.has_thumb
    return asset.has_preview if row.name == asset.preview_name else row.name in asset.file_names


def _orphaned(stored: list[str]) -> Iterator[Finding]:
    """Tell which of these old files are of nothing; a file of an asset under another ending is of the wrong type."""
    of_exports = [name for name in stored if name.startswith(f"{EXPORTS}/")]
    kept_by_exports = _of_live_exports(of_exports)
    yield from (
        _extra(Kind.ORPHANED, name, None, "belongs to no export") for name in of_exports if name not in kept_by_exports
    )
    others = [name for name in stored if not name.startswith(f"{EXPORTS}/")]
    keys = {name: key_of(name) for name in others}
    ownerless = set(without_row(others))
    owners = _owners({key for key in keys.values() if key is not None})
    for name, key in keys.items():
        if key is None or name in ownerless:  # any other was made a moment ago, and its row does not say so yet
            yield _misplaced(name, owners.get(key) if key else None)


def _owners(keys: set[UUID]) -> dict[UUID, Asset]:
    fields = ("team_id", "file_key", "content_type", "received_size", "received_type")
    return {asset.file_key: asset for asset in Asset.objects.unpurged().filter(file_key__in=keys).only(*fields)}


def _misplaced(name: str, owner: Asset | None) -> Finding:
    """Say of a file that no row names whether it is the file of a picture but for its ending."""
    if owner is None:
        return _extra(Kind.ORPHANED, name, None, "belongs to no picture")
    for own in owner.file_names:
        if PurePosixPath(own).with_suffix("") == PurePosixPath(name).with_suffix(""):
            return _extra(Kind.WRONG_TYPE, name, owner, f"stands beside {PurePosixPath(own).name}")
    return _extra(Kind.ORPHANED, name, owner, "is not where the files of its picture are")


def _extra(kind: Kind, name: str, owner: Asset | None, detail: str) -> Finding:
    return Finding(kind, name, owner.pk if owner else None, detail, is_extra=True)


def _of_live_exports(stored: Iterable[str]) -> set[str]:
    """Return those that lie in the folder of an export whose lists are still there."""
    ids = {name: name.split("/")[1] for name in stored}
    numbers = {int(pk) for pk in ids.values() if pk.isdecimal() and len(pk) < 19}
    live = {str(pk) for pk in Export.objects.filter(pk__in=numbers, is_cleared=False).values_list("pk", flat=True)}
    return {name for name, pk in ids.items() if pk in live}


def _content_damage(expected: Expected) -> Iterator[Finding]:
    """Read every byte: of what was received the hash must be right, of what was made the picture must be one."""
    try:
        data = files.read(expected.name)
    except FileNotFoundError:
        return  # purged since it was listed
    wrong = _wrong_type(data, expected.content_type)
    if wrong:
        yield _content(Kind.WRONG_TYPE, expected, wrong)
    elif expected.sha256 and hashlib.sha256(data).hexdigest() != expected.sha256:
        yield _content(Kind.CORRUPT, expected, "its bytes have another hash")
    elif not expected.sha256 and (damage := _damage_of(data)):
        yield _content(Kind.CORRUPT, expected, damage)


def _content(kind: Kind, expected: Expected, detail: str) -> Finding:
    return Finding(kind, expected.name, expected.asset, detail, is_of_content=True)


def _wrong_type(data: bytes, content_type: str) -> str:
    try:
        found = kind_of(data).content_type
    except BadImage as error:
        return error.reason
    return "" if found == content_type else f"is {found} instead of {content_type}"


def _damage_of(data: bytes) -> str:
    try:
        decode(data, kind_of(data))
    except BadImage as error:
        return error.reason
    return ""
