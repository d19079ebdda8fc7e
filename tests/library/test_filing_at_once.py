"""Acts on many pictures at once: one statement each, only what is another, and what undoing needs."""

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.core.errors import BadInput
from studio.library import collecting, editing, tagging
from studio.library.errors import CollectionGone, TagGone
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Favourite, Status, Tag
from studio.library.words import fold
from studio.teams.models import Team
from tests.factories import make_asset


def make_tag(team: Team, name: str = "hero") -> Tag:
    return Tag.objects.create(team=team, name=name, key=fold(name))


def make_collection(team: Team, name: str = "Solstice launch") -> Collection:
    owner = team.memberships.earliest("pk").user
    return Collection.objects.create(team=team, name=name, key=fold(name), created_by=owner)


def order_of(collection: Collection) -> list[int]:
    return list(collection.items.order_by("position", "asset").values_list("asset", flat=True))


def test_status_changes_what_has_another_and_tells_what_it_was(team: Team, other_team: Team) -> None:
    first, second, third = (make_asset(team) for _ in range(3))
    foreign = make_asset(other_team)
    Asset.objects.filter(pk=second.pk).update(status=Status.APPROVED)
    ids = [third.pk, second.pk, first.pk, foreign.pk, 10**15, first.pk]
    changed = editing.set_status(team_id=team.pk, asset_ids=ids, status=Status.APPROVED)
    assert changed == {first.pk: Status.DRAFT, third.pk: Status.DRAFT}
    assert set(team.assets.values_list("status", flat=True)) == {Status.APPROVED}
    foreign.refresh_from_db()
    assert foreign.status == Status.DRAFT
    assert editing.set_status(team_id=team.pk, asset_ids=ids, status=Status.APPROVED) == {}


def test_rating_changes_what_has_another_and_tells_what_it_was(team: Team) -> None:
    first, second = make_asset(team), make_asset(team)
    ids = [first.pk, second.pk]
    assert editing.set_rating(team_id=team.pk, asset_ids=ids[:1], rating=3) == {first.pk: 0}
    assert editing.set_rating(team_id=team.pk, asset_ids=ids, rating=5) == {first.pk: 3, second.pk: 0}
    for wrong in (-1, 6, 10**20):
        with pytest.raises(BadInput, match="0 to 5"):
            editing.set_rating(team_id=team.pk, asset_ids=ids, rating=wrong)
    assert set(team.assets.values_list("rating", flat=True)) == {5}


def test_favourites_are_one_persons(team: Team, other_team: Team, member: User, viewer: User) -> None:
    first, second, foreign = make_asset(team), make_asset(team), make_asset(other_team)
    ids = [second.pk, first.pk, foreign.pk]
    assert editing.favourite(team_id=team.pk, asset_ids=ids[:1], user_id=viewer.pk) == [second.pk]
    assert editing.favourite(team_id=team.pk, asset_ids=ids, user_id=viewer.pk) == [first.pk]
    assert editing.unfavourite(team_id=team.pk, asset_ids=ids, user_id=member.pk) == []
    assert editing.unfavourite(team_id=team.pk, asset_ids=ids, user_id=viewer.pk) == [first.pk, second.pk]
    assert not Favourite.objects.exists()


def test_tags_go_on_and_off(team: Team, other_team: Team) -> None:
    first, second, foreign = make_asset(team), make_asset(team), make_asset(other_team)
    tag, ids = make_tag(team), [second.pk, first.pk, foreign.pk]
    assert tagging.add_tag(asset_ids=ids[:1], tag=tag) == [second.pk]
    assert tagging.add_tag(asset_ids=ids, tag=tag) == [first.pk]
    assert tagging.remove_tag(asset_ids=ids, tag=tag) == [first.pk, second.pk]
    assert tagging.remove_tag(asset_ids=ids, tag=tag) == []
    assert not AssetTag.objects.exists()


def test_a_tag_that_is_gone_is_said_to_be(team: Team) -> None:
    asset, tag = make_asset(team), make_tag(team)
    Tag.objects.all().delete()
    with pytest.raises(TagGone, match="hero was deleted"):
        tagging.add_tag(asset_ids=[asset.pk], tag=tag)
    assert not AssetTag.objects.exists()


def test_pictures_join_a_collection_at_its_end(team: Team, other_team: Team, member: User) -> None:
    first, second, third, foreign = make_asset(team), make_asset(team), make_asset(team), make_asset(other_team)
    collection = make_collection(team)
    assert collecting.collect(asset_ids=[third.pk], collection=collection, actor_id=member.pk) == [third.pk]
    ids = [second.pk, third.pk, first.pk, foreign.pk]
    assert collecting.collect(asset_ids=ids, collection=collection, actor_id=member.pk) == [first.pk, second.pk]
    assert order_of(collection) == [third.pk, first.pk, second.pk]
    assert set(collection.items.values_list("added_by", flat=True)) == {member.pk}


def test_pictures_leave_a_collection_and_go_back_to_their_places(team: Team, member: User) -> None:
    assets = [make_asset(team).pk for _ in range(4)]
    collection = make_collection(team)
    collecting.collect(asset_ids=assets, collection=collection, actor_id=member.pk)
    left = collecting.uncollect(asset_ids=[assets[2], assets[0], 10**15], collection=collection)
    assert list(left) == [assets[0], assets[2]]
    assert order_of(collection) == [assets[1], assets[3]]
    for back in ([assets[0], assets[2]], []):
        assert collecting.put_back(positions=left, collection=collection, actor_id=member.pk) == back
    assert order_of(collection) == assets


def test_pictures_move_between_collections(team: Team, member: User) -> None:
    here, there, outside = (make_asset(team).pk for _ in range(3))
    source, target = make_collection(team, "Source"), make_collection(team, "Target")
    collecting.collect(asset_ids=[here, there], collection=source, actor_id=member.pk)
    collecting.collect(asset_ids=[there], collection=target, actor_id=member.pk)
    places = dict(source.items.values_list("asset", "position"))
    ids = [here, there, outside]
    moved = collecting.move(asset_ids=ids, source=source, target=target, actor_id=member.pk)
    assert moved == (places, [here])
    assert (order_of(source), order_of(target)) == ([], [there, here])


def test_a_collection_that_is_gone_is_said_to_be(team: Team, member: User) -> None:
    asset, collection, other = make_asset(team), make_collection(team), make_collection(team, "Other")
    collecting.collect(asset_ids=[asset.pk], collection=other, actor_id=member.pk)
    Collection.objects.filter(pk=collection.pk).delete()
    with pytest.raises(CollectionGone, match="still in the library"):
        collecting.collect(asset_ids=[asset.pk], collection=collection, actor_id=member.pk)
    with pytest.raises(CollectionGone):
        collecting.move(asset_ids=[asset.pk], source=other, target=collection, actor_id=member.pk)
    assert order_of(other) == [asset.pk]


def test_what_is_in_the_bin_joins_unlisted_and_what_is_purged_not_at_all(team: Team, member: User) -> None:
    binned, purged = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=binned.pk).update(binned_at="2026-11-01T12:00Z")
    empty = {"prompt": "", "revised_prompt": "", "words": "", "sort_name": "", "spec": {}, "title": "", "notes": ""}
    Asset.objects.filter(pk=purged.pk).update(
        binned_at="2026-11-01T12:00Z", purged_at="2026-11-02T12:00Z", has_thumb=False, file_name="", **empty
    )
    collection, ids = make_collection(team), [binned.pk, purged.pk]
    assert collecting.collect(asset_ids=ids, collection=collection, actor_id=member.pk) == [binned.pk]
    assert list(CollectionItem.objects.values_list("asset", "is_listed")) == [(binned.pk, False)]
    assert tagging.add_tag(asset_ids=ids, tag=make_tag(team)) == [binned.pk]
    assert list(editing.set_status(team_id=team.pk, asset_ids=ids, status=Status.APPROVED)) == [binned.pk]


def test_each_act_is_one_statement_for_any_number(
    team: Team, member: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [make_asset(team).pk for _ in range(3)]
    tag, collection = make_tag(team), make_collection(team)
    with transaction.atomic():
        with django_assert_num_queries(3):  # savepoint, statement, release
            editing.set_status(team_id=team.pk, asset_ids=ids, status=Status.APPROVED)
        with django_assert_num_queries(3):
            editing.set_rating(team_id=team.pk, asset_ids=ids, rating=4)
        with django_assert_num_queries(3):
            editing.favourite(team_id=team.pk, asset_ids=ids, user_id=member.pk)
        with django_assert_num_queries(5):  # and the tag held, and no act that empties it
            tagging.add_tag(asset_ids=ids, tag=tag)
        with django_assert_num_queries(5):  # and the collection locked, and no act that empties it
            collecting.collect(asset_ids=ids, collection=collection, actor_id=member.pk)
