"""The web's half of acts on many pictures: start, cancel, undo. Small ones are done at once, large ones by a task."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from studio.accounts.models import User
from studio.core.errors import Conflict
from studio.library import bulk, tasks
from studio.library.acts import ACTS
from studio.library.models import Asset, AssetQuerySet, BulkAct, BulkItem, BulkState
from studio.library.models_bulk import LIVE
from studio.library.selection import Selection
from studio.live.notify import notify
from studio.teams.models import Team

# So many are done before the page answers.
AT_ONCE: Final = 500


def start(
    *, team: Team, actor: User, act: str, value: Mapping[str, Any], selection: Selection, key: uuid.UUID
) -> BulkAct:
    """Do something to all that is chosen, or begin to; the same key again is the same act.

    Raises NotFound for a picture that is not the team's, and Conflict for a key that was used for something else.
    """
    value = dict(value)
    if selection.binned_until is not None:
        value["until"] = selection.binned_until.isoformat()
    try:
        with transaction.atomic():
            made = BulkAct(team=team, actor=actor, act=act, value=value, newest=_bound(team, selection), key=key)
            if selection.search is not None:
                made.query, made.zone = selection.search.to_query(), str(selection.search.zone)
            made.save()
            freeze_few(made, selection.assets(team, actor), is_list=bool(selection.ids))
    except IntegrityError:
        found = find(team=team, actor=actor, key=key)
        if found is None:
            raise
        if (found.act, found.value) != (act, value) or not _is_for(found, selection):
            raise Conflict("This was already sent, for something else. Choose again.") from None
        made = found
    return go(made, to_do=made.total)


def find(*, team: Team, actor: User, key: uuid.UUID) -> BulkAct | None:
    """Find the act that somebody has started with a key already."""
    return BulkAct.objects.filter(team=team, actor=actor, key=key).first()


def cancel(*, act: BulkAct) -> None:
    """Stop an act after the batch it is in; what is done stays, and can be taken back."""
    running = BulkAct.objects.filter(pk=act.pk, state__in=[BulkState.QUEUED, BulkState.RUNNING])
    with transaction.atomic():
        if running.update(state=BulkState.CANCELLED, ended_at=timezone.now(), lease_expires_at=None):
            notify(team_id=act.team_id, event="bulk", id=act.pk)
            notify(team_id=act.team_id, event="library")


def undo(*, act: BulkAct) -> BulkAct:
    """Take an act back, as far as nobody has changed the pictures since; raises Conflict when it is too late."""
    with transaction.atomic():
        locked = BulkAct.objects.select_for_update(no_key=True).get(pk=act.pk)
        if locked.state not in {BulkState.UNDOING, BulkState.UNDONE}:
            if not can_undo(locked):
                raise Conflict("This cannot be undone any more.")
            locked.state, locked.reached, locked.ended_at = BulkState.UNDOING, 0, None
            locked.save()
    return go(locked, to_do=locked.done - locked.skipped)


def can_undo(act: BulkAct) -> bool:
    """Whether there is something to take back, and its list is still there."""
    until = act.created_at + timedelta(days=bulk.UNDO_DAYS)
    ended = act.state in {BulkState.DONE, BulkState.CANCELLED}
    return ended and ACTS[act.act].undo is not None and act.done > act.skipped and timezone.now() < until


def freeze_few(act: BulkAct, found: AssetQuerySet, *, is_list: bool = False) -> None:
    """Write down what an act is for if it is a list of ids, or little is found; of what is much a task does."""
    if not is_list:
        few = list(found.order_by().values_list("pk", flat=True)[: AT_ONCE + 1])
        if len(few) > AT_ONCE:
            return
        found = Asset.objects.for_team(act.team).filter(pk__in=few)
    bulk.freeze(act, found)
    act.save()


def go(act: BulkAct, *, to_do: int) -> BulkAct:
    """Do it now where it is little, and let the upkeep do it where it is much, or not yet known.

    Never in the transaction that made the list: that one holds the pictures in its own way, and two such would wait for
    each other. If this process dies in between, the sweep finds the act.
    """
    if act.state not in LIVE:
        return act
    if act.is_frozen and to_do <= AT_ONCE:
        while bulk.step(act.pk):
            pass
        act.refresh_from_db()
    else:
        tasks.ring_bulk(act.pk)
        notify(team_id=act.team_id, event="bulk", id=act.pk)
    return act


def _is_for(act: BulkAct, selection: Selection) -> bool:
    """Whether an act was started for this very selection; pictures that were purged since make no other one of it."""
    if selection.search is not None or selection.binned_until is not None:
        query = selection.search.to_query() if selection.search else ""
        return act.query == query and (act.newest is None) == (selection.search is None)
    listed = set(BulkItem.objects.filter(bulk=act).values_list("asset", flat=True))
    others = set(selection.ids) - listed
    return listed <= set(selection.ids) and not Asset.objects.filter(pk__in=others).unpurged().exists()


def _bound(team: Team, selection: Selection) -> int | None:
    """Return the newest picture at this moment, where the page did not know it."""
    if selection.search is None or selection.newest is not None:
        return selection.newest
    newest = Asset.objects.for_team(team).listed().order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0
