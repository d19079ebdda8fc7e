"""Acts on many pictures: done once and whole, in turns, cut off anywhere, and taken back."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from studio.accounts.models import User
from studio.core.errors import Conflict, NotFound
from studio.library import acting, binning, bulk
from studio.library.collecting import delete_collection
from studio.library.models import (
    Asset,
    AssetTag,
    BulkAct,
    BulkItem,
    BulkState,
    Collection,
    CollectionItem,
    Favourite,
    Status,
    Tag,
)
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.library.words import fold
from studio.teams.models import Membership, Role, Team
from tests.factories import make_asset

State = Callable[[Team], Any]


@pytest.fixture
def tag(team: Team) -> Tag:
    return Tag.objects.create(team=team, name="hero", key="hero")


@pytest.fixture
def solstice(team: Team, owner: User) -> Collection:
    return make_collection(team, owner, "Solstice launch")


def make_collection(team: Team, owner: User, name: str) -> Collection:
    return Collection.objects.create(team=team, name=name, key=fold(name), created_by=owner)


def start(team: Team, actor: User, act: str, *ids: int, **value: Any) -> BulkAct:
    chosen = Selection(ids=ids)
    return acting.start(team=team, actor=actor, act=act, value=value, selection=chosen, key=uuid.uuid4())


def start_all(team: Team, actor: User, act: str, query: str = "", *, newest: int = 10**9, **value: Any) -> BulkAct:
    chosen = Selection(search=LibrarySearch.read(query), newest=newest)
    return acting.start(team=team, actor=actor, act=act, value=value, selection=chosen, key=uuid.uuid4())


def run(act: BulkAct) -> BulkAct:
    """Let the upkeep do all of it."""
    while bulk.work(act.pk):
        pass
    act.refresh_from_db()
    return act


def about(team: Team) -> dict[str, Any]:
    """All that acts can change."""
    assets = Asset.objects.for_team(team).order_by("pk")
    return {
        "said": list(assets.values_list("pk", "status", "rating", "binned_at", "binned_by")),
        "tags": set(AssetTag.objects.values_list("asset", "tag")),
        "places": set(CollectionItem.objects.values_list("collection", "asset", "position")),
        "favourites": set(Favourite.objects.values_list("user", "asset")),
    }


def test_status_is_set_and_given_back(team: Team, member: User) -> None:
    first, second, third = (make_asset(team) for _ in range(3))
    Asset.objects.filter(pk=second.pk).update(status=Status.APPROVED)
    Asset.objects.filter(pk=third.pk).update(status=Status.SHORTLISTED)
    before = about(team)
    act = start(team, member, "status", first.pk, second.pk, third.pk, status="approved", name="approved")
    assert (act.state, act.total, act.done, act.skipped) == (BulkState.DONE, 3, 3, 1)
    assert set(Asset.objects.values_list("status", flat=True)) == {"approved"}
    assert dict(act.items.values_list("asset", "before")) == {
        first.pk: {"status": "draft"},
        second.pk: {},
        third.pk: {"status": "shortlisted"},
    }
    undone = acting.undo(act=act)
    assert (undone.state, undone.undone, undone.kept) == (BulkState.UNDONE, 2, 0)
    assert about(team) == before


@pytest.mark.parametrize(
    ("act", "value"),
    [
        ("rate", {"rating": 4, "name": "4 stars"}),
        ("status", {"status": "delivered", "name": "delivered"}),
        ("favourite", {}),
        ("unfavourite", {}),
        ("bin", {}),
    ],
)
def test_act_is_done_and_taken_back(team: Team, member: User, act: str, value: dict[str, Any]) -> None:
    assets = [make_asset(team) for _ in range(3)]
    Asset.objects.filter(pk=assets[0].pk).update(rating=2)
    Favourite.objects.create(user=member, asset=assets[0])
    before = about(team)
    done = start(team, member, act, *(asset.pk for asset in assets), **value)
    assert done.state == BulkState.DONE
    assert about(team) != before
    acting.undo(act=done)
    assert about(team) == before


def test_tag_is_added_and_taken_away_again(team: Team, member: User, tag: Tag) -> None:
    had, had_not = make_asset(team), make_asset(team)
    AssetTag.objects.create(asset=had, tag=tag)
    act = start(team, member, "tag", had.pk, had_not.pk, tag=tag.pk, name=tag.name)
    assert (act.done, act.skipped) == (2, 1)
    assert set(tag.asset_tags.values_list("asset", flat=True)) == {had.pk, had_not.pk}
    acting.undo(act=act)
    assert set(tag.asset_tags.values_list("asset", flat=True)) == {had.pk}


def test_untagging_is_taken_back(team: Team, member: User, tag: Tag) -> None:
    had, had_not = make_asset(team), make_asset(team)
    AssetTag.objects.create(asset=had, tag=tag)
    act = start(team, member, "untag", had.pk, had_not.pk, tag=tag.pk, name=tag.name)
    assert not tag.asset_tags.exists()
    acting.undo(act=act)
    assert set(tag.asset_tags.values_list("asset", flat=True)) == {had.pk}


def test_collecting_moving_and_taking_out_are_taken_back_in_place(
    team: Team, owner: User, solstice: Collection
) -> None:
    first, second, third = (make_asset(team) for _ in range(3))
    spare = make_collection(team, owner, "Spare")
    collected = start(team, owner, "collect", first.pk, second.pk, collection=solstice.pk, name="Solstice launch")
    start(team, owner, "collect", second.pk, third.pk, collection=spare.pk, name="Spare")
    before = about(team)
    value = {"source": solstice.pk, "collection": spare.pk, "name": "Spare"}
    moved = start(team, owner, "move", first.pk, second.pk, third.pk, **value)
    assert (moved.done, moved.skipped) == (3, 1)
    assert set(spare.items.values_list("asset", flat=True)) == {first.pk, second.pk, third.pk}
    assert not solstice.items.exists()
    acting.undo(act=moved)
    assert about(team) == before
    out = start(team, owner, "uncollect", first.pk, second.pk, collection=solstice.pk, name="Solstice launch")
    assert not solstice.items.exists()
    acting.undo(act=out)
    assert about(team) == before
    acting.undo(act=collected)
    assert not solstice.items.exists()


def test_moving_is_taken_back_where_the_target_is_gone(team: Team, owner: User, solstice: Collection) -> None:
    first, second = make_asset(team), make_asset(team)
    start(team, owner, "collect", first.pk, second.pk, collection=solstice.pk, name="Solstice launch")
    spare = make_collection(team, owner, "Spare")
    before = about(team)
    start(team, owner, "collect", second.pk, collection=spare.pk, name="Spare")
    value = {"source": solstice.pk, "collection": spare.pk, "name": "Spare"}
    moved = start(team, owner, "move", first.pk, second.pk, **value)
    delete_collection(collection=spare, actor_id=owner.pk)
    undone = acting.undo(act=moved)
    assert (undone.state, undone.undone, undone.kept, undone.problem) == (BulkState.UNDONE, 2, 0, "")
    assert about(team) == before


def test_moving_is_not_taken_back_where_the_source_is_gone(team: Team, owner: User, solstice: Collection) -> None:
    asset, spare = make_asset(team), make_collection(team, owner, "Spare")
    start(team, owner, "collect", asset.pk, collection=solstice.pk, name="Solstice launch")
    value = {"source": solstice.pk, "collection": spare.pk, "name": "Spare"}
    moved = start(team, owner, "move", asset.pk, **value)
    delete_collection(collection=solstice, actor_id=owner.pk)
    undone = acting.undo(act=moved)
    assert (undone.state, undone.undone) == (BulkState.UNDONE, 0)
    assert "was deleted meanwhile" in undone.problem
    assert list(spare.items.values_list("asset", flat=True)) == [asset.pk]


def test_restoring_is_taken_back_as_it_was(team: Team, member: User, admin: User) -> None:
    asset = make_asset(team)
    long_ago = timezone.now() - timedelta(days=12)
    Asset.objects.filter(pk=asset.pk).update(binned_at=long_ago, binned_by=admin)
    act = start(team, member, "restore", asset.pk)
    asset.refresh_from_db()
    assert (asset.binned_at, asset.binned_by) == (None, None)
    # The days in the library do not count: it has as many left in the bin as before.
    Asset.objects.filter(pk=asset.pk).update(restored_at=timezone.now() - timedelta(days=20))
    acting.undo(act=act)
    asset.refresh_from_db()
    assert asset.binned_by == admin
    assert asset.binned_at is not None
    assert abs(asset.binned_at - long_ago - timedelta(days=20)) < timedelta(minutes=1)


def test_undo_leaves_what_somebody_changed_since(team: Team, owner: User, member: User, tag: Tag) -> None:
    first, second = make_asset(team), make_asset(team)
    act = start(team, member, "status", first.pk, second.pk, status="approved", name="approved")
    start(team, owner, "status", second.pk, status="delivered", name="delivered")
    undone = acting.undo(act=act)
    assert (undone.undone, undone.kept) == (1, 1)
    assert dict(Asset.objects.values_list("pk", "status")) == {first.pk: "draft", second.pk: "delivered"}
    binned = start(team, member, "bin", first.pk, second.pk)
    start(team, owner, "restore", second.pk)
    start(team, owner, "bin", second.pk)
    undone = acting.undo(act=binned)
    assert (undone.undone, undone.kept) == (1, 1)
    assert list(Asset.objects.binned().values_list("pk", flat=True)) == [second.pk]


def test_undo_of_collecting_leaves_what_somebody_else_collected(
    team: Team, owner: User, member: User, solstice: Collection
) -> None:
    first, second = make_asset(team), make_asset(team)
    value = {"collection": solstice.pk, "name": "Solstice launch"}
    act = start(team, member, "collect", first.pk, second.pk, **value)
    start(team, owner, "uncollect", second.pk, **value)
    start(team, owner, "collect", second.pk, **value)
    assert (acting.undo(act=act).undone, list(solstice.items.values_list("asset", flat=True))) == (1, [second.pk])


def test_undo_twice_is_once(team: Team, member: User) -> None:
    asset = make_asset(team)
    act = start(team, member, "rate", asset.pk, rating=5, name="5 stars")
    acting.undo(act=act)
    start(team, member, "rate", asset.pk, rating=5, name="5 stars")
    assert acting.undo(act=act).state == BulkState.UNDONE
    asset.refresh_from_db()
    assert asset.rating == 5


def test_act_that_changed_nothing_has_no_undo(team: Team, member: User) -> None:
    asset = make_asset(team)
    act = start(team, member, "rate", asset.pk, rating=0, name="0 stars")
    assert (act.done, act.skipped) == (1, 1)
    with pytest.raises(Conflict):
        acting.undo(act=act)


def test_same_key_is_the_same_act(team: Team, member: User) -> None:
    asset = make_asset(team)
    key = uuid.uuid4()
    chosen = Selection(ids=(asset.pk,))
    value = {"rating": 3, "name": "3 stars"}
    twice = [
        acting.start(team=team, actor=member, act="rate", value=value, selection=chosen, key=key) for _ in range(2)
    ]
    assert twice[0].pk == twice[1].pk
    with pytest.raises(Conflict):
        acting.start(team=team, actor=member, act="bin", value={}, selection=chosen, key=key)
    assert BulkAct.objects.count() == 1


def test_same_key_is_for_the_same_pictures(team: Team, member: User) -> None:
    one, two, three = (make_asset(team) for _ in range(3))
    value = {"rating": 3, "name": "3 stars"}

    def rate(chosen: Selection, key: uuid.UUID) -> BulkAct:
        return acting.start(team=team, actor=member, act="rate", value=value, selection=chosen, key=key)

    ticked, searched = uuid.uuid4(), uuid.uuid4()
    rate(Selection(ids=(one.pk, two.pk)), ticked)
    rate(Selection(search=LibrarySearch(), newest=two.pk), searched)
    assert rate(Selection(search=LibrarySearch()), searched).total == 2
    everything = Selection(search=LibrarySearch(), newest=three.pk)
    fewer, others, more = (Selection(ids=ids) for ids in ((one.pk,), (three.pk,), (one.pk, two.pk, three.pk)))
    for chosen in (fewer, others, more, everything):
        with pytest.raises(Conflict):
            rate(chosen, ticked)
    for chosen in (Selection(search=LibrarySearch(q="fox")), Selection(ids=(one.pk,))):
        with pytest.raises(Conflict):
            rate(chosen, searched)
    three.refresh_from_db()
    assert three.rating == 0


def test_same_key_is_the_same_act_also_when_a_picture_was_purged_since(team: Team, member: User) -> None:
    kept, gone = make_asset(team), make_asset(team)
    chosen, key = Selection(ids=(kept.pk, gone.pk)), uuid.uuid4()
    act = acting.start(team=team, actor=member, act="bin", value={}, selection=chosen, key=key)
    binning.purge(team_id=team.pk, asset_ids=[gone.pk], actor_id=member.pk)
    assert acting.start(team=team, actor=member, act="bin", value={}, selection=chosen, key=key).pk == act.pk


def test_foreign_and_unknown_pictures_stop_the_act(team: Team, other_team: Team, member: User) -> None:
    own, foreign = make_asset(team), make_asset(other_team)
    for ids in ((own.pk, foreign.pk), (own.pk, 10**15)):
        with pytest.raises(NotFound):
            start(team, member, "bin", *ids)
    assert (BulkAct.objects.count(), Asset.objects.binned().count()) == (0, 0)


def test_pictures_in_the_bin_are_only_restored(team: Team, member: User) -> None:
    listed, binned = make_asset(team), make_asset(team)
    start(team, member, "bin", binned.pk)
    rated = start(team, member, "rate", listed.pk, binned.pk, rating=2, name="2 stars")
    assert (rated.done, rated.skipped) == (2, 1)
    restored = start(team, member, "restore", listed.pk, binned.pk)
    assert (restored.done, restored.skipped) == (2, 1)
    assert dict(Asset.objects.values_list("pk", "rating")) == {listed.pk: 2, binned.pk: 0}
    assert not Asset.objects.binned().exists()


def test_everything_that_matches_is_frozen_up_to_the_newest(team: Team, other_team: Team, member: User) -> None:
    first, second, later = make_asset(team), make_asset(team, prompt="A red kite"), make_asset(team)
    make_asset(other_team)
    act = start_all(team, member, "rate", newest=second.pk, rating=5, name="5 stars")
    assert (act.state, act.total) == (BulkState.DONE, 2)
    assert dict(Asset.objects.for_team(team).values_list("pk", "rating")) == {first.pk: 5, second.pk: 5, later.pk: 0}
    kite = start_all(team, member, "bin", "q=kite")
    assert (kite.total, Asset.objects.binned().get().pk) == (1, second.pk)


@pytest.fixture
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make five pictures many: two at a time, and none while the page waits."""
    monkeypatch.setattr(bulk, "BATCH", 2)
    monkeypatch.setattr(acting, "AT_ONCE", 1)


@pytest.mark.usefixtures("_small_steps")
def test_large_act_is_done_in_turns_and_undone_in_turns(team: Team, member: User) -> None:
    for _ in range(5):
        make_asset(team)
    act = start_all(team, member, "bin")
    assert (act.state, act.is_frozen, act.items.count()) == (BulkState.QUEUED, False, 0)
    assert bulk.work(act.pk, seconds=0)
    act.refresh_from_db()
    assert (act.state, act.total, act.done, act.lease_expires_at) == (BulkState.RUNNING, 5, 0, None)
    assert bulk.work(act.pk, seconds=0)
    act.refresh_from_db()
    assert (act.done, Asset.objects.binned().count()) == (2, 2)
    assert (run(act).state, act.done, Asset.objects.binned().count()) == (BulkState.DONE, 5, 5)
    assert acting.undo(act=act).state == BulkState.UNDOING
    assert bulk.work(act.pk, seconds=0)
    act.refresh_from_db()
    assert (act.state, act.undone, Asset.objects.binned().count()) == (BulkState.UNDOING, 2, 3)
    assert (run(act).state, act.undone, act.kept, Asset.objects.binned().count()) == (BulkState.UNDONE, 5, 0, 0)


@pytest.mark.usefixtures("_small_steps")
def test_what_is_made_or_changed_after_the_press_stays_out_and_in(team: Team, member: User) -> None:
    assets = [make_asset(team) for _ in range(4)]
    act = start_all(team, member, "status", "status=draft", newest=assets[-1].pk, status="approved", name="approved")
    assert bulk.work(act.pk, seconds=0)
    made = make_asset(team)
    Asset.objects.filter(pk=assets[3].pk).update(status=Status.SHORTLISTED)
    assert run(act).total == 4
    statuses = dict(Asset.objects.values_list("pk", "status"))
    assert statuses == {**{asset.pk: "approved" for asset in assets}, made.pk: "draft"}


@pytest.mark.usefixtures("_small_steps")
def test_cancelled_act_stops_and_what_was_done_can_be_taken_back(team: Team, member: User) -> None:
    for _ in range(5):
        make_asset(team)
    act = start_all(team, member, "bin")
    assert bulk.work(act.pk, seconds=0)
    assert bulk.work(act.pk, seconds=0)
    acting.cancel(act=act)
    assert (run(act).state, act.done, Asset.objects.binned().count()) == (BulkState.CANCELLED, 2, 2)
    acting.undo(act=act)
    assert (run(act).state, act.undone, Asset.objects.binned().count()) == (BulkState.UNDONE, 2, 0)
    acting.cancel(act=act)
    assert run(act).state == BulkState.UNDONE


@pytest.mark.usefixtures("_small_steps")
def test_leased_act_is_left_alone_until_its_lease_is_over(team: Team, member: User) -> None:
    for _ in range(3):
        make_asset(team)
    act = start_all(team, member, "bin")
    BulkAct.objects.update(lease_expires_at=Now() + timedelta(seconds=20), created_at=Now() - timedelta(minutes=1))
    assert (bulk.work(act.pk), bulk.unfinished()) == (False, [])
    BulkAct.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert bulk.unfinished() == [act.pk]
    assert run(act).state == BulkState.DONE
    assert bulk.unfinished() == []


@pytest.mark.usefixtures("_small_steps")
def test_act_ends_when_its_actor_lost_the_right(team: Team, member: User) -> None:
    for _ in range(3):
        make_asset(team)
    act = start_all(team, member, "bin")
    assert bulk.work(act.pk, seconds=0)
    Membership.objects.filter(user=member).update(role=Role.VIEWER)
    assert (run(act).state, act.problem) == (BulkState.CANCELLED, "Whoever started this has lost the right to do it.")
    assert not Asset.objects.binned().exists()


@pytest.mark.usefixtures("_small_steps")
def test_act_ends_when_its_collection_is_deleted(team: Team, member: User, solstice: Collection) -> None:
    for _ in range(4):
        make_asset(team)
    act = start_all(team, member, "collect", collection=solstice.pk, name="Solstice launch")
    assert bulk.work(act.pk, seconds=0)
    assert bulk.work(act.pk, seconds=0)
    solstice.delete()
    assert (run(act).state, act.done) == (BulkState.CANCELLED, 2)
    assert act.problem == "This collection was deleted meanwhile. Its images are still in the library."
    acting.undo(act=act)
    assert run(act).state == BulkState.UNDONE


def test_act_for_the_whole_bin_takes_what_was_there_then(team: Team, member: User) -> None:
    early, late, listed = (make_asset(team) for _ in range(3))
    start(team, member, "bin", early.pk)
    Asset.objects.filter(pk=early.pk).update(binned_at=timezone.now() - timedelta(days=1))
    until = timezone.now() - timedelta(hours=1)
    start(team, member, "bin", late.pk)
    chosen = Selection(binned_until=until)
    act = acting.start(team=team, actor=member, act="restore", value={}, selection=chosen, key=uuid.uuid4())
    assert (act.total, act.done) == (1, 1)
    assert set(Asset.objects.listed().values_list("pk", flat=True)) == {early.pk, listed.pk}


def test_batch_that_fails_leaves_nothing(team: Team, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = make_asset(team)
    with transaction.atomic():
        act = BulkAct.objects.create(team=team, actor=member, act="bin")
        bulk.freeze(act, Asset.objects.for_team(team))
        act.save()

    def fail(*_: object) -> None:
        raise RuntimeError("the machine is on fire")

    with monkeypatch.context() as patched:
        patched.setattr(bulk, "_note", fail)
        with pytest.raises(RuntimeError):
            bulk.work(act.pk)
    act.refresh_from_db()
    asset.refresh_from_db()
    assert (act.done, asset.binned_at) == (0, None)
    BulkAct.objects.update(lease_expires_at=None)
    assert (run(act).state, act.done) == (BulkState.DONE, 1)


def test_old_acts_are_forgotten(team: Team, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = make_asset(team)
    old, fresh = (start(team, member, "rate", asset.pk, rating=stars, name="") for stars in (1, 2))
    BulkAct.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=bulk.UNDO_DAYS, minutes=1))
    old.refresh_from_db()
    assert not acting.can_undo(old)
    assert bulk.forget_old() == 2
    assert list(BulkAct.objects.values_list("pk", flat=True)) == [fresh.pk]
    assert BulkItem.objects.count() == 1
    assert bulk.forget_old() == 0
