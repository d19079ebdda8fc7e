"""How a team's connections did in the last day: read from the attempts, in a number of queries that does not grow."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Aggregate,
    Count,
    DateTimeField,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import TruncHour
from django.utils import timezone

from studio.generations.cards import CHANGE_FIRST
from studio.generations.models import Attempt, AttemptState
from studio.providers.adapters.errors import RateLimited
from studio.providers.models import Connection, TestState
from studio.teams.models import Team

DAY: Final = timedelta(hours=24)
HOURS: Final = 24
_GOOD: Final = (AttemptState.READY, AttemptState.CLOSED)
_BAD: Final = (AttemptState.FAILED, AttemptState.UNKNOWN)
# What was asked could not be made, or was not wanted any more: that says nothing about the connection.
_NOT_ITS_FAULT: Final = CHANGE_FIRST | {"cancelled"}


class Percentiles(Aggregate):
    """The median and the 95th percentile."""

    template = "PERCENTILE_CONT(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = ArrayField(FloatField())


@dataclass(frozen=True, slots=True)
class Health:
    """What the calls of the last day say; times are in milliseconds, None without a call that succeeded."""

    calls: int = 0
    succeeded: int = 0
    # The same of those since a test has passed: what that has mended is over.
    calls_since_test: int = 0
    succeeded_since_test: int = 0
    median: float | None = None
    slowest: float | None = None
    # The median of the last hour, where there were enough calls to tell.
    median_lately: float | None = None
    pictures_last_minute: int = 0
    # How many calls the provider refused because too many came in a short time.
    held_back: int = 0
    # The median of each hour, the oldest first, 0 for one without a success.
    hours: Sequence[float] = (0.0,) * HOURS


def connections_for(team: Team) -> QuerySet[Connection]:
    """The team's own and then the shared ones, with the models that pause there and `last_success`: two queries."""
    # The team's own calls only: when others use a shared connection is nobody's business.
    ours = Attempt.objects.filter(connection=OuterRef("pk"), generation__team=team)
    good = ours.filter(state__in=_GOOD).order_by("-sent_at")
    last_success: Any = Subquery(good.values("sent_at")[:1], output_field=DateTimeField())
    return (
        Connection.objects.open_to(team)
        .defer("earlier_secret", "hook_secret")
        .annotate(last_success=last_success)
        .order_by(F("team").asc(nulls_last=True), "name", "pk")
        .prefetch_related("paused_models")
    )


def health_of(team: Team, connections: Sequence[Connection]) -> Mapping[int, Health]:
    """Return how each connection did for this team, by its id: two queries. Of a shared one nobody sees more."""
    now = timezone.now()
    calls = Attempt.objects.filter(connection__in=connections, generation__team=team, sent_at__gt=now - DAY).order_by()
    ended = Q(state__in=_GOOD) | Q(state__in=_BAD) & ~Q(error_kind__in=_NOT_ITS_FAULT)
    good = Q(state__in=_GOOD, latency_ms__isnull=False)
    since_test = ~Q(connection__test_state=TestState.PASSED) | Q(sent_at__gt=F("connection__tested_at"))
    last_hour = good & Q(sent_at__gt=now - timedelta(hours=1))
    figures = calls.values("connection_id").annotate(
        calls=Count("pk", filter=ended),
        succeeded=Count("pk", filter=Q(state__in=_GOOD)),
        calls_since_test=Count("pk", filter=ended & since_test),
        succeeded_since_test=Count("pk", filter=Q(state__in=_GOOD) & since_test),
        times=Percentiles("latency_ms", filter=good),
        times_lately=Percentiles("latency_ms", filter=last_hour),
        calls_lately=Count("pk", filter=last_hour),
        pictures=Sum("images", filter=Q(sent_at__gt=now - timedelta(minutes=1)), default=0),
        held_back=Count("pk", filter=Q(error_kind=RateLimited.kind)),
    )
    hours = _hours(calls.filter(good), now)
    return {
        row["connection_id"]: Health(
            calls=row["calls"],
            succeeded=row["succeeded"],
            calls_since_test=row["calls_since_test"],
            succeeded_since_test=row["succeeded_since_test"],
            median=row["times"][0] if row["times"] else None,
            slowest=row["times"][1] if row["times"] else None,
            median_lately=row["times_lately"][0] if row["calls_lately"] >= 3 else None,
            pictures_last_minute=row["pictures"],
            held_back=row["held_back"],
            hours=hours[row["connection_id"]],
        )
        for row in figures
    }


def _hours(good: QuerySet[Attempt], now: datetime) -> Mapping[int, Sequence[float]]:
    this_hour = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    hours: dict[int, list[float]] = defaultdict(lambda: [0.0] * HOURS)
    rows = good.annotate(hour=TruncHour("sent_at")).values("connection_id", "hour")
    for row in rows.annotate(times=Percentiles("latency_ms")):
        place = HOURS - 1 - round((this_hour - row["hour"]) / timedelta(hours=1))
        if place >= 0:
            hours[row["connection_id"]][place] = row["times"][0]
    return hours
