"""What the library's pages and downloads read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils import timezone

from studio.accounts.models import User
from studio.core.pagination import Page
from studio.library.asking import Asked, Matches, ask
from studio.library.facets import MOST_OFFERED, Facets, facets
from studio.library.finding import Count, count_of, counted_page_ids, load, page_ids, place_of
from studio.library.models import Asset, AssetQuerySet
from studio.library.orders import ORDERS
from studio.library.search import LibrarySearch, Sort
from studio.teams.models import Team


@dataclass(frozen=True)
class Day:
    """The assets of one day on one page of the grid; without a heading where the page before began that day."""

    assets: Sequence[Asset]
    has_heading: bool


@dataclass(frozen=True)
class Neighbours:
    """The assets on both sides of one, as primary keys; None at the ends."""

    newer: int | None
    older: int | None


@dataclass(frozen=True)
class Found:
    """One page of a search, and the cursor of the next one; None at the end."""

    items: list[Asset]
    next_cursor: str | None


@dataclass(frozen=True)
class Browsed:
    """A whole page of the library: what a search finds, how many that are in all, and what there is to choose from."""

    found: Found
    counted: Count
    facets: Facets


def find(team: Team, user: User, search: LibrarySearch, *, cursor: str | None = None, size: int = 60) -> Found:
    """Return one page of a search in its order; what cannot be read as its cursor means the first page."""
    asked = ask(team, user, search)
    ids = page_ids(asked, search.sort, ORDERS[search.sort].read(cursor), wanted=size + 1)
    return _found(asked, user, search.sort, ids, size=size)


def browse(team: Team, user: User, search: LibrarySearch, *, cursor: str | None = None, size: int = 60) -> Browsed:
    """Read all that a whole page of the library shows, in three queries; the same page as `find`."""
    offered = facets(team, user)
    tags = [(tag.id, tag.key) for tag in offered.tags] if len(offered.tags) < MOST_OFFERED else None
    asked = ask(team, user, search, tags=tags, inside=offered.inside(search.collection))
    ids, counted = counted_page_ids(asked, search.sort, ORDERS[search.sort].read(cursor), wanted=size + 1)
    return Browsed(_found(asked, user, search.sort, ids, size=size), counted, offered)


def count(team: Team, user: User, search: LibrarySearch) -> Count:
    """Count what a search finds, up to MOST_COUNTED."""
    return count_of(ask(team, user, search))


def ids_matching(team: Team, user: User, search: LibrarySearch, *, newest: int) -> AssetQuerySet:
    """Return everything in the library that a search finds, up to the asset `newest`, in no order."""
    matches = Matches(ask(team, user, search).tsquery)
    return Asset.objects.for_team(team).listed().filter(matches, pk__lte=newest)


def neighbours(team: Team, user: User, search: LibrarySearch, asset: Asset) -> Neighbours:
    """Find what stands before and after one asset in the order of a search."""
    asked = ask(team, user, search)
    place = place_of(asked, search.sort, asset)
    if place is None:
        return Neighbours(None, None)
    before = page_ids(asked, search.sort, place, wanted=1, is_back=True)
    after = page_ids(asked, search.sort, place, wanted=1)
    return Neighbours(newer=next(iter(before), None), older=next(iter(after), None))


def around(team: Team, user: User, search: LibrarySearch, asset: Asset, *, is_before: bool, size: int) -> list[Asset]:
    """Return what comes next before or after one asset in the order of a search, the nearest first."""
    asked = ask(team, user, search)
    place = place_of(asked, search.sort, asset)
    if place is None:
        return []
    return load(page_ids(asked, search.sort, place, wanted=size, is_back=is_before), user)


def _found(asked: Asked, user: User, sort: Sort, ids: list[int], *, size: int) -> Found:
    items = load(ids[:size], user)
    place = place_of(asked, sort, items[-1]) if len(ids) > size and items else None
    return Found(items, ORDERS[sort].write(place) if place else None)


def days_of(page: Page[Asset], *, before: int | None) -> list[Day]:
    """Split a page of the grid into days."""
    days = [
        Day(list(assets), has_heading=True)
        for _, assets in groupby(page.items, key=lambda asset: timezone.localtime(asset.created_at).date())
    ]
    if days and before is not None and _is_same_day(days[0].assets[0], before):
        days[0] = Day(days[0].assets, has_heading=False)
    return days


def _is_same_day(asset: Asset, other: int) -> bool:
    """Whether the last asset of the page before, of the same team, is of the same day."""
    made = Asset.objects.filter(team=asset.team_id, pk=other).values_list("created_at", flat=True).first()
    return made is not None and timezone.localtime(made).date() == timezone.localtime(asset.created_at).date()


def neighbours_of(asset: Asset) -> Neighbours:
    """Find the next newer and the next older asset of the same team."""
    others = Asset.objects.filter(team=asset.team_id)
    return Neighbours(
        newer=others.filter(pk__gt=asset.pk).order_by("pk").values_list("pk", flat=True).first(),
        older=others.filter(pk__lt=asset.pk).order_by("-pk").values_list("pk", flat=True).first(),
    )
