"""Collections: named sets of pictures, each in an order of its own.

Locks are taken in one order everywhere: the team, collections by id, then pictures by id, then their places. So whoever
bins, tags or moves the same pictures meanwhile waits, and never in a circle.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Final, NamedTuple

from django.db import transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.core.errors import BadInput
from studio.library.errors import CollectionGone, NameTaken, TooMany
from studio.library.labels import Label, read_label
from studio.library.models import BulkAct, Collection, CollectionItem
from studio.library.sql import ids_with_chosen, rows_of, with_chosen
from studio.live.notify import notify
from studio.teams.models import Team

# Between two places there is room for this many halvings by two before the whole collection is laid out anew.
GAP: Final = 2**32
NAME_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 2000
MOST_COLLECTIONS: Final = 2000
_KEY_LENGTH: Final = 240

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


LOCK_COLLECTED: Final = """
    SELECT id FROM library_asset
    WHERE id IN (SELECT asset_id FROM library_collectionitem WHERE collection_id = %(collection)s)
    ORDER BY id FOR UPDATE
"""


class Moved(NamedTuple):
    """What a move did: the places that pictures left, and which of them were new where they went."""

    left: dict[int, int]
    joined: list[int]


def collect(*, asset_ids: Sequence[int], collection: Collection, actor_id: int) -> list[int]:
    """Add pictures at the end of a collection, oldest first; returns those that were not in it."""
    with transaction.atomic():
        lock_collections(collection)
        return _join(asset_ids, collection, actor_id)


def uncollect(*, asset_ids: Sequence[int], collection: Collection) -> dict[int, int]:
    """Take pictures out of a collection; returns those that were in it with the places they had."""
    with transaction.atomic():
        lock_collections(collection)
        return _leave(asset_ids, collection)


def move(*, asset_ids: Sequence[int], source: Collection, target: Collection, actor_id: int) -> Moved:
    """Take pictures out of one collection and add them to another; those that were not in the first stay out."""
    with transaction.atomic():
        lock_collections(source, target)
        left = _leave(asset_ids, source)
        return Moved(left, _join(list(left), target, actor_id))


def put_back(*, positions: Mapping[int, int], collection: Collection, actor_id: int) -> list[int]:
    """Add pictures at the places they had, as `uncollect` and `move` told them; returns those that were not there."""
    with transaction.atomic():
        lock_collections(collection)
        _refuse_emptied(collection)
        return ids_with_chosen(
            _PUT_BACK,
            team_id=collection.team_id,
            asset_ids=list(positions),
            collection=collection.pk,
            actor=actor_id,
            places=list(positions),
            positions=list(positions.values()),
        )


def create_collection(
    *, team: Team, actor: User, name: str, description: str = "", parent: Collection | None = None
) -> Collection:
    """Make an empty collection, on its own or in another one; raises NameTaken for a twin in the same place."""
    label = _read(name)
    with transaction.atomic():
        _lock_places_of(team)
        _refuse(team.pk, label, parent)
        if Collection.objects.filter(team=team).count() >= MOST_COLLECTIONS:
            raise TooMany(f"A team has at most {MOST_COLLECTIONS:,} collections. Delete some first.")
        made = Collection.objects.create(
            team=team, parent=parent, name=label.name, key=label.key, description=_told(description), created_by=actor
        )
        notify(team_id=team.pk, event="library")
    return made


def change_collection(*, collection: Collection, name: str, description: str, parent: Collection | None) -> None:
    """Rename, describe and move a collection; no picture is touched."""
    label = _read(name)
    with transaction.atomic():
        _lock_places_of(collection.team)
        lock_collections(collection)
        _refuse(collection.team_id, label, parent, but=collection)
        changes = {"name": label.name, "key": label.key, "description": _told(description), "parent": parent}
        Collection.objects.filter(pk=collection.pk).update(**changes)
        notify(team_id=collection.team_id, event="library")
    for field, value in changes.items():
        setattr(collection, field, value)


def set_cover(*, collection: Collection, asset_id: int | None) -> None:
    """Choose the picture that stands for a collection; None: its first."""
    with transaction.atomic():
        lock_collections(collection)
        if asset_id is not None and not collection.items.filter(asset=asset_id, is_listed=True).exists():
            raise BadInput("A cover is one of the collection's own images.")
        Collection.objects.filter(pk=collection.pk).update(cover=asset_id)
        notify(team_id=collection.team_id, event="library")
    collection.cover_id = asset_id


def delete_collection(*, collection: Collection, actor_id: int, taken_out: int = 0) -> None:
    """Delete a collection and what it says about its pictures, which stay; collections in it move up.

    A collection that moves up beside one of its name is called by both names. `taken_out` says how many pictures
    `emptying.py` has taken out before.
    """
    with transaction.atomic():
        _lock_places_of(collection.team)
        children = list(Collection.objects.filter(parent=collection.pk).order_by("pk"))
        lock_collections(collection, *children)
        for child in children:
            _move_up(child, out_of=collection)
        rows_of(LOCK_COLLECTED, {"collection": collection.pk})
        held, _ = CollectionItem.objects.filter(collection=collection.pk).delete()
        Collection.objects.filter(pk=collection.pk).delete()
        record(
            action=Action.COLLECTION_DELETED,
            team_id=collection.team_id,
            actor_id=actor_id,
            subject=collection.name,
            data={"images": taken_out + held},
        )
        notify(team_id=collection.team_id, event="library")


def _move_up(child: Collection, *, out_of: Collection) -> None:
    taken = set(Collection.objects.filter(team=child.team_id, parent=None).values_list("key", flat=True))
    for name in chain([child.name], _longer_names(child, out_of)):
        label = _read(name)
        if label.key not in taken:
            Collection.objects.filter(pk=child.pk).update(parent=None, name=label.name, key=label.key)
            return


def _longer_names(child: Collection, parent: Collection) -> Iterator[str]:
    """The child's name with its parent's, then with numbers; each short enough, and one of them always free."""
    both = f"{parent.name[: NAME_LENGTH // 2 - 6].strip()}, {child.name[: NAME_LENGTH // 2].strip()}"
    yield both
    for number in count(2):
        yield f"{both} {number}"


def _join(asset_ids: Sequence[int], collection: Collection, actor_id: int) -> list[int]:
    _refuse_emptied(collection)
    return ids_with_chosen(
        _JOIN,
        team_id=collection.team_id,
        asset_ids=asset_ids,
        collection=collection.pk,
        actor=actor_id,
        gap=GAP,
    )


def _refuse_emptied(collection: Collection) -> None:
    """Raise CollectionGone where an act is emptying a collection; it is locked, so none begins meanwhile."""
    if is_emptied(collection.pk):
        raise CollectionGone("This collection is being deleted.")


def is_emptied(collection_id: int) -> bool:
    """Whether an act is emptying a collection."""
    return BulkAct.objects.emptying_collections().filter(value__collection=collection_id).exists()


def _leave(asset_ids: Sequence[int], collection: Collection) -> dict[int, int]:
    return dict(with_chosen(_LEAVE, team_id=collection.team_id, asset_ids=asset_ids, collection=collection.pk))


def _read(name: str) -> Label:
    return read_label(name, what="A collection", longest=NAME_LENGTH, key_length=_KEY_LENGTH)


def _told(description: str) -> str:
    """Trim a description and check it; line breaks are kept."""
    text = "\n".join(line.rstrip() for line in description.splitlines()).strip()
    if "\x00" in text:
        raise BadInput("A description is text: there is a character in this one that cannot be stored.")
    if len(text) > DESCRIPTION_LENGTH:
        raise BadInput(f"A description has at most {DESCRIPTION_LENGTH:,} characters; this has {len(text):,}.")
    return text


def _refuse(team_id: int, label: Label, parent: Collection | None, *, but: Collection | None = None) -> None:
    """Raise what a place or a name in it speaks against; the team's places are locked, so it stays true."""
    if parent is not None:
        _refuse_place(team_id, parent, but)
    twins = Collection.objects.filter(team=team_id, parent=parent, key=label.key)
    twin = (twins.exclude(pk=but.pk) if but else twins).first()
    if twin is not None:
        where = f"in {parent.name}" if parent else "here"
        raise NameTaken(f"There is a collection {twin.name} {where} already; case and accents make no other one.")


def _refuse_place(team_id: int, parent: Collection, child: Collection | None) -> None:
    now = Collection.objects.filter(pk=parent.pk, team=team_id).first()
    if now is None:
        raise CollectionGone("The collection to put it in was deleted meanwhile.")
    if now.parent_id is not None or now == child:
        raise BadInput("A collection can be put into one that is not in another itself.")
    if child is not None and Collection.objects.filter(parent=child.pk).exists():
        raise BadInput("A collection that holds collections cannot be put into another one.")


def _lock_places_of(team: Team) -> None:
    """Let one at a time make, name, nest or delete collections of a team; pictures may come and go meanwhile."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def lock_collections(*collections: Collection) -> None:
    """Lock collections in the order of their ids, before any picture; raises CollectionGone when one was deleted."""
    ids = {collection.pk for collection in collections}
    if lock_known(*ids) != ids:
        raise CollectionGone("This collection was deleted meanwhile. Its pictures are still in the library.")


def lock_known(*ids: int) -> set[int]:
    """Lock those of some collections that there are, as `lock_collections` does; returns them."""
    rows = Collection.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return set(rows.values_list("pk", flat=True))
