"""The bin: what goes in and out of it, when it is emptied, and what a purge leaves."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.library import binning, binning_upkeep, files
from studio.library.models import (
    Asset,
    AssetTag,
    BulkAct,
    Collection,
    CollectionItem,
    Favourite,
    LibraryRules,
    Source,
    Status,
    Tag,
)
from studio.library.store import make_preview
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

BIN = "/t/halden-co/library/bin/"
# Python reads them, PostgreSQL does not.
FAR_MOMENTS = ("0001-01-01T00:00:00+23:59_3", "9999-12-31T23:59:59-23:59_3")
RULES = "/t/halden-co/library/rules/"
BULK = "/t/halden-co/library/bulk/"

Commit = DjangoCaptureOnCommitCallbacks


def put_into_bin(*assets: Asset, by: User | None = None, days: float = 0) -> None:
    moment = timezone.now() - timedelta(days=days)
    Asset.objects.filter(pk__in=[asset.pk for asset in assets]).update(binned_at=moment, binned_by=by)


def sizes(*assets: Asset) -> list[bool]:
    names = [name for asset in assets for name in (asset.original_name, asset.thumb_name)]
    return [size is not None for size in files.sizes_of(names).values()]


@pytest.fixture
def guard() -> Any:
    """Register guards for one test."""
    before = list(binning.guards)

    def register(one: Callable[[Sequence[int]], set[int]]) -> None:
        binning.guards.append(one)

    yield register
    binning.guards[:] = before


def test_purge_empties_the_row_and_removes_the_files(
    team: Team, admin: User, django_capture_on_commit_callbacks: Commit
) -> None:
    asset = make_asset(team, prompt="A lighthouse nobody may know of")
    tag = Tag.objects.create(team=team, name="hero", key="hero")
    collection = Collection.objects.create(team=team, name="x", key="x", created_by=admin, cover=asset)
    AssetTag.objects.create(asset=asset, tag=tag)
    CollectionItem.objects.create(collection=collection, asset=asset, position=1, added_by=admin)
    Favourite.objects.create(user=admin, asset=asset)
    make_preview(asset)
    Asset.objects.filter(pk=asset.pk).update(
        has_preview=True, title="Secret", notes="Secret", spec={"prompt": "Secret", "size": "96x64"}
    )
    asset.refresh_from_db()
    put_into_bin(asset, by=admin)
    with django_capture_on_commit_callbacks(execute=True):
        assert binning.purge(team_id=team.pk, asset_ids=[asset.pk], actor_id=admin.pk) == [asset.pk]
        assert sizes(asset) == [True, True]
    assert [size for size in files.sizes_of(asset.file_names).values() if size is not None] == []
    purged = Asset.objects.get(pk=asset.pk)
    texts = (purged.title, purged.prompt, purged.notes, purged.file_name, purged.sort_name, purged.words, purged.search)
    assert texts == ("",) * 7
    assert (purged.spec, purged.has_thumb, purged.has_preview) == ({"size": "96x64"}, False, False)
    assert (purged.sha256, purged.size, purged.credits) == (asset.sha256, asset.size, asset.credits)
    collection.refresh_from_db()
    assert (collection.cover, collection.items.count(), tag.asset_tags.count()) == (None, 0, 0)
    assert not Favourite.objects.exists()
    event = AuditEvent.objects.get(action=Action.PICTURES_PURGED)
    assert (event.actor, event.data) == (admin, {"images": 1, "first": asset.pk, "last": asset.pk})


def test_purge_takes_only_what_is_in_the_teams_bin(team: Team, other_team: Team, admin: User) -> None:
    listed, binned, foreign = make_asset(team), make_asset(team), make_asset(other_team)
    put_into_bin(binned, foreign)
    ids = [listed.pk, binned.pk, foreign.pk, 10**15]
    assert binning.purge(team_id=team.pk, asset_ids=ids, actor_id=admin.pk) == [binned.pk]
    assert binning.purge(team_id=team.pk, asset_ids=ids, actor_id=admin.pk) == []
    assert AuditEvent.objects.filter(action=Action.PICTURES_PURGED).count() == 1


def test_purge_leaves_what_a_guard_holds(team: Team, guard: Any) -> None:
    held, free = make_asset(team), make_asset(team)
    put_into_bin(held, free)
    asked: list[list[int]] = []

    def hold(ids: Sequence[int]) -> set[int]:
        asked.append(list(ids))
        return {held.pk}

    guard(hold)
    ids = [free.pk, held.pk]
    assert binning.purge(team_id=team.pk, asset_ids=ids, actor_id=None) == [free.pk]
    assert asked == [[held.pk, free.pk]]


def test_same_upload_may_come_again_after_a_purge(team: Team, owner: User) -> None:
    first, second = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=first.pk).update(source=Source.UPLOADED, received_sha256="a" * 64)
    put_into_bin(first)
    binning.purge(team_id=team.pk, asset_ids=[first.pk], actor_id=None)
    assert Asset.objects.filter(pk=second.pk).update(source=Source.UPLOADED, received_sha256="a" * 64) == 1


def test_bin_is_emptied_of_what_is_old_enough(team: Team, other_team: Team, guard: Any) -> None:
    old, young, foreign, held = make_asset(team), make_asset(team), make_asset(other_team), make_asset(team)
    put_into_bin(old, held, days=30.1)
    put_into_bin(young, days=29.9)
    put_into_bin(foreign, days=8)
    LibraryRules.objects.create(team=other_team, bin_days=7)
    guard(lambda _: {held.pk})
    assert binning_upkeep.purge_expired() == 2
    assert set(Asset.objects.filter(purged_at=None).values_list("pk", flat=True)) == {young.pk, held.pk}
    assert binning_upkeep.purge_expired() == 0


def test_rule_that_is_shortened_counts_for_what_is_there(team: Team) -> None:
    asset = make_asset(team)
    put_into_bin(asset, days=3)
    assert binning_upkeep.purge_expired() == 0
    LibraryRules.objects.create(team=team, bin_days=2)
    assert binning_upkeep.purge_expired() == 1


def test_forgotten_drafts_go_to_the_bin(team: Team, other_team: Team, owner: User) -> None:
    kept = ["rated", "approved", "liked", "tagged", "collected", "titled", "noted", "uploaded", "young", "restored"]
    names = ["forgotten", *kept, "cover", "foreign"]
    made = {name: make_asset(other_team if name == "foreign" else team) for name in names}
    Asset.objects.update(created_at=timezone.now() - timedelta(days=40))
    changes: dict[str, dict[str, Any]] = {
        "rated": {"rating": 1},
        "approved": {"status": Status.APPROVED},
        "titled": {"title": "Key visual"},
        "noted": {"notes": "For Maya"},
        "uploaded": {"source": Source.UPLOADED, "received_sha256": "b" * 64},
        "young": {"created_at": timezone.now() - timedelta(days=20)},
        "restored": {"restored_at": timezone.now() - timedelta(days=1)},
    }
    for name, change in changes.items():
        Asset.objects.filter(pk=made[name].pk).update(**change)
    Favourite.objects.create(user=owner, asset=made["liked"])
    AssetTag.objects.create(asset=made["tagged"], tag=Tag.objects.create(team=team, name="hero", key="hero"))
    collection = Collection.objects.create(team=team, name="x", key="x", created_by=owner, cover=made["cover"])
    CollectionItem.objects.create(collection=collection, asset=made["collected"], position=1, added_by=owner)
    assert binning_upkeep.bin_old_drafts() == 0
    LibraryRules.objects.create(team=team, draft_days=30)
    assert binning_upkeep.bin_old_drafts() == 1
    [binned] = Asset.objects.binned()
    assert (binned.pk, binned.binned_by) == (made["forgotten"].pk, None)
    assert binning_upkeep.bin_old_drafts() == 0


def test_bin_page_tells_how_long_pictures_stay(team: Team, member: User, client_of: ClientOf) -> None:
    first, second, third, listed = (make_asset(team) for _ in range(4))
    put_into_bin(first, days=28.5)
    put_into_bin(second, days=2)
    put_into_bin(third, days=31)
    page = client_of(member).get(BIN)
    body = page.content.decode()
    assert [item.asset.pk for item in page.context["page"].items] == [second.pk, first.pk, third.pk]
    assert [item.days_left for item in page.context["page"].items] == [28, 2, 0]
    assert "3 images" in body
    assert "Goes today" in body
    assert "Empty bin" not in body
    assert f'value="{listed.pk}"' not in body


def test_empty_bin_says_so(team: Team, member: User, client_of: ClientOf) -> None:
    make_asset(team)
    assert "The bin is empty" in client_of(member).get(BIN).content.decode()


def test_bin_is_read_page_by_page(
    team: Team, member: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.library.bin_page.SIZE", 2)
    assets = [make_asset(team) for _ in range(5)]
    put_into_bin(*assets)
    client, address, found = client_of(member), BIN, []
    while address:
        page = client.get(address).context["page"]
        found += [item.asset.pk for item in page.items]
        address = f"{BIN}?cursor={page.next_cursor_quoted}" if page.next_cursor else ""
    assert found == [asset.pk for asset in reversed(assets)]


@pytest.mark.parametrize("cursor", ["x", "2026-13-01_3", "2026-01-01T00:00:00_3", "_", "9" * 500, "%00", *FAR_MOMENTS])
def test_unreadable_cursor_is_the_first_page(team: Team, member: User, client_of: ClientOf, cursor: str) -> None:
    put_into_bin(make_asset(team))
    reply = client_of(member).get(BIN, {"cursor": cursor})
    assert len(reply.context["page"].items) == 1


def test_bin_and_rules_are_not_for_everybody(
    team: Team, viewer: User, member: User, admin: User, stranger: User, client_of: ClientOf
) -> None:
    pages = {user: [client_of(user).get(page).status_code for page in (BIN, RULES)] for user in (viewer, member, admin)}
    assert pages == {viewer: [403, 403], member: [200, 403], admin: [200, 200]}
    assert [client_of(stranger).get(page).status_code for page in (BIN, RULES)] == [404, 404]
    assert client_of(member).post(RULES, {"bin_days": 3}).status_code == 403


@pytest.mark.parametrize("number", [1, 3])
def test_bin_takes_the_same_queries_for_one_and_three(
    team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    put_into_bin(*(make_asset(team) for _ in range(number)))
    client = client_of(member)
    with django_assert_num_queries(8):
        client.get(BIN)


def purge(client: Client, *assets: Asset, **data: Any) -> Any:
    return client.post(BULK, {"act": "purge", "ids": [asset.pk for asset in assets], **data})


def test_admin_is_asked_before_a_purge(
    team: Team, admin: User, client_of: ClientOf, django_capture_on_commit_callbacks: Commit
) -> None:
    first, second, listed = make_asset(team), make_asset(team), make_asset(team)
    put_into_bin(first, second)
    client = client_of(admin)
    asked = purge(client, first, second, listed).content.decode()
    assert "Delete 2 images for good?" in asked
    assert "2 images are deleted with all files. This cannot be undone." in asked
    assert not Asset.objects.filter(purged_at__isnull=False).exists()
    with django_capture_on_commit_callbacks(execute=True):
        reply = purge(client, first, second, listed, confirmed="1")
    assert reply.status_code == 302
    assert set(Asset.objects.filter(purged_at__isnull=False)) == {first, second}
    assert sizes(first, second, listed) == [False] * 4 + [True] * 2
    page = client.get(reply["Location"]).content.decode()
    assert "2 images deleted for good. 1 stayed: a download still holds them, or they left the bin." in page
    act = BulkAct.objects.get()
    assert f"{BULK}{act.pk}/undo/" not in page
    assert client.post(f"{BULK}{act.pk}/undo/").status_code == 409


def test_whole_bin_is_emptied_as_it_was_shown(team: Team, admin: User, client_of: ClientOf) -> None:
    early, late = make_asset(team), make_asset(team)
    put_into_bin(early, days=1)
    client = client_of(admin)
    until = client.get(BIN).context["until"]
    put_into_bin(late, days=-0.01)
    asked = client.post(BULK, {"act": "purge", "bin": "1", "until": until}).content.decode()
    assert "Delete 1 image for good?" in asked
    client.post(BULK, {"act": "purge", "bin": "1", "until": until, "confirmed": "1"})
    assert list(Asset.objects.filter(purged_at__isnull=False)) == [early]


def test_rules_are_changed_and_put_on_record(team: Team, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    assert client.get(RULES).context["form"].initial == {"bin_days": 30, "draft_days": None}
    assert client.post(RULES, {"bin_days": "14", "draft_days": "60"}).status_code == 302
    assert client.post(RULES, {"bin_days": "14", "draft_days": "60"}).status_code == 302
    rules = LibraryRules.objects.get()
    assert (rules.team, rules.bin_days, rules.draft_days) == (team, 14, 60)
    event = AuditEvent.objects.get(action=Action.LIBRARY_RULES_CHANGED)
    assert event.data == {"from": {"bin_days": 30, "draft_days": None}, "to": {"bin_days": 14, "draft_days": 60}}
    assert client.post(RULES, {"bin_days": "14", "draft_days": ""}).status_code == 302
    rules.refresh_from_db()
    assert rules.draft_days is None


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"bin_days": "0"},
        {"bin_days": "366"},
        {"bin_days": "-3"},
        {"bin_days": "soon"},
        {"bin_days": "9" * 40},
        {"bin_days": "30", "draft_days": "6"},
        {"bin_days": "30", "draft_days": "3651"},
    ],
)
def test_impossible_rules_are_refused(team: Team, admin: User, client_of: ClientOf, data: dict[str, str]) -> None:
    assert client_of(admin).post(RULES, data).status_code == 422
    assert not LibraryRules.objects.exists()


def test_rules_page_tells_what_is_stored(team: Team, admin: User, client_of: ClientOf) -> None:
    listed, binned, purged = make_asset(team), make_asset(team), make_asset(team)
    put_into_bin(binned, purged)
    binning.purge(team_id=team.pk, asset_ids=[purged.pk], actor_id=admin.pk)
    storage = client_of(admin).get(RULES).context["storage"]
    assert (storage.listed, storage.listed_bytes) == (1, listed.size)
    assert (storage.binned, storage.binned_bytes) == (1, binned.size)
    assert storage.bytes == listed.size + binned.size
