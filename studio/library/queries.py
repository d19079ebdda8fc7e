"""What the library's pages and downloads read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from django.core.files.storage import default_storage
from django.db.models.functions import Left
from django.utils import timezone

from studio.accounts.models import User
from studio.core.pagination import Page
from studio.library import names
from studio.library.archive import Member, ZipBody
from studio.library.asking import Matches, ask
from studio.library.models import OPENING_LENGTH, Asset, AssetQuerySet
from studio.library.orders import ORDERS
from studio.library.search import LibrarySearch
from studio.teams.models import Team

MOST_COUNTED: Final = 1000

_BATCH: Final = 2000


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
class Count:
    """How many a search finds; counting stops at MOST_COUNTED."""

    number: int
    is_more: bool


def find(team: Team, user: User, search: LibrarySearch, *, cursor: str | None = None, size: int = 60) -> Found:
    """Return one page of a search in its order; what cannot be read as its cursor means the first page."""
    order = ORDERS[search.sort]
    rows = _matching(team, user, search).for_tiles().order_by(*order.by)
    place = order.read(cursor)
    if place is not None:
        rows = rows.filter(order.after(place))
    items = list(rows[: size + 1])
    more = len(items) > size
    items = items[:size]
    return Found(items, order.write(items[-1]) if more else None)


def count(team: Team, user: User, search: LibrarySearch) -> Count:
    """Count what a search finds, up to MOST_COUNTED."""
    number = _matching(team, user, search)[: MOST_COUNTED + 1].count()
    return Count(min(number, MOST_COUNTED), is_more=number > MOST_COUNTED)


def ids_matching(team: Team, user: User, search: LibrarySearch, *, newest: int) -> AssetQuerySet:
    """Return everything in the library that a search finds, up to the asset `newest`, in no order."""
    return _matching(team, user, search).filter(pk__lte=newest)


def neighbours(team: Team, user: User, search: LibrarySearch, asset: Asset) -> Neighbours:
    """Find what stands before and after one asset in the order of a search."""
    order = ORDERS[search.sort]
    rows = _matching(team, user, search)
    place = order.place_of(asset)
    return Neighbours(
        newer=rows.filter(order.before(place)).order_by(*order.backwards).values_list("pk", flat=True).first(),
        older=rows.filter(order.after(place)).order_by(*order.by).values_list("pk", flat=True).first(),
    )


def _matching(team: Team, user: User, search: LibrarySearch) -> AssetQuerySet:
    return Asset.objects.for_team(team).listed().filter(Matches(ask(team, user, search)))


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


def archive_of(assets: AssetQuerySet) -> ZipBody:
    """Freeze the list of these assets, oldest first, as an archive of their originals."""
    return ZipBody(_members_of(assets), root=Path(default_storage.path("")))


def _members_of(assets: AssetQuerySet) -> Iterator[Member]:
    """Read rows as they are needed, and of a long prompt only what a file name can hold."""
    rows = (
        assets.order_by("pk")
        .annotate(opening=Left("prompt", OPENING_LENGTH))
        .values_list("pk", "opening", "team_id", "file_key", "content_type", "size", "crc32", "created_at")
    )
    for pk, opening, team_id, file_key, content_type, size, crc32, created_at in rows.iterator(chunk_size=_BATCH):
        yield Member(
            name=names.download_name(prompt=opening, asset_id=pk, content_type=content_type),
            path=names.original_name(team_id=team_id, file_key=file_key, content_type=content_type),
            size=size,
            crc32=crc32,
            modified=created_at,
        )
