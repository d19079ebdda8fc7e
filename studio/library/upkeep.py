"""What is done for the library while nobody waits: previews, and the removal of files that belong to nobody.

Every function does a bounded amount of work and may be called as often as one likes, by several processes at once.
"""

import logging
import os
import random
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import F

from studio.library import names
from studio.library.errors import BadImage
from studio.library.models import Asset
from studio.library.storage import TEMPORARY_SUFFIX
from studio.library.store import make_preview

logger = logging.getLogger(__name__)

PREVIEW_SECONDS: Final = 2.0
# A writer that still lives is done after seconds, and a delivery after minutes.
ORPHAN_AGE: Final = 24 * 3600
MOST_REMOVED: Final = 5000
_BUCKETS: Final = tuple(f"{number:02x}" for number in range(256))
_KEYS_AT_ONCE: Final = 2000

# Each call looks at the next of 256 parts; a process begins anywhere, so that restarts leave no part out for long.
_turn = cycle(random.sample(_BUCKETS, len(_BUCKETS)))


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
        made += _claim_preview(asset) and _make_preview(asset)
    return made


def _claim_preview(asset: Asset) -> bool:
    unclaimed = Asset.objects.without_preview().filter(pk=asset.pk, preview_tries=asset.preview_tries)
    return unclaimed.update(preview_tries=F("preview_tries") + 1) == 1


def _make_preview(asset: Asset) -> bool:
    try:
        make_preview(asset)
    except (BadImage, OSError):
        logger.exception("The preview of asset %s could not be made.", asset.pk)
        return False
    Asset.objects.filter(pk=asset.pk).update(has_preview=True, has_thumb=True)
    return True


def sweep_orphans(bucket: str | None = None) -> Removed:
    """Remove what dead writers left behind: temporary files, and files without a row, both older than a day.

    Looks at one of 256 parts of the store, by default the next one.
    """
    removed = Removed()
    root = Path(default_storage.path(""))
    before = time.time() - ORPHAN_AGE
    for folder in _folders_of(root, bucket or next(_turn)):
        old = [path for path in _files_in(folder) if _is_older(path, before)]
        temporary = [path for path in old if path.suffix == TEMPORARY_SUFFIX]
        removed.temporary += _remove(temporary)
        removed.orphaned += _remove(_without_row(root, old))
        if removed.temporary + removed.orphaned >= MOST_REMOVED:
            break
    if removed.temporary or removed.orphaned:
        logger.warning("Removed %s temporary and %s orphaned files.", removed.temporary, removed.orphaned)
    return removed


def _folders_of(root: Path, bucket: str) -> Iterator[Path]:
    for kind in names.FOLDERS:
        if (root / kind).is_dir():
            yield from (folder for team in (root / kind).iterdir() if (folder := team / bucket).is_dir())


def _files_in(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path)


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def _without_row(root: Path, paths: Collection[Path]) -> list[Path]:
    """Return those that are named like files of an asset, and are files of none."""
    keys = {path: key for path in paths if (key := _key_of(path)) is not None}
    wanted = list(set(keys.values()))
    known: set[str] = set()
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        some = Asset.objects.filter(file_key__in=wanted[start : start + _KEYS_AT_ONCE])
        for asset in some.only("team_id", "file_key", "content_type"):
            known.update({asset.original_name, asset.thumb_name, asset.preview_name})
    return [path for path in keys if path.relative_to(root).as_posix() not in known]


def _key_of(path: Path) -> UUID | None:
    if path.suffix[1:] not in names.EXTENSIONS.values():
        return None
    try:
        return UUID(path.stem)
    except ValueError:
        return None


def _remove(paths: Collection[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)
