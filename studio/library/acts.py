"""What can be done to many pictures at once, and how each of it is taken back.

`do` returns the pictures it changed with what is needed to undo that; `undo` takes that and returns those it put back,
and leaves alone what somebody has changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from studio.library import binning, collecting, editing, tagging
from studio.library.errors import CollectionGone, TagGone
from studio.library.models import Asset, AssetQuerySet, BulkAct, Collection, Status, Tag
from studio.library.sql import ids_with_chosen
from studio.teams.models import Role

Befores = Mapping[int, Mapping[str, Any]]
Do = Callable[[BulkAct, Sequence[int]], dict[int, dict[str, Any]]]
Undo = Callable[[BulkAct, Befores], list[int]]

# Only what still is as the act left it: whatever somebody has said since, stands.
_STATUS_BACK: Final = """
    , was AS (SELECT * FROM unnest(%(were)s::bigint[], %(values)s::text[]) AS w (id, status))
    UPDATE library_asset a SET status = was.status FROM chosen JOIN was ON was.id = chosen.id
    WHERE a.id = chosen.id AND chosen.status = %(given)s RETURNING a.id
"""
_RATING_BACK: Final = """
    , was AS (SELECT * FROM unnest(%(were)s::bigint[], %(values)s::int[]) AS w (id, rating))
    UPDATE library_asset a SET rating = was.rating FROM chosen JOIN was ON was.id = chosen.id
    WHERE a.id = chosen.id AND chosen.rating = %(given)s RETURNING a.id
"""
_STILL_COLLECTED: Final = """
    SELECT chosen.id FROM chosen JOIN library_collectionitem i ON i.asset_id = chosen.id
    WHERE i.collection_id = %(collection)s AND i.added_by_id = %(actor)s
"""


@dataclass(frozen=True)
class Emptying:
    """What an act is for that takes all pictures off a tag or out of a collection, and then deletes it."""

    pictures: Callable[[BulkAct], AssetQuerySet]
    # In a transaction of its own, in which no picture is locked before.
    end: Callable[[BulkAct], None]
    # What happens to the tag or collection: it is being merged.
    participle: str
    # The sentence after it.
    told: str
    # Where one goes on: the name of an address, and in words.
    place: tuple[str, str]


@dataclass(frozen=True)
class Act:
    """One kind of act: who may, how it is done and undone, and how it is told."""

    do: Do
    undo: Undo | None
    # After "3 images "; may name what of the value it is about.
    told: str
    role: Role = Role.MEMBER
    # Whether it is for pictures in the bin; all others are for those in the library.
    is_for_bin: bool = False
    # After "2 stayed: ", for those it passes over, where it is more than that they needed no change.
    passed_over: str = ""
    # For what is not done to chosen pictures but to all of a tag or collection, in the library and in the bin.
    emptying: Emptying | None = None


def _plain(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return {pk: {"was": False} for pk in ids}


def _collection(act: BulkAct, name: str = "collection") -> Collection:
    found = Collection.objects.filter(team=act.team_id, pk=act.value[name]).first()
    if found is None:
        raise CollectionGone("This collection was deleted meanwhile. Its images are still in the library.")
    return found


def _tag(act: BulkAct, name: str = "tag") -> Tag:
    found = Tag.objects.filter(team=act.team_id, pk=act.value[name]).first()
    if found is None:
        called = act.value["into_name" if name == "into" else "name"]
        raise TagGone(f"The tag {called} was deleted or merged meanwhile.")
    return found


def _collect(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(collecting.collect(asset_ids=ids, collection=_collection(act), actor_id=act.actor_id))


def _still_collected(act: BulkAct, ids: Sequence[int]) -> list[int]:
    about = {"collection": act.value["collection"], "actor": act.actor_id}
    return ids_with_chosen(_STILL_COLLECTED, team_id=act.team_id, asset_ids=ids, **about)


def _undo_collect(act: BulkAct, befores: Befores) -> list[int]:
    collection = _collection(act)
    collecting.lock_collections(collection)
    still = _still_collected(act, list(befores))
    return list(collecting.uncollect(asset_ids=still, collection=collection))


def _uncollect(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    left = collecting.uncollect(asset_ids=ids, collection=_collection(act))
    return {pk: {"position": position} for pk, position in left.items()}


def _put_back(act: BulkAct, befores: Befores, name: str) -> list[int]:
    positions = {pk: before["position"] for pk, before in befores.items()}
    return collecting.put_back(positions=positions, collection=_collection(act, name), actor_id=act.actor_id)


def _undo_uncollect(act: BulkAct, befores: Befores) -> list[int]:
    return _put_back(act, befores, "collection")


def _move(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    source, target = _collection(act, "source"), _collection(act)
    moved = collecting.move(asset_ids=ids, source=source, target=target, actor_id=act.actor_id)
    joined = set(moved.joined)
    return {pk: {"position": position, "joined": pk in joined} for pk, position in moved.left.items()}


def _undo_move(act: BulkAct, befores: Befores) -> list[int]:
    """Only what still is where it was moved to goes back; what had been there before stays there, too.

    Nobody took it out of there who deleted the whole collection, so all of that goes back.
    """
    target = act.value["collection"]
    is_there = target in collecting.lock_known(act.value["source"], target)
    joined = {pk: before for pk, before in befores.items() if before["joined"]}
    left = set(_undo_collect(act, joined)) if is_there else set()
    if is_there and not collecting.is_emptied(target):
        befores = {pk: before for pk, before in befores.items() if pk in left or pk not in joined}
    return _put_back(act, befores, "source")


def _add_tag(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(tagging.add_tag(asset_ids=ids, tag=_tag(act)))


def _remove_tag(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(tagging.remove_tag(asset_ids=ids, tag=_tag(act)))


def _tagged(act: BulkAct) -> AssetQuerySet:
    return Asset.objects.filter(team=act.team_id, asset_tags__tag=act.value["tag"])


def _exchange_tag(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(tagging.exchange_tag(asset_ids=ids, tag=_tag(act), into=_tag(act, "into")))


def _end_merge(act: BulkAct) -> None:
    tagging.merge_tag(tag=_tag(act), into=_tag(act, "into"))


def _end_tag(act: BulkAct) -> None:
    tagging.delete_tag(tag=_tag(act))


def _collected(act: BulkAct) -> AssetQuerySet:
    return Asset.objects.filter(team=act.team_id, collection_items__collection=act.value["collection"])


def _end_collection(act: BulkAct) -> None:
    taken_out = act.done - act.skipped
    collecting.delete_collection(collection=_collection(act), actor_id=act.actor_id, taken_out=taken_out)


def _status(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    changed = editing.set_status(team_id=act.team_id, asset_ids=ids, status=Status(act.value["status"]))
    return {pk: {"status": before.value} for pk, before in changed.items()}


def _undo_status(act: BulkAct, befores: Befores) -> list[int]:
    were = {pk: before["status"] for pk, before in befores.items()}
    return _give_back(act, _STATUS_BACK, were, given=act.value["status"])


def _rate(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    changed = editing.set_rating(team_id=act.team_id, asset_ids=ids, rating=act.value["rating"])
    return {pk: {"rating": before} for pk, before in changed.items()}


def _undo_rate(act: BulkAct, befores: Befores) -> list[int]:
    were = {pk: before["rating"] for pk, before in befores.items()}
    return _give_back(act, _RATING_BACK, were, given=act.value["rating"])


def _give_back(act: BulkAct, statement: str, were: Mapping[int, Any], *, given: Any) -> list[int]:
    ids, values = list(were), list(were.values())
    return ids_with_chosen(statement, team_id=act.team_id, asset_ids=ids, were=ids, values=values, given=given)


def _favourite(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(editing.favourite(team_id=act.team_id, asset_ids=ids, user_id=act.actor_id))


def _unfavourite(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(editing.unfavourite(team_id=act.team_id, asset_ids=ids, user_id=act.actor_id))


def _bin(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    at = act.created_at
    return _plain(binning.bin_assets(team_id=act.team_id, asset_ids=ids, actor_id=act.actor_id, at=at))


def _undo_bin(act: BulkAct, befores: Befores) -> list[int]:
    at = act.created_at
    return binning.unbin(team_id=act.team_id, asset_ids=list(befores), actor_id=act.actor_id, at=at)


def _restore(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    restored = binning.restore_assets(team_id=act.team_id, asset_ids=ids)
    return {pk: {"at": was.at.isoformat(), "by": was.by} for pk, was in restored.items()}


def _undo_restore(act: BulkAct, befores: Befores) -> list[int]:
    binned = {pk: binning.Binned(datetime.fromisoformat(before["at"]), before["by"]) for pk, before in befores.items()}
    return binning.rebin(team_id=act.team_id, binned=binned)


def _purge(act: BulkAct, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    return _plain(binning.purge(team_id=act.team_id, asset_ids=ids, actor_id=act.actor_id))


def _undoing(do: Do) -> Undo:
    """Where doing the opposite takes it back, because it passes over what is so already."""
    return lambda act, befores: list(do(act, list(befores)))


_TAGS: Final = ("library:tags", "tags")
EMPTYING: Final[Mapping[str, Emptying]] = {
    "merge_tag": Emptying(_tagged, _end_merge, "merged", "{name} is part of {into_name} now.", _TAGS),
    "delete_tag": Emptying(_tagged, _end_tag, "deleted", "Tag {name} deleted.", _TAGS),
    "delete_collection": Emptying(
        _collected,
        _end_collection,
        "deleted",
        "Collection {name} deleted. Its images are still in the library.",
        ("library:grid", "library"),
    ),
}
ACTS: Final[Mapping[str, Act]] = {
    "collect": Act(_collect, _undo_collect, "added to {name}"),
    "uncollect": Act(_uncollect, _undo_uncollect, "taken out of {name}"),
    "move": Act(_move, _undo_move, "moved to {name}"),
    "tag": Act(_add_tag, _undoing(_remove_tag), "tagged {name}"),
    "untag": Act(_remove_tag, _undoing(_add_tag), "no longer tagged {name}"),
    "rate": Act(_rate, _undo_rate, "rated {name}"),
    "status": Act(_status, _undo_status, "marked as {name}"),
    "favourite": Act(_favourite, _undoing(_unfavourite), "added to your favourites", role=Role.VIEWER),
    "unfavourite": Act(_unfavourite, _undoing(_favourite), "taken out of your favourites", role=Role.VIEWER),
    "bin": Act(_bin, _undo_bin, "moved to the bin"),
    "restore": Act(_restore, _undo_restore, "restored", is_for_bin=True),
    "purge": Act(
        _purge,
        None,
        "deleted for good",
        role=Role.ADMIN,
        is_for_bin=True,
        passed_over="a download still holds them, or they left the bin",
    ),
    "merge_tag": Act(_exchange_tag, None, "now tagged {into_name}", emptying=EMPTYING["merge_tag"]),
    "delete_tag": Act(_remove_tag, None, "no longer tagged {name}", emptying=EMPTYING["delete_tag"]),
    "delete_collection": Act(_uncollect, None, "taken out of {name}", emptying=EMPTYING["delete_collection"]),
}
