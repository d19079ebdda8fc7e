"""What the library's pages and downloads read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from studio.accounts.models import User
from studio.library.asking import Asked, Has, Matches, ask
from studio.library.facets import MOST_OFFERED, Facets, facets
from studio.library.finding import Count, count_of, counted_page_ids, indexed, load, page_ids, place_of
from studio.library.models import Asset, AssetQuerySet, SavedView
from studio.library.orders import ORDERS
from studio.library.search import LibrarySearch, Sort
from studio.library.sql import rows_of
from studio.teams.models import Team

MOST_DUPLICATES: Final = 100

_HASH: Final = re.compile(r"[0-9a-f]{64}")
# The hashes come from the index alone; only of those found twice are the rows read, to leave out what is in the bin.
_DUPLICATES: Final = """
    SELECT sha256, (
        SELECT array_agg(id) FROM (
            SELECT id FROM library_asset AS a
            WHERE a.team_id = %(team)s AND a.sha256 = twice.sha256 AND a.binned_at IS NULL ORDER BY id LIMIT %(most)s
        ) AS same
    ) FROM (
        SELECT sha256 FROM library_asset WHERE team_id = %(team)s AND sha256 > %(after)s
        GROUP BY sha256 HAVING count(*) > 1 ORDER BY sha256 LIMIT %(wanted)s
    ) AS twice ORDER BY sha256
"""


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
    # Of the collection that is looked into: the picture chosen for it.
    cover: Asset | None = None


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
    branch = offered.branch(search.collection) if search.collection is not None else None
    chosen = [branch.cover_id] if branch and branch.cover_id is not None else []
    loaded = load([*ids[:size], *chosen], user)
    cover = loaded.pop() if chosen and loaded and loaded[-1].pk == chosen[0] else None
    return Browsed(_page(asked, search.sort, ids, loaded, size=size), counted, offered, cover)


def count(team: Team, user: User, search: LibrarySearch) -> Count:
    """Count what a search finds, up to MOST_COUNTED."""
    return count_of(ask(team, user, search))


def ids_matching(team: Team, user: User, search: LibrarySearch, *, newest: int) -> AssetQuerySet:
    """Return everything in the library that a search finds, up to the asset `newest`, in no order."""
    asked = ask(team, user, search)
    found = Asset.objects.for_team(team).listed().filter(Matches(indexed(asked)), Has(asked.reading.whole))
    begin, end = asked.reading.time
    if begin is not None:
        found = found.filter(created_at__gte=begin)
    if end is not None:
        found = found.filter(created_at__lt=end)
    return found.filter(pk__lte=newest)


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
    return _page(asked, sort, ids, load(ids[:size], user), size=size)


def _page(asked: Asked, sort: Sort, ids: list[int], items: list[Asset], *, size: int) -> Found:
    place = place_of(asked, sort, items[-1]) if len(ids) > size and items else None
    return Found(items, ORDERS[sort].write(place) if place else None)


def saved_views(team: Team, user: User) -> QuerySet[SavedView]:
    """Return the views that a person sees: their own and those that are shared, by name."""
    views = SavedView.objects.filter(Q(user=user) | Q(is_shared=True), team=team)
    return views.select_related("user").order_by(Lower("name"), "pk")


def duplicates_of(asset: Asset) -> AssetQuerySet:
    """Return the other pictures in the library that are the same file, byte for byte, oldest first; at most 100."""
    same = Asset.objects.filter(team=asset.team_id, sha256=asset.sha256).listed()
    return same.exclude(pk=asset.pk).order_by("pk")[:MOST_DUPLICATES]


@dataclass(frozen=True)
class Duplicates:
    """Pictures that are one and the same file, oldest first."""

    sha256: str
    items: Sequence[Asset]


@dataclass(frozen=True)
class DuplicatesPage:
    """Some groups of duplicates, in the order of their hashes, and where the next ones begin."""

    groups: Sequence[Duplicates]
    next_cursor: str | None


def duplicate_groups(team: Team, user: User, *, cursor: str | None = None, size: int = 20) -> DuplicatesPage:
    """Return the next groups of pictures that the library has more than once, each with its first MOST_DUPLICATES.

    A page may have fewer than `size` groups, even none, and still a next one: copies in the bin are no duplicates.
    """
    after = cursor if cursor and _HASH.fullmatch(cursor) else ""
    params = {"team": team.pk, "after": after, "wanted": size + 1, "most": MOST_DUPLICATES}
    rows = rows_of(_DUPLICATES, params)
    shown = [(sha256, ids) for sha256, ids in rows[:size] if ids and len(ids) > 1]
    assets = {asset.pk: asset for asset in load([pk for _, ids in shown for pk in ids], user)}
    groups = [Duplicates(sha256, [assets[pk] for pk in ids if pk in assets]) for sha256, ids in shown]
    return DuplicatesPage(groups, rows[size - 1][0] if len(rows) > size else None)
