"""Freezing which pictures an export is of: one statement writes the whole list, however long."""

from typing import Final

from django.db import connection

from studio.exports.models import Export, What
from studio.library.models import AssetQuerySet, Collection

# Small enough to be written, read and sent in one go; where each picture is work, small enough to show progress.
PAGE: Final = 500
PAGE_OF_WORK: Final = 25

_PAGES: Final = """
    INSERT INTO exports_exportpage
        (export_id, first, asset_ids, local_offset, central_offset, json_offset, csv_offset, missing_names)
    SELECT %s, min(place), array_agg(id ORDER BY place), 0, 0, 0, 0, '{}' FROM numbered GROUP BY place / %s
    RETURNING cardinality(asset_ids)
"""
_BY_ID: Final = "numbered AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM chosen)"
# A collection's own pictures first, in its order, then those of the collections in it, each in its own.
_BY_HAND: Final = """
    placed AS (
        SELECT DISTINCT ON (c.id) c.id, i.collection_id = %s AS is_own, k.key, i.collection_id, i.position
        FROM chosen c JOIN library_collectionitem i ON i.asset_id = c.id AND i.collection_id = ANY(%s)
        JOIN library_collection k ON k.id = i.collection_id
        ORDER BY c.id, is_own DESC, k.key, i.collection_id
    ),
    numbered AS (
        SELECT id, row_number() OVER (ORDER BY is_own DESC, key, collection_id, position, id) - 1 AS place FROM placed
    )
"""


def plan(export: Export, assets: AssetQuerySet, *, collection: int | None) -> int:
    """Write the pages of the list, yet without files, and return how many pictures they hold.

    Part of the caller's transaction; from its end on the pictures are kept from being purged. In the order of a
    collection if one is given, else by number.
    """
    chosen, chosen_params = assets.order_by().values("pk").query.sql_with_params()
    order_params: list[int | list[int]] = []
    order = _BY_ID
    if collection is not None:
        order, order_params = _BY_HAND, [collection, tree_of(collection)]
    size = PAGE if export.what == What.ORIGINALS else PAGE_OF_WORK
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH chosen (id) AS ({chosen}), {order} {_PAGES}",  # nothing of it comes from outside
            [*chosen_params, *order_params, export.pk, size],
        )
        return sum(count for (count,) in cursor.fetchall())


def tree_of(collection: int) -> list[int]:
    """Return a collection and those in it."""
    return [collection, *Collection.objects.filter(parent=collection).values_list("pk", flat=True)]
