"""What an invariant is, and how a set of them is asked in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection

# How many breaches of one invariant are named; the rest is only said to exist.
MOST_NAMED: Final = 100
# What may still be under way when a deadline has passed: a sweep, a restart, a slow commit.
GRACE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that always holds. `sql` selects one text column that names each row that breaks it.

    It may use the parameters of `parameters()`, so a literal percent sign is written twice.
    """

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks one invariant: names such as `hold 5b0…`, the first hundred of them."""

    invariant: str
    what: tuple[str, ...]
    more: bool = False

    @classmethod
    def of(cls, invariant: str, found: Sequence[str]) -> "Breach":
        """Make one from at least one finding, of which only the first hundred are kept."""
        return cls(invariant, tuple(found[:MOST_NAMED]), more=len(found) > MOST_NAMED)


def parameters() -> Mapping[str, Any]:
    """The times that some invariants depend on."""
    return {
        "grace": GRACE,
        "call": timedelta(seconds=settings.CALL_DEADLINE),
        "job": timedelta(seconds=settings.JOB_DEADLINE),
    }


def find_breach(invariant: Invariant) -> Breach | None:
    """Ask for one invariant."""
    found = _select(f"{invariant.sql} LIMIT {MOST_NAMED + 1}")
    return Breach.of(invariant.name, [what for (what,) in found]) if found else None


def find_breaches(invariants: Sequence[Invariant]) -> list[Breach]:
    """Ask for all of them in one statement, which is one snapshot and one journey to the server."""
    parts = [
        f"(SELECT {number} AS number, what FROM ({invariant.sql}) AS found (what) LIMIT {MOST_NAMED + 1})"  # noqa: S608  # our own constants only
        for number, invariant in enumerate(invariants)
    ]
    found: dict[int, list[str]] = {}
    for number, what in _select(" UNION ALL ".join(parts)):
        found.setdefault(number, []).append(what)
    return [Breach.of(invariants[number].name, found[number]) for number in sorted(found)]


def _select(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters())
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
