"""What the pages of downloads read."""

from django.db.models import Prefetch

from studio.exports.models import Export, ExportPart, ExportQuerySet
from studio.teams.models import Team


def for_list(team: Team) -> ExportQuerySet:
    """Return the team's exports with everything that a row shows, in two queries."""
    parts = ExportPart.objects.only("export_id", "number", "length", "files").exclude(etag="").order_by("number")
    return (
        Export.objects.for_team(team)
        .select_related("author", "revoked_by")
        .prefetch_related(Prefetch("parts", queryset=parts))
    )


def archives_of(export: Export) -> list[ExportPart]:
    """Return the parts of an export with everything that sending them takes."""
    return list(ExportPart.objects.filter(export=export).exclude(etag="").select_related("export").order_by("number"))
