"""A picture's own page."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studio.core.zones import zone_of
from studio.library import files
from studio.library.asset_page import asset_page
from studio.library.models import Asset
from studio.library.search import LibrarySearch
from studio.library.views_organise import inspector_of
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role


@team_required(Role.VIEWER)
@require_safe
def asset(request: TeamRequest, pk: int) -> HttpResponse:
    """Show one picture with all that is known about it; of a purged one only what stays on record."""
    everything = Asset.objects.for_team(request.team).select_related("author", "binned_by")
    found = get_object_or_404(everything, pk=pk)
    if found.purged_at is not None:
        return render(request, "library/purged.html", {"asset": found})
    search = LibrarySearch.read(request.GET, zone=zone_of(request))
    context = {
        **inspector_of(request, found),
        "page": asset_page(request.team, request.user, search, found),
        "asset": found,
        "query": search.to_query(),
        "is_missing": not files.is_there(found.original_name, found.size),
        "is_member": request.membership.may(Role.MEMBER),
    }
    return render(request, "library/asset.html", context)
