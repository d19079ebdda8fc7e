"""Saved views, a person's own and those shared with the team; and pictures that the library has twice."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from studio.core.errors import BadInput, NotAllowed, StudioError
from studio.library import saving
from studio.library.models import SavedView
from studio.library.queries import duplicate_groups, saved_views
from studio.library.search import LibrarySearch
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

_PAGE: Final = ["GET", "HEAD", "POST"]


@team_required(Role.VIEWER)
@require_http_methods(_PAGE)
def views(request: TeamRequest) -> HttpResponse:
    """List the saved views, with a form for the search in the address; a post saves one and shows it."""
    if request.method != "POST":
        return _page(request, search=LibrarySearch.read(request.GET))
    query, name = request.POST.get("query", ""), request.POST.get("name", "")
    try:
        saved = saving.create_view(
            team=request.team,
            user=request.user,
            name=name,
            query=query,
            is_shared=_is_shared(request),
        )
    except StudioError as error:
        return _page(request, search=LibrarySearch.read(query), name=name, error=error.message)
    messages.success(request, f"View {saved.name} saved.")
    return redirect(_address_of(request, saved.query))


@team_required(Role.VIEWER)
@require_POST
def view(request: TeamRequest, pk: int) -> HttpResponse:
    """Rename, share or delete a view of one's own (`act`); an admin may also unshare or delete one that is shared."""
    found = get_object_or_404(saved_views(request.team, request.user), pk=pk)
    act = request.POST.get("act", "")
    acts: dict[str, Callable[[], str]] = {
        "rename": lambda: (
            f"The view is called {saving.rename_view(view=found, name=request.POST.get('name', ''))} now."
        ),
        "share": lambda: _share(request, found),
        "delete": lambda: _delete(found),
    }
    if act not in acts:
        raise BadInput("That cannot be done with a saved view.")
    if found.user_id != request.user.pk and (act == "rename" or not request.membership.may(Role.ADMIN)):
        raise NotAllowed("This view is somebody else's. Open it and save it under a name of your own.")
    try:
        said = acts[act]()
    except StudioError as error:
        return _page(request, search=LibrarySearch(), error=error.message)
    messages.success(request, said)
    return redirect("library:views", team_slug=request.team.slug)


@team_required(Role.VIEWER)
@require_safe
def duplicates(request: TeamRequest) -> HttpResponse:
    """List the pictures that the library has more than once, byte for byte; with htmx only the next ones."""
    cursor = request.GET.get("cursor")
    page = duplicate_groups(request.team, request.user, cursor=cursor)
    context = {
        "groups": page.groups,
        "next_cursor": page.next_cursor,
        "is_first_page": not cursor,
        "may_organise": request.membership.may(Role.MEMBER),
    }
    template = "library/duplicates.html#page" if request.htmx and cursor else "library/duplicates.html"
    return render(request, template, context)


def _share(request: TeamRequest, found: SavedView) -> str:
    saving.share_view(view=found, is_shared=_is_shared(request) and found.user_id == request.user.pk)
    return f"{found.name} is {'shared with the team' if found.is_shared else 'for its owner alone'} now."


def _delete(found: SavedView) -> str:
    saving.delete_view(view=found)
    return f"View {found.name} deleted."


def _is_shared(request: TeamRequest) -> bool:
    return request.POST.get("shared") == "1"


def _page(request: TeamRequest, *, search: LibrarySearch, name: str = "", error: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "views": [
            {
                "view": each,
                "address": _address_of(request, each.query),
                "is_own": each.user_id == request.user.pk,
                "may_change": each.user_id == request.user.pk or request.membership.may(Role.ADMIN),
            }
            for each in saved_views(request.team, request.user)
        ],
        "query": search.to_query(),
        "is_filtered": search.is_filtered,
        "name": name or search.q[: saving.NAME_LENGTH],
        "error": error,
        "name_length": saving.NAME_LENGTH,
    }
    return render(request, "library/saved_views.html", context, status=422 if error else 200)


def _address_of(request: TeamRequest, query: str) -> str:
    home = reverse("library:grid", args=[request.team.slug])
    return f"{home}?{query}" if query else home
