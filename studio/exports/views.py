"""Downloads: the list, the form, and the archives themselves."""

from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from studio.core.errors import NotAllowed
from studio.core.keys import read_key
from studio.core.pagination import page_of
from studio.core.streaming import stream_response
from studio.core.zones import zone_of
from studio.exports import queries, services
from studio.exports.archive import ArchiveBody
from studio.exports.errors import ExportNotReady, ExportOver
from studio.exports.forms import ExportForm
from studio.exports.models import Export, ExportPart, State
from studio.exports.watching import CountedBody, until_over
from studio.exports.zipformat import CONTENT_TYPE
from studio.library.forms import read_selection
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.teams.access import TeamRequest, team_required
from studio.teams.access_live import grant_of
from studio.teams.models import Role

PAGE_SIZE: Final = 30


@team_required(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: TeamRequest) -> HttpResponse:
    """List the team's downloads, or make one: 303 to its address, which answers with the archive once it is ready."""
    if request.method == "POST":
        return _create(request)
    before = read_key(request.GET.get("before"))
    page = page_of(queries.for_list(request.team), before=before, size=PAGE_SIZE)
    context = {"page": page, "exports": page.items, "is_first": before is None, **_rights(request)}
    template = "exports/index.html#older" if request.htmx and before is not None else "exports/index.html"
    return render(request, template, context)


@team_required(Role.VIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: TeamRequest) -> HttpResponse:
    """Ask how a selection (POST), a search or the whole library (GET) is to be downloaded; makes nothing yet."""
    selection = _chosen(request) if request.method == "POST" else _of_address(request)
    return _form(request, selection, ExportForm())


@team_required(Role.VIEWER)
@require_safe
def export(request: TeamRequest, pk: int) -> HttpResponse:
    """Send the archive if it is ready and in one part; else show how far it is, or its parts."""
    found = _found(request, pk)
    if not request.htmx:
        found = _ready(request, found)
        parts = queries.archives_of(found) if found.is_ready else []
        if len(parts) == 1:
            return _archive(request, found, parts[0], count=1)
    return _progress(request, found)


@team_required(Role.VIEWER)
@require_safe
def part(request: TeamRequest, pk: int, number: int) -> HttpResponse:
    """Send one part of an export."""
    found = _ready(request, _found(request, pk))
    if not found.is_ready:
        raise ExportNotReady("This download is being prepared again. Try again in a minute.")
    parts = {each.number: each for each in queries.archives_of(found)}
    if number not in parts:
        raise Http404("This download has no such part.")
    return _archive(request, found, parts[number], count=len(parts))


@team_required(Role.VIEWER)
@require_POST
def revoke(request: TeamRequest, pk: int) -> HttpResponse:
    """End a download: one's own, or as an admin anybody's."""
    found = _found(request, pk)
    if found.author_id != request.user.pk and not request.membership.may(Role.ADMIN):
        raise NotAllowed("Only who made a download, and admins, may revoke it.")
    if services.revoke_export(export=found, actor=request.user):
        messages.success(request, f"{found.name} was revoked. Running downloads of it stop within seconds.")
    return redirect("exports:index", team_slug=request.team.slug)


def _create(request: TeamRequest) -> HttpResponse:
    selection = _chosen(request)
    form = ExportForm(request.POST)
    if not form.is_valid():
        return _form(request, selection, form, status=422)
    made = services.create_export(team=request.team, author=request.user, selection=selection, wish=form.wish())
    answer = redirect("exports:export", team_slug=request.team.slug, pk=made.pk)
    answer.status_code = 303
    return answer


def _chosen(request: TeamRequest) -> Selection:
    """Read what was chosen; the whole bin only for those who see the bin."""
    selection = read_selection(request.POST, zone=zone_of(request))
    if selection.binned_until is not None and not request.membership.may(Role.MEMBER):
        raise NotAllowed("The bin is for members. Choose images in the library.")
    return selection


def _of_address(request: TeamRequest) -> Selection:
    search = LibrarySearch.read(request.GET, zone=zone_of(request))
    return Selection(search=search, newest=services.newest_of(request.team))


def _form(request: TeamRequest, selection: Selection, form: ExportForm, *, status: int = 200) -> HttpResponse:
    count = selection.assets(request.team, request.user).count()
    context = {
        "form": form,
        "count": count,
        "name": services.name_of(request.team, selection),
        "may_be_new": selection.search is not None,
        "hidden": _fields_of(selection),
        "back": selection.search.to_query() if selection.search else "",
    }
    template = "exports/new.html#dialog" if request.htmx else "exports/new.html"
    return render(request, template, context, status=status)


def _fields_of(selection: Selection) -> list[tuple[str, str]]:
    """Return the form fields by which a selection travels on."""
    if selection.search is not None:
        newest = [] if selection.newest is None else [("newest", str(selection.newest))]
        return [("all", "1"), ("query", selection.search.to_query()), *newest]
    if selection.binned_until is not None:
        return [("bin", "1"), ("until", selection.binned_until.isoformat())]
    return [("ids", str(pk)) for pk in selection.ids]


def _found(request: TeamRequest, pk: int) -> Export:
    return get_object_or_404(queries.for_list(request.team).select_related("team"), pk=pk)


def _ready(request: HttpRequest, found: Export) -> Export:
    """Return the export as it can be answered for, its list written anew if a file of it has gone."""
    if not found.is_live and found.state != State.FAILED:
        what = "was revoked" if found.state == State.REVOKED else "has expired"
        raise ExportOver(f"This download {what}. Make a new one in the library.")
    if found.state == State.STALE:
        found = services.renewed(found)
    if found.state == State.PREPARING and "Range" in request.headers:
        # Whoever goes on with a broken download must not take a page for the rest of the archive.
        raise ExportNotReady("This download is being prepared again. Try again in a minute.")
    return found


def _archive(request: TeamRequest, found: Export, piece: ExportPart, *, count: int) -> HttpResponse:
    archive = ArchiveBody(piece, on_vanished=partial(services.mark_stale, found.pk))
    body = CountedBody(archive, team_id=request.team.pk)
    return stream_response(
        request,
        body,
        filename=_file_name(found, piece, count),
        content_type=CONTENT_TYPE,
        etag=piece.etag,
        max_age=0,
        watch=partial(until_over, found.pk, grant_of(request), body),
    )


def _file_name(found: Export, piece: ExportPart, count: int) -> str:
    name = slugify(found.name, allow_unicode=True)[:60].strip("-_") or found.scope
    number = f"-part-{piece.number:0{len(str(count))}}-of-{count}" if count > 1 else ""
    return f"{found.team.slug}-{name}-{timezone.localtime(found.created_at):%Y-%m-%d}{number}.zip"


def _progress(request: TeamRequest, found: Export) -> HttpResponse:
    context = {"export": found, **_rights(request)}
    if request.htmx and request.GET.get("part") == "row":
        return render(request, "exports/index.html#row", context)
    if request.htmx:
        return render(request, "exports/export.html#state", context)
    # Programs must not take the page for the archive.
    status = 202 if found.is_live and not found.is_ready else 200
    return render(request, "exports/export.html", context, status=status)


def _rights(request: TeamRequest) -> dict[str, Any]:
    return {"may_revoke_all": request.membership.may(Role.ADMIN)}
