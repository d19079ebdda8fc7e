"""Previews come later, and files that belong to nobody go."""

import logging
import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studio.library import tasks, upkeep
from studio.library.models import Asset
from studio.library.upkeep import Removed, make_missing_previews, sweep_orphans
from studio.teams.models import Team
from tests.factories import make_asset

DAY = 24 * 3600


def age(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def write(media: Path, name: str, *, seconds: float) -> Path:
    """Put a file of this age into the store."""
    default_storage.save(name, ContentFile(b"left over"))
    age(media / name, seconds)
    return media / name


def test_missing_previews_are_made_newest_first(team: Team) -> None:
    old, middle, new = (make_asset(team) for _ in range(3))
    assert make_missing_previews(2) == 2
    assert list(Asset.objects.filter(has_preview=True).order_by("pk")) == [middle, new]
    assert default_storage.exists(new.preview_name)
    assert not default_storage.exists(old.preview_name)
    tasks.make_previews()
    assert make_missing_previews(2) == 0
    assert Asset.objects.filter(has_preview=True).count() == 3


def test_missing_thumbnail_is_made_with_the_preview(team: Team) -> None:
    asset = make_asset(team)
    default_storage.delete(asset.thumb_name)
    Asset.objects.update(has_thumb=False)
    make_missing_previews(1)
    asset.refresh_from_db()
    assert asset.has_thumb
    assert default_storage.exists(asset.thumb_name)


def test_preview_that_cannot_be_made_is_given_up(team: Team, caplog: pytest.LogCaptureFixture) -> None:
    asset = make_asset(team)
    default_storage.delete(asset.original_name)
    with caplog.at_level(logging.ERROR):
        assert [make_missing_previews(5) for _ in range(5)] == [0] * 5
    assert caplog.messages == [f"The preview of asset {asset.pk} could not be made."] * 3
    asset.refresh_from_db()
    assert (asset.preview_tries, asset.has_preview) == (3, False)


def test_preview_that_another_process_took_is_left_to_it(team: Team) -> None:
    asset = make_asset(team)
    Asset.objects.update(preview_tries=1)
    assert not upkeep._claim_preview(asset)


def test_no_preview_is_begun_after_its_time(team: Team) -> None:
    make_asset(team)
    assert make_missing_previews(5, seconds=-1) == 0
    assert not Asset.objects.filter(preview_tries__gt=0).exists()


def test_only_old_files_without_a_row_are_removed(team: Team, media: Path) -> None:
    asset = make_asset(team)
    bucket = asset.file_key.hex[:2]
    stray = f"{bucket}{uuid4().hex[2:]}"
    folder = f"originals/{team.pk}/{bucket}"
    gone = [
        write(media, f"{folder}/.x.png.abc.part", seconds=DAY + 60),
        write(
            media,
            f"{folder}/{stray[:8]}-{stray[8:12]}-{stray[12:16]}-{stray[16:20]}-{stray[20:]}.png",
            seconds=DAY + 60,
        ),
        write(media, f"thumbs/{team.pk + 5}/{bucket}/{stray}.webp", seconds=DAY + 60),
        # Of an asset by its key, but of the wrong kind or in the wrong team: no page would ever show it.
        write(media, f"{folder}/{asset.file_key}.jpg", seconds=DAY + 60),
        write(media, f"thumbs/{team.pk + 5}/{bucket}/{asset.file_key}.webp", seconds=DAY + 60),
    ]
    kept = [
        write(media, f"{folder}/.y.png.def.part", seconds=DAY - 60),
        write(media, f"{folder}/{uuid4()}.png", seconds=DAY - 60),
        write(media, f"{folder}/notes.txt", seconds=DAY + 60),
        write(media, f"{folder}/README.png", seconds=DAY + 60),
        media / asset.original_name,
        media / asset.thumb_name,
    ]
    age(media / asset.original_name, 10 * DAY)
    age(media / asset.thumb_name, 10 * DAY)
    assert sweep_orphans(bucket) == Removed(temporary=1, orphaned=4)
    assert [path.exists() for path in gone] == [False] * 5
    assert [path.exists() for path in kept] == [True] * 6
    assert sweep_orphans(bucket) == Removed()


def test_other_parts_of_the_store_are_left_for_later(media: Path) -> None:
    path = write(media, f"originals/1/ab/ab{uuid4().hex[2:]}.png", seconds=2 * DAY)
    sweep_orphans("ac")
    assert path.exists()


@pytest.mark.django_db
def test_every_part_has_its_turn(media: Path) -> None:
    paths = [write(media, f"originals/1/{part:02x}/.old.png.1.part", seconds=2 * DAY) for part in range(256)]
    for _ in range(256 // 16):
        tasks.sweep_orphans()
    assert not any(path.exists() for path in paths)


def test_sweep_of_an_empty_store_finds_nothing() -> None:
    assert sweep_orphans("00") == Removed()


@pytest.mark.django_db
def test_one_sweep_removes_a_bounded_number(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "MOST_REMOVED", 1)
    for team in range(3):
        write(media, f"originals/{team}/ab/.old.png.1.part", seconds=2 * DAY)
    assert sweep_orphans("ab") == Removed(temporary=1)
