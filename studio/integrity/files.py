"""Invariants of files: every asset has its own, whole; nothing else lies there.

Files change while this runs. Assets are asked for up to the newest of the snapshot, and a file without a row only
counts once it is older than any delivery takes.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage

from studio.integrity.invariants import MOST_NAMED, Breach
from studio.library import names
from studio.library.models import Asset

QUICK: Final = ("files.original_has_its_size", "files.smaller_versions_are_there", "files.none_is_left_over")
FULL: Final = (*QUICK, "files.original_has_its_hash")

# Housekeeping removes left-over files from a day on and comes round to each of them in less than this.
LEFT_OVER_AGE: Final = 24 * 3600 + 3600
_AT_ONCE: Final = 1000
_BLOCK: Final = 1024 * 1024
_KEY: Final = "(?P<key>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_NAME: Final = re.compile(f"[a-z]+/[0-9]+/[0-9a-f]{{2}}/{_KEY}[.][a-z]+")

AssetCheck = Callable[[Asset], bool]


def check_files(*, full: bool, newest: int) -> Iterator[tuple[str, Breach | None]]:
    """Check the files of every asset up to the one with the id `newest`, then look for files of none."""
    checks: dict[str, AssetCheck] = {QUICK[0]: _has_its_size, QUICK[1]: _has_smaller_versions}
    if full:
        checks[FULL[-1]] = _has_its_hash
    broken: dict[str, list[str]] = {name: [] for name in checks}
    for asset in _assets(newest):
        for name, holds in checks.items():
            if len(broken[name]) <= MOST_NAMED and not holds(asset):
                broken[name].append(f"asset {asset.pk}")
    for name, what in broken.items():
        yield name, Breach.of(name, what) if what else None
    left_over = list(islice(_left_over(Path(default_storage.path(""))), MOST_NAMED + 1))
    yield QUICK[2], Breach.of(QUICK[2], left_over) if left_over else None


def _assets(newest: int) -> Iterator[Asset]:
    """Walk by key: short statements, so that a long walk keeps no snapshot open."""
    fields = ("team_id", "file_key", "content_type", "size", "sha256", "has_thumb", "has_preview")
    last = 0
    while True:
        rows = list(Asset.objects.filter(pk__gt=last, pk__lte=newest).order_by("pk").only(*fields)[:_AT_ONCE])
        if not rows:
            return
        yield from rows
        last = rows[-1].pk


def _original(asset: Asset) -> Path:
    name = names.original_name(team_id=asset.team_id, file_key=asset.file_key, content_type=asset.content_type)
    return Path(default_storage.path(name))


def _has_its_size(asset: Asset) -> bool:
    """Links are no files: nothing may lead out of the store."""
    try:
        found = _original(asset).lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == asset.size


def _has_smaller_versions(asset: Asset) -> bool:
    wanted = []
    if asset.has_thumb:
        wanted.append(names.thumb_name(team_id=asset.team_id, file_key=asset.file_key))
    if asset.has_preview:
        wanted.append(names.preview_name(team_id=asset.team_id, file_key=asset.file_key))
    return all(Path(default_storage.path(name)).is_file() for name in wanted)


def _has_its_hash(asset: Asset) -> bool:
    digest = hashlib.sha256()
    try:
        with _original(asset).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return False
    return digest.hexdigest() == asset.sha256


def _left_over(root: Path) -> Iterator[str]:
    """Name old files, by their path in the store, that belong to no asset."""
    before = time.time() - LEFT_OVER_AGE
    old = (path for path in _files_below(root) if _is_older(path, before))
    while some := list(islice(old, _AT_ONCE)):
        known = _names_of_assets(root, some)
        yield from (name for path in some if (name := _name(root, path)) not in known)


def _files_below(folder: Path) -> Iterator[Path]:
    """Walk without following links and without holding more than one folder's names at each depth."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path))
            else:
                yield Path(entry.path)


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return False


def _name(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _names_of_assets(root: Path, paths: list[Path]) -> set[str]:
    """Return the names that the assets behind these paths give to their files."""
    keys = {UUID(found["key"]) for path in paths if (found := _NAME.fullmatch(_name(root, path)))}
    known = set()
    for asset in Asset.objects.filter(file_key__in=keys).only("team_id", "file_key", "content_type"):
        team_id, key = asset.team_id, asset.file_key
        known.add(names.original_name(team_id=team_id, file_key=key, content_type=asset.content_type))
        known.add(names.thumb_name(team_id=team_id, file_key=key))
        known.add(names.preview_name(team_id=team_id, file_key=key))
    return known
