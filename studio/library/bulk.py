"""Acts on many pictures: a frozen list, worked off in batches, each in a transaction of its own.

Whoever works on an act has its row locked for a batch, and how far it is stands in that row; so a killed process loses
at most the batch it was in, and two of them take turns. Locks are taken in one order: the act, then collections and
tags, then pictures by id.
"""

import json
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from studio.core.errors import NotAllowed, StudioError
from studio.core.zones import zone_named
from studio.library.acts import ACTS
from studio.library.models import AssetQuerySet, BulkAct, BulkItem, BulkState
from studio.library.models_bulk import LIVE
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.library.sql import rows_of
from studio.live.notify import notify
from studio.teams.models import Membership

BATCH: Final = 1000
# A turn; then others get theirs, because the upkeep has few threads.
SLICE_SECONDS: Final = 4.0
# For so long an act can be taken back; then its list is forgotten.
UNDO_DAYS: Final = 30
MOST_FORGOTTEN: Final = 20_000
# A fresh act was rung for when it was started; only what waits longer is rung for again.
_FRESH: Final = timedelta(seconds=3)

_FREEZE: Final = (
    "INSERT INTO library_bulkitem (bulk_id, asset_id) SELECT %s, id FROM ({found}) AS found (id) ORDER BY id"
)
_NEXT: Final = """
    SELECT i.asset_id, a.binned_at IS NOT NULL FROM library_bulkitem i JOIN library_asset a ON a.id = i.asset_id
    WHERE i.bulk_id = %(bulk)s AND i.asset_id > %(reached)s ORDER BY i.asset_id LIMIT %(most)s
"""
_NOTE: Final = """
    UPDATE library_bulkitem i SET before = coalesce(b.before::jsonb, '{}')
    FROM unnest(%(ids)s::bigint[], %(befores)s::text[]) AS b (asset_id, before)
    WHERE i.bulk_id = %(bulk)s AND i.asset_id = b.asset_id RETURNING i.id
"""


def work(bulk_id: int, *, seconds: float = SLICE_SECONDS) -> bool:
    """Work on an act for a turn, unless somebody else does; return whether there is more to do."""
    if not _claim(bulk_id):
        return False
    until = time.monotonic() + seconds
    more = step(bulk_id)
    while more and time.monotonic() < until:
        more = step(bulk_id)
    BulkAct.objects.filter(pk=bulk_id).update(lease_expires_at=None)
    return more


def step(bulk_id: int) -> bool:
    """Do the next batch of an act; return whether there is more. What cannot go on ends with the reason."""
    try:
        with transaction.atomic():
            act = BulkAct.objects.select_for_update(no_key=True).filter(pk=bulk_id, state__in=LIVE).first()
            if act is None:
                return False
            # Done while the page waits, it needs no news of its own.
            is_followed = act.lease_expires_at is not None
            _batch(act)
            act.lease_expires_at = Now() + _lease() if act.state in LIVE else None
            act.save()
            _tell(act, is_followed=is_followed)
    except StudioError as error:
        _end_early(bulk_id, error.message)
        return False
    return act.state in LIVE


def freeze(act: BulkAct, found: AssetQuerySet) -> None:
    """Write down what the act is for; part of the caller's transaction."""
    act.total, act.is_frozen = 0, True
    try:
        sql, params = found.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        # Django sees by itself that nothing can be found, and asks no database.
        return
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE.format(found=sql), [act.pk, *params])
        act.total = cursor.rowcount


def unfinished() -> list[int]:
    """Return the acts that nobody works on although there is something to do."""
    idle = Q(lease_expires_at=None, created_at__lt=Now() - _FRESH) | Q(lease_expires_at__lt=Now())
    return list(BulkAct.objects.filter(idle, state__in=LIVE).order_by("pk").values_list("pk", flat=True)[:50])


def forget_old() -> int:
    """Remove the lists of acts too old to be taken back, and then the acts; returns how many rows went."""
    old = BulkAct.objects.exclude(state__in=LIVE).filter(created_at__lt=Now() - timedelta(days=UNDO_DAYS))
    oldest = list(old.order_by("pk").values_list("pk", flat=True)[:50])
    some = BulkItem.objects.filter(bulk__in=oldest).order_by("pk").values("pk")[:MOST_FORGOTTEN]
    gone, _ = BulkItem.objects.filter(pk__in=some).delete()
    if gone < MOST_FORGOTTEN:
        gone += BulkAct.objects.filter(pk__in=oldest).delete()[0]
    return gone


def pictures_of(act: BulkAct) -> AssetQuerySet:
    """Return what an act without a list of ids is for."""
    emptying = ACTS[act.act].emptying
    if emptying:
        return emptying.pictures(act)
    if "until" in act.value:
        selection = Selection(binned_until=datetime.fromisoformat(act.value["until"]))
    else:
        search = LibrarySearch.read(act.query, zone=zone_named(act.zone))
        selection = Selection(search=search, newest=act.newest)
    return selection.assets(act.team, act.actor)


def _claim(bulk_id: int) -> bool:
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=Now())
    claimed = BulkAct.objects.filter(free, pk=bulk_id, state__in=LIVE).update(lease_expires_at=Now() + _lease())
    return claimed == 1


def _lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def _batch(act: BulkAct) -> None:
    if act.state == BulkState.UNDOING:
        _undo_batch(act)
        return
    act.state = BulkState.RUNNING
    if not act.is_frozen:
        freeze(act, pictures_of(act))
        return
    if not _may_still(act):
        raise NotAllowed("Whoever started this has lost the right to do it.")
    _do_batch(act)


def _do_batch(act: BulkAct) -> None:
    rows = rows_of(_NEXT, {"bulk": act.pk, "reached": act.reached, "most": BATCH})
    kind = ACTS[act.act]
    wanted = [pk for pk, is_binned in rows if kind.emptying or is_binned == kind.is_for_bin]
    changed = kind.do(act, wanted) if wanted else {}
    _note(act, [pk for pk, _ in rows], changed)
    act.done += len(rows)
    act.skipped += len(rows) - len(changed)
    act.reached = rows[-1][0] if rows else act.reached
    if kind.emptying and not rows:
        kind.emptying.end(act)
    if not rows or (act.done >= act.total and not kind.emptying):
        _end(act, BulkState.DONE)


def _undo_batch(act: BulkAct) -> None:
    undo = ACTS[act.act].undo
    items = BulkItem.objects.filter(bulk=act, asset_id__gt=act.reached, before__isnull=False).exclude(before={})
    rows = items.order_by("asset_id").values_list("asset_id", "before")[:BATCH]
    befores: dict[int, Mapping[str, Any]] = {pk: before or {} for pk, before in rows}
    if befores and undo is not None:
        restored = undo(act, befores)
        act.undone += len(restored)
        act.kept += len(befores) - len(restored)
        act.reached = max(befores)
    if len(befores) < BATCH:
        _end(act, BulkState.UNDONE)


def _note(act: BulkAct, ids: list[int], changed: Mapping[int, Mapping[str, Any]]) -> None:
    befores = [json.dumps(changed[pk]) if pk in changed else None for pk in ids]
    rows_of(_NOTE, {"bulk": act.pk, "ids": ids, "befores": befores})


def _may_still(act: BulkAct) -> bool:
    rights = Membership.objects.filter(team=act.team_id, user=act.actor_id, role__gte=ACTS[act.act].role)
    return rights.active().exists()


def _end(act: BulkAct, state: BulkState) -> None:
    act.state = state
    act.ended_at = timezone.now()


def _end_early(bulk_id: int, problem: str) -> None:
    with transaction.atomic():
        act = BulkAct.objects.select_for_update(no_key=True).get(pk=bulk_id)
        _end(act, BulkState.UNDONE if act.state == BulkState.UNDOING else BulkState.CANCELLED)
        act.problem, act.lease_expires_at = problem[:200], None
        act.save()
        _tell(act, is_followed=True)


def _tell(act: BulkAct, *, is_followed: bool) -> None:
    if is_followed:
        notify(team_id=act.team_id, event="bulk", id=act.pk)
    if act.state not in LIVE:
        notify(team_id=act.team_id, event="library")
