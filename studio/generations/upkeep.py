"""Housekeeping: find what nobody works on, end what is past its deadline. Never waits behind a generation."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, TextField
from django.db.models.functions import Cast, Now

from studio.generations.ending import end_if_done
from studio.generations.jobs import parked_ones
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, HookDelivery, OutputState
from studio.providers.models import Connection
from studio.providers.services import forget_earlier_secrets

# A fresh submission rings by itself; only what waits longer than this is rung for again.
FRESH = timedelta(seconds=3)
MOST_BELLS = 256
# While no worker shows a sign of life. Bells that nobody hears stay in the broker, and after a night without workers
# the first one would have to get through all of them.
UNHEARD_BELLS = 64
MOST_ENDED = 500
SPOOL_AGE = 24 * 3600
HOOK_AGE = timedelta(days=7)

EXPIRED = "It waited too long for the provider and was taken off the queue."
REMOVED = "Its connection was removed before it was sent. Generate it again."


@dataclass(frozen=True, slots=True)
class Found:
    """What the sweep found: bells to ring per connection, and generations that somebody has to go on with.

    Those are the ones whose worker died, and parked ones that have something to do.
    """

    waiting: Mapping[int, int]
    to_resume: list[int]


def find_work() -> Found:
    """Return what needs a worker."""
    return Found(waiting=_waiting(), to_resume=[*_abandoned(), *parked_ones(_most_bells())])


def end_expired() -> int:
    """Fail queued generations past their deadline and return their credits. Returns how many."""
    return _end_queued(Q(deadline_at__lt=Now()), reason="expired", message=EXPIRED)


def end_removed() -> int:
    """Fail queued generations whose connection was removed and return their credits. Returns how many."""
    return _end_queued(Q(connection__removed_at__isnull=False), reason="connection_removed", message=REMOVED)


def forget_secrets() -> None:
    """Empty the secrets that nothing needs any more: replaced a day ago, or of removed connections that have ended."""
    forget_earlier_secrets()
    used = Generation.objects.live().values("connection")
    called = Attempt.objects.filter(generation__in=Generation.objects.live()).values("connection")
    removed = Connection.objects.filter(removed_at__isnull=False).alias(stored=Cast("secret", TextField()))
    unused = removed.exclude(pk__in=used).exclude(pk__in=called)
    unused.exclude(stored="").update(secret="", earlier_secret="", hook_secret="")


def _end_queued(why: Q, *, reason: str, message: str) -> int:
    found = Generation.objects.filter(why, state=GenerationState.QUEUED)
    return sum(_end_one(pk, why, reason, message) for pk in found.values_list("pk", flat=True)[:MOST_ENDED])


def _end_one(pk: int, why: Q, reason: str, message: str) -> bool:
    with transaction.atomic():
        generation = (
            Generation.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .filter(why, pk=pk, state=GenerationState.QUEUED)
            .first()
        )
        if generation is None:
            return False
        planned = generation.attempts.filter(state=AttemptState.PLANNED)
        unsent = Q(state=OutputState.WAITING) | Q(attempt__in=planned, state=OutputState.RUNNING)
        generation.outputs.filter(unsent).update(
            state=OutputState.FAILED, reason=reason, message=message, ended_at=Now()
        )
        planned.update(state=AttemptState.CANCELLED, ended_at=Now())
        return end_if_done(generation)


def sweep_spool() -> int:
    """Remove answers left over by a crash between delivery and clean-up. Returns how many.

    An answer that may still be needed is never this old: its generation would have been taken over long before.
    """
    oldest = time.time() - max(SPOOL_AGE, 2 * settings.GENERATION_DEADLINE)
    removed = 0
    for path in Path(settings.SPOOL_ROOT).glob("*/*"):
        with suppress(FileNotFoundError):  # another scheduler was faster
            if path.stat().st_mtime < oldest:
                path.unlink()
                removed += 1
    return removed


def sweep_hooks() -> None:
    """Forget webhooks that are too old to be sent again."""
    HookDelivery.objects.filter(received_at__lt=Now() - HOOK_AGE).delete()


def _waiting() -> dict[int, int]:
    due = Q(next_try_at=None) | Q(next_try_at__lte=Now())
    overlooked = (
        Generation.objects.filter(due, state=GenerationState.QUEUED)
        .filter(Q(next_try_at__isnull=False) | Q(created_at__lt=Now() - FRESH))
        .order_by()
        .values("connection_id")
        .annotate(n=Count("pk"))
    )
    queued = {row["connection_id"]: row["n"] for row in overlooked}
    most = _most_bells()
    free = Connection.objects.usable().filter(Q(resume_at=None) | Q(resume_at__lte=Now()), pk__in=queued)
    return {pk: min(queued[pk], room, most) for pk, room in free.values_list("pk", "max_in_flight")}


def _abandoned() -> list[int]:
    if not _leases_could_be_renewed():
        return []
    lost = Generation.objects.filter(state=GenerationState.RUNNING, lease_expires_at__lt=Now())
    return list(lost.order_by("lease_expires_at").values_list("pk", flat=True)[: _most_bells()])


def _leases_could_be_renewed() -> bool:
    """Whether the database has been up for two renewals: after a restart every lease may look lost that is not."""
    up_for = "SELECT pg_postmaster_start_time() < statement_timestamp() - make_interval(secs => %s)"
    with connection.cursor() as cursor:
        cursor.execute(up_for, [2 * settings.LEASE_RENEWAL_SECONDS])
        (could,) = cursor.fetchone()
    return bool(could)


def _most_bells() -> int:
    alive = Generation.objects.filter(state=GenerationState.RUNNING, lease_expires_at__gt=Now()).exists()
    return MOST_BELLS if alive else UNHEARD_BELLS
