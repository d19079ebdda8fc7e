"""What the pages about the bin and the rules read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from studio.core.keys import read_key
from studio.library.models import Asset, AssetQuerySet
from studio.library.moments import read_moment
from studio.library.rules import rules_of
from studio.teams.models import Team

SIZE: Final = 60


@dataclass(frozen=True)
class Binned:
    """A picture in the bin."""

    asset: Asset
    days_left: int


@dataclass(frozen=True)
class BinPage:
    """A part of the bin, how many are in it altogether, and where the next part begins."""

    items: Sequence[Binned]
    number: int
    days: int
    next_cursor: str

    @property
    def next_cursor_quoted(self) -> str:
        """The cursor as it stands in an address."""
        return quote(self.next_cursor)


@dataclass(frozen=True)
class Storage:
    """How many pictures a team keeps, in the library and in the bin, and their bytes."""

    listed: int
    listed_bytes: int
    binned: int
    binned_bytes: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.listed_bytes + self.binned_bytes


def bin_page(team: Team, cursor: str) -> BinPage:
    """Read a page of the bin, newest first; a cursor that cannot be read is the first page."""
    days = rules_of(team).bin_days
    binned = Asset.objects.for_team(team).binned()
    number = binned.count()
    rows = list(_after(cursor, binned.for_tiles()).order_by("-binned_at", "-pk")[: SIZE + 1])
    items = [Binned(asset, _days_left(asset, days)) for asset in rows[:SIZE]]
    last = rows[SIZE - 1] if len(rows) > SIZE else None
    next_cursor = f"{last.binned_at.isoformat()}_{last.pk}" if last and last.binned_at else ""
    return BinPage(items, number, days, next_cursor)


def storage_of(team: Team) -> Storage:
    """Add up what a team's pictures take, without the small versions made from them."""
    size = F("size") + Coalesce(F("received_size"), 0)
    listed = Q(binned_at=None)
    found = (
        Asset.objects.for_team(team)
        .unpurged()
        .aggregate(
            listed=Count("pk", filter=listed),
            listed_bytes=Coalesce(Sum(size, filter=listed), 0),
            binned=Count("pk", filter=~listed),
            binned_bytes=Coalesce(Sum(size, filter=~listed), 0),
        )
    )
    return Storage(**{name: int(value) for name, value in found.items()})


def _after(cursor: str, binned: AssetQuerySet) -> AssetQuerySet:
    moment, _, pk = cursor.partition("_")
    at, key = read_moment(moment), read_key(pk)
    if at is None or key is None:
        return binned
    return binned.filter(Q(binned_at__lt=at) | Q(binned_at=at, pk__lt=key), binned_at__lte=at)


def _days_left(asset: Asset, days: int) -> int:
    """Return whole days, rounded up; 0 for what goes with the next sweep."""
    if asset.binned_at is None:
        return days
    left = asset.binned_at + timedelta(days=days) - timezone.now()
    return max(0, -(-left // timedelta(days=1)))
