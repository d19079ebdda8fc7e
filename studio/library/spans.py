"""The days of a search: as moments, and as tokens of pictures, which are of UTC's years, months, weeks and days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from django.utils import timezone

# No picture is older: what is brought in with an earlier date counts as made then.
_FIRST: Final = date(1970, 1, 1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


class Span(NamedTuple):
    """A time, from its first moment to before its last; None is without end."""

    begin: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of_days(cls, since: date | None, until: date | None, zone: tzinfo) -> "Span":
        """Return the time of these days in a zone."""
        begin = None if since is None else _begin(since, zone)
        return cls(begin, None if until is None else _begin(min(until, _last()) + _DAY, zone))

    def __str__(self) -> str:
        """Write it as PostgreSQL reads a tstzrange."""
        return f"[{self.begin or ''},{self.end or ''})"

    def tokens(self) -> list[str]:
        """Return few tokens that all pictures of the time have, those of the longest spans first.

        Pictures of the days of UTC in which it begins and ends have them as well.
        """
        first = max(self.begin.date(), _FIRST) if self.begin else _FIRST
        last = min((self.end - timedelta(microseconds=1)).date(), _last()) if self.end else _last()
        spans = sorted(_spans_of(first, last), key=lambda span: -span[1])
        return [token for token, _ in spans]


def _last() -> date:
    """Return the last day of the next year: no picture is younger."""
    return date(timezone.now().year + 1, 12, 31)


def _begin(day: date, zone: tzinfo) -> datetime:
    day = min(max(day, _FIRST - _DAY), _last() + _DAY)
    moment = datetime.combine(day, time.min, zone).astimezone(UTC)
    return max(moment, datetime.combine(_FIRST, time.min, UTC))


def _spans_of(first: date, last: date) -> Iterator[tuple[str, timedelta]]:
    while first <= last:
        token, end = next((token, end) for token, end in _spans_from(first, last) if end <= last + _DAY)
        yield token, end - first
        first = end


def _spans_from(first: date, last: date) -> Iterator[tuple[str, date]]:
    """Yield the spans that begin with a day and the day after each, the longest first."""
    month = _next_month(first)
    if first.day == first.month == 1:
        yield f"{first:year:%Y}", first.replace(year=first.year + 1)
    if first.day == 1:
        yield f"{first:month:%Y%m}", month
    # A week that ran into a month which is wanted as a whole would have it cut into weeks.
    if first.weekday() == 0 and (first + _WEEK <= month or _next_month(month) > last + _DAY):
        yield f"{first:week:%G%V}", first + _WEEK
    yield f"{first:day:%Y%m%d}", first + _DAY


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
