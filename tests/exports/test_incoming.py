"""`import_library` brings a library in whole, once, and takes nothing on trust."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.exports import incoming
from studio.exports.unzip import Archive, BadArchive
from studio.library import binning, files, tagging
from studio.library.collecting import create_collection, delete_collection
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Source, Tag
from studio.library.store import put_image
from studio.library.upkeep import Walk, sweep_orphans
from studio.teams.models import Role, Team
from tests.exports.bringing import NOTHING, bring
from tests.exports.libraries import as_known, fill, shelves_of
from tests.factories import make_asset, make_membership, make_team, make_user, small_png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archive(team: Team, owner: User, member: User, tmp_path: Path) -> Path:
    """The archive of a library with everything that there can be."""
    fill(team, owner, member)
    path = tmp_path / "library.zip"
    call_command("export_library", "halden-co", str(path), stdout=io.StringIO())
    return path


# The round trip


@pytest.mark.usefixtures("store")
def test_imported_library_is_the_same_as_the_exported_one(archive: Path, team: Team, target: Team) -> None:
    assert bring(archive) == ({**NOTHING, "imported": 7}, [], 0)
    for one, other in zip(as_known(target), as_known(team), strict=True):
        assert one == other
    assert shelves_of(target) == shelves_of(team)
    assert [(tag.name, tag.hue) for tag in Tag.objects.filter(team=target).order_by("key")] == [
        (tag.name, tag.hue) for tag in Tag.objects.filter(team=team).order_by("key")
    ]
    keys = Asset.objects.values_list("file_key", flat=True)
    assert len(set(keys)) == 14
    assert set(Asset.objects.filter(team=target).values_list("credits", "generation_id")) == {(0, None)}
    assert not AuditEvent.objects.filter(action="credits.granted").exists()
    event = AuditEvent.objects.get(action="library.imported")
    assert (event.team_id, event.data) == (target.pk, {"images": 7})


def test_exported_import_is_the_same_library_again(
    archive: Path, team: Team, target: Team, owner: User, member: User, tmp_path: Path
) -> None:
    bring(archive)
    again = tmp_path / "again.zip"
    call_command("export_library", "studio-b", str(again), stdout=io.StringIO())
    third = make_team("Third", owner=owner)
    make_membership(third, Role.MEMBER, user=member)
    assert bring(again, team="third")[0] == {**NOTHING, "imported": 7}
    assert as_known(third) == as_known(team)
    assert shelves_of(third) == shelves_of(team)


def test_same_import_twice_brings_it_once(archive: Path, target: Team) -> None:
    bring(archive)
    before = as_known(target), shelves_of(target)
    assert bring(archive) == ({**NOTHING, "already": 7}, [], 0)
    assert (as_known(target), shelves_of(target)) == before


def test_library_that_the_archive_was_made_of_has_it_all_already(archive: Path, team: Team) -> None:
    assert bring(archive, team="halden-co") == ({**NOTHING, "already": 7}, [], 0)


def test_picture_that_was_purged_comes_back(archive: Path, target: Team) -> None:
    bring(archive)
    gone = Asset.objects.filter(team=target).earliest("pk")
    Asset.objects.filter(pk=gone.pk).update(binned_at=gone.created_at)
    binning.purge(team_id=target.pk, asset_ids=[gone.pk], actor_id=None)
    assert bring(archive)[0] == {**NOTHING, "imported": 1, "already": 6}
    assert files.is_there(Asset.objects.latest("pk").original_name, gone.size)


def test_dry_run_checks_everything_and_changes_nothing(archive: Path, target: Team) -> None:
    stored = list(files.listing())
    assert bring(archive, "--dry-run") == ({**NOTHING, "dry_run": True, "imported": 7}, [], 0)
    assert not Asset.objects.filter(team=target).exists()
    assert not Tag.objects.filter(team=target).exists()
    assert not Collection.objects.filter(team=target).exists()
    assert list(files.listing()) == stored


def test_import_that_was_cut_off_goes_on(
    archive: Path, team: Team, target: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "_AT_ONCE", 2)

    class Cut(BaseException):
        """Stands for the end of the process."""

    store, calls = incoming.Import._store, []

    def cut(self: incoming.Import, prepared: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Cut  # the files of these two are there, their rows are not
        store(self, prepared)

    with monkeypatch.context() as patch:
        patch.setattr(incoming.Import, "_store", cut)
        with pytest.raises(Cut):
            bring(archive)
    assert Asset.objects.filter(team=target).count() == 4
    assert bring(archive)[0] == {**NOTHING, "imported": 3, "already": 4}
    assert as_known(target) == as_known(team)
    assert shelves_of(target) == shelves_of(team)
    monkeypatch.setattr("studio.library.upkeep.ORPHAN_AGE", -60)
    assert sweep_orphans(Walk()).orphaned == 0


def test_author_who_is_not_in_the_team_gives_way(archive: Path, owner: User) -> None:
    other = make_team("Other", owner=make_user("zed@other.example"))
    eve = make_membership(other, Role.MEMBER, user=make_user("eve@other.example")).user
    bring(archive, "--author", "EVE@other.example", team="other")
    assert set(Asset.objects.filter(team=other).values_list("author", flat=True)) == {eve.pk}
    assert not Asset.objects.filter(team=other, favourites__isnull=False).exists()
    with pytest.raises(CommandError, match=r"There is nobody with the address 'maya@halden\.example' in Other"):
        bring(archive, "--author", owner.email, team="other")


def test_tags_and_collections_of_the_same_name_are_used(archive: Path, target: Team, owner: User) -> None:
    mine = create_collection(team=target, actor=owner, name="CAMPAIGNS", description="Mine")
    Tag.objects.create(team=target, name="HERO SHOTS", key="hero shots", hue=6)
    bring(archive)
    mine.refresh_from_db()
    assert (mine.name, mine.description, mine.items.count(), mine.children.count()) == ("CAMPAIGNS", "Mine", 2, 1)
    assert Tag.objects.filter(team=target).count() == 2
    assert AssetTag.objects.filter(tag__team=target, tag__hue=6).count() == 3


def test_upload_that_is_there_already_is_not_doubled(archive: Path, team: Team, target: Team, member: User) -> None:
    there = make_asset(target, author=member, data=small_png(900))
    upload = Asset.objects.get(team=team, source=Source.UPLOADED)
    Asset.objects.filter(pk=there.pk).update(source=Source.UPLOADED, received_sha256=upload.received_sha256)
    assert bring(archive)[0] == {**NOTHING, "imported": 6, "already": 1}


def test_download_of_a_person_can_be_imported(team: Team, owner: User, target: Team, tmp_path: Path) -> None:
    from tests.exports.archives import body_of, make_export, read  # noqa: PLC0415  # only here

    assets = [make_asset(team, author=owner) for _ in range(3)]
    export = make_export(team, owner)
    (tmp_path / "mine.zip").write_bytes(read(body_of(export.parts.get())))
    assert bring(tmp_path / "mine.zip")[0] == {**NOTHING, "imported": 3}
    found = Asset.objects.filter(team=target).order_by("pk")
    assert [asset.sha256 for asset in found] == [asset.sha256 for asset in assets]
    assert {asset.author.email for asset in found} == {"zoe@elsewhere.example"}


def test_store_that_is_away_is_said_and_gone_on_from(archive: Path, target: Team, bucket: object) -> None:
    storage: Any = default_storage
    storage._silent_until = 2.0**60
    with pytest.raises(CommandError, match="The place where pictures are kept does not answer"):
        bring(archive)
    storage._silent_until = 0.0
    assert bring(archive)[0] == {**NOTHING, "imported": 7}


def test_tag_and_collection_deleted_meanwhile_are_left_alone(
    archive: Path, target: Team, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = put_image

    def interrupted(**picture: Any) -> None:
        for tag in Tag.objects.filter(team=target, name="Hero shots"):
            tagging.delete_tag(tag=tag)
        for inner in Collection.objects.filter(team=target, name="Autumn / 秋"):
            delete_collection(collection=inner, actor_id=owner.pk)
        put(**picture)

    monkeypatch.setattr(incoming, "put_image", interrupted)
    assert bring(archive) == ({**NOTHING, "imported": 7}, [], 0)
    assert not AssetTag.objects.filter(tag__team=target).exists()
    assert set(Collection.objects.filter(team=target).values_list("name", flat=True)) == {"Campaigns", "Empty"}
    collected = CollectionItem.objects.filter(collection__team=target).values_list("collection__name", flat=True)
    assert list(collected) == ["Campaigns", "Campaigns"]


def test_full_disk_is_said_and_gone_on_from(archive: Path, target: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "_AT_ONCE", 3)
    put = put_image

    def full(**picture: Any) -> None:
        if Asset.objects.filter(team=target).exists():
            raise OSError(28, "No space left on device")
        put(**picture)

    with monkeypatch.context() as patch:
        patch.setattr(incoming, "put_image", full)
        with pytest.raises(CommandError, match=r"No space left on device\. What was imported so far stays"):
            bring(archive)
    assert bring(archive)[0] == {**NOTHING, "imported": 4, "already": 3}


@pytest.mark.parametrize("cut", [1, 10, 22, 60, 200])
def test_archive_that_was_cut_short_is_no_archive(cut: int, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-cut])
    with archive.open("rb") as file, pytest.raises(BadArchive):
        Archive(file)
