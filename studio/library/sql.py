"""Statements that change many pictures at once and say which."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

# The pictures an act is for, locked in the order of their ids, so that two acts never wait for each other in a circle.
# Purged ones are history and stay as they are.
_CHOSEN: Final = """
    WITH chosen AS (
        SELECT id, status, rating, binned_at, binned_by_id FROM library_asset
        WHERE team_id = %(team)s AND id = ANY(%(ids)s) AND purged_at IS NULL
        ORDER BY id FOR UPDATE
    )
"""

# How many pictures a collection, of which this is a column, and those inside it hold, each counted once, up to `most`.
# That many places of each collection are enough to know it.
HELD: Final = """
    SELECT count(*) FROM (
        SELECT DISTINCT place.asset_id FROM (
            SELECT library_collection.id
            UNION ALL SELECT i.id FROM library_collection i WHERE i.parent_id = library_collection.id
        ) AS tree CROSS JOIN LATERAL (
            SELECT asset_id FROM library_collectionitem WHERE collection_id = tree.id AND is_listed LIMIT %(most)s
        ) AS place LIMIT %(most)s
    ) AS held
"""


def with_chosen(statement: str, *, team_id: int, asset_ids: Sequence[int], **params: Any) -> list[tuple[Any, ...]]:
    """Run one statement that reads the pictures it is for, locked, as `chosen`; return what it returns, in order."""
    values = {"team": team_id, "ids": list(asset_ids), **params}
    return sorted(rows_of(_CHOSEN + statement, values))


def ids_with_chosen(statement: str, *, team_id: int, asset_ids: Sequence[int], **params: Any) -> list[int]:
    """Run such a statement that returns ids alone."""
    return [row[0] for row in with_chosen(statement, team_id=team_id, asset_ids=asset_ids, **params)]


def rows_of(statement: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement and return what it returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
