"""The library's pages and downloads."""

from typing import Final

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from studio.core.errors import NotFound
from studio.core.pagination import page_of, read_before
from studio.core.streaming import stream_response
from studio.library import archive, files
from studio.library.forms import read_selection
from studio.library.models import Asset, AssetQuerySet
from studio.library.queries import archive_of, days_of, neighbours_of
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 60


@team_required(Role.VIEWER)
@require_safe
def grid(request: TeamRequest) -> HttpResponse:
    """Show the team's pictures, newest first; with htmx only the next page of them."""
    before = read_before(request.GET.get("before"))
    page = page_of(Asset.objects.for_team(request.team).for_tiles(), before=before, size=PAGE_SIZE)
    context = {
        "days": days_of(page, before=before),
        "next_before": page.next_before,
        "is_first_page": before is None,
        "is_selecting": request.GET.get("select") == "1",
        "may_generate": request.membership.may(Role.MEMBER),
    }
    template = "library/grid.html#page" if request.htmx else "library/grid.html"
    return render(request, template, context)


@team_required(Role.VIEWER)
@require_safe
def asset(request: TeamRequest, pk: int) -> HttpResponse:
    """Show one picture with all that is known about it."""
    found = get_object_or_404(Asset.objects.for_team(request.team).select_related("author"), pk=pk)
    context = {
        "asset": found,
        "neighbours": neighbours_of(found),
        "is_missing": not _is_there(found),
        "may_generate": request.membership.may(Role.MEMBER),
    }
    return render(request, "library/asset.html", context)


@team_required(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def download(request: TeamRequest) -> HttpResponse:
    """Send a ZIP of the selected originals (POST) or of all (GET)."""
    what, assets = "library", Asset.objects.for_team(request.team)
    if request.method == "POST":
        what, assets = "selection", _selection(request)
    body = archive_of(assets)
    if not len(body):
        raise NotFound("The library is empty, so there is nothing to download yet.")
    return stream_response(
        request,
        body,
        filename=f"{request.team.slug}-{what}-{timezone.localdate():%Y-%m-%d}.zip",
        content_type=archive.CONTENT_TYPE,
        etag=body.etag,
        max_age=0,
    )


def _selection(request: TeamRequest) -> AssetQuerySet:
    return read_selection(request.POST).assets(request.team, request.user)


def _is_there(found: Asset) -> bool:
    return files.is_there(found.original_name, found.size)
