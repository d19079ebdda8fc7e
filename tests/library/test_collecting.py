"""Collections: made, changed, nested, covered and deleted."""

from functools import partial

import pytest

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.core.errors import BadInput
from studio.library import collecting
from studio.library.collecting import (
    change_collection,
    collect,
    create_collection,
    delete_collection,
    move,
    set_cover,
)
from studio.library.errors import BadName, CollectionGone, NameTaken, TooMany
from studio.library.models import Asset, Collection, CollectionItem
from studio.teams.models import Team
from tests.factories import make_asset
from tests.together import at_once


def names() -> list[tuple[str, str]]:
    """Return every collection with the name of what it is in."""
    found = Collection.objects.select_related("parent").order_by("pk")
    return [(one.name, one.parent.name if one.parent else "") for one in found]


def test_collections_nest_one_level(team: Team, other_team: Team, member: User) -> None:
    top = create_collection(team=team, actor=member, name=" Solstice  launch ", description=" For\r\nspring ")
    child = create_collection(team=team, actor=member, name="Key visuals", parent=top)
    assert (top.name, top.key, top.description, top.created_by) == (
        "Solstice launch",
        "solstice launch",
        "For\nspring",
        member,
    )
    with pytest.raises(BadInput, match="one that is not in another itself"):
        create_collection(team=team, actor=member, name="Too deep", parent=child)
    other = create_collection(team=team, actor=member, name="Tide")
    with pytest.raises(BadInput, match="holds collections cannot be put into another"):
        change_collection(collection=top, name=top.name, description="", parent=other)
    with pytest.raises(BadInput, match="one that is not in another itself"):
        change_collection(collection=other, name="Tide", description="", parent=other)
    foreign = Collection.objects.create(team=other_team, name="X", key="x", created_by=member)
    with pytest.raises(CollectionGone, match="to put it in was deleted"):
        change_collection(collection=other, name="Tide", description="", parent=foreign)
    change_collection(collection=child, name="Visuals", description="New", parent=other)
    assert names() == [("Solstice launch", ""), ("Visuals", "Tide"), ("Tide", ""), ("X", "")]


def test_names_are_single_in_their_place(team: Team, member: User) -> None:
    top = create_collection(team=team, actor=member, name="Tide")
    create_collection(team=team, actor=member, name="tide", parent=top)
    with pytest.raises(NameTaken, match="There is a collection Tide here already"):
        create_collection(team=team, actor=member, name="TÎDE")
    with pytest.raises(NameTaken, match="There is a collection tide in Tide already"):
        create_collection(team=team, actor=member, name="Tide", parent=top)
    other = create_collection(team=team, actor=member, name="Other")
    with pytest.raises(NameTaken):
        change_collection(collection=other, name="Tide", description="", parent=None)
    change_collection(collection=top, name="TIDE", description="", parent=None)
    assert names() == [("TIDE", ""), ("tide", "TIDE"), ("Other", "")]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 121, "x" * 300])
def test_bad_names_are_refused(team: Team, member: User, name: str) -> None:
    with pytest.raises(BadName, match="A collection"):
        create_collection(team=team, actor=member, name=name)
    assert names() == []


def test_long_or_broken_descriptions_are_refused(team: Team, member: User) -> None:
    for description, message in [("x" * 2001, "at most 2,000 characters"), ("\x00", "cannot be stored")]:
        with pytest.raises(BadInput, match=message):
            create_collection(team=team, actor=member, name="Tide", description=description)


def test_team_has_so_many_collections_and_no_more(team: Team, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MOST_COLLECTIONS", 1)
    create_collection(team=team, actor=member, name="One")
    with pytest.raises(TooMany, match="at most 1 collections"):
        create_collection(team=team, actor=member, name="Two")


def test_cover_is_one_of_its_own(team: Team, member: User) -> None:
    inside, outside = make_asset(team), make_asset(team)
    collection = create_collection(team=team, actor=member, name="Tide")
    collect(asset_ids=[inside.pk], collection=collection, actor_id=member.pk)
    set_cover(collection=collection, asset_id=inside.pk)
    with pytest.raises(BadInput, match="one of the collection's own images"):
        set_cover(collection=collection, asset_id=outside.pk)
    collection.refresh_from_db()
    assert collection.cover == inside
    set_cover(collection=collection, asset_id=None)
    collection.refresh_from_db()
    assert collection.cover is None


def test_deleted_collection_leaves_pictures_and_lifts_its_children(team: Team, member: User) -> None:
    asset = make_asset(team)
    top = create_collection(team=team, actor=member, name="Solstice")
    for name in ("Visuals", "Tide", "Tide 2"):
        create_collection(team=team, actor=member, name=name, parent=top)
    create_collection(team=team, actor=member, name="TIDE")
    create_collection(team=team, actor=member, name="Solstice, Tide")
    child = Collection.objects.get(name="Visuals")
    collect(asset_ids=[asset.pk], collection=top, actor_id=member.pk)
    collect(asset_ids=[asset.pk], collection=child, actor_id=member.pk)
    delete_collection(collection=top, actor_id=member.pk)
    assert names() == [
        ("Visuals", ""),
        ("Solstice, Tide 2", ""),
        ("Tide 2", ""),
        ("TIDE", ""),
        ("Solstice, Tide", ""),
    ]
    assert list(CollectionItem.objects.values_list("collection", "asset")) == [(child.pk, asset.pk)]
    assert f":in:{top.pk}'" not in Asset.objects.values_list("search", flat=True).get()
    event = AuditEvent.objects.get(action=Action.COLLECTION_DELETED)
    assert (event.subject, event.actor, event.data) == ("Solstice", member, {"images": 1})
    with pytest.raises(CollectionGone):
        delete_collection(collection=top, actor_id=member.pk)


@pytest.mark.django_db(transaction=True)
def test_six_people_make_the_same_collection_at_once(team: Team, member: User) -> None:
    outcomes = at_once(
        [partial(create_collection, team=team, actor=member, name=name) for name in ["Tide", "TIDE"] * 3], NameTaken
    )
    assert outcomes.count(NameTaken) == 5
    assert Collection.objects.get() in outcomes


@pytest.mark.django_db(transaction=True)
def test_collection_deleted_while_others_use_it(team: Team, member: User) -> None:
    top = create_collection(team=team, actor=member, name="Tide")
    inner = create_collection(team=team, actor=member, name="Bowls", parent=top)
    assets = [make_asset(team).pk for _ in range(6)]
    collect(asset_ids=assets, collection=top, actor_id=member.pk)
    there = partial(move, asset_ids=assets, source=top, target=inner, actor_id=member.pk)
    back = partial(move, asset_ids=assets[::-1], source=inner, target=top, actor_id=member.pk)
    gone = partial(delete_collection, collection=top, actor_id=member.pk)
    cover = partial(set_cover, collection=top, asset_id=None)
    outcomes = at_once(
        [there, back, gone, cover, partial(collect, asset_ids=assets, collection=top, actor_id=member.pk)],
        CollectionGone,
    )
    assert outcomes[2] is None
    assert all(outcome is CollectionGone or not isinstance(outcome, type) for outcome in outcomes)
    assert names() == [("Bowls", "")]
    assert Asset.objects.count() == 6
