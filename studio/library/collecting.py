"""Collections: named sets of pictures, each in an order of its own.

Locks are taken in one order everywhere: collections by id, then pictures by id, then their places. So whoever bins,
tags or moves the same pictures meanwhile waits, and never in a circle.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from django.db import transaction

from studio.library.errors import CollectionGone
from studio.library.models import Collection
from studio.library.sql import ids_with_chosen, with_chosen

# Between two places there is room for this many halvings by two before the whole collection is laid out anew.
GAP: Final = 2**32

_JOIN: Final = """
    , last AS (
        SELECT coalesce(max(position), 0) AS position FROM library_collectionitem WHERE collection_id = %(collection)s
    )
    INSERT INTO library_collectionitem (collection_id, asset_id, position, is_listed, added_by_id, added_at)
    SELECT %(collection)s, id, position + row_number() OVER (ORDER BY id) * %(gap)s, true, %(actor)s, now()
    FROM chosen, last
    ON CONFLICT (collection_id, asset_id) DO NOTHING RETURNING asset_id
"""
_LEAVE: Final = """
    DELETE FROM library_collectionitem i USING chosen
    WHERE i.asset_id = chosen.id AND i.collection_id = %(collection)s RETURNING i.asset_id, i.position
"""
_PUT_BACK: Final = """
    , place AS (SELECT * FROM unnest(%(places)s::bigint[], %(positions)s::bigint[]) AS p (asset_id, position))
    INSERT INTO library_collectionitem (collection_id, asset_id, position, is_listed, added_by_id, added_at)
    SELECT %(collection)s, chosen.id, place.position, true, %(actor)s, now()
    FROM chosen JOIN place ON place.asset_id = chosen.id
    ON CONFLICT (collection_id, asset_id) DO NOTHING RETURNING asset_id
"""


class Moved(NamedTuple):
    """What a move did: the places that pictures left, and which of them were new where they went."""

    left: dict[int, int]
    joined: list[int]


def collect(*, asset_ids: Sequence[int], collection: Collection, actor_id: int) -> list[int]:
    """Add pictures at the end of a collection, oldest first; returns those that were not in it."""
    with transaction.atomic():
        _lock(collection)
        return _join(asset_ids, collection, actor_id)


def uncollect(*, asset_ids: Sequence[int], collection: Collection) -> dict[int, int]:
    """Take pictures out of a collection; returns those that were in it with the places they had."""
    with transaction.atomic():
        _lock(collection)
        return _leave(asset_ids, collection)


def move(*, asset_ids: Sequence[int], source: Collection, target: Collection, actor_id: int) -> Moved:
    """Take pictures out of one collection and add them to another; those that were not in the first stay out."""
    with transaction.atomic():
        _lock(source, target)
        left = _leave(asset_ids, source)
        return Moved(left, _join(list(left), target, actor_id))


def put_back(*, positions: Mapping[int, int], collection: Collection, actor_id: int) -> list[int]:
    """Add pictures at the places they had, as `uncollect` and `move` told them; returns those that were not there."""
    with transaction.atomic():
        _lock(collection)
        return ids_with_chosen(
            _PUT_BACK,
            team_id=collection.team_id,
            asset_ids=list(positions),
            collection=collection.pk,
            actor=actor_id,
            places=list(positions),
            positions=list(positions.values()),
        )


def _join(asset_ids: Sequence[int], collection: Collection, actor_id: int) -> list[int]:
    return ids_with_chosen(
        _JOIN,
        team_id=collection.team_id,
        asset_ids=asset_ids,
        collection=collection.pk,
        actor=actor_id,
        gap=GAP,
    )


def _leave(asset_ids: Sequence[int], collection: Collection) -> dict[int, int]:
    return dict(with_chosen(_LEAVE, team_id=collection.team_id, asset_ids=asset_ids, collection=collection.pk))


def _lock(*collections: Collection) -> None:
    """Lock collections in the order of their ids; raises CollectionGone when one was deleted meanwhile."""
    ids = {collection.pk for collection in collections}
    rows = Collection.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk")
    if len(rows) != len(ids):
        raise CollectionGone("This collection was deleted meanwhile. Its pictures are still in the library.")
