"""The orders of the library and the place of a picture in each, as a cursor in the address carries it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q

from studio.library.models import Asset
from studio.library.search import Sort

Place = tuple[Any, ...]
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Order:
    """One order: by which columns, each ascending or descending; the last one is the id."""

    by: tuple[str, ...]

    @property
    def backwards(self) -> tuple[str, ...]:
        """The same order from the end."""
        return tuple(name.removeprefix("-") if name.startswith("-") else f"-{name}" for name in self.by)

    def place_of(self, asset: Asset) -> Place:
        """Where an asset stands."""
        return tuple(getattr(asset, name.removeprefix("-")) for name in self.by)

    def after(self, place: Place) -> Q:
        """What comes behind a place."""
        return _beyond(self.by, place)

    def before(self, place: Place) -> Q:
        """What comes before a place."""
        return _beyond(self.backwards, place)

    def write(self, asset: Asset) -> str:
        """Write the place of an asset, the id first: names may hold anything."""
        return ".".join(str(value) for value in reversed(self.place_of(asset)))

    def read(self, cursor: str | None) -> Place | None:
        """Read a place; None for what is none."""
        parts = (cursor or "").split(".", len(self.by) - 1)
        if len(parts) != len(self.by) or "\x00" in parts[-1]:
            return None
        if not all(_NUMBER.fullmatch(part) for part in parts[: 1 if "sort_name" in self.by else None]):
            return None
        return tuple(reversed([int(part) if _NUMBER.fullmatch(part) else part for part in parts]))


def _beyond(by: tuple[str, ...], place: Place) -> Q:
    """Rows whose columns come after these values, in these directions."""
    found = Q()
    equal: dict[str, Any] = {}
    for name, value in zip(by, place, strict=True):
        column = name.removeprefix("-")
        found |= Q(**equal, **{f"{column}__{'lt' if name.startswith('-') else 'gt'}": value})
        equal[column] = value
    return found


ORDERS: Final[Mapping[Sort, Order]] = {
    Sort.NEWEST: Order(("-id",)),
    Sort.OLDEST: Order(("id",)),
    Sort.RATING: Order(("-rating", "-id")),
    Sort.NAME: Order(("sort_name", "id")),
    Sort.ORDER: Order(("-id",)),
}
