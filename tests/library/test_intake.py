"""Taking pictures in: kept as received, shown clean, once, and nothing is left of what failed."""

import errno
import threading
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.utils import timezone

from studio.accounts.models import User
from studio.core.errors import Unavailable
from studio.library import turns
from studio.library.binning import Binned, bin_assets, purge, restore_assets
from studio.library.collecting import create_collection
from studio.library.errors import BadImage, StorageFull
from studio.library.intake import Uploaded, add_upload, clean_file_name
from studio.library.models import Asset, CollectionItem, Source
from studio.library.queries import find
from studio.library.search import LibrarySearch
from studio.library.storage import AtomicFileSystemStorage
from studio.teams.models import Team
from tests.factories import make_asset
from tests.library import corpus
from tests.together import at_once


def take(team: Team, actor: User, data: bytes, name: str = "harbour.png") -> Uploaded:
    return add_upload(team=team, actor=actor, file=ContentFile(data), file_name=name)


def files_in(media: Path) -> list[str]:
    return sorted(path.relative_to(media).parts[0] for path in media.rglob("*") if path.is_file())


def content_of(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def test_clean_file_is_kept_once_and_described(team: Team, member: User, media: Path) -> None:
    data = corpus.png("RGBA")
    uploaded = take(team, member, data, "C:\\Users\\priya\\Pier at dusk 12.PNG")
    asset = Asset.objects.get()
    assert uploaded == Uploaded(asset, is_new=True, was_restored=False)
    assert (asset.team, asset.author, asset.source) == (team, member, Source.UPLOADED)
    assert (asset.file_name, asset.title, asset.prompt, asset.model_slug) == ("Pier at dusk 12.PNG", "", "", "")
    assert (asset.credits, asset.generation_id, asset.spec) == (0, None, {})
    assert (asset.width, asset.height, asset.content_type, asset.has_alpha) == (96, 64, "image/png", True)
    assert (asset.sha256, asset.received_sha256) == (sha256(data).hexdigest(),) * 2
    assert not asset.has_received
    assert files_in(media) == ["originals", "thumbs"]
    assert content_of(asset.original_name) == data
    assert find(team, member, LibrarySearch.read("q=dusk"), cursor=None).items == [asset]
    assert asset.caption == "Pier at dusk 12.PNG"


def test_file_with_notes_is_kept_as_received_beside_what_is_shown(team: Team, member: User, media: Path) -> None:
    data = corpus.with_metadata("41.40338, 2.17403")
    asset = take(team, member, data).asset
    assert files_in(media) == ["originals", "received", "thumbs"]
    assert content_of(asset.received_name) == data
    shown = content_of(asset.original_name)
    assert b"41.40338" not in shown
    assert asset.has_received
    assert (asset.received_size, asset.received_type) == (len(data), "image/png")
    assert asset.received_sha256 == sha256(data).hexdigest()
    assert (asset.size, asset.sha256) == (len(shown), sha256(shown).hexdigest())


def test_turned_photograph_is_shown_upright(team: Team, member: User) -> None:
    asset = take(team, member, corpus.turned_jpeg(6), "IMG_1.HEIC").asset
    assert (asset.width, asset.height, asset.content_type) == (64, 96, "image/jpeg")
    assert content_of(asset.received_name) == corpus.turned_jpeg(6)


def test_label_of_origin_stays_on_what_is_shown(team: Team, member: User) -> None:
    note = b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + b'<a DigitalSourceType="trainedAlgorithmicMedia" gps="41.4"/>'
    asset = take(team, member, corpus.with_chunk(corpus.png(), b"iTXt", note)).asset
    shown = content_of(asset.original_name)
    assert asset.marks == ["iptc:trainedAlgorithmicMedia"]
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in shown
    assert b"41.4" not in shown


def test_same_file_is_the_same_picture(team: Team, member: User, owner: User, media: Path) -> None:
    data = corpus.with_metadata("note")
    first = take(team, member, data).asset
    assert take(team, owner, data, "other.png") == Uploaded(first, is_new=False, was_restored=False)
    assert files_in(media) == ["originals", "received", "thumbs"]
    assert Asset.objects.count() == 1


def test_what_is_shown_of_an_upload_is_known_too(team: Team, member: User) -> None:
    first = take(team, member, corpus.with_metadata("note")).asset
    assert take(team, member, content_of(first.original_name)).asset == first


def test_generated_original_is_known(team: Team, member: User) -> None:
    made = make_asset(team, data=corpus.png())
    assert take(team, member, corpus.png()) == Uploaded(made, is_new=False, was_restored=False)


def test_other_team_has_its_own(team: Team, member: User, other_team: Team, stranger: User) -> None:
    mine, theirs = take(team, member, corpus.png()), take(other_team, stranger, corpus.png())
    assert (mine.is_new, theirs.is_new, mine.asset == theirs.asset) == (True, True, False)


def test_file_in_the_bin_comes_back(team: Team, member: User) -> None:
    asset = take(team, member, corpus.png()).asset
    bin_assets(team_id=team.pk, asset_ids=[asset.pk], actor_id=member.pk, at=timezone.now())
    assert take(team, member, corpus.png()) == Uploaded(asset, is_new=False, was_restored=True)
    assert Asset.objects.listed().get() == asset


@pytest.mark.parametrize("is_upload_binned", [True, False])
def test_of_two_that_are_the_same_file_the_one_in_the_bin_stays_there(
    team: Team, member: User, *, is_upload_binned: bool
) -> None:
    uploaded = take(team, member, corpus.png()).asset
    made = make_asset(team, data=corpus.png())
    binned, kept = (uploaded, made) if is_upload_binned else (made, uploaded)
    bin_assets(team_id=team.pk, asset_ids=[binned.pk], actor_id=member.pk, at=timezone.now())
    assert take(team, member, corpus.png()) == Uploaded(kept, is_new=False, was_restored=False)
    assert Asset.objects.listed().get() == kept


def test_file_whose_picture_is_purged_at_this_moment_is_taken_anew(
    team: Team, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = take(team, member, corpus.png()).asset
    bin_assets(team_id=team.pk, asset_ids=[asset.pk], actor_id=member.pk, at=timezone.now())

    def too_late(*, team_id: int, asset_ids: Sequence[int]) -> dict[int, Binned]:
        purge(team_id=team_id, asset_ids=asset_ids, actor_id=None)
        return restore_assets(team_id=team_id, asset_ids=asset_ids)

    monkeypatch.setattr("studio.library.intake.restore_assets", too_late)
    uploaded = take(team, member, corpus.png())
    assert (uploaded.is_new, uploaded.asset.purged_at) == (True, None)
    assert content_of(uploaded.asset.original_name) == corpus.png()


def test_upload_goes_into_a_collection_new_or_known(team: Team, member: User) -> None:
    pier = create_collection(team=team, actor=member, name="Pier")
    for _ in range(2):
        add_upload(team=team, actor=member, file=ContentFile(corpus.png()), file_name="a.png", collection=pier)
    assert list(CollectionItem.objects.values_list("collection", "asset")) == [(pier.pk, Asset.objects.get().pk)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty."),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "What arrived is a drawing (SVG), not a PNG, JPEG or WebP picture.",
        ),
        (b"<!doctype html><html></html>", "What arrived is a web page, not a PNG, JPEG or WebP picture."),
        (corpus.png()[:-20], "The picture arrived incomplete."),
        (corpus.png_bomb(30_000, 30_000), "The picture has more pixels than can be kept here."),
        (corpus.compressed_text_bomb(), "The picture is damaged and cannot be read."),
    ],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(
    team: Team, member: User, media: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(BadImage) as caught:
        take(team, member, data)
    assert caught.value.reason == reason
    assert files_in(media) == []
    assert not Asset.objects.exists()


def test_heavy_file_is_refused_unread(team: Team, member: User) -> None:
    class Heavy(ContentFile[bytes]):
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            pytest.fail(f"a file of 200 MB was read, {chunk_size} bytes at a time")

    file = Heavy(b"")
    file.size = 200_000_000
    with pytest.raises(BadImage, match="larger than 128 MB"):
        add_upload(team=team, actor=member, file=file, file_name="huge.png")


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        pytest.param(corpus.encoded(corpus.picture("CMYK"), "JPEG"), "image/jpeg", id="cmyk"),
        pytest.param(corpus.encoded(corpus.picture("L").convert("I;16"), "PNG"), "image/png", id="16 bit"),
        pytest.param(corpus.animated("PNG"), "image/png", id="animated png"),
        pytest.param(corpus.animated("WEBP"), "image/webp", id="animated webp"),
        pytest.param(corpus.palette_with_key(), "image/png", id="palette"),
        pytest.param(corpus.png() + b"<script>alert(1)</script>", "image/png", id="polyglot"),
    ],
)
def test_unusual_picture_is_taken_by_its_bytes(team: Team, member: User, data: bytes, content_type: str) -> None:
    asset = take(team, member, data, "wrong.gif").asset
    assert (asset.content_type, asset.has_thumb, asset.width > 0) == (content_type, True, True)
    assert content_of(asset.received_name if asset.has_received else asset.original_name) == data


@pytest.mark.parametrize("refused", ["received/", "originals/", "thumbs/"])
def test_full_disk_leaves_nothing(
    team: Team, member: User, media: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    write = AtomicFileSystemStorage._write

    def full(self: AtomicFileSystemStorage, path: Path, content: File[Any], *, watched: bool) -> None:
        write(self, path, content, watched=watched)
        if path.is_relative_to(media / refused):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(AtomicFileSystemStorage, "_write", full)
    with pytest.raises(StorageFull) as caught:
        take(team, member, corpus.with_metadata("note"))
    assert (caught.value.http_status, caught.value.code) == (507, "storage_full")
    assert files_in(media) == []
    assert not Asset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_same_file_at_once_is_one_picture(team: Team, member: User, media: Path) -> None:
    data = corpus.with_metadata("note")
    all_of_them = at_once([lambda: take(team, member, data)] * 5)
    asset = Asset.objects.get()
    assert {uploaded.asset for uploaded in all_of_them} == {asset}
    assert sorted(uploaded.is_new for uploaded in all_of_them) == [False, False, False, False, True]
    assert files_in(media) == ["originals", "received", "thumbs"]
    assert content_of(asset.received_name) == data


def test_who_would_wait_too_long_is_told_at_once(team: Team, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_waiting", threading.Semaphore(0))
    with pytest.raises(Unavailable):
        take(team, member, corpus.png())
    monkeypatch.setattr(turns, "_waiting", threading.Semaphore(1))
    monkeypatch.setattr(turns, "_working", threading.Semaphore(0))
    monkeypatch.setattr(turns, "_PATIENCE", 0.01)
    with pytest.raises(Unavailable):
        take(team, member, corpus.png())
    monkeypatch.setattr(turns, "_working", threading.Semaphore(1))
    assert take(team, member, corpus.png()).is_new
    assert take(team, member, corpus.png("L")).is_new


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "a.png"),
        ("/etc/../passwd", "passwd"),
        ("C:\\fakepath\\b.jpg", "b.jpg"),
        ("../../..", ".."),
        ("line\nbreak\x00\x1b[31m.png", "linebreak[31m.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("  日本語  写真.webp ", "日本語 写真.webp"),
        ("x" * 300 + ".png", "x" * 255),
        ("folder/", ""),
        ("", ""),
    ],
)
def test_file_name_is_the_last_part_that_can_be_seen(name: str, expected: str) -> None:
    assert clean_file_name(name) == expected
