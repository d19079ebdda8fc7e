"""Files made for an export: previews and conversions, with progress, through a crash, gone when it is over."""

import errno
import json
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks

from studio.accounts.models import User
from studio.exports import making, planning, services, upkeep
from studio.exports.models import Export, State
from studio.library import files
from studio.library.convert import convert
from studio.library.intake import add_upload
from studio.library.models import Asset
from studio.library.provenance import marks_of
from studio.library.upkeep import make_missing_previews
from studio.teams.models import Team
from tests.exports.archives import body_of, make_export, opened, read
from tests.factories import make_asset
from tests.library import corpus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]

MARK = b"digitalsourcetype/trainedAlgorithmicMedia"


def kept(export: Export) -> list[str]:
    """Return the files that lie with an export."""
    return [file.name for file in files.listing(export.folder)]


@pytest.mark.parametrize(
    ("kind", "extension", "pillow"), [("jpeg", "jpg", "JPEG"), ("webp", "webp", "WEBP"), ("png", "png", "PNG")]
)
def test_pictures_are_converted_and_say_what_they_are(
    team: Team, owner: User, kind: str, extension: str, pillow: str
) -> None:
    asset = make_asset(team)
    export = make_export(team, owner, what="converted", format=kind, side=48, quality=70, pattern="{id}")
    assert export.state == State.PREPARING
    upkeep.prepare(seconds=60)
    export.refresh_from_db()
    assert (export.state, export.files, kept(export)) == (
        State.READY,
        1,
        [f"exports/{export.pk}/{asset.pk}.{extension}"],
    )
    archive = opened(read(body_of(export.parts.get())))
    data = archive.read(f"{asset.pk}.{extension}")
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size) == (pillow, (48, 32))
    assert MARK in data
    assert b"GPT Image 2" in data
    [picture] = json.loads(archive.read("manifest.json"))["pictures"]
    assert (picture["sha256"], picture["file_size"]) == (asset.sha256, len(data))
    assert picture["file_sha256"] != asset.sha256
    assert picture["file_type"] == f"image/{kind}"
    assert picture["marks"] != []


def test_original_is_sent_byte_for_byte_without_a_mark_of_ours(team: Team, owner: User) -> None:
    asset = make_asset(team)
    export = make_export(team, owner, pattern="{id}")
    data = opened(read(body_of(export.parts.get()))).read(f"{asset.pk}.png")
    assert data == files.read(asset.original_name)
    assert MARK not in data


def test_manifest_says_which_marks_the_very_file_carries(team: Team, owner: User) -> None:
    claim = b"qdigitalSourceTypexFhttp://cv.iptc.org/newscodes/digitalsourcetype/digitalArt"
    data = corpus.with_chunk(corpus.with_metadata("41.40338, 2.17403"), b"caBX", corpus.jumbf(claim))
    asset = add_upload(team=team, actor=owner, file=ContentFile(data), file_name="art.png").asset
    assert asset.has_received
    assert asset.marks == ["c2pa", "c2pa:digitalArt"]
    archive = opened(read(body_of(make_export(team, owner, pattern="{id}").parts.get())))
    [picture] = json.loads(archive.read("manifest.json"))["pictures"]
    assert picture["marks"] == ["iptc:digitalArt"]
    sent = archive.read(f"{asset.pk}.png")
    assert marks_of(sent, "image/png") == ["iptc:digitalArt"]
    assert b"41.40338" not in sent


def test_previews_are_sent_where_they_are_and_made_where_they_are_not(team: Team, owner: User) -> None:
    old = make_asset(team)
    make_missing_previews(1)
    new = make_asset(team)
    export = make_export(team, owner, what="previews", pattern="{id}")
    assert export.state == State.READY
    assert kept(export) == [f"exports/{export.pk}/{new.pk}.webp"]
    archive = opened(read(body_of(export.parts.get())))
    old.refresh_from_db()
    assert archive.read(f"{old.pk}.webp") == files.read(old.preview_name)
    assert archive.namelist()[:2] == [f"{old.pk}.webp", f"{new.pk}.webp"]


def test_lost_preview_is_made_anew(team: Team, owner: User) -> None:
    asset = make_asset(team)
    make_missing_previews(1)
    files.delete([asset.preview_name])
    export = make_export(team, owner, what="previews")
    assert (export.files, len(kept(export))) == (1, 1)


def test_what_cannot_be_converted_is_named_as_missing(team: Team, owner: User) -> None:
    good, bad, gone = (make_asset(team) for _ in range(3))
    damage(bad)
    files.delete([gone.original_name])
    export = make_export(team, owner, what="converted", format="jpeg", pattern="{id}")
    upkeep.prepare(seconds=60)
    export.refresh_from_db()
    assert (export.files, export.missing) == (1, 2)
    assert opened(read(body_of(export.parts.get()))).namelist()[:-3] == [f"{good.pk}.jpg"]


def damage(asset: Asset) -> None:
    """Put bytes that are no picture in the place of an original."""
    files.delete([asset.original_name])
    default_storage.save(asset.original_name, ContentFile(b"no picture at all"))


def test_conversion_goes_on_where_its_worker_died(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "PAGE_OF_WORK", 2)
    for _ in range(5):
        make_asset(team)
    export = make_export(team, owner, what="converted", format="webp")
    upkeep.prepare(seconds=0)
    export.refresh_from_db()
    assert (export.state, export.done, len(kept(export))) == (State.PREPARING, 2, 2)
    converted: list[int] = []

    def noted(data: bytes, *, asset: Asset, **options: Any) -> bytes:
        converted.append(asset.pk)
        return convert(data, asset=asset, **options)

    monkeypatch.setattr(making, "convert", noted)
    upkeep.prepare(seconds=60)
    export.refresh_from_db()
    assert (export.state, export.done, len(converted)) == (State.READY, 5, 3)
    assert len(opened(read(body_of(export.parts.get()))).namelist()) == 8


def test_vanished_conversion_is_made_anew(team: Team, owner: User) -> None:
    make_asset(team)
    export = make_export(team, owner, what="converted", format="webp")
    upkeep.prepare(seconds=60)
    files.delete(kept(export))
    services.mark_stale(export.pk)
    services.renewed(Export.objects.get())
    upkeep.prepare(seconds=60)
    export.refresh_from_db()
    assert (export.state, export.missing, len(kept(export))) == (State.READY, 0, 1)


def test_files_and_lists_go_when_the_export_is_over(team: Team, owner: User) -> None:
    make_asset(team)
    over, live = (make_export(team, owner, what="converted", format="webp") for _ in range(2))
    for _ in range(2):
        upkeep.prepare(seconds=60)
    assert upkeep.clear_over() == 0
    services.revoke_export(export=over, actor=owner)
    assert upkeep.clear_over() == 0  # somebody may still work on it
    Export.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert upkeep.clear_over() == 1
    over.refresh_from_db()
    assert (kept(over), over.pages.count(), over.parts.count(), over.is_cleared) == ([], 0, 0, True)
    assert (len(kept(live)), live.pages.count()) == (1, 1)
    Export.objects.update(expires_at=timezone.now())
    assert upkeep.clear_over() == 1
    assert (kept(live), upkeep.clear_over()) == ([], 0)


def test_one_turn_at_a_time_and_bounded(
    team: Team, owner: User, bells: list[str], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    make_asset(team)
    with django_capture_on_commit_callbacks(execute=True):
        make_export(team, owner, what="converted", format="webp")
    assert bells == ["prepare"]
    with upkeep._one_turn:
        assert upkeep.prepare_next() is False
    assert upkeep.prepare_next() is True
    assert upkeep.prepare_next() is False


def test_page_that_watches_is_told(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, str, int]] = []
    monkeypatch.setattr(upkeep, "notify", lambda *, team_id, event, id: told.append((team_id, event, id)))
    make_asset(team)
    export = make_export(team, owner, what="converted", format="webp")
    upkeep.prepare(seconds=60)
    services.revoke_export(export=export, actor=owner)
    assert set(told) == {(team.pk, "export", export.pk)}
    assert len(told) == 3


def test_disk_that_was_full_costs_nothing_but_time(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_asset(team)
    export = make_export(team, owner, what="converted", format="webp")

    def full(name: str, content: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", full)
        with pytest.raises(OSError, match="No space left"):
            upkeep.prepare(seconds=60)
    assert Export.objects.get().state == State.PREPARING
    Export.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    upkeep.prepare(seconds=60)
    export.refresh_from_db()
    assert (export.state, export.files, export.strikes) == (State.READY, 1, 0)
