"""The orders of the library, and a picture's place in each as a cursor in the address carries it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from studio.library.models import Asset, CollectionItem
from studio.library.search import Sort

_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_SMALL: Final = re.compile(r"\d", re.ASCII)
_LONGEST_NAME: Final = 120


@dataclass(frozen=True)
class Place:
    """A picture's place: its id, and what stands before the id in the order."""

    asset_id: int
    key: int | str | None = None
    # Of manual order alone: which collection, of those that are shown, it stands in.
    collection: int | None = None


@dataclass(frozen=True)
class Order:
    """One order: the function that finds a page (migrations 0005 and 0006), its opposite, the column before the id."""

    function: str
    opposite: str
    key: str = ""

    def place_of(self, asset: Asset) -> Place:
        """Where an asset stands."""
        return Place(asset.pk, getattr(asset, self.key) if self.key else None)

    def write(self, place: Place) -> str:
        """Write a place, the id first, because a name may hold anything."""
        parts = (place.asset_id, place.key, place.collection)
        return ".".join(str(part) for part in parts if part is not None)

    def read(self, cursor: str | None) -> Place | None:
        """Read a place; None for what is none."""
        number, dot, key = (cursor or "").partition(".")
        if not _NUMBER.fullmatch(number) or bool(dot) != bool(self.key):
            return None
        if self.key == "sort_name":
            return Place(int(number), key) if len(key) <= _LONGEST_NAME and "\x00" not in key else None
        if self.key == "rating":
            return Place(int(number), int(key)) if _SMALL.fullmatch(key) else None
        return Place(int(number))


class ManualOrder(Order):
    """The order of a collection: the id, the position, the collection."""

    def read(self, cursor: str | None) -> Place | None:
        """Read a place; None for what is none."""
        parts = (cursor or "").split(".")
        if len(parts) != 3 or not all(_NUMBER.fullmatch(part.removeprefix("-")) for part in parts):
            return None
        asset_id, position, collection = map(int, parts)
        return Place(asset_id, position, collection)

    def place_in(self, asset: Asset, collections: Sequence[int]) -> Place | None:
        """Where an asset stands: in the first of the collections that has it."""
        items = CollectionItem.objects.filter(asset=asset, collection__in=collections)
        held = dict(items.values_list("collection_id", "position"))
        first = next((collection for collection in collections if collection in held), None)
        return None if first is None else Place(asset.pk, held[first], first)


ORDERS: Final[Mapping[Sort, Order]] = {
    Sort.NEWEST: Order("library_find_newest", "library_find_oldest"),
    Sort.OLDEST: Order("library_find_oldest", "library_find_newest"),
    Sort.RATING: Order("library_find_rating", "library_find_rating_back", "rating"),
    Sort.NAME: Order("library_find_name", "library_find_name_back", "sort_name"),
    Sort.ORDER: ManualOrder("library_find_order", "library_find_order_back", "position"),
}
