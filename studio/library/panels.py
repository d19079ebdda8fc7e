"""What stands around the grid: places at the side, menus of filters, chips of those that are on, sections of a page.

Nothing here asks the database: it turns a search, and what can be chosen, into words and addresses.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from studio.library.facets import Branch, Facets
from studio.library.finding import Count
from studio.library.models import MOST_RATING, Shape, Source, Status
from studio.library.search import LibrarySearch, Sort

# What a search exchanges besides the results.
PARTS: Final = "#side, #tools, #kept"
_ALPHA: Final = ((True, "Transparent"), (False, "Opaque"))
_MANY: Final = frozenset({"status", "tag", "shape", "source"})
# Filters with a menu of their own in the toolbar; the last ones step back where there is less room.
_QUICK: Final = ("status", "by", "model", "shape", "tag")
_LABELS: Final = {
    "status": "Status",
    "by": "Member",
    "model": "Model",
    "connection": "Connection",
    "collection": "Collection",
    "tag": "Tags",
    "rating": "Rating",
    "shape": "Shape",
    "alpha": "Transparency",
    "source": "Source",
}


@dataclass(frozen=True)
class Choice:
    """One value of a filter, with the address of the search that has it, or no longer has it."""

    value: str
    label: str
    address: str
    is_on: bool


@dataclass(frozen=True)
class Group:
    """One filter and the values it can have."""

    name: str
    choices: Sequence[Choice]

    @property
    def label(self) -> str:
        """What it is called."""
        return _LABELS[self.name]

    @property
    def is_list(self) -> bool:
        """Whether several values may be on at once; then its menu stays open."""
        return self.name in _MANY

    @property
    def is_on(self) -> bool:
        """Whether it filters."""
        return any(choice.is_on for choice in self.choices)


@dataclass(frozen=True)
class Chip:
    """A filter that is on, and the address of the search without it."""

    label: str
    address: str


@dataclass(frozen=True)
class Panel:
    """The toolbar of one search."""

    search: LibrarySearch
    facets: Facets
    counted: Count
    home: str
    # How many there are with the same words and no filter; for where nothing was found.
    without_filters: Count = field(default_factory=lambda: Count(0, is_more=False))
    parts: str = field(default=PARTS, init=False)

    @cached_property
    def query(self) -> str:
        """The address of the search without its path."""
        return self.search.to_query()

    @property
    def whole(self) -> list[tuple[str, str]]:
        """The search as fields of a form."""
        return parse_qsl(self.query)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The search as fields of a form that asks for the words itself."""
        return [(name, value) for name, value in self.whole if name != "q"]

    @property
    def title(self) -> str:
        """What the page is called."""
        names = [f"“{self.search.q}”"] if self.search.q else []
        names += [chip.label for chip in self.filters]
        return ", ".join(names) or "Library"

    @property
    def is_filtered(self) -> bool:
        """Whether words or filters leave anything out."""
        return self.search.is_filtered

    @property
    def sort(self) -> Sort:
        """The order."""
        return self.search.sort

    @property
    def said(self) -> str:
        """How many there are."""
        return say(self.counted)

    @property
    def start(self) -> str:
        """The first page of the search."""
        return self._address(self.search)

    @property
    def cleared(self) -> str:
        """The same words and order without any filter."""
        search = self.search
        bare = LibrarySearch(q=search.q, sort=Sort.NEWEST if search.sort == Sort.ORDER else search.sort)
        return self._address(bare)

    @cached_property
    def filters(self) -> list[Chip]:
        """The filters that are on."""
        return list(self._chips())

    @property
    def nothing_title(self) -> str:
        """What to say where nothing was found."""
        return f"No images match “{self.search.q}”" if self.search.q else "No images with these filters"

    @property
    def nothing_text(self) -> str:
        """Which filters are on, and how many images there are without them."""
        names = [chip.label for chip in self.filters]
        if not names:
            return f"Try fewer words, or the beginning of one. There {_are(self.without_filters)} in the library."
        on = "One filter is on: " if len(names) == 1 else f"{len(names)} filters are on: "
        them = "it" if len(names) == 1 else "them"
        return f"{on}{_joined(names)}. Without {them} there {_are(self.without_filters)}."

    @property
    def way_out(self) -> Choice:
        """The search with fewer conditions."""
        if self.filters and self.without_filters.number:
            return Choice("", "Clear filters", self.cleared, is_on=False)
        return Choice("", "Show all images", self.home, is_on=False)

    @cached_property
    def groups(self) -> list[Group]:
        """Every filter that offers a choice, in the order of the form."""
        groups = [Group(name, [self._choice(name, *offer) for offer in self._offered(name)]) for name in _LABELS]
        return [group for group in groups if group.choices]

    @property
    def menus(self) -> list[Group]:
        """The filters with a menu in the toolbar."""
        return [group for name in _QUICK for group in self.groups if group.name == name]

    @property
    def sorts(self) -> list[Choice]:
        """The orders to choose from; the manual one belongs to a collection."""
        offered = [sort for sort in Sort if sort != Sort.ORDER or self.search.collection is not None]
        return [
            Choice(sort, sort.label, f"{self.home}?{self.search.to_query(sort=sort)}", self.search.sort == sort)
            for sort in offered
        ]

    def _offered(self, name: str) -> list[tuple[Any, str]]:
        """What a filter can be: the value as the search holds it, and its name."""
        facets = self.facets
        offers: dict[str, Iterable[tuple[Any, str]]] = {
            "status": Status.choices,
            "shape": Shape.choices,
            "source": Source.choices,
            "alpha": _ALPHA,
            "rating": ((stars, _stars(stars)) for stars in range(MOST_RATING, 0, -1)),
            "by": ((offer.value, offer.label) for offer in facets.members),
            "model": ((offer.value, offer.label) for offer in facets.models),
            "connection": ((offer.value, offer.label) for offer in facets.connections),
            "collection": _branches(facets.collections),
            "tag": ((tag.id, tag.name) for tag in facets.tags),
        }
        return list(offers[name])

    def _choice(self, name: str, value: Any, label: str) -> Choice:
        is_on = value in self._values(name)
        other = self.search.without(name, value) if is_on else self.search.with_value(name, value)
        return Choice(_written(value), label, self._address(other), is_on)

    def _values(self, name: str) -> tuple[Any, ...]:
        value = getattr(self.search, {"tag": "tags"}.get(name, name))
        if name in _MANY:
            return tuple(value)
        return () if value in (None, "", 0) and value is not False else (value,)

    def _chips(self) -> Iterator[Chip]:
        for name in _LABELS:
            named = dict(self._offered(name))
            for value in self._values(name):
                label = named.get(value) or f"{_LABELS[name]} {value}"
                yield Chip(label, self._address(self.search.without(name, value)))
        search = self.search
        if search.favourite:
            yield Chip("Favourites", self._address(search.without("favourite")))
        if search.since:
            yield Chip(f"From {_date(search.since)}", self._address(search.without("from")))
        if search.until:
            yield Chip(f"Until {_date(search.until)}", self._address(search.without("to")))

    def _address(self, search: LibrarySearch) -> str:
        query = search.to_query()
        return f"{self.home}?{query}" if query else self.home


def say(counted: Count) -> str:
    """Say a number of images: `1 image`, `142 images`, `1,000+ images`."""
    return f"{counted} image{'' if counted.number == 1 else 's'}"


def _are(counted: Count) -> str:
    return f"{'is' if counted.number == 1 else 'are'} {say(counted)}"


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _branches(branches: Iterable[Branch]) -> Iterator[tuple[int, str]]:
    for branch in branches:
        yield branch.id, branch.name
        yield from ((child.id, f"{branch.name} / {child.name}") for child in branch.children)


def _stars(stars: int) -> str:
    return "5 stars" if stars == MOST_RATING else f"{stars} {'star' if stars == 1 else 'stars'} or more"


def _date(value: Any) -> str:
    return f"{value.day} {value:%b %Y}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
