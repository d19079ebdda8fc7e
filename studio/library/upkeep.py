"""What is done for the library while nobody waits: previews, and the removal of files that belong to nobody.

Every function does a bounded amount of work and may be called as often as one likes, by several processes at once.
"""

import logging
import random
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

from django.db.models import F

from studio.library import files, names
from studio.library.errors import BadImage, StoreDown
from studio.library.files import StoredFile
from studio.library.models import Asset
from studio.library.storage import TEMPORARY_SUFFIX
from studio.library.store import make_preview

logger = logging.getLogger(__name__)

PREVIEW_SECONDS: Final = 2.0
# A writer that still lives is done after seconds, and a delivery after minutes.
ORPHAN_AGE: Final = 24 * 3600
# Every two minutes so many stretches of so many files: a million pictures within the hour that the audit grants.
STRETCH: Final = 10_000
STRETCHES: Final = 16
_KEYS_AT_ONCE: Final = 2000


class Walk:
    """A walk through the store in stretches of so many files, round and round; holds nothing but where it is."""

    def __init__(self, after: str = "", *, most: int = STRETCH) -> None:
        self.after = after
        self._most = most

    def stretch(self) -> list[StoredFile]:
        """Return the next files; fewer than the most are the last ones, and the next stretch begins anew."""
        found = list(islice(self._rest(), self._most))
        self.after = found[-1].name if len(found) == self._most else ""
        return found

    def _rest(self) -> Iterator[StoredFile]:
        for kind in sorted(names.FOLDERS):
            if f"{kind}/\U0010ffff" > self.after:
                yield from files.listing(kind, after=self.after)


# A process begins anywhere, so that restarts leave no part out for long.
_walk = Walk(f"{random.choice(names.FOLDERS)}/{random.randrange(1, 10)}")  # noqa: S311  # spreads work, guards nothing


@dataclass
class Removed:
    """How many files a sweep took away."""

    temporary: int = 0
    orphaned: int = 0


def make_missing_previews(limit: int, *, seconds: float = PREVIEW_SECONDS) -> int:
    """Make up to `limit` previews, newest pictures first, and begin none after `seconds`. Returns how many.

    A picture is claimed by its number of tries, so no two processes work on one, and one that kills its process is
    given up after a few times.
    """
    until = time.monotonic() + seconds
    made = 0
    for asset in Asset.objects.without_preview().order_by("-pk")[:limit]:
        if time.monotonic() > until:
            break
        try:
            made += _claim_preview(asset) and _make_preview(asset)
        except StoreDown:
            break
    return made


def _claim_preview(asset: Asset) -> bool:
    unclaimed = Asset.objects.without_preview().filter(pk=asset.pk, preview_tries=asset.preview_tries)
    return unclaimed.update(preview_tries=F("preview_tries") + 1) == 1


def _make_preview(asset: Asset) -> bool:
    """Make a preview; a store that is away is no fault of the picture, so it costs none of its tries."""
    try:
        make_preview(asset)
    except StoreDown:
        Asset.objects.filter(pk=asset.pk, preview_tries__gt=0).update(preview_tries=F("preview_tries") - 1)
        raise
    except (BadImage, OSError):
        logger.exception("The preview of asset %s could not be made.", asset.pk)
        return False
    Asset.objects.unpurged().filter(pk=asset.pk).update(has_preview=True, has_thumb=True)
    return True


def sweep_orphans(walk: Walk | None = None, *, stretches: int = STRETCHES) -> Removed:
    """Remove what dead writers left behind: temporary files, and files without a row, both older than a day.

    Goes on where the last call ended, for so many stretches of the store, and not beyond its end.
    """
    walk, removed = walk or _walk, Removed()
    try:
        for _ in range(stretches):
            _sweep(walk.stretch(), removed)
            if not walk.after:
                break
    except StoreDown:
        logger.warning("The store does not answer; the sweep goes on when it does.")
    if removed.temporary or removed.orphaned:
        logger.warning("Removed %s temporary and %s orphaned files.", removed.temporary, removed.orphaned)
    return removed


def _sweep(found: Iterable[StoredFile], removed: Removed) -> None:
    before = time.time() - ORPHAN_AGE
    old = [file.name for file in found if file.modified < before]
    temporary = [name for name in old if name.endswith(TEMPORARY_SUFFIX)]
    orphaned = without_row(old)
    files.delete([*temporary, *orphaned])
    removed.temporary += len(temporary)
    removed.orphaned += len(orphaned)


def without_row(stored: Collection[str]) -> list[str]:
    """Return those that are named like files of an asset and are files of none; those of a purged one are, too."""
    keys = {name: key for name in stored if (key := key_of(name)) is not None}
    wanted = list(set(keys.values()))
    known: set[str] = set()
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = Asset.objects.unpurged().filter(file_key__in=wanted[start : start + _KEYS_AT_ONCE])
        for asset in some.only("team_id", "file_key", "content_type", "received_size", "received_type"):
            known.update(asset.file_names)
    return [name for name in keys if name not in known]


def key_of(name: str) -> UUID | None:
    """Return the key of the asset that a file is named after."""
    path = PurePosixPath(name)
    if path.suffix[1:] not in names.EXTENSIONS.values():
        return None
    try:
        return UUID(path.stem)
    except ValueError:
        return None
