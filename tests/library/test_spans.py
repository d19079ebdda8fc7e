"""Days of a zone as moments, and as few tokens of pictures."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.library.spans import Span

# Hours from UTC in halves and quarters, and two that change their clocks, each in its own part of the year.
ZONES = ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/Los_Angeles", "Pacific/Chatham"]


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(2000, 1, 1), date(2020, 12, 31)), st.integers(1, 400))
def test_time_is_few_tokens_that_all_its_pictures_have(zone: str, first: date, days: int) -> None:
    here, last = ZoneInfo(zone), first + timedelta(days=days - 1)
    span = Span.of_days(first, last, here)
    tokens = set(span.tokens())
    for number in {*range(-60, 60), *range(24 * days - 60, 24 * days + 60), *range(-4000, 24 * days + 4000, 61)}:
        moment = datetime.combine(first, time(), tzinfo=UTC) + timedelta(hours=number, minutes=30)
        said = {f"{moment:year:%Y}", f"{moment:month:%Y%m}", f"{moment:week:%G%V}", f"{moment:day:%Y%m%d}"}
        is_in = first <= moment.astimezone(here).date() <= last
        assert span.begin is not None
        assert span.end is not None
        assert (span.begin <= moment < span.end) == is_in
        # In other zones the days of UTC at both ends are wider than what is asked for, by less than a day.
        is_near = first - timedelta(days=1) <= moment.date() <= last + timedelta(days=1)
        assert bool(said & tokens) in ({is_in} if zone == "UTC" else {is_in, is_near}), moment
        assert not is_in or said & tokens
    assert len(tokens) <= (16 if days <= 31 else 36)


def test_long_times_come_first() -> None:
    span = Span.of_days(date(2023, 12, 31), date(2025, 2, 1), ZoneInfo("UTC"))
    assert span.tokens() == ["year:2024", "month:202501", "day:20231231", "day:20250201"]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize(
    ("since", "until", "is_empty"),
    [
        (date.min, None, False),
        (None, date.max, False),
        (date.min, date.max, False),
        (date.max, None, True),
        (None, date.min, True),
        (date.min, date.min, True),
        (date.max, date.max, True),
    ],
)
@pytest.mark.django_db
def test_endless_times_are_few_tokens_and_read_by_postgresql(
    since: date | None, until: date | None, is_empty: bool, zone: str
) -> None:
    span = Span.of_days(since, until, ZoneInfo(zone))
    assert len(span.tokens()) < 120
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() <@ %s::tstzrange", [str(span)])
        assert cursor.fetchall() == [(not is_empty,)]


def test_no_days_are_all_time() -> None:
    assert Span.of_days(None, None, ZoneInfo("UTC")) == Span()
    assert str(Span()) == "[,)"
