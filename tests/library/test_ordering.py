"""The manual order: places with room between them, and several people who move at once."""

import random
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.core.errors import BadInput
from studio.library.collecting import GAP, collect, create_collection, uncollect
from studio.library.errors import CollectionGone, ItemGone
from studio.library.models import Asset, Collection, CollectionItem
from studio.library.ordering import Side, Step, place, step
from studio.teams.models import Team
from tests.factories import make_asset
from tests.together import at_once


def order_of(collection: Collection) -> list[int]:
    return list(collection.items.filter(is_listed=True).order_by("position", "asset").values_list("asset", flat=True))


@pytest.fixture
def collection(team: Team, member: User) -> Collection:
    """A collection of five pictures, in the order of their ids."""
    made = create_collection(team=team, actor=member, name="Solstice")
    collect(asset_ids=[make_asset(team).pk for _ in range(5)], collection=made, actor_id=member.pk)
    return made


def test_place_puts_one_or_several_beside_another(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    moves: list[tuple[list[int], Side, int, list[int]]] = [
        ([e], "before", a, [e, a, b, c, d]),
        ([e], "after", d, [a, b, c, d, e]),
        ([a], "after", b, [b, a, c, d, e]),
        ([a], "before", b, [a, b, c, d, e]),
        ([d, b], "before", a, [b, d, a, c, e]),  # in the order they have
        ([b, d], "after", e, [a, c, e, b, d]),
        ([a, d], "after", c, [c, a, d, e, b]),
        ([a], "after", c, [c, a, d, e, b]),  # where it is
    ]
    for ids, side, anchor, wanted in moves:
        place(collection=collection, asset_ids=ids, side=side, anchor=anchor)
        assert order_of(collection) == wanted, (ids, side, anchor)


def test_step_moves_by_one_or_to_an_end(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    steps: list[tuple[int, Step, list[int]]] = [
        (b, "earlier", [b, a, c, d, e]),
        (b, "earlier", [b, a, c, d, e]),
        (d, "later", [b, a, c, e, d]),
        (d, "later", [b, a, c, e, d]),
        (a, "last", [b, c, e, d, a]),
        (a, "last", [b, c, e, d, a]),
        (e, "first", [e, b, c, d, a]),
        (e, "first", [e, b, c, d, a]),
    ]
    for pk, to, wanted in steps:
        step(collection=collection, asset_id=pk, to=to)
        assert order_of(collection) == wanted, (pk, to)


def test_room_is_made_when_it_is_used_up(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    laid_out = 0
    for number in range(100):
        before = dict(collection.items.values_list("asset", "position"))
        moved = c if number % 2 else d
        place(collection=collection, asset_ids=[moved], side="after", anchor=a)
        changed = [pk for pk, was in before.items() if collection.items.get(asset=pk).position != was]
        laid_out += changed != [moved]
        assert order_of(collection) == (
            [a, c, d, b, e] if number % 2 else [a, d, c, b, e] if number else [a, d, b, c, e]
        )
    assert 1 <= laid_out <= 5


def test_the_same_place_twice_is_no_dead_end(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    collection.items.filter(asset__in=[a, b, c]).update(position=GAP)
    place(collection=collection, asset_ids=[e], side="before", anchor=b)
    assert order_of(collection) == [a, e, b, c, d]


def test_unlisted_pictures_keep_their_places(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    Asset.objects.filter(pk=b).update(binned_at=timezone.now())
    place(collection=collection, asset_ids=[e], side="after", anchor=a)
    assert order_of(collection) == [a, e, c, d]
    with pytest.raises(ItemGone, match="nothing to move"):
        place(collection=collection, asset_ids=[b], side="after", anchor=a)
    Asset.objects.filter(pk=b).update(binned_at=None)
    assert sorted(order_of(collection)) == [a, b, c, d, e]


def test_what_cannot_be_moved_is_said(team: Team, collection: Collection) -> None:
    a, b, *_ = order_of(collection)
    outside = make_asset(team).pk
    with pytest.raises(ItemGone, match="nothing to move"):
        place(collection=collection, asset_ids=[outside], side="before", anchor=a)
    with pytest.raises(ItemGone, match="taken out of the collection meanwhile"):
        place(collection=collection, asset_ids=[a], side="before", anchor=outside)
    with pytest.raises(ItemGone):
        step(collection=collection, asset_id=outside, to="later")
    with pytest.raises(BadInput, match="not beside itself"):
        place(collection=collection, asset_ids=[a, b], side="before", anchor=b)
    with pytest.raises(BadInput, match="At most 1,000"):
        place(collection=collection, asset_ids=[a] * 1001, side="before", anchor=b)
    Collection.objects.filter(pk=collection.pk).delete()
    with pytest.raises(CollectionGone):
        place(collection=collection, asset_ids=[a], side="before", anchor=b)


def test_moving_costs_the_same_for_one_and_many(
    collection: Collection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a, *others = order_of(collection)
    with django_assert_num_queries(7):  # begin, lock, what moves, the other one, what is beyond, write, commit
        place(collection=collection, asset_ids=others[-1:], side="before", anchor=a)
    with django_assert_num_queries(7):
        place(collection=collection, asset_ids=others[1:], side="before", anchor=a)


@pytest.mark.django_db(transaction=True)
def test_people_who_reorder_at_once_all_succeed_and_lose_nothing(collection: Collection) -> None:
    everything = order_of(collection)

    def shuffle(seed: int) -> int:
        mine = random.Random(seed)
        for _ in range(15):
            one, other = mine.sample(everything, 2)
            place(collection=collection, asset_ids=[one], side=mine.choice(["before", "after"]), anchor=other)
        return 15

    assert at_once([partial(shuffle, seed) for seed in range(6)]) == [15] * 6
    assert sorted(order_of(collection)) == everything
    positions = list(collection.items.values_list("position", flat=True))
    assert len(set(positions)) == len(positions)


@pytest.mark.django_db(transaction=True)
def test_two_moves_at_once_both_hold(collection: Collection) -> None:
    a, b, c, d, e = order_of(collection)
    at_once(
        [
            lambda: place(collection=collection, asset_ids=[e], side="before", anchor=a),
            lambda: place(collection=collection, asset_ids=[b], side="after", anchor=d),
        ]
    )
    assert order_of(collection) == [e, a, c, d, b]


@pytest.mark.django_db(transaction=True)
def test_reordering_adding_taking_out_and_binning_at_once_never_wait_in_a_circle(
    team: Team, member: User, collection: Collection
) -> None:
    ids = order_of(collection)
    CollectionItem.objects.update(position=GAP)  # no room anywhere: every move lays the whole collection out
    more = [make_asset(team).pk for _ in range(5)]

    def reorder() -> None:
        for _ in range(10):
            place(collection=collection, asset_ids=[ids[4]], side="before", anchor=ids[3])
            CollectionItem.objects.filter(asset__in=ids[3:]).update(position=GAP)

    def bin_and_restore() -> None:
        for moment in [timezone.now(), None] * 10:
            Asset.objects.filter(pk__in=ids[:3]).update(binned_at=moment)

    def come_and_go() -> None:
        for _ in range(10):
            collect(asset_ids=more, collection=collection, actor_id=member.pk)
            uncollect(asset_ids=more[::-1], collection=collection)

    at_once([reorder, reorder, bin_and_restore, come_and_go, come_and_go])
    assert sorted(order_of(collection)) == ids
