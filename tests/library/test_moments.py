"""Moments as addresses carry them."""

from datetime import UTC, datetime

import pytest

from studio.library.moments import read_moment


def test_moment_comes_in_utc() -> None:
    assert read_moment("2026-01-01T23:59:00+23:59") == datetime(2026, 1, 1, tzinfo=UTC)
    assert read_moment("2026-11-21T05:00:00.000001Z") == datetime(2026, 11, 21, 5, 0, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-11-21", "2026-11-21T05:00:00", "2026-13-21T05:00:00Z", "0001-01-01T00:00:00+23:59",
     "9999-12-31T23:59:59-23:59"],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_moment(text) is None
