"""`verify_storage` finds each kind of damage in either store, and repairs without removing anything."""

import io
import json
import re
import time
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from studio.integrity import stock
from studio.integrity.stock import Kind
from studio.library import binning, files
from studio.library.models import Asset
from studio.library.upkeep import make_missing_previews
from studio.teams.models import Team
from tests.factories import make_asset, make_team, small_png
from tests.stores import Bucket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]

NONE = ["missing", "corrupt", "wrong_type", "orphaned"]
STRAY = "originals/99/ab/0b6e4a52-5a0f-4f1e-9c1e-6a6a6a6a6a6a.png"


@pytest.fixture(autouse=True)
def age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every file as old."""
    monkeypatch.setattr(stock, "ORPHAN_AGE", -60.0)


def verify(*arguments: str) -> tuple[list[str], int]:
    """Run the command; return its lines and its exit code."""
    out = io.StringIO()
    try:
        call_command("verify_storage", *arguments, stdout=out)
    except SystemExit as end:
        return out.getvalue().splitlines(), int(str(end.code))
    return out.getvalue().splitlines(), 0


def facts(*arguments: str) -> tuple[list[tuple[str, str, int | None]], dict[str, Any], int]:
    lines, code = verify("--json", *arguments)
    *findings, sums = [json.loads(line) for line in lines]
    return [(one["kind"], one["file"], one["asset"]) for one in findings], sums, code


def save(name: str, data: bytes) -> None:
    default_storage.save(name, ContentFile(data))


@pytest.fixture
def assets(team: Team) -> list[Asset]:
    """Five pictures with everything that is made of them."""
    made = [make_asset(team) for _ in range(5)]
    make_missing_previews(5, seconds=60)
    return list(Asset.objects.filter(pk__in=[asset.pk for asset in made]).order_by("pk"))


def test_whole_store_is_clean(assets: list[Asset]) -> None:
    for arguments in ([], ["--full"], ["--team", "halden-co"], ["--repair"]):
        assert verify(*arguments) == (
            ["15 files compared: 0 missing, 0 corrupt, 0 wrong type, 0 orphaned."],
            0,
        )


def test_empty_store_is_clean() -> None:
    assert facts() == (
        [],
        {**dict.fromkeys(["compared", "left", *NONE], 0), "ok": True},
        0,
    )


def test_each_kind_of_damage_is_found(assets: list[Asset]) -> None:
    missing, short, empty, beside, rotten = assets
    files.delete([missing.original_name, missing.preview_name])
    save(short.original_name, b"short")
    save(empty.thumb_name, b"")
    save(beside.original_name.replace(".png", ".jpg"), b"x")
    save(STRAY, b"x")
    save("originals/notes.txt", b"x")
    save("exports/12345/1.webp", b"x")
    save("lost/2026-01-01/originals/1/ab/old.png", b"x")
    rot(rotten.original_name)
    expected = [
        ("missing", missing.original_name, missing.pk),
        ("missing", missing.preview_name, missing.pk),
        ("corrupt", short.original_name, short.pk),
        ("corrupt", empty.thumb_name, empty.pk),
        ("wrong type", beside.original_name.replace(".png", ".jpg"), beside.pk),
        ("orphaned", STRAY, None),
        ("orphaned", "originals/notes.txt", None),
        ("orphaned", "exports/12345/1.webp", None),
    ]
    found, sums, code = facts()
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert (sums["missing"], sums["corrupt"], sums["wrong_type"], sums["orphaned"]) == (2, 2, 1, 3)
    assert (sums["left"], sums["ok"], code) == (8, False, 1)
    assert sums["compared"] == 19
    full, _, _ = facts("--full")
    assert sorted(full, key=str) == sorted([*expected, ("corrupt", rotten.original_name, rotten.pk)], key=str)


def rot(name: str) -> None:
    """Turn one bit of a file over."""
    data = bytearray(files.read(name))
    data[len(data) // 2] ^= 1
    save(name, bytes(data))


def test_file_of_another_type_than_its_name_is_found_by_reading_it(assets: list[Asset]) -> None:
    picture = assets[0]
    page = b"<html>not a picture" + b" " * (picture.size - 19)
    save(picture.original_name, page)
    assert facts()[0] == []
    save(picture.thumb_name, small_png(1))
    assert sorted(facts("--full")[0]) == [
        ("wrong type", picture.original_name, picture.pk),
        ("wrong type", picture.thumb_name, picture.pk),
    ]


def test_damaged_preview_is_found_by_reading_it(assets: list[Asset]) -> None:
    data = files.read(assets[0].preview_name)
    save(assets[0].preview_name, data[: len(data) // 2])
    assert facts()[0] == []
    assert facts("--full")[0] == [("corrupt", assets[0].preview_name, assets[0].pk)]


def test_young_file_may_still_get_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    save(STRAY, b"x")
    monkeypatch.setattr(stock, "ORPHAN_AGE", 3600.0)
    assert facts()[0] == []


def test_repair_moves_aside_and_has_small_pictures_made_again(assets: list[Asset]) -> None:
    lost, thumbless, damaged, *_ = assets
    files.delete([lost.original_name, thumbless.thumb_name])
    save(damaged.preview_name, b"")
    save(STRAY, b"stray")
    day = f"lost/{timezone.localdate():%Y-%m-%d}"
    lines, code = verify("--repair")
    assert sorted(lines) == sorted(
        [
            f"MISSING  {lost.original_name}, image {lost.pk}: is not there",
            f"MISSING  {thumbless.thumb_name}, image {thumbless.pk}: is not there (will be made again)",
            f"CORRUPT  {damaged.preview_name}, image {damaged.pk}: 0 bytes instead of some "
            f"(moved to {day}/{damaged.preview_name}, will be made again)",
            f"ORPHANED  {STRAY}: belongs to no picture (moved to {day}/{STRAY})",
            "16 files compared: 2 missing, 1 corrupt, 0 wrong type, 1 orphaned.",
            "3 repaired, 1 left.",
        ]
    )
    assert code == 1
    assert files.read(f"{day}/{STRAY}") == b"stray"
    assert make_missing_previews(5, seconds=60) == 2
    assert facts()[0] == [("missing", lost.original_name, lost.pk)]


def test_repair_of_everything_ends_well_and_keeps_both_of_a_name(assets: list[Asset]) -> None:
    day = f"lost/{timezone.localdate():%Y-%m-%d}"
    for data in (b"first", b"second"):
        save(STRAY, data)
        assert verify("--repair")[1] == 0
    assert [files.read(f"{day}/{STRAY}"), files.read(f"{day}/{STRAY}.1")] == [b"first", b"second"]


def test_bin_keeps_its_files_and_a_purge_leaves_none(assets: list[Asset]) -> None:
    binned, purged, *_ = assets
    Asset.objects.filter(pk__in=[binned.pk, purged.pk]).update(binned_at=timezone.now())
    binning._empty([purged.pk])  # a purge that died before it has removed the files
    assert sorted(facts()[0]) == [("orphaned", name, None) for name in sorted(purged.file_names)]


def test_received_file_is_expected_where_there_is_one(assets: list[Asset]) -> None:
    whole = {"received_sha256": "0" * 64, "received_crc32": 1, "received_size": 9, "received_type": "image/jpeg"}
    Asset.objects.filter(pk=assets[0].pk).update(**whole)
    assets[0].refresh_from_db()
    assert facts()[0] == [("missing", assets[0].received_name, assets[0].pk)]
    save(assets[0].received_name, b"as it was")
    assert facts()[0] == []
    assert facts("--full")[0] == [("wrong type", assets[0].received_name, assets[0].pk)]


def test_one_team_is_checked_by_itself(assets: list[Asset], other_team: Team) -> None:
    other = make_asset(other_team)
    files.delete([other.original_name, assets[0].original_name])
    save(STRAY, b"x")
    assert facts("--team", "halden-co")[0] == [("missing", assets[0].original_name, assets[0].pk)]
    assert facts("--team", other_team.slug)[0] == [("missing", other.original_name, other.pk)]


def test_teams_are_compared_in_the_order_of_their_names() -> None:
    # As text, 10 comes before 9: a walk in the order of numbers would find everything missing.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('teams_team_id_seq', (10 ^ length(last_value::text) - 2)::bigint) FROM teams_team_id_seq"
        )
    teams = [make_team() for _ in range(4)]
    assert sorted(teams, key=lambda team: str(team.pk)) != teams
    for team in teams:
        make_asset(team)
    assert facts() == ([], {**dict.fromkeys(["left", *NONE], 0), "ok": True, "compared": 8}, 0)


def test_many_files_are_compared_in_parts(assets: list[Asset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock, "_AT_ONCE", 2)
    files.delete([assets[4].original_name])
    assert facts()[0] == [("missing", assets[4].original_name, assets[4].pk)]


def test_what_cannot_be_checked_is_no_result(bucket: Bucket) -> None:
    with pytest.raises(CommandError) as unknown:
        call_command("verify_storage", "--team", "nobody")
    assert (str(unknown.value), unknown.value.returncode) == ("There is no team 'nobody'.", 2)
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + 60
    with pytest.raises(CommandError) as away:
        call_command("verify_storage")
    assert away.value.returncode == 2
    assert str(away.value).startswith("The place where pictures are kept does not answer.")


def test_progress_is_shown_on_a_terminal_only(assets: list[Asset]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    shown, piped = Terminal(), io.StringIO()
    call_command("verify_storage", stdout=io.StringIO(), stderr=shown)
    call_command("verify_storage", stdout=io.StringIO(), stderr=piped)
    assert re.sub(r"\s+", " ", shown.getvalue()).strip() == "15 files compared"
    assert piped.getvalue() == ""


def test_kinds_are_the_words_of_the_report() -> None:
    assert [kind.value for kind in Kind] == ["missing", "corrupt", "wrong type", "orphaned"]
