"""What is done for exports while nobody waits: preparing the long ones, and clearing away those that are over.

Every function does a bounded amount of work and may be called as often as one likes, by several processes at once.
"""

import logging
import threading
import time
from typing import Final

from django.db.models import Q
from django.utils import timezone

from studio.exports import freezing, handed
from studio.exports.making import made_names
from studio.exports.models import Export, State, What
from studio.library import files
from studio.live.notify import notify

logger = logging.getLogger(__name__)

# The upkeep queue has other work that must not wait long.
TURN_SECONDS: Final = 4.0
_TELL_EVERY: Final = 1.0
_CLEARED_AT_ONCE: Final = 20

# One turn at a time in a process, so that the other threads of the queue stay free.
_one_turn = threading.Lock()


def prepare_next(*, seconds: float = TURN_SECONDS) -> bool:
    """Work for a while on the export whose turn it is; whether there may be more to do at once."""
    if not _one_turn.acquire(blocking=False):
        return False
    try:
        return prepare(seconds=seconds)
    finally:
        _one_turn.release()


def prepare(*, seconds: float, pk: int | None = None) -> bool:
    """Work for a while on one export, which must be nobody else's; whether there was one."""
    export = freezing.claim(pk=pk)
    if export is None:
        return False
    until, told = time.monotonic() + seconds, time.monotonic()
    freezer = freezing.Freezer(export)
    try:
        while freezer.step() and time.monotonic() < until:
            if time.monotonic() - told > _TELL_EVERY:
                told = time.monotonic()
                tell(export)
    except freezing.Lost:
        logger.info("Export %s was taken over, revoked or ended meanwhile", export.pk)
        return True
    freezing.release(export)
    tell(export)
    return True


def clear_over() -> int:
    """Remove the lists and the files of exports that nobody can download any more; returns of how many."""
    # Whoever still works on one notices within the lease that it is over.
    idle = Q(lease_expires_at=None) | Q(lease_expires_at__lt=timezone.now())
    found = list(Export.objects.over().filter(idle).order_by("pk")[:_CLEARED_AT_ONCE])
    for export in found:
        _clear(export)
    return len(found)


def tell(export: Export) -> None:
    """Let open pages fetch it again."""
    notify(team_id=export.team_id, event="export", id=export.pk)


def _clear(export: Export) -> None:
    """Remove made files first, so that a crash leaves the list by which they are found."""
    if export.what != What.ORIGINALS:
        for ids in export.pages.order_by("first").values_list("asset_ids", flat=True).iterator(chunk_size=100):
            files.delete(made_names(export, ids))
    export.pages.all().delete()
    export.parts.all().delete()
    if export.state == State.PREPARING:
        handed.take_back(export)
    handed.forget_before(export)
    Export.objects.filter(pk=export.pk).update(is_cleared=True)
    tell(export)
