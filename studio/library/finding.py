"""Pages and counts of a search through the functions of migrations 0005 and 0006: one journey to the database each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django.db.models import Exists, OuterRef

from studio.accounts.models import User
from studio.library.asking import Asked
from studio.library.models import Asset, AssetQuerySet, Favourite
from studio.library.orders import ORDERS, ManualOrder, Order, Place
from studio.library.search import Sort
from studio.library.sql import rows_of

MOST_COUNTED: Final = 1000
# How many pictures of the order are looked at before the index is asked. Measured: more makes searches for rare words
# dearer, fewer makes searches for middling ones dearer.
SPAN: Final = 3000

_IN_ORDER: Final = "{function}(%(q)s, %(days)s, asked, %(team)s, %(key)s{cast}, %(asset)s, %(wanted)s, %(span)s)"
_BY_HAND: Final = (
    "{function}(%(q)s, %(days)s, asked, %(team)s, %(collections)s, %(first)s, %(key)s, %(asset)s, %(wanted)s, %(span)s)"
)
_COUNT: Final = "library_count(%(q)s, %(days)s, asked, %(team)s, %(most)s, %(span)s)"
_PAGE: Final = "SELECT {call} FROM library_asked(%(said)s, %(starts)s, %(team)s) AS asked"
_COUNTED: Final = """
    SELECT ids, CASE
        WHEN cardinality(ids) < %(wanted)s AND %(asset)s::bigint IS NULL THEN cardinality(ids)
        ELSE {count}
    END FROM (SELECT asked, {call} AS ids FROM library_asked(%(said)s, %(starts)s, %(team)s) AS asked OFFSET 0) AS page
"""


@dataclass(frozen=True)
class Count:
    """How many there are; counting stops at MOST_COUNTED."""

    number: int
    is_more: bool

    @classmethod
    def of(cls, number: int) -> "Count":
        """Make one from a number that was counted to one more than is shown."""
        return cls(min(number, MOST_COUNTED), is_more=number > MOST_COUNTED)

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


def page_ids(asked: Asked, sort: Sort, place: Place | None, *, wanted: int, is_back: bool = False) -> list[int]:
    """Return the ids behind a place (or before it, the nearest first), in order."""
    params = _params(asked, sort, place, wanted=wanted, is_back=is_back)
    [(ids,)] = rows_of(_PAGE.format(call=_call(sort, is_back=is_back)), params)
    return cast("list[int]", ids)


def counted_page_ids(asked: Asked, sort: Sort, place: Place | None, *, wanted: int) -> tuple[list[int], Count]:
    """Return the ids behind a place, and how many the whole search finds."""
    statement = _COUNTED.format(count=_COUNT, call=_call(sort, is_back=False))
    params = _params(asked, sort, place, wanted=wanted, is_back=False)
    [(ids, number)] = rows_of(statement, {**params, "most": MOST_COUNTED + 1})
    return ids, Count.of(number)


def count_of(asked: Asked) -> Count:
    """Count what is asked for, up to MOST_COUNTED."""
    [(number,)] = rows_of(_PAGE.format(call=_COUNT), {**_read(asked), "most": MOST_COUNTED + 1})
    return Count.of(number)


def indexed(asked: Asked) -> str:
    """Return the tsquery that the index is asked; it may find more than the search does."""
    [(tsquery,)] = rows_of("SELECT library_asked(%(said)s, %(starts)s, %(team)s)::text", _read(asked))
    return cast("str", tsquery)


def load(ids: Sequence[int], user: User) -> list[Asset]:
    """Return the assets of these ids as tiles show them, in this order; `is_favourite` says whether the person's."""
    rows: AssetQuerySet = Asset.objects.filter(pk__in=ids).for_tiles()
    is_favourite = Exists(Favourite.objects.filter(user=user, asset=OuterRef("pk")))
    found = {asset.pk: asset for asset in rows.annotate(is_favourite=is_favourite)}
    return [found[pk] for pk in ids if pk in found]


def place_of(asked: Asked, sort: Sort, asset: Asset) -> Place | None:
    """Find where an asset stands in an order; None for one that the collection of a manual order does not have."""
    order = ORDERS[sort]
    return order.place_in(asset, asked.collections) if isinstance(order, ManualOrder) else order.place_of(asset)


def _call(sort: Sort, *, is_back: bool) -> str:
    order: Order = ORDERS[sort]
    function = order.opposite if is_back else order.function
    # A number arrives as integer, and PostgreSQL makes no smallint of it by itself.
    cast = "::smallint" if order.key == "rating" else ""
    return (_BY_HAND if isinstance(order, ManualOrder) else _IN_ORDER).format(function=function, cast=cast)


def _read(asked: Asked) -> Mapping[str, Any]:
    reading = asked.reading
    said = {"q": reading.whole, "days": str(reading.time), "said": reading.asked, "starts": list(reading.starts)}
    return {**said, "team": asked.team_id, "span": SPAN}


def _params(asked: Asked, sort: Sort, place: Place | None, *, wanted: int, is_back: bool) -> Mapping[str, Any]:
    key, asset_id = (place.key, place.asset_id) if place else (None, None)
    params = {**_read(asked), "key": key, "asset": asset_id, "wanted": wanted}
    if not isinstance(ORDERS[sort], ManualOrder):
        return params
    collections = list(asked.collections)
    first = len(collections) if is_back else 1
    if place is not None and place.collection in collections:
        first = collections.index(place.collection) + 1
    elif place is not None:
        params |= {"key": None, "asset": None}
    return {**params, "collections": collections, "first": first}
