"""What the library's pages accept."""

from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final

from django.http import QueryDict

from studio.core.errors import BadInput
from studio.core.keys import read_keys
from studio.library.errors import TooManySelected
from studio.library.moments import read_moment
from studio.library.search import LibrarySearch
from studio.library.selection import Selection

MOST_SELECTED: Final = 10_000


def read_selection(data: QueryDict, *, zone: tzinfo) -> Selection:
    """Read what was chosen: `ids`, each once; or `all=1` with `query` and, if known, `newest`; or `bin=1` with `until`.

    The days of a search are those of `zone`. Raises BadInput for nothing, too many, or what is no number or no search.
    Whether the ids are the team's is asked by `Selection.assets`.
    """
    if data.get("all") == "1":
        newest = data.get("newest", "")
        search = LibrarySearch.read(data.get("query", ""), zone=zone)
        return Selection(search=search, newest=_ids([newest])[0] if newest else None)
    if data.get("bin") == "1":
        return Selection(binned_until=_moment(data.get("until", "")))
    values = data.getlist("ids")
    if len(values) > MOST_SELECTED:
        raise TooManySelected(f"Tick at most {MOST_SELECTED:,} images, or choose all that match.")
    if not values:
        raise BadInput("Nothing is selected. Tick the images you want first.")
    return Selection(ids=tuple(_ids(values)))


def _ids(values: Sequence[str]) -> list[int]:
    ids = read_keys(values)
    if ids is None:
        raise BadInput("The selection holds something that is not an image.")
    return ids


def _moment(value: str) -> datetime:
    moment = read_moment(value)
    if moment is None:
        raise BadInput("The selection does not say of which moment it is.")
    return moment
