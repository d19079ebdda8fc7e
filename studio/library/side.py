"""The places at the side of the library: what is kept where, as links."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from studio.library.facets import Branch, Facets, ViewOffer
from studio.library.models import Source, Status
from studio.library.search import LibrarySearch, Sort

TAGS_SHOWN: Final = 12
COLLECTIONS_SHOWN: Final = 40
_PLACES: Final = (
    ("all", "All images", "images", LibrarySearch()),
    ("favourites", "Favourites", "heart", LibrarySearch(favourite=True)),
    ("shortlisted", "Shortlisted", "eye", LibrarySearch(status=(Status.SHORTLISTED,))),
    ("approved", "Approved", "circle-check", LibrarySearch(status=(Status.APPROVED,))),
    ("uploads", "Uploads", "upload", LibrarySearch(source=(Source.UPLOADED,))),
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
    is_shared: bool = False

    @property
    def leads_here(self) -> bool:
        """Whether it is where the person is, or holds that place."""
        return self.is_on or any(child.is_on for child in self.children)


@dataclass(frozen=True)
class Side:
    """Everything at the side of one search."""

    places: Sequence[Place] = ()
    collections: Sequence[Place] = ()
    more_collections: int = 0
    tags: Sequence[Place] = ()
    more_tags: int = 0
    views: Sequence[Place] = ()

    @classmethod
    def of(cls, search: LibrarySearch, home: str, facets: Facets) -> "Side":
        """Make the side of a search from what there is to choose."""
        here = _Here(search, home)
        tags = [replace(here.place(tag.name, LibrarySearch(tags=(tag.id,))), hue=tag.hue) for tag in facets.tags]
        branches = [here.branch(branch) for branch in facets.collections]
        shown = [branch for index, branch in enumerate(branches) if index < COLLECTIONS_SHOWN or branch.leads_here]
        return cls(
            places=[
                replace(here.place(label, target, count=str(facets.counts[name])), icon=icon)
                for name, label, icon, target in _PLACES
            ],
            collections=shown,
            more_collections=len(branches) - len(shown),
            tags=tags[:TAGS_SHOWN],
            more_tags=max(len(tags) - TAGS_SHOWN, 0),
            views=[here.view(view) for view in facets.views],
        )


@dataclass(frozen=True)
class _Here:
    """Where the person is: a place knows from it whether it is this one."""

    search: LibrarySearch
    home: str

    def place(self, label: str, target: LibrarySearch, *, count: str = "") -> Place:
        query = target.to_query()
        is_on = query == self.search.to_query(sort=target.sort, q="")
        return Place(label, f"{self.home}?{query}" if query else self.home, is_on, count=count)

    def branch(self, branch: Branch) -> Place:
        target = LibrarySearch(collection=branch.id, sort=Sort.ORDER)
        made = self.place(branch.name, target, count=str(branch.counted))
        return replace(made, children=[self.branch(child) for child in branch.children])

    def view(self, view: ViewOffer) -> Place:
        address = f"{self.home}?{view.query}" if view.query else self.home
        return Place(view.name, address, view.query == self.search.to_query(), is_shared=view.is_shared)
