"""What is looked for in the library: words, filters and an order, as they stand in the address."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from datetime import UTC, date, tzinfo
from functools import partial
from typing import Any, Final, Self
from urllib.parse import quote_plus

from django.db.models import TextChoices
from django.http import QueryDict

from studio.core.errors import BadInput
from studio.core.keys import read_key
from studio.library.models import MOST_RATING, Shape, Source, Status

# A saved view and an act on all that match keep the whole search, so it has to fit their columns.
LONGEST_ADDRESS: Final = 2000
LONGEST_Q: Final = 500
MOST_TAGS: Final = 20
_LONGEST_NAME: Final = 60
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_HALVES: Final = re.compile(r"[\ud800-\udfff]")
# Only what would end or change a value is escaped: the address stays readable in every script, and short.
_RESERVED: Final = re.compile(r"[^\w.~-]", re.ASCII)


class Sort(TextChoices):
    """The order of a page; manual order is a collection's own."""

    NEWEST = "newest", "Newest first"
    OLDEST = "oldest", "Oldest first"
    RATING = "rating", "Highest rated"
    NAME = "name", "Name"
    ORDER = "order", "Manual order"


@dataclass(frozen=True)
class LibrarySearch:
    """One search; the same search always writes the same address."""

    q: str = ""
    by: int | None = None
    model: str = ""
    connection: int | None = None
    collection: int | None = None
    tags: tuple[int, ...] = field(default=(), metadata={"name": "tag"})
    status: tuple[str, ...] = ()
    favourite: bool = False
    rating: int = 0
    shape: tuple[str, ...] = ()
    since: date | None = field(default=None, metadata={"name": "from"})
    until: date | None = field(default=None, metadata={"name": "to"})
    alpha: bool | None = None
    source: tuple[str, ...] = ()
    sort: Sort = Sort.NEWEST
    # Whose days are meant. No part of the address: whoever opens it sees days of their own over the pictures.
    zone: tzinfo = field(default=UTC, compare=False)

    @classmethod
    def read(cls, params: QueryDict | str, *, zone: tzinfo = UTC) -> Self:
        """Read an address; unknown names are passed over, and raises BadInput for what cannot be meant."""
        data = QueryDict(params) if isinstance(params, str) else params
        values: dict[str, Any] = {name: read(data, name) for name, read in _READERS.items()}
        values["tags"], values["since"], values["until"] = values.pop("tag"), values.pop("from"), values.pop("to")
        if values["since"] and values["until"] and values["since"] > values["until"]:
            raise BadInput("The first day is after the last one. Swap the two dates.")
        sort = _sort(data, has_collection=values["collection"] is not None)
        found = cls(**values, sort=sort, zone=zone)
        if len(found.to_query()) > LONGEST_ADDRESS:
            raise BadInput("This search is too long. Take some words or filters away.")
        return found

    @property
    def default_sort(self) -> Sort:
        """The order where the address names none."""
        return Sort.NEWEST if self.collection is None else Sort.ORDER

    @property
    def is_filtered(self) -> bool:
        """Whether it asks for anything less than the whole library; the order does not count."""
        return any(getattr(self, each.name) != each.default for each in _in_address(self) if each.name != "sort")

    def to_query(self, **changes: Any) -> str:
        """Write the address without its path; `changes` are fields with another value."""
        if changes:
            return replace(self, **changes).to_query()
        return "&".join(f"{name}={_escape(value)}" for name, value in self._pairs())

    def without(self, name: str, value: object = None) -> Self:
        """Return this search less one filter, by its name in the address; of several values only `value` goes."""
        return self._changed(name, lambda values: tuple(each for each in values if value not in (None, each)))

    def with_value(self, name: str, value: Any) -> Self:
        """Return this search with one filter more; where only one value can be, it takes the place of the other."""
        return self._changed(name, lambda values: tuple(dict.fromkeys((*values, value))), value)

    def _changed(self, name: str, change: Any, value: Any = None) -> Self:
        """Keep the order a chosen one, but follow the collection where it is the default."""
        [known] = [each for each in fields(self) if each.metadata.get("name", each.name) == name]
        old = getattr(self, known.name)
        single = known.default if value is None else value
        new = change(old) if isinstance(old, tuple) else single
        changes: dict[str, Any] = {known.name: new}
        made = replace(self, **changes)
        if made.sort == self.default_sort or (made.sort == Sort.ORDER and made.collection is None):
            made = replace(made, sort=made.default_sort)
        return made

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for each in _in_address(self):
            value = getattr(self, each.name)
            if each.name == "sort":
                if value != self.default_sort:
                    yield "sort", str(value)
            elif value != each.default:
                name = each.metadata.get("name", each.name)
                yield from ((name, _text(one)) for one in (value if isinstance(value, tuple) else [value]))


def _in_address(search: LibrarySearch) -> Iterator[Field[Any]]:
    """Yield the fields that stand in the address."""
    return (each for each in fields(search) if each.compare)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.isoformat() if isinstance(value, date) else str(value)


def _escape(value: str) -> str:
    return _RESERVED.sub(
        lambda found: found[0] if found[0] > "\x9f" and found[0].isalnum() else quote_plus(found[0]), value
    )


def _q(data: Mapping[str, Any], name: str) -> str:
    text = " ".join(_CONTROL.sub(" ", _HALVES.sub("", data.get(name, ""))).split())
    if len(text) > LONGEST_Q:
        raise BadInput(f"A search may be up to {LONGEST_Q} characters long; this one has {len(text):,}.")
    return text


def _name(data: Mapping[str, Any], name: str) -> str:
    text: str = data.get(name, "").strip()
    if len(text) > _LONGEST_NAME or not text.isprintable():
        raise BadInput(f"There is no such {name}.")
    return text


def _number(text: str, name: str) -> int:
    number = read_key(text)
    if number is None:
        raise BadInput(f"The filter {name} takes a number.")
    return number


def _id(data: Mapping[str, Any], name: str) -> int | None:
    text = data.get(name, "").strip()
    return _number(text, name) if text else None


def _ids(data: QueryDict, name: str) -> tuple[int, ...]:
    ids = tuple(sorted({_number(text, name) for text in data.getlist(name) if text}))
    if len(ids) > MOST_TAGS:
        raise BadInput(f"A search takes at most {MOST_TAGS} tags.")
    return ids


def _choices(data: QueryDict, name: str, *, of: type[TextChoices]) -> tuple[str, ...]:
    asked = {text for text in data.getlist(name) if text}
    if not asked <= set(of.values):
        raise BadInput(f"The filter {name} takes {', '.join(of.values)}.")
    # All of them is none of them: nothing is left out.
    return () if asked == set(of.values) else tuple(value for value in of.values if value in asked)


def _yes(data: Mapping[str, Any], name: str) -> bool | None:
    text = data.get(name, "").strip()
    if text not in ("", "0", "1"):
        raise BadInput(f"The filter {name} takes 1 or 0.")
    return {"": None, "0": False, "1": True}[text]


def _is_set(data: Mapping[str, Any], name: str) -> bool:
    return _yes(data, name) is True


def _rating(data: Mapping[str, Any], name: str) -> int:
    rating = _id(data, name) or 0
    if rating > MOST_RATING:
        raise BadInput(f"A rating goes up to {MOST_RATING}.")
    return rating


def _day(data: Mapping[str, Any], name: str) -> date | None:
    text = data.get(name, "").strip()
    if not text:
        return None
    wrong = BadInput("A date is written as year-month-day, like 2026-03-31.")
    if not _DAY.fullmatch(text):
        raise wrong
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise wrong from error


def _sort(data: Mapping[str, Any], *, has_collection: bool) -> Sort:
    """Without a collection there is no manual order, so an address that lost its collection shows the newest."""
    text = data.get("sort", "").strip()
    if text and text not in Sort.values:
        raise BadInput(f"The order is one of {', '.join(Sort.values)}.")
    if has_collection:
        return Sort(text or Sort.ORDER)
    return Sort.NEWEST if text in ("", Sort.ORDER) else Sort(text)


_READERS: Final[Mapping[str, Any]] = {
    "q": _q,
    "by": _id,
    "model": _name,
    "connection": _id,
    "collection": _id,
    "tag": _ids,
    "status": partial(_choices, of=Status),
    "favourite": _is_set,
    "rating": _rating,
    "shape": partial(_choices, of=Shape),
    "from": _day,
    "to": _day,
    "alpha": _yes,
    "source": partial(_choices, of=Source),
}
