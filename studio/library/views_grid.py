"""The library's grid: what a search finds, and everything around it."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studio.library.asking import ask
from studio.library.finding import Count
from studio.library.models import Asset
from studio.library.panels import Panel
from studio.library.queries import Found, count, find, find_counted
from studio.library.search import LibrarySearch
from studio.library.sections import even_end, previous_of, sections_of
from studio.library.side import Side
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 60


@team_required(Role.VIEWER)
@require_safe
def grid(request: TeamRequest) -> HttpResponse:
    """Show what a search finds, a page at a time; for a cursor asked by script only the page itself."""
    search = LibrarySearch.read(request.GET)
    cursor = request.GET.get("cursor")
    if request.htmx and cursor is not None:
        found = find(request.team, request.user, search, cursor=cursor, size=PAGE_SIZE)
        return render(request, "library/grid.html#page", _page(request, search, found, cursor))
    asked = ask(request.team, request.user, search)
    found, counted = find_counted(asked, request.user, search, cursor=cursor, size=PAGE_SIZE)
    context = _page(request, search, found, cursor) | _frame(request, search, counted)
    return render(request, "library/grid.html", context)


def _page(request: TeamRequest, search: LibrarySearch, found: Found, cursor: str | None) -> dict[str, Any]:
    found = even_end(found, search.sort)
    previous = previous_of(request.team, search.sort, cursor)
    return {
        "days": sections_of(found.items, search.sort, previous=previous, has_next=found.next_cursor is not None),
        "next_address": _next_address(request, search, found.next_cursor),
        "query": search.to_query(),
    }


def _frame(request: TeamRequest, search: LibrarySearch, counted: Count) -> dict[str, Any]:
    home = _home(request)
    bare = LibrarySearch(q=search.q) if search != LibrarySearch(q=search.q, sort=search.sort) else LibrarySearch()
    without = counted if counted.number or not search.is_filtered else count(request.team, request.user, bare)
    newest = Asset.objects.for_team(request.team).order_by("-pk").values_list("pk", flat=True).first()
    return {
        "search": search,
        "panel": Panel(search, {}, counted, home, without_filters=without),
        "side": Side(search, home),
        "home": home,
        "newest": newest or 0,
        "is_first_page": not request.GET.get("cursor"),
        "is_selecting": request.GET.get("select") == "1",
        "may_generate": request.membership.may(Role.MEMBER),
        "may_organise": request.membership.may(Role.MEMBER),
        "may_administer": request.membership.may(Role.ADMIN),
    }


def _home(request: TeamRequest) -> str:
    return reverse("library:grid", args=[request.team.slug])


def _next_address(request: TeamRequest, search: LibrarySearch, cursor: str | None) -> str:
    if cursor is None:
        return ""
    fields = [search.to_query(), urlencode({"cursor": cursor})]
    return f"{_home(request)}?{'&'.join(filter(None, fields))}"
