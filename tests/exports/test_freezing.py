"""Lists are frozen page by page: exact, in order, once for every picture, whatever dies on the way."""

import csv
import io
import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.exports import freezing, planning, services
from studio.exports.freezing import Freezer, Lost, claim, release
from studio.exports.models import Export, ExportPage, ExportPart, State, held_by_exports
from studio.library import files
from studio.library.binning import bin_assets, purge
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Tag
from studio.library.words import fold
from studio.teams.models import Team
from tests.exports.archives import body_of, make_export, names_of, opened, read
from tests.factories import make_asset

# By its own name, or by that of the program that came before it.
SEVEN_ZIP = "7zz" if shutil.which("7zz") else "7z"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]


def make_collection(team: Team, owner: User, name: str, *, parent: Collection | None = None) -> Collection:
    return Collection.objects.create(team=team, name=name, key=fold(name), parent=parent, created_by=owner)


def put(collection: Collection, owner: User, *assets: Asset) -> None:
    """Put pictures into a collection, in this order."""
    for number, asset in enumerate(assets):
        CollectionItem.objects.create(collection=collection, asset=asset, position=number * 1024, added_by=owner)


def make_waiting(team: Team, author: User, monkeypatch: pytest.MonkeyPatch, *, page: int = 2, count: int = 5) -> Export:
    """Export so many pictures, but leave the list to the queue."""
    monkeypatch.setattr(planning, "PAGE", page)
    monkeypatch.setattr(services, "AT_ONCE", 0)
    for number in range(count):
        make_asset(team, prompt=f"Picture {number}")
    return make_export(team, author)


def claimed() -> Freezer:
    export = claim()
    assert export is not None
    return Freezer(export)


def finish(freezer: Freezer) -> Export:
    while freezer.step():
        pass
    return Export.objects.get(pk=freezer.export.pk)


# What is frozen


def test_archive_has_every_picture_in_order_whatever_the_page(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = make_waiting(team, owner, monkeypatch)
    assert (export.state, export.total, export.done) == (State.PREPARING, 5, 0)
    export = finish(claimed())
    assert (export.state, export.done, export.missing, export.files) == (State.READY, 5, 0, 5)
    part = export.parts.get()
    data = read(body_of(part))
    assert len(data) == part.length == export.length
    manifest = json.loads(opened(data).read("manifest.json"))
    assert [picture["prompt"] for picture in manifest["pictures"]] == [f"Picture {number}" for number in range(5)]
    assert [picture["file"] for picture in manifest["pictures"]] == names_of(export)
    rows = list(csv.DictReader(io.StringIO(opened(data).read("manifest.csv").decode("utf-8-sig"), newline="")))
    assert [row["file"] for row in rows] == names_of(export)


def test_any_stretch_of_an_archive_is_exact(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_waiting(team, owner, monkeypatch)
    body = body_of(finish(claimed()).parts.get())
    whole = read(body)
    edges = {0, 1, len(whole) - 1, len(whole)}
    layout = body._layout
    edges |= {text.offset + shift for text in layout.texts for shift in (-1, 0, 1, 60)}
    edges |= {layout.directory, layout.directory + 1, len(whole) - len(layout.end)}
    edges |= {page.local_offset for page in ExportPage.objects.all()}
    ordered = sorted(edges)
    for start in ordered:
        for stop in [edge for edge in ordered if edge > start][:6]:
            assert read(body, start, stop) == whole[start:stop], (start, stop)


def test_same_list_gives_the_same_tag_and_another_another(team: Team, owner: User) -> None:
    first, second = make_asset(team), make_asset(team)
    both = make_export(team, owner, ids=[first.pk, second.pk]).parts.get()
    one = make_export(team, owner, ids=[first.pk]).parts.get()
    assert len({both.etag, one.etag}) == 2
    assert len(both.etag) == 64


def test_collection_keeps_its_order_and_its_folders(team: Team, owner: User) -> None:
    first, second, third = (make_asset(team, prompt=name) for name in ("one", "two", "three"))
    top = make_collection(team, owner, "Campaigns")
    inner, elsewhere = make_collection(team, owner, "Autumn: 1/2", parent=top), make_collection(team, owner, "All")
    put(elsewhere, owner, first, second, third)
    put(top, owner, third, first)
    put(inner, owner, second, first)
    export = make_export(team, owner, query=f"collection={top.pk}", pattern="{collection}/{number}-{slug}-{id}")
    assert names_of(export) == [
        f"Campaigns/00001-three-{third.pk}.png",
        f"Campaigns/00002-one-{first.pk}.png",
        f"Campaigns/Autumn_ 1_2/00003-two-{second.pk}.png",
    ]
    assert (export.scope, export.name) == ("collection", "Campaigns")
    manifest = json.loads(opened(read(body_of(export.parts.get()))).read("manifest.json"))
    assert [table["name"] for table in manifest["collections"]] == ["Campaigns", "Autumn: 1/2", "All"]
    assert manifest["pictures"][1]["collection_names"] == ["All", "Campaigns", "Campaigns / Autumn: 1/2"]
    assert manifest["pictures"][1]["collections"] == [
        {"id": elsewhere.pk, "position": 0},
        {"id": top.pk, "position": 1024},
        {"id": inner.pk, "position": 1024},
    ]


def test_selection_names_only_what_its_pictures_are_filed_under(team: Team, owner: User) -> None:
    asset = make_asset(team)
    make_asset(team)
    mine, _ = make_collection(team, owner, "Mine"), make_collection(team, owner, "Secret client")
    put(mine, owner, asset)
    tag = Tag.objects.create(team=team, name="fog", key="fog", hue=3)
    Tag.objects.create(team=team, name="secret", key="secret")
    AssetTag.objects.create(asset=asset, tag=tag)
    export = make_export(team, owner, ids=[asset.pk])
    text = opened(read(body_of(export.parts.get()))).read("manifest.json").decode()
    assert "ecret" not in text
    manifest = json.loads(text)
    assert manifest["tags"] == [{"id": tag.pk, "name": "fog", "hue": 3}]
    assert manifest["pictures"][0]["tag_names"] == ["fog"]
    whole = make_export(team, owner)
    assert "Secret client" in opened(read(body_of(whole.parts.get()))).read("manifest.json").decode()


def test_nobodys_address_is_in_an_archive(team: Team, owner: User) -> None:
    make_asset(team)
    data = read(body_of(make_export(team, owner).parts.get()))
    assert b"@halden.example" not in data
    assert b"Maya Lindqvist" in data


def test_missing_and_damaged_files_are_named_not_sent(team: Team, owner: User) -> None:
    kept, lost, cut = (make_asset(team, prompt=name) for name in ("kept", "lost", "cut"))
    files.delete([lost.original_name])
    Path(default_storage.path(cut.original_name)).write_bytes(b"cut")
    export = make_export(team, owner, pattern="{slug}-{id}")
    assert (export.total, export.missing, export.files) == (3, 2, 1)
    archive = opened(read(body_of(export.parts.get())))
    assert archive.namelist() == [f"kept-{kept.pk}.png", "manifest.json", "manifest.csv", "README.txt"]
    readme = archive.read("README.txt").decode().split("\r\n")
    at = readme.index("Missing: 2. The files of these images are missing or damaged on the server:")
    assert readme[at + 1 : at + 3] == [f"lost-{lost.pk}.png", f"cut-{cut.pk}.png"]
    pictures = json.loads(archive.read("manifest.json"))["pictures"]
    assert [(picture["missing"], picture["file"]) for picture in pictures] == [
        (False, f"kept-{kept.pk}.png"),
        (True, None),
        (True, None),
    ]


def test_export_without_any_file_left_is_still_an_archive(team: Team, owner: User) -> None:
    files.delete([make_asset(team).original_name])
    archive = opened(read(body_of(make_export(team, owner).parts.get())))
    assert archive.namelist() == ["manifest.json", "manifest.csv", "README.txt"]


@pytest.mark.parametrize("program", [["unzip", "-t", "-qq"], [SEVEN_ZIP, "t", "-bso0", "-bsp0"]])
def test_other_programs_find_no_fault(team: Team, owner: User, tmp_path: Path, program: list[str]) -> None:
    collection = make_collection(team, owner, "Größe 富士山")
    put(collection, owner, *(make_asset(team, prompt=f"Ünïcode 富士山 {number}") for number in range(3)))
    target = tmp_path / "out.zip"
    target.write_bytes(read(body_of(make_export(team, owner).parts.get())))
    done = subprocess.run([*program, str(target)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Parts


def parts_of(team: Team, owner: User, most: int) -> list[ExportPart]:
    export = make_export(team, owner, pattern="{number}-{id}", part_bytes=most)
    return list(export.parts.order_by("number"))


@pytest.mark.parametrize(("page", "lost"), [(1, 4), (3, 0), (500, 4)])
def test_parts_are_as_full_as_their_size_allows_to_the_byte(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch, page: int, lost: int
) -> None:
    monkeypatch.setattr(planning, "PAGE", page)
    assets = [make_asset(team, prompt=f"Picture {number}") for number in range(7)]
    files.delete([asset.original_name for asset in assets[:lost]])
    collection = make_collection(team, owner, "Autumn")
    Collection.objects.update(description="Leaves. " * 500)
    put(collection, owner, *assets[2:])
    [whole] = parts_of(team, owner, 10**9)
    first = whole
    for count in (7, 6, 5):
        assert (first.files + first.missing, first.length) == (count, len(read(body_of(first))))
        again, *rest = parts_of(team, owner, first.length)
        assert (again.length, sum(part.files + part.missing for part in rest)) == (first.length, 7 - count)
        assert all(part.length <= first.length for part in rest)
        first = parts_of(team, owner, first.length - 1)[0]


def test_parts_hold_every_picture_once_and_in_order(team: Team, owner: User) -> None:
    for number in range(7):
        make_asset(team, prompt=f"Picture {number}")
    export = make_export(team, owner, pattern="{number}-{id}", part_bytes=6000)
    parts = list(export.parts.order_by("number"))
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert len(parts) >= 3
    assert all(part.length <= 6000 for part in parts)
    names = names_of(export)
    assert [name[:5] for name in names] == [f"{number:05}" for number in range(1, 8)]
    assert export.length == sum(part.length for part in parts)
    manifests = [json.loads(opened(read(body_of(part))).read("manifest.json")) for part in parts]
    assert [manifest["export"]["part"] for manifest in manifests] == [part.number for part in parts]
    assert sum(manifest["summary"]["files"] for manifest in manifests) == 7


@pytest.mark.parametrize("page", [2, 4])
def test_parts_keep_to_their_size_whatever_is_renamed_meanwhile(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(planning, "PAGE", page)
    monkeypatch.setattr(services, "AT_ONCE", 0)
    put(make_collection(team, owner, "Autumn"), owner, *(make_asset(team) for _ in range(4)))
    make_export(team, owner, pattern="{number}-{id}", part_bytes=10**9)
    whole = finish(claimed())
    make_export(team, owner, pattern="{number}-{id}", part_bytes=whole.length)
    freezer = claimed()
    for _ in range(4 // page):
        freezer.step()
    # What follows the pictures was measured with the last of them; now it would be longer.
    Collection.objects.update(description="Leaves. " * 50)
    release(freezer.export)
    export = finish(claimed())
    part = export.parts.get()
    assert (part.length, len(read(body_of(part)))) == (whole.length, whole.length)
    assert len(names_of(export)) == 4


def test_picture_larger_than_a_part_has_one_to_itself(team: Team, owner: User) -> None:
    make_asset(team)
    make_asset(team)
    export = make_export(team, owner, part_bytes=1)
    assert [part.files for part in export.parts.order_by("number")] == [1, 1]


# Who works on it


def test_work_that_was_taken_over_writes_nothing(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_waiting(team, owner, monkeypatch)
    slow = claimed()
    assert slow.step()
    assert claim() is None
    Export.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    quick = claimed()
    with pytest.raises(Lost):
        slow.step()
    export = finish(quick)
    assert (export.state, export.done) == (State.READY, 5)
    assert len(names_of(export)) == 5


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_crash_after_any_page_costs_at_most_a_page(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    make_waiting(team, owner, monkeypatch)
    dying = claimed()
    for _ in range(steps):
        dying.step()
    Export.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert Export.objects.get().done == min(5, 2 * steps)
    export = finish(claimed())
    pictures = json.loads(opened(read(body_of(export.parts.get()))).read("manifest.json"))["pictures"]
    assert [picture["prompt"] for picture in pictures] == [f"Picture {number}" for number in range(5)]


def test_crash_between_page_and_end_of_a_part_is_mended(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 0)
    for _ in range(4):
        make_asset(team)
    make_export(team, owner, part_bytes=5000)
    freezer = claimed()
    with monkeypatch.context() as patched:
        patched.setattr(Freezer, "_seal", lambda *_: None)
        freezer.step()
    release(freezer.export)
    export = finish(claimed())
    assert export.state == State.READY
    assert len(names_of(export)) == 4
    assert export.parts.count() > 1
    assert all(part.length <= 5000 for part in export.parts.all())


def test_work_that_always_fails_is_given_up(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    make_waiting(team, owner, monkeypatch)
    for _ in range(freezing.MOST_STRIKES):
        assert claim() is not None
        Export.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert claim() is None
    export = Export.objects.get()
    assert (export.state, export.failure) == (
        State.FAILED,
        "It could not be prepared: the server failed several times.",
    )


def test_revoked_export_is_worked_on_no_longer(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    export = make_waiting(team, owner, monkeypatch)
    freezer = claimed()
    assert services.revoke_export(export=export, actor=owner)
    with pytest.raises(Lost):
        freezer.step()
    assert claim() is None


def test_exports_take_turns(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make_waiting(team, owner, monkeypatch), make_waiting(team, owner, monkeypatch, count=1)
    seen = []
    for _ in range(4):
        freezer = claimed()
        freezer.step()
        release(freezer.export)
        seen.append(freezer.export.pk)
    assert seen == [first.pk, second.pk, first.pk, second.pk]


# What it keeps


def test_live_export_keeps_its_pictures_from_being_purged(team: Team, owner: User) -> None:
    held, free = make_asset(team), make_asset(team)
    export = make_export(team, owner, ids=[held.pk])
    both = [held.pk, free.pk]
    assert held_by_exports(both) == {held.pk}
    bin_assets(team_id=team.pk, asset_ids=both, actor_id=owner.pk, at=timezone.now())
    assert purge(team_id=team.pk, asset_ids=both, actor_id=owner.pk) == [free.pk]
    assert files.is_there(held.original_name, held.size)
    services.revoke_export(export=export, actor=owner)
    assert purge(team_id=team.pk, asset_ids=both, actor_id=owner.pk) == [held.pk]


def test_expired_export_keeps_nothing(team: Team, owner: User) -> None:
    asset = make_asset(team)
    make_export(team, owner)
    assert held_by_exports([asset.pk]) == {asset.pk}
    Export.objects.update(expires_at=timezone.now())
    assert held_by_exports([asset.pk]) == set()


@pytest.mark.parametrize("count", [1, 40])
def test_page_takes_the_same_queries_for_one_and_forty(
    team: Team,
    owner: User,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_waiting(team, owner, monkeypatch, page=50, count=count)
    freezer = claimed()
    # page, open part, assets, tags, collections, number of parts, savepoint in and out, lease, part, page
    with django_assert_num_queries(11):
        freezer.step()
