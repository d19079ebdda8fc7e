"""Previews come later, and files that belong to nobody go."""

import logging
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from studio.library import binning, files, tasks, upkeep
from studio.library.models import Asset
from studio.library.names import FOLDERS
from studio.library.upkeep import Removed, Walk, make_missing_previews, sweep_orphans
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


@pytest.mark.usefixtures("bucket")
def test_store_that_is_away_costs_a_picture_none_of_its_tries(team: Team) -> None:
    old, new = make_asset(team), make_asset(team)
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + 60
    assert make_missing_previews(5) == 0
    assert set(Asset.objects.values_list("preview_tries", "has_preview")) == {(0, False)}
    storage._silent_until = 0.0
    assert make_missing_previews(5) == 2
    assert default_storage.exists(old.preview_name)
    assert default_storage.exists(new.preview_name)


def test_only_old_files_without_a_row_are_removed(team: Team, media: Path) -> None:
    asset = make_asset(team)
    bucket = asset.file_key.hex[:2]
    folder = f"originals/{team.pk}/{bucket}"
    gone = [
        write(media, f"{folder}/.x.png.abc.part", seconds=DAY + 60),
        write(media, f"{folder}/{uuid4()}.png", seconds=DAY + 60),
        write(media, f"thumbs/{team.pk + 5}/{bucket}/{uuid4()}.webp", seconds=DAY + 60),
        write(media, f"received/{team.pk}/{bucket}/{asset.file_key}.jpg", seconds=DAY + 60),
        # Of an asset by its key, but of the wrong kind or in the wrong team: no page would ever show it.
        write(media, f"{folder}/{asset.file_key}.jpg", seconds=DAY + 60),
        write(media, f"thumbs/{team.pk + 5}/{bucket}/{asset.file_key}.webp", seconds=DAY + 60),
    ]
    kept = [
        write(media, f"{folder}/.y.png.def.part", seconds=DAY - 60),
        write(media, f"{folder}/{uuid4()}.png", seconds=DAY - 60),
        write(media, f"{folder}/notes.txt", seconds=DAY + 60),
        write(media, f"{folder}/README.png", seconds=DAY + 60),
        write(media, f"lost/2026-11-21/{folder}/{uuid4()}.png", seconds=DAY + 60),
        write(media, f"exports/7/{asset.pk}.webp", seconds=DAY + 60),
        media / asset.original_name,
        media / asset.thumb_name,
    ]
    age(media / asset.original_name, 10 * DAY)
    age(media / asset.thumb_name, 10 * DAY)
    assert sweep_orphans(Walk()) == Removed(temporary=1, orphaned=5)
    assert [path.exists() for path in gone] == [False] * 6
    assert [path.exists() for path in kept] == [True] * 8
    assert sweep_orphans(Walk()) == Removed()


@pytest.mark.usefixtures("store")
def test_files_of_a_purged_picture_are_removed_and_those_of_a_binned_one_kept(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed, binned, purged = (make_asset(team) for _ in range(3))
    make_missing_previews(3)
    Asset.objects.exclude(pk=listed.pk).update(binned_at=timezone.now())
    binning._empty([purged.pk])  # a purge that dies before it has removed the files
    assert sweep_orphans(Walk()) == Removed()  # a purge of this moment removes its own
    monkeypatch.setattr(upkeep, "ORPHAN_AGE", -60)
    assert sweep_orphans(Walk()) == Removed(orphaned=3)
    left = [file.name for file in files.listing()]
    assert left == sorted(name for asset in (listed, binned) for name in asset.file_names)


@pytest.mark.usefixtures("store")
def test_received_file_belongs_to_its_picture(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = make_asset(team)
    received = {"received_sha256": "0" * 64, "received_crc32": 1, "received_size": 9, "received_type": "image/jpeg"}
    Asset.objects.update(**received)
    asset.refresh_from_db()
    default_storage.save(asset.received_name, ContentFile(b"as it was"))
    monkeypatch.setattr(upkeep, "ORPHAN_AGE", -60)
    assert sweep_orphans(Walk()) == Removed()
    assert default_storage.exists(asset.received_name)


@pytest.mark.django_db
@pytest.mark.usefixtures("store")
def test_walk_goes_on_where_it_ended_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = [f"{kind}/{team}/ab/x.png" for kind in FOLDERS for team in (1, 2)]
    for name in [*stored, "exports/1/1.png", "lost/1/1.png"]:
        default_storage.save(name, ContentFile(b"x"))
    walk = Walk(most=3)
    seen = [[file.name for file in walk.stretch()] for _ in range(4)]
    assert seen == [sorted(stored)[:3], sorted(stored)[3:6], sorted(stored)[6:], sorted(stored)[:3]]
    assert [file.name for file in Walk("received/5").stretch()] == ["thumbs/1/ab/x.png", "thumbs/2/ab/x.png"]


@pytest.mark.django_db
def test_tasks_come_round_to_every_file(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_walk", Walk("originals/1/20", most=20))
    paths = [write(media, f"originals/1/{part:02x}/.old.png.1.part", seconds=2 * DAY) for part in range(64)]
    tasks.sweep_orphans()
    tasks.sweep_orphans()
    assert not any(path.exists() for path in paths)


def test_sweep_of_an_empty_store_finds_nothing() -> None:
    assert sweep_orphans(Walk()) == Removed()


@pytest.mark.django_db
def test_one_sweep_looks_at_a_bounded_number(media: Path) -> None:
    for team in range(5):
        write(media, f"originals/{team}/ab/.old.png.1.part", seconds=2 * DAY)
    walk = Walk(most=2)
    assert sweep_orphans(walk, stretches=2) == Removed(temporary=4)
    assert sweep_orphans(walk, stretches=2) == Removed(temporary=1)


@pytest.mark.usefixtures("bucket")
def test_sweep_waits_for_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + 60
    assert sweep_orphans(Walk("thumbs/1")) == Removed()
    assert caplog.messages == ["The store does not answer; the sweep goes on when it does."]
