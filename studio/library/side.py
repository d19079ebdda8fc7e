"""The places at the side of the library: what is kept where, as links."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from studio.library.models import Source, Status
from studio.library.search import LibrarySearch

TAGS_SHOWN: Final = 12
_PLACES: Final = (
    ("All images", "images", LibrarySearch()),
    ("Favourites", "heart", LibrarySearch(favourite=True)),
    ("Shortlisted", "eye", LibrarySearch(status=(Status.SHORTLISTED,))),
    ("Approved", "circle-check", LibrarySearch(status=(Status.APPROVED,))),
    ("Uploads", "upload", LibrarySearch(source=(Source.UPLOADED,))),
)


@dataclass(frozen=True)
class Place:
    """A link at the side."""

    label: str
    address: str
    is_on: bool
    icon: str = ""
    count: str = ""
    hue: int = 0
    children: Sequence["Place"] = ()


@dataclass(frozen=True)
class Side:
    """Everything at the side of one search."""

    search: LibrarySearch
    home: str
    collections: Sequence[Place] = ()
    tags: Sequence[Place] = ()
    more_tags: int = 0
    views: Sequence[Place] = ()

    @property
    def places(self) -> list[Place]:
        """The library itself and its most used parts."""
        return [self._place(label, search, icon=icon) for label, icon, search in _PLACES]

    def _place(self, label: str, search: LibrarySearch, *, icon: str = "") -> Place:
        query = search.to_query()
        is_on = query == self.search.to_query(sort=search.sort, q="")
        return Place(label, f"{self.home}?{query}" if query else self.home, is_on, icon)
