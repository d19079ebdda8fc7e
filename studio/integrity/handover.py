"""Invariants of exports: an archive that can be downloaded is there to its last byte, and of one team alone."""

from collections.abc import Iterator
from typing import Final

from django.db.models.functions import Coalesce, Length

from studio.exports.layout import layout_of
from studio.exports.models import Export, ExportPage, ExportPart, State
from studio.exports.zipformat import Placed, central_length, local_length, unpack
from studio.integrity.invariants import MOST_NAMED, Breach, Invariant

MEASURED: Final = "exports.pages_stand_where_they_say"
_OFFSETS: Final = ("local_offset", "central_offset", "json_offset", "csv_offset")

HANDOVER: Final = (
    Invariant(
        "exports.ready_one_is_complete",
        """
        SELECT 'export ' || e.id FROM exports_export e
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(cardinality(p.asset_ids)), 0) AS images,
                coalesce(bool_and(num_nulls(p.part_id, p.records, p.json, p.csv) = 0), true) AS are_filled
            FROM exports_exportpage p WHERE p.export_id = e.id
        ) pages
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(p.files), 0) AS files, coalesce(sum(p.missing), 0) AS missing,
                coalesce(sum(p.length), 0) AS length, coalesce(bool_and(p.etag <> ''), true) AS are_sealed
            FROM exports_exportpart p WHERE p.export_id = e.id
        ) parts
        WHERE e.state = 'ready' AND e.expires_at > statement_timestamp() AND NOT e.is_cleared
          AND (
              e.done <> e.total OR pages.images <> e.total OR NOT pages.are_filled OR NOT parts.are_sealed
              OR parts.missing <> e.missing OR parts.files <> e.total - e.missing OR parts.length <> e.length
          )
        """,
    ),
    Invariant(
        "exports.live_one_of_a_search_is_noted",
        """
        SELECT 'export ' || e.id FROM exports_export e LEFT JOIN exports_handedlist l ON l.export_id = e.id
        WHERE e.state IN ('preparing', 'ready', 'stale') AND e.expires_at > statement_timestamp()
          AND coalesce(cardinality(l.asset_ids), 0) <>
              CASE WHEN e.for_operator OR e.scope IN ('asset', 'selection') THEN 0 ELSE e.total - e.missing END
        """,
    ),
    Invariant(
        "isolation.export_is_of_one_team",
        """
        SELECT 'export page ' || p.id FROM exports_exportpage p
        JOIN exports_export e ON e.id = p.export_id
        LEFT JOIN exports_exportpart part ON part.id = p.part_id
        WHERE part.export_id <> e.id
           OR EXISTS (
               SELECT FROM unnest(p.asset_ids) AS held (id) JOIN library_asset a ON a.id = held.id
               WHERE a.team_id <> e.team_id
           )
        """,
    ),
)


def find_unmeasured_parts() -> Breach | None:
    """Measure every list that can be downloaded again, as its archive is made of it.

    Reads some 150 bytes for each picture of such an export, a few pages at a time.
    """
    parts = ExportPart.objects.filter(export__in=Export.objects.live().filter(state=State.READY, is_cleared=False))
    found: list[str] = []
    for part in parts.select_related("export").order_by("pk").iterator(chunk_size=100):
        found += _misplaced(part)
        if len(found) > MOST_NAMED:
            break
    return Breach.of(MEASURED, found) if found else None


def _misplaced(part: ExportPart) -> Iterator[str]:
    """Name the pages of a part that do not begin where those before them end, and the part if they end elsewhere."""
    local, central = 0, 0
    json, csv = len(part.json_head), len(part.csv_head)
    for pk, offsets, records, json_length, csv_length in _pages_of(part):
        if offsets != (local, central, json, csv):
            yield f"export page {pk}"
        for entry in unpack(records):
            central += central_length(Placed(local, entry))
            local += local_length(entry)
        json, csv = json + json_length, csv + csv_length
    sizes = part.local_size, part.central_size, part.json_size, part.csv_size
    if sizes != (local, central, json + len(part.json_tail), csv) or part.length != layout_of(part).length:
        yield f"export part {part.pk}"


def _pages_of(part: ExportPart) -> Iterator[tuple[int, tuple[int, ...], bytes, int, int]]:
    """Produce number, four offsets, records and the lengths of both manifests' lines of each page."""
    lengths = Coalesce(Length("json"), 0), Coalesce(Length("csv"), 0)
    pages = ExportPage.objects.filter(part=part).order_by("first")
    for pk, records, *offsets, json, csv in pages.values_list("pk", "records", *_OFFSETS, *lengths).iterator(20):
        yield pk, tuple(offsets), bytes(records or b""), json, csv
