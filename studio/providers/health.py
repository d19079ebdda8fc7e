"""What answers and errors say about a connection: when it pauses, slows down, or is given up on for a while."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Greatest, Least, Now
from django.utils import timezone

from studio.live.notify import notify
from studio.providers.adapters.errors import (
    OutcomeUnknown,
    OutdatedKey,
    Pauses,
    ProviderError,
    QuotaUsedUp,
    RateLimited,
    Unauthorised,
    Unreachable,
    UpstreamTransient,
)
from studio.providers.models import Connection, PausedModel
from studio.providers.tasks import tell_paused

# So many upstream failures in a row open the circuit; then one call at a time tries, after a pause that doubles.
MOST_FAILURES: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(minutes=10)
# A provider that asks for more than this may not silence a whole connection: the generation fails instead.
LONGEST_SLOWDOWN: Final = timedelta(minutes=5)
LONGEST_QUOTA: Final = timedelta(days=1)
_UPSTREAM: Final = (Unreachable, UpstreamTransient, OutcomeUnknown)


def note_success(connection_id: int) -> None:
    """Close the circuit, if it was open or on its way there; a pause that a rate limit asked for goes on."""
    failing = Connection.objects.filter(pk=connection_id, failures__gt=0)
    was_open = Q(failures__gte=MOST_FAILURES)
    failing.update(failures=0, resume_at=Case(When(was_open, then=None), default=F("resume_at")))


def note_failure(*, connection_id: int, remote_name: str, error: ProviderError, pause: timedelta) -> None:
    """Draw the consequences of one failed call; `pause` is how long the provider wants to be left alone.

    Call it in the transaction that writes the failure: the admins are told after its commit, once for each pause.
    """
    if error.pauses == Pauses.CONNECTION:
        _pause_connection(connection_id, error)
    elif error.pauses == Pauses.MODEL:
        _pause_model(connection_id, remote_name, error)
    elif isinstance(error, QuotaUsedUp):
        _slow_down(connection_id, min(pause, LONGEST_QUOTA))
    elif isinstance(error, RateLimited):
        _slow_down(connection_id, min(pause, LONGEST_SLOWDOWN))
    elif isinstance(error, _UPSTREAM):
        _count_failure(connection_id)


def as_it_counts(connection: Connection, error: ProviderError) -> ProviderError:
    """Return the error as it counts now: that a key was rejected says nothing about the one that has replaced it.

    `connection` is as it was when the call left.
    """
    if not isinstance(error, Unauthorised) or not _has_moved_on(connection):
        return error
    return OutdatedKey(
        str(error), status=error.status, request_id=error.request_id, provider_message=error.provider_message
    )


def _has_moved_on(connection: Connection) -> bool:
    now = Connection.objects.only("base_url", "secret").get(pk=connection.pk)
    return (now.base_url, now.secret) != (connection.base_url, connection.secret)


def is_open(connection: Connection) -> bool:
    """Whether the circuit is open, so that at most one call at a time may try."""
    return connection.failures >= MOST_FAILURES


def is_down(connection: Connection) -> bool:
    """Whether the circuit is open and not even one call may try before a moment to come."""
    return is_open(connection) and connection.resume_at is not None and connection.resume_at > timezone.now()


def rests_long(connection: Connection) -> bool:
    """Whether nothing is sent for longer than a generation can wait, as where the allowance of a day is used up."""
    until, longest = connection.resume_at, timedelta(seconds=settings.GENERATION_DEADLINE)
    return until is not None and not is_open(connection) and until - timezone.now() > longest


def resume(connection: Connection) -> None:
    """Use a connection again as if nothing had happened: its pauses, those of its models and its circuit are over."""
    Connection.objects.filter(pk=connection.pk).update(
        paused_kind="", paused_note="", paused_at=None, failures=0, resume_at=None
    )
    PausedModel.objects.filter(connection=connection).delete()


def _pause_connection(connection_id: int, error: ProviderError) -> None:
    paused = Connection.objects.filter(pk=connection_id, paused_kind="").update(
        paused_kind=error.kind, paused_note=error.provider_message[:500], paused_at=Now()
    )
    if paused:
        _tell(connection_id, "")


def _pause_model(connection_id: int, remote_name: str, error: ProviderError) -> None:
    _, made = PausedModel.objects.get_or_create(
        connection_id=connection_id,
        remote_name=remote_name,
        defaults={"kind": error.kind, "note": error.provider_message[:500]},
    )
    if made:
        _tell(connection_id, remote_name)


def _tell(connection_id: int, remote_name: str) -> None:
    transaction.on_commit(lambda: tell_paused.delay(connection_id, remote_name), robust=True)
    team_id = Connection.objects.values_list("team_id", flat=True).get(pk=connection_id)
    if team_id is not None:
        notify(team_id=team_id, event="connection", id=connection_id)


def _slow_down(connection_id: int, pause: timedelta) -> None:
    """A rate limit slows the whole connection, not each generation by itself."""
    Connection.objects.filter(pk=connection_id).update(resume_at=Greatest("resume_at", Now() + pause))


def _count_failure(connection_id: int) -> None:
    """Count a failure in a row; of those that left before the circuit opened, none makes its pause longer."""
    connection = Connection.objects.filter(pk=connection_id)
    known_already = Q(failures__gte=MOST_FAILURES, resume_at__gt=Now())
    if not connection.exclude(known_already).update(failures=Least(F("failures") + 1, 1000)):
        return
    failures = connection.values_list("failures", flat=True).get()
    if failures >= MOST_FAILURES:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - MOST_FAILURES, 10))
        connection.update(resume_at=Greatest("resume_at", Now() + pause))
