"""Pages for looking: the pictures around one, for the viewer, and several side by side."""

from typing import Final

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studio.core.errors import BadInput
from studio.library import comparing
from studio.library.looks import Look
from studio.library.models import Asset
from studio.library.queries import around
from studio.library.search import LibrarySearch
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

AROUND: Final = 24


@team_required(Role.VIEWER)
@require_safe
def slides(request: TeamRequest, pk: int) -> HttpResponse:
    """Answer the viewer with the next pictures before or after one, in the order of the search in the address."""
    way = request.GET.get("way")
    if way not in ("before", "after"):
        raise BadInput("The way leads before or after an image.")
    search = LibrarySearch.read(request.GET)
    found = get_object_or_404(Asset.objects.for_team(request.team).unpurged(), pk=pk)
    items = around(request.team, request.user, search, found, is_before=way == "before", size=AROUND + 1)
    looks = [Look(asset, request.team.slug, search.to_query()).data for asset in items[:AROUND]]
    if way == "before":
        looks.reverse()
    return JsonResponse({"slides": looks, "is_end": len(items) <= AROUND})


@team_required(Role.VIEWER)
@require_safe
def compare(request: TeamRequest) -> HttpResponse:
    """Show two to four pictures side by side."""
    ids = comparing.read_ids(request.GET)
    found = Asset.objects.for_team(request.team).unpurged().select_related("author").in_bulk(ids)
    if len(found) < len(ids):
        raise Http404("Some of these images are not in this library.")
    context = {
        "compared": comparing.compare([found[pk] for pk in ids], slug=request.team.slug),
        "tallest": min(found.values(), key=lambda asset: asset.width / asset.height),
    }
    return render(request, "library/compare.html", context)
