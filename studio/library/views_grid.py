"""The library's grid: what a search finds, and everything around it."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studio.core.zones import in_readers_zone, zone_of
from studio.library.filing import Shelf, own_count
from studio.library.finding import Count
from studio.library.models import Collection
from studio.library.panels import Panel
from studio.library.queries import Browsed, Found, browse, count, find
from studio.library.search import LibrarySearch
from studio.library.sections import even_end, previous_of, sections_of
from studio.library.side import Side
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 60


@team_required(Role.VIEWER)
@require_safe
@in_readers_zone
def grid(request: TeamRequest) -> HttpResponse:
    """Show what a search finds, a page at a time; for a cursor asked by script only the page itself."""
    search = LibrarySearch.read(request.GET, zone=zone_of(request))
    cursor = request.GET.get("cursor")
    if request.htmx and cursor is not None:
        found = find(request.team, request.user, search, cursor=cursor, size=PAGE_SIZE)
        return render(request, "library/grid.html#page", _page(request, search, found, cursor))
    browsed = browse(request.team, request.user, search, cursor=cursor, size=PAGE_SIZE)
    context = _page(request, search, browsed.found, cursor) | _frame(request, search, browsed)
    return render(request, "library/grid.html", context)


def _page(request: TeamRequest, search: LibrarySearch, found: Found, cursor: str | None) -> dict[str, Any]:
    evened = even_end(found, search.sort)
    previous = previous_of(request.team, search.sort, cursor)
    # Where the beginning of a day was left to the next page, the day before it is whole.
    may_go_on = found.next_cursor is not None and evened is found
    return {
        "days": sections_of(evened.items, search.sort, previous=previous, may_go_on=may_go_on),
        "next_address": _next_address(request, search, evened.next_cursor),
        "query": search.to_query(),
    }


def _frame(request: TeamRequest, search: LibrarySearch, browsed: Browsed) -> dict[str, Any]:
    home, facets = _home(request), browsed.facets
    without = _without_filters(request, search, browsed)
    return {
        "search": search,
        "shelf": _shelf(search, browsed),
        "panel": Panel(search, facets, browsed.counted, home, without_filters=without),
        "side": Side.of(search, home, facets),
        "home": home,
        "newest": facets.newest,
        "is_first_page": not request.GET.get("cursor"),
        "is_selecting": request.GET.get("select") == "1",
        "may_generate": request.membership.may(Role.MEMBER),
        "may_organise": request.membership.may(Role.MEMBER),
        "may_administer": request.membership.may(Role.ADMIN),
    }


def _without_filters(request: TeamRequest, search: LibrarySearch, browsed: Browsed) -> Count:
    """How many there would be without any filter; only where nothing was found costs it a query."""
    if browsed.counted.number or not (search.q and search.is_filtered):
        return browsed.facets.counts["all"]
    bare = LibrarySearch(q=search.q)
    return browsed.facets.counts["all"] if search == bare else count(request.team, request.user, bare)


def _shelf(search: LibrarySearch, browsed: Browsed) -> Shelf | None:
    """The collection that is looked into; none where there is no such collection, or not any more."""
    branch = browsed.facets.branch(search.collection) if search.collection is not None else None
    if branch is None:
        return None
    around = browsed.facets.around(branch.id)
    collection = Collection(
        pk=branch.id,
        name=branch.name,
        description=branch.description,
        parent=Collection(pk=around.id, name=around.name) if around else None,
    )
    cover = browsed.cover or next(iter(browsed.found.items), None)
    children = [Shelf(Collection(pk=child.id, name=child.name), child.counted) for child in branch.children]
    own = own_count(collection) if children else branch.counted
    return Shelf(collection, branch.counted, cover, children, own)


def _home(request: TeamRequest) -> str:
    return reverse("library:grid", args=[request.team.slug])


def _next_address(request: TeamRequest, search: LibrarySearch, cursor: str | None) -> str:
    if cursor is None:
        return ""
    fields = [search.to_query(), urlencode({"cursor": cursor})]
    return f"{_home(request)}?{'&'.join(filter(None, fields))}"
