"""Moments as addresses and forms carry them."""

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime


def read_moment(text: str) -> datetime | None:
    """Read a moment with its zone; None for what is none, and for one that the database could not be asked about.

    It comes in UTC: PostgreSQL knows no offset of 16 hours and more, which Python reads.
    """
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
