"""Tags that are merged or deleted and collections that are deleted: a few pictures at once, many in turns."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.core.errors import BadInput, Conflict
from studio.library import acting, bulk, emptying, tagging
from studio.library.collecting import collect, create_collection, put_back, uncollect
from studio.library.errors import CollectionGone, TagGone
from studio.library.models import Asset, AssetTag, BulkAct, BulkState, Collection, CollectionItem, Tag
from studio.library.progress import Progress
from studio.library.selection import Selection
from studio.library.tagging import add_named_tags, add_tag, create_tag
from studio.teams.models import Membership, Role, Team
from tests.conftest import ClientOf
from tests.factories import make_asset, make_member
from tests.library.test_bulk_races import together
from tests.library.test_tagging import tags_in_search

LIBRARY = "/t/halden-co/library/"


@pytest.fixture
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures are many, and a batch has two."""
    monkeypatch.setattr(acting, "AT_ONCE", 1)
    monkeypatch.setattr(bulk, "BATCH", 2)


@pytest.fixture
def heroes(team: Team) -> Tag:
    """A tag of five pictures, one of them in the bin and one tagged hero as well."""
    tag, assets = create_tag(team=team, name="heroes"), [make_asset(team).pk for _ in range(5)]
    add_tag(asset_ids=assets, tag=tag)
    add_tag(asset_ids=assets[1:2], tag=create_tag(team=team, name="hero"))
    Asset.objects.filter(pk=assets[0]).update(binned_at="2026-11-01T12:00Z")
    return tag


@pytest.fixture
def hero(heroes: Tag) -> Tag:
    """The tag that heroes is merged into."""
    return Tag.objects.get(name="hero")


@pytest.fixture
def boats(team: Team, member: User) -> Collection:
    """A collection of five pictures, with one inside that has one of them."""
    boats, assets = create_collection(team=team, actor=member, name="Boats"), [make_asset(team).pk for _ in range(5)]
    collect(asset_ids=assets, collection=boats, actor_id=member.pk)
    inner = create_collection(team=team, actor=member, name="Oars", parent=boats)
    collect(asset_ids=assets[:1], collection=inner, actor_id=member.pk)
    return boats


def turn(act: BulkAct) -> BulkAct:
    """Let the upkeep do one batch."""
    bulk.work(act.pk, seconds=0)
    act.refresh_from_db()
    return act


def run(act: BulkAct) -> BulkAct:
    """Let the upkeep do the rest."""
    while bulk.work(act.pk):
        pass
    act.refresh_from_db()
    return act


def tagged(tag: Tag) -> int:
    return AssetTag.objects.filter(tag=tag.pk).count()


def said(act: BulkAct) -> str:
    return Progress(act, Membership.objects.get(team=act.team, user=act.actor)).words


def test_few_pictures_are_merged_at_once(heroes: Tag, hero: Tag, member: User) -> None:
    act = emptying.merge_tag(tag=heroes, into=hero, actor=member)
    assert (act.state, act.total, act.done, act.skipped) == (BulkState.DONE, 5, 5, 0)
    assert list(Tag.objects.all()) == [hero]
    assert {tuple(tags_in_search(asset)) for asset in Asset.objects.all()} == {(f"tag:{hero.pk}",)}
    assert said(act) == "heroes is part of hero now. 5 images now tagged hero."
    assert not acting.can_undo(act)


def test_tag_without_pictures_goes_at_once(team: Team, member: User) -> None:
    act = emptying.delete_tag(tag=create_tag(team=team, name="hero"), actor=member)
    assert (act.state, act.total, Tag.objects.count()) == (BulkState.DONE, 0, 0)


def test_tag_is_merged_into_another_of_its_team(heroes: Tag, other_team: Team, member: User) -> None:
    for wrong in (heroes, create_tag(team=other_team, name="hero")):
        with pytest.raises(BadInput, match="another tag of the same team"):
            emptying.merge_tag(tag=heroes, into=wrong, actor=member)
    assert not BulkAct.objects.exists()


@pytest.mark.usefixtures("_small_steps")
def test_many_pictures_are_merged_in_turns(heroes: Tag, hero: Tag, member: User) -> None:
    act = emptying.merge_tag(tag=heroes, into=hero, actor=member)
    assert (act.state, act.is_frozen, tagged(heroes)) == (BulkState.QUEUED, False, 5)
    counts = []
    while act.state in {BulkState.QUEUED, BulkState.RUNNING}:
        turn(act)
        counts.append((act.done, tagged(heroes), tagged(hero)))
    # The list is written, three batches, and then the tag itself.
    assert counts == [(0, 5, 1), (2, 3, 2), (4, 1, 4), (5, 0, 5), (5, 0, 5)]
    assert (act.state, act.skipped, list(Tag.objects.all())) == (BulkState.DONE, 0, [hero])


@pytest.mark.usefixtures("_small_steps")
def test_nothing_joins_a_tag_that_goes(team: Team, heroes: Tag, hero: Tag, member: User) -> None:
    asset, act = make_asset(team), emptying.merge_tag(tag=heroes, into=hero, actor=member)
    for _ in range(3):
        with pytest.raises(TagGone, match="The tag heroes is being merged or deleted"):
            add_tag(asset_ids=[asset.pk], tag=heroes)
        with pytest.raises(TagGone, match="being merged"):
            add_named_tags(asset_ids=[asset.pk], team=team, names=["hero", "HEROES"])
        turn(act)
    assert tags_in_search(asset) == []
    tagging.remove_tag(asset_ids=list(Asset.objects.values_list("pk", flat=True)), tag=heroes)
    assert (run(act).state, act.done, act.skipped) == (BulkState.DONE, 5, 1)


@pytest.mark.usefixtures("_small_steps")
def test_what_came_in_past_the_list_goes_with_the_tag(team: Team, heroes: Tag, hero: Tag, member: User) -> None:
    """An import writes many rows at once and asks nobody."""
    act, asset = turn(emptying.merge_tag(tag=heroes, into=hero, actor=member)), make_asset(team)
    AssetTag.objects.create(asset=asset, tag=heroes)
    assert (run(act).state, tags_in_search(asset)) == (BulkState.DONE, [f"tag:{hero.pk}"])


@pytest.mark.usefixtures("_small_steps")
def test_merging_twice_is_once_and_another_act_waits(team: Team, heroes: Tag, hero: Tag, member: User) -> None:
    act, third = emptying.merge_tag(tag=heroes, into=hero, actor=member), create_tag(team=team, name="third")
    turn(act)
    assert emptying.merge_tag(tag=heroes, into=hero, actor=member) == act
    others: list[Callable[[User], BulkAct]] = [
        lambda actor: emptying.merge_tag(tag=heroes, into=third, actor=actor),
        lambda actor: emptying.merge_tag(tag=hero, into=third, actor=actor),
        lambda actor: emptying.merge_tag(tag=hero, into=heroes, actor=actor),
        lambda actor: emptying.merge_tag(tag=third, into=heroes, actor=actor),
        lambda actor: emptying.delete_tag(tag=heroes, actor=actor),
        lambda actor: emptying.delete_tag(tag=hero, actor=actor),
    ]
    for other in others:
        with pytest.raises(Conflict, match="heroes is being merged"):
            other(member)
    with pytest.raises(Conflict):
        emptying.merge_tag(tag=heroes, into=hero, actor=make_member(team))
    assert emptying.merge_tag(tag=third, into=hero, actor=member).pk != act.pk
    assert run(act).state == BulkState.DONE


@pytest.mark.usefixtures("_small_steps")
def test_stopped_merge_leaves_the_rest_and_can_be_begun_again(heroes: Tag, hero: Tag, member: User) -> None:
    act = turn(turn(emptying.merge_tag(tag=heroes, into=hero, actor=member)))
    acting.cancel(act=act)
    assert (run(act).state, tagged(heroes), said(act)) == (
        BulkState.CANCELLED,
        3,
        "Stopped: 2 of 5 images now tagged hero.",
    )
    asset = Asset.objects.order_by("pk").first()
    assert asset is not None
    assert add_tag(asset_ids=[asset.pk], tag=heroes) == [asset.pk]
    assert run(emptying.merge_tag(tag=heroes, into=hero, actor=member)).total == 4
    assert list(Tag.objects.all()) == [hero]


@pytest.mark.usefixtures("_small_steps")
def test_merge_ends_where_the_right_is_lost(team: Team, heroes: Tag, hero: Tag, member: User) -> None:
    act = turn(turn(emptying.merge_tag(tag=heroes, into=hero, actor=member)))
    Membership.objects.filter(team=team, user=member).update(role=Role.VIEWER)
    assert (run(act).state, tagged(heroes)) == (BulkState.CANCELLED, 3)
    assert "lost the right" in act.problem


@pytest.mark.usefixtures("_small_steps")
def test_deleted_tag_leaves_its_pictures(heroes: Tag, hero: Tag, member: User) -> None:
    act = run(emptying.delete_tag(tag=heroes, actor=member))
    assert (act.done, act.skipped, said(act)) == (
        5,
        0,
        "Tag heroes deleted. 5 images no longer tagged heroes.",
    )
    assert (list(Tag.objects.all()), tagged(hero), Asset.objects.count()) == ([hero], 1, 5)


@pytest.mark.usefixtures("_small_steps")
def test_moving_into_what_is_being_deleted_is_taken_back_whole(team: Team, boats: Collection, member: User) -> None:
    ships = create_collection(team=team, actor=member, name="Ships")
    before = dict(boats.items.values_list("asset", "position"))
    value = {"source": boats.pk, "collection": ships.pk, "name": "Ships"}
    chosen = Selection(ids=tuple(before))
    moved = acting.start(team=team, actor=member, act="move", value=value, selection=chosen, key=uuid.uuid4())
    run(moved)
    deleted = turn(turn(emptying.delete_collection(collection=ships, actor=member)))
    assert (deleted.done, ships.items.count()) == (2, 3)
    undone = run(acting.undo(act=moved))
    assert (undone.undone, undone.kept, undone.problem) == (5, 0, "")
    assert (dict(boats.items.values_list("asset", "position")), ships.items.count()) == (before, 0)
    assert run(deleted).state == BulkState.DONE


@pytest.mark.usefixtures("_small_steps")
def test_deleted_collection_is_emptied_in_turns(team: Team, boats: Collection, member: User) -> None:
    left = uncollect(asset_ids=[item.asset_id for item in boats.items.all()[:1]], collection=boats)
    act = turn(turn(emptying.delete_collection(collection=boats, actor=member)))
    assert (act.done, boats.items.count()) == (2, 2)
    with pytest.raises(CollectionGone, match="is being deleted"):
        collect(asset_ids=[make_asset(team).pk], collection=boats, actor_id=member.pk)
    with pytest.raises(CollectionGone, match="is being deleted"):
        put_back(positions=left, collection=boats, actor_id=member.pk)
    assert emptying.delete_collection(collection=boats, actor=member) == act
    with pytest.raises(Conflict, match="Boats is being deleted"):
        emptying.delete_collection(collection=boats, actor=make_member(team))
    assert run(act).state == BulkState.DONE
    assert list(Collection.objects.values_list("name", "parent")) == [("Oars", None)]
    assert CollectionItem.objects.count() == 1
    event = AuditEvent.objects.get(action=Action.COLLECTION_DELETED)
    assert (event.subject, event.actor, event.data) == ("Boats", member, {"images": 4})


@pytest.mark.usefixtures("_small_steps")
def test_page_goes_on_to_how_far_it_is(team: Team, heroes: Tag, hero: Tag, member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    answer = client.post(f"{LIBRARY}tags/{heroes.pk}/merge/", {"into": "hero"})
    act = BulkAct.objects.get()
    assert answer["Location"] == f"{LIBRARY}bulk/{act.pk}/"
    page = client.get(answer["Location"]).content.decode()
    assert "Finding the images." in page
    assert f'href="{LIBRARY}tags/">Back to the tags' in page
    assert "heroes is being merged" in client.post(f"{LIBRARY}tags/{hero.pk}/delete/").content.decode()
    run(act)
    assert "heroes is part of hero now." in client.get(answer["Location"]).content.decode()
    assert client.post(f"{LIBRARY}bulk/{act.pk}/undo/").status_code == 409


@pytest.mark.usefixtures("_small_steps")
def test_page_of_a_collection_goes_on_to_how_far_it_is(boats: Collection, member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    answer = client.post(f"{LIBRARY}collections/{boats.pk}/delete/")
    assert answer["Location"] == f"{LIBRARY}bulk/{BulkAct.objects.get().pk}/"
    assert f'href="{LIBRARY}">Back to the library' in client.get(answer["Location"]).content.decode()


@pytest.mark.usefixtures("_small_steps")
def test_list_says_which_tag_goes_and_offers_nothing_for_it(
    heroes: Tag, hero: Tag, member: User, client_of: ClientOf
) -> None:
    act = emptying.merge_tag(tag=heroes, into=hero, actor=member)
    page = client_of(member).get(f"{LIBRARY}tags/").content.decode()
    assert page.count("Being merged") == 1
    assert [f"tags/{tag.pk}/delete/" in page for tag in (heroes, hero)] == [False, True]
    acting.cancel(act=act)
    page = client_of(member).get(f"{LIBRARY}tags/").content.decode()
    assert ("Being merged" in page, f"tags/{heroes.pk}/delete/" in page) == (False, True)


@pytest.mark.usefixtures("_small_steps")
def test_list_says_which_collection_goes(boats: Collection, member: User, client_of: ClientOf) -> None:
    emptying.delete_collection(collection=boats, actor=member)
    page = client_of(member).get(f"{LIBRARY}collections/").content.decode()
    inner = Collection.objects.get(name="Oars")
    assert page.count("Being deleted") == 1
    assert [f"collections/{one.pk}/edit/" in page for one in (boats, inner)] == [False, True]


@pytest.mark.usefixtures("_small_steps")
def test_second_person_who_deletes_a_collection_is_told_calmly(
    boats: Collection, member: User, admin: User, client_of: ClientOf
) -> None:
    emptying.delete_collection(collection=boats, actor=member)
    answer = client_of(admin).post(f"{LIBRARY}collections/{boats.pk}/delete/", follow=True)
    assert answer.redirect_chain == [(f"{LIBRARY}collections/", 302)]
    assert "Boats is being deleted. Wait until that is done." in answer.content.decode()
    assert BulkAct.objects.count() == 1


@pytest.mark.parametrize("act", ["merge_tag", "delete_tag", "delete_collection"])
def test_selection_cannot_be_emptied(heroes: Tag, member: User, client_of: ClientOf, act: str) -> None:
    client: Client = client_of(member)
    pk = Asset.objects.values_list("pk", flat=True)[0]
    for sent in (act, f"{act}:{heroes.pk}", f"{act}:new"):
        assert client.post(f"{LIBRARY}bulk/", {"ids": pk, "act": sent, "name": "x"}).status_code == 400
    assert not BulkAct.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_merges_of_one_tag_at_once_are_one(heroes: Tag, hero: Tag) -> None:
    actors = [make_member(heroes.team) for _ in range(2)]
    third = create_tag(team=heroes.team, name="third")

    def merge(actor: User, into: Tag) -> BulkAct | type[Exception]:
        try:
            return emptying.merge_tag(tag=heroes, into=into, actor=actor)
        except (Conflict, TagGone) as error:
            return type(error)

    outcomes = together(lambda: merge(actors[0], hero), lambda: merge(actors[1], third))
    [act] = [outcome for outcome in outcomes if isinstance(outcome, BulkAct)]
    into = Tag.objects.get(pk=act.value["into"])
    assert (act.state, tagged(into), set(Tag.objects.all())) == (BulkState.DONE, 5, {hero, third})
    assert BulkAct.objects.count() == 1
