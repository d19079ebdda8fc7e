"""The bin: pictures wait there before they are purged, and until then everything can be taken back.

A purge empties the row first and removes the files after the commit. What a crash leaves in between are files that
belong to nothing, which the sweep of the store removes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from studio.audit.actions import Action
from studio.audit.services import record
from studio.library import files
from studio.library.models import Asset, AssetTag, Collection, CollectionItem, Favourite
from studio.library.sql import ids_with_chosen, rows_of, with_chosen

Guard = Callable[[Sequence[int]], set[int]]

# Each is asked, with the pictures locked, which of them must keep their files for now. Rooms above register theirs.
guards: Final[list[Guard]] = []

_BIN: Final = """
    UPDATE library_asset a SET binned_at = %(at)s, binned_by_id = %(actor)s FROM chosen
    WHERE a.id = chosen.id AND chosen.binned_at IS NULL RETURNING a.id
"""
_RESTORE: Final = """
    UPDATE library_asset a SET binned_at = NULL, binned_by_id = NULL, restored_at = now() FROM chosen
    WHERE a.id = chosen.id AND chosen.binned_at IS NOT NULL RETURNING a.id, chosen.binned_at, chosen.binned_by_id
"""
# Only what the same act put there: whoever binned it again has decided anew.
_UNBIN: Final = """
    UPDATE library_asset a SET binned_at = NULL, binned_by_id = NULL FROM chosen
    WHERE a.id = chosen.id AND chosen.binned_by_id = %(actor)s AND chosen.binned_at = %(at)s RETURNING a.id
"""
_REBIN: Final = """
    , was AS (
        SELECT * FROM unnest(%(were)s::bigint[], %(moments)s::timestamptz[], %(people)s::bigint[]) AS w (id, at, who)
    )
    UPDATE library_asset a SET binned_at = was.at + (now() - a.restored_at), binned_by_id = was.who
    FROM chosen JOIN was ON was.id = chosen.id
    WHERE a.id = chosen.id AND chosen.binned_at IS NULL RETURNING a.id
"""
_BINNED: Final = "SELECT id FROM chosen WHERE binned_at IS NOT NULL"
# What money, usage and history point at stays; every text goes, and with the texts what search knew.
_EMPTY: Final = """
    UPDATE library_asset
    SET purged_at = now(), title = '', prompt = '', revised_prompt = '', notes = '', file_name = '', origin = '',
        sort_name = '', words = '', spec = spec - 'prompt', marks = '{}', colour = '', has_thumb = false,
        has_preview = false
    WHERE id = ANY(%(ids)s) RETURNING id
"""


class Binned(NamedTuple):
    """When a picture was put into the bin, and by whom: None for the rule for drafts."""

    at: datetime
    by: int | None


def bin_assets(*, team_id: int, asset_ids: Sequence[int], actor_id: int, at: datetime) -> list[int]:
    """Move pictures to the bin; returns those that were in the library. `at` is the moment it was asked for."""
    with transaction.atomic():
        return ids_with_chosen(_BIN, team_id=team_id, asset_ids=asset_ids, actor=actor_id, at=at)


def restore_assets(*, team_id: int, asset_ids: Sequence[int]) -> dict[int, Binned]:
    """Take pictures out of the bin, to where they were; returns the restored ones with how they had been binned."""
    with transaction.atomic():
        rows = with_chosen(_RESTORE, team_id=team_id, asset_ids=asset_ids)
    return {pk: Binned(at, by) for pk, at, by in rows}


def unbin(*, team_id: int, asset_ids: Sequence[int], actor_id: int, at: datetime) -> list[int]:
    """Take back that somebody binned these at a moment; returns those that still were as that had left them."""
    with transaction.atomic():
        return ids_with_chosen(_UNBIN, team_id=team_id, asset_ids=asset_ids, actor=actor_id, at=at)


def rebin(*, team_id: int, binned: Mapping[int, Binned]) -> list[int]:
    """Put restored pictures back into the bin as they had been; returns those that were in the library.

    The days between do not count, so that each has as many left as when it was restored.
    """
    ids, moments = list(binned), [one.at for one in binned.values()]
    people = [one.by for one in binned.values()]
    with transaction.atomic():
        return ids_with_chosen(_REBIN, team_id=team_id, asset_ids=ids, were=ids, moments=moments, people=people)


def purge(*, team_id: int, asset_ids: Sequence[int], actor_id: int | None) -> list[int]:
    """Delete pictures of the bin for good; returns which. What a guard holds, and what is not in the bin, stays.

    The files go after the commit of the outermost transaction.
    """
    with transaction.atomic():
        locked = ids_with_chosen(_BINNED, team_id=team_id, asset_ids=asset_ids)
        held = set().union(*(guard(locked) for guard in guards)) if locked else set()
        gone = [pk for pk in locked if pk not in held]
        if gone:
            names = _names_of(gone)
            _empty(gone)
            data = {"images": len(gone), "first": gone[0], "last": gone[-1]}
            record(action=Action.PICTURES_PURGED, team_id=team_id, actor_id=actor_id, data=data)
            transaction.on_commit(lambda: files.delete(names), robust=True)
    return gone


def _names_of(asset_ids: Sequence[int]) -> list[str]:
    fields = ("team_id", "file_key", "content_type", "received_size", "received_type")
    return [name for asset in Asset.objects.filter(pk__in=asset_ids).only(*fields) for name in asset.file_names]


def _empty(asset_ids: Sequence[int]) -> None:
    for filed in (AssetTag, CollectionItem, Favourite):
        filed.objects.filter(asset__in=asset_ids).delete()
    Collection.objects.filter(cover__in=asset_ids).update(cover=None)
    rows_of(_EMPTY, {"ids": list(asset_ids)})
