"""Pages for looking: the pictures around one, for the viewer, and several side by side."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from studio.core.errors import BadInput
from studio.core.zones import zone_of
from studio.library import comparing, editing
from studio.library.looks import Look
from studio.library.models import Asset
from studio.library.queries import around, find
from studio.library.search import LibrarySearch
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

AROUND: Final = 24
OFFERED: Final = 24


@team_required(Role.VIEWER)
@require_safe
def slides(request: TeamRequest, pk: int) -> HttpResponse:
    """Answer the viewer with the next pictures before or after one, in the order of the search in the address."""
    way = request.GET.get("way")
    if way not in ("before", "after"):
        raise BadInput("The way leads before or after an image.")
    search = LibrarySearch.read(request.GET, zone=zone_of(request))
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
    return render(request, "library/compare.html", _comparison(request, comparing.read_ids(request.GET)))


@team_required(Role.MEMBER)
@require_POST
def pick(request: TeamRequest) -> HttpResponse:
    """Shortlist one of the pictures of a comparison, or make it a draft again; what is further on stays as it is."""
    ids = comparing.read_ids(request.POST)
    found = _comparison(request, ids)
    asset, status = comparing.read_pick(request.POST, found["compared"])
    if asset.status in comparing.PICKABLE:
        editing.require_listed(asset)
        editing.set_status(team_id=request.team.pk, asset_ids=[asset.pk], status=status)
    if request.htmx:
        return render(request, "library/compare.html#picked", {**_comparison(request, ids), "is_answer": True})
    return redirect(f"{reverse('library:compare', args=[request.team.slug])}?ids={found['ids']}")


@team_required(Role.VIEWER)
@require_safe
def compare_add(request: TeamRequest) -> HttpResponse:
    """Offer pictures to add to a comparison: the newest, or what a search finds."""
    ids = comparing.read_ids(request.GET, least=1, most=comparing.MOST_COMPARED - 1)
    search = LibrarySearch.read(urlencode({"q": request.GET.get("q", "")}))
    found = find(request.team, request.user, search, size=OFFERED + len(ids))
    context = {
        "title": "Add an image",
        "body": "library/compare_add_form.html",
        "ids": ",".join(map(str, ids)),
        "search": search,
        "offered": [asset for asset in found.items if asset.pk not in ids][:OFFERED],
    }
    return render(request, "components/dialog_content.html" if request.htmx else "library/compare_add.html", context)


def _comparison(request: TeamRequest, ids: Sequence[int]) -> dict[str, Any]:
    found = Asset.objects.for_team(request.team).unpurged().select_related("author").in_bulk(ids)
    if len(found) < len(ids):
        raise Http404("Some of these images are not in this library.")
    assets = [found[pk] for pk in ids]
    may_organise = request.membership.may(Role.MEMBER)
    return {
        "compared": comparing.compare(assets, slug=request.team.slug, may_organise=may_organise),
        "tallest": min(assets, key=lambda asset: asset.width / asset.height),
        "ids": ",".join(map(str, ids)),
        "may_add": len(ids) < comparing.MOST_COMPARED,
    }
