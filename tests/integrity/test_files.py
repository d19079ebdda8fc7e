"""Every asset has its files, and no file has no asset."""

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.integrity.files import FULL, LEFT_OVER_AGE, QUICK, check_files
from studio.library.models import Asset
from studio.teams.models import Team
from tests.factories import make_asset

pytestmark = pytest.mark.django_db


def broken(*, full: bool = False, newest: int = 10**9) -> dict[str, tuple[str, ...]]:
    return {name: breach.what for name, breach in check_files(full=full, newest=newest) if breach}


def original(asset: Asset, media: Path) -> Path:
    return media / asset.original_name


def make_old(path: Path) -> None:
    before = time.time() - LEFT_OVER_AGE - 60
    os.utime(path, (before, before), follow_symlinks=False)


def test_whole_store_is_clean(team: Team) -> None:
    for _ in range(3):
        make_asset(team)
    assert broken(full=True) == {}


def test_empty_store_is_clean() -> None:
    assert broken(full=True) == {}


def test_every_check_is_named() -> None:
    assert [name for name, _ in check_files(full=False, newest=0)] == list(QUICK)
    assert sorted(name for name, _ in check_files(full=True, newest=0)) == sorted(FULL)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b""),
        lambda path: path.rename(path.with_suffix(".gone")),
        lambda path: (path.rename(path.with_name("elsewhere")), path.symlink_to("elsewhere")),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["removed", "truncated", "emptied", "renamed", "link", "folder"],
)
def test_damaged_original_is_named(damage: Callable[[Path], object], team: Team, media: Path) -> None:
    make_asset(team)
    asset = make_asset(team)
    damage(original(asset, media))
    assert broken() == {"files.original_has_its_size": (f"asset {asset.pk}",)}


def test_rotten_original_is_found_by_its_hash_only(team: Team, media: Path) -> None:
    asset = make_asset(team)
    path = original(asset, media)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert broken() == {}
    assert broken(full=True) == {"files.original_has_its_hash": (f"asset {asset.pk}",)}


def test_missing_thumbnail_is_named(team: Team, media: Path) -> None:
    asset = make_asset(team)
    (media / asset.thumb_name).unlink()
    assert broken() == {"files.smaller_versions_are_there": (f"asset {asset.pk}",)}
    Asset.objects.filter(pk=asset.pk).update(has_thumb=False)
    assert broken() == {}


def test_missing_preview_is_named_once_it_was_made(team: Team) -> None:
    asset = make_asset(team)
    Asset.objects.filter(pk=asset.pk).update(has_preview=True)
    assert broken() == {"files.smaller_versions_are_there": (f"asset {asset.pk}",)}


def test_asset_that_is_newer_than_the_snapshot_is_not_asked_for(team: Team, media: Path) -> None:
    asset = make_asset(team)
    original(asset, media).unlink()
    assert broken(newest=asset.pk - 1) == {}


@pytest.mark.parametrize(
    "name",
    [
        "originals/1/ab/{key}.png",
        "thumbs/1/ab/{key}.webp",
        "originals/1/ab/.{key}.png.0.part",
        "originals/1/ab/notes.txt",
        "originals/1/ab/{upper}.png",
        "stray.png",
    ],
)
def test_old_file_of_no_asset_is_named(name: str, team: Team, media: Path) -> None:
    make_asset(team)
    key = uuid.uuid4()
    path = media / name.format(key=key, upper=str(key).upper())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    assert broken() == {}  # a delivery may still be under way
    make_old(path)
    assert broken() == {"files.none_is_left_over": (path.relative_to(media).as_posix(),)}


def test_file_of_an_asset_in_another_place_is_named(team: Team, media: Path) -> None:
    asset = make_asset(team)
    twin = original(asset, media).with_suffix(".jpg")
    twin.write_bytes(b"x")
    make_old(twin)
    make_old(original(asset, media))
    assert broken() == {"files.none_is_left_over": (twin.relative_to(media).as_posix(),)}


def test_link_is_left_over_and_not_followed(team: Team, media: Path, tmp_path: Path) -> None:
    make_asset(team)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x")
    make_old(outside / "file")
    (media / "link").symlink_to(outside)
    make_old(media / "link")
    assert broken() == {"files.none_is_left_over": ("link",)}


def test_many_files_are_asked_for_in_parts(team: Team, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.integrity.stock._AT_ONCE", 2)
    assets = [make_asset(team) for _ in range(5)]
    for asset in assets:
        make_old(original(asset, media))
        make_old(media / asset.thumb_name)
    original(assets[4], media).unlink()
    assert broken() == {"files.original_has_its_size": (f"asset {assets[4].pk}",)}
