"""What was handed over to whom, for "only what is new": exact however long ago that was."""

from collections.abc import Sequence
from typing import Final

from django.db import connection
from django.db.models import BooleanField, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from studio.exports.models import Export, ExportQuerySet, HandedList
from studio.library.models import AssetQuerySet

_NOTE: Final = """
    INSERT INTO exports_handedlist (export_id, asset_ids)
    SELECT export_id, array_agg(held ORDER BY held) FROM exports_exportpage, unnest(asset_ids) AS held
    WHERE export_id = %s GROUP BY export_id
"""
_LEAVE_OUT: Final = """
    UPDATE exports_handedlist SET asset_ids = ARRAY(
        SELECT held FROM unnest(asset_ids) AS held WHERE held <> ALL(%s) ORDER BY held
    )
    WHERE export_id = %s
"""
# Joined and not looked up one by one, which `NOT IN` becomes where a list is longer than its share of memory.
_NOT_HANDED: Final = """
    NOT EXISTS (
        SELECT FROM exports_handedlist list, unnest(list.asset_ids) AS handed
        WHERE list.export_id = ANY(%s) AND handed = library_asset.id
    )
"""


def note(export: Export) -> None:
    """Keep which pictures a planned export is of, beyond its own time."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [export.pk])


def leave_out(export: Export, asset_ids: Sequence[int]) -> None:
    """Forget what was missing when its turn came: it is new as soon as its file is back."""
    if asset_ids:
        with connection.cursor() as cursor:
            cursor.execute(_LEAVE_OUT, [list(asset_ids), export.pk])


def note_anew(export: Export) -> None:
    """Keep all of it once more, before its pictures are looked for again."""
    if HandedList.objects.filter(export=export).exists():
        take_back(export)
        note(export)


def take_back(export: Export) -> None:
    """Forget what an export was of that nobody could download."""
    HandedList.objects.filter(export=export).delete()


def forget_before(export: Export) -> None:
    """Forget what an export of everything has made pointless: nobody asks for lists before it any more."""
    if not export.only_new and HandedList.objects.filter(export=export).exists():
        before = _same_as(export).filter(pk__lt=export.pk, is_cleared=True)
        HandedList.objects.filter(export__in=before).delete()


def previous_of(export: Export) -> Export | None:
    """Find the same person's last export of the same: the pictures of it are not new."""
    return _same_as(export).order_by("-pk").first()


def not_handed(export: Export, assets: AssetQuerySet) -> AssetQuerySet:
    """Leave out what was handed over since the last export of everything, so an older picture found only now is new.

    What was revoked counts, because it may have been downloaded.
    """
    same = _same_as(export)
    whole = same.filter(only_new=False).order_by("-pk").values("pk")[:1]
    lists = list(same.filter(pk__gte=Coalesce(Subquery(whole), 0)).values_list("pk", flat=True))
    is_new = RawSQL(_NOT_HANDED, [lists], output_field=BooleanField())  # noqa: S611  # our own words, ids as values
    return assets.filter(is_new)


def _same_as(export: Export) -> ExportQuerySet:
    """Return what the same person was handed of the same in the same form; names inside and parts do not matter."""
    same = Export.objects.filter(team=export.team, author=export.author, scope=export.scope, query=export.query)
    same = same.filter(what=export.what, format=export.format, side=export.side, quality=export.quality)
    return same.filter(handed__isnull=False).exclude(pk=export.pk)
