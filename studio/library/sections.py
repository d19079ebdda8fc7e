"""A page of the grid cut into days, where the order is one of time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, takewhile
from typing import Final

from django.utils import timezone

from studio.core.templatetags.studio import day
from studio.library.models import Asset
from studio.library.queries import Found
from studio.library.search import Sort
from studio.teams.models import Team

# A day with fewer pictures than this at the end of a page is left to the next page.
FEWEST_AT_THE_END: Final = 8
_BY_TIME: Final = frozenset({Sort.NEWEST, Sort.OLDEST})
_ID: Final = re.compile(r"\d{1,18}", re.ASCII)


@dataclass(frozen=True)
class Section:
    """Pictures that stand together: those of one day, or all of a page."""

    assets: Sequence[Asset]
    heading: str = ""
    # How many the day has, where the whole of it is on this page.
    count: int | None = None
    # Whether the next page goes on with it, so that its last row is no end.
    goes_on: bool = False


def sections_of(assets: Sequence[Asset], sort: Sort, *, previous: Asset | None, may_go_on: bool) -> list[Section]:
    """Cut a page into sections; `previous` is the last picture of the page before.

    `may_go_on` says whether the next page may go on with the last one.
    """
    if not assets:
        return []
    if sort not in _BY_TIME:
        return [Section(assets, goes_on=may_go_on)]
    days = [(made_on, list(made)) for made_on, made in groupby(assets, key=_day_of)]
    begun = previous is not None and _day_of(previous) == days[0][0]
    sections = []
    for number, (_, made) in enumerate(days):
        goes_on = may_go_on and number == len(days) - 1
        is_begun = begun and number == 0
        sections.append(
            Section(
                made,
                heading="" if is_begun else day(made[0].created_at),
                count=None if is_begun or goes_on else len(made),
                goes_on=goes_on,
            )
        )
    return sections


def _day_of(asset: Asset) -> date:
    return timezone.localtime(asset.created_at).date()


def even_end(found: Found, sort: Sort) -> Found:
    """Leave the beginning of a day at the end of a page to the next page, where its rows come out even."""
    if found.next_cursor is None or sort not in _BY_TIME:
        return found
    last = _day_of(found.items[-1])
    # Only from the end on: pictures that were brought in stand among others of later days.
    rest = sum(1 for _ in takewhile(lambda asset: _day_of(asset) == last, reversed(found.items)))
    if rest >= FEWEST_AT_THE_END or rest == len(found.items):
        return found
    kept = found.items[:-rest]
    return Found(kept, str(kept[-1].pk))


def previous_of(team: Team, sort: Sort, cursor: str | None) -> Asset | None:
    """Find the last picture of the page before; only the orders of time ask for it, and their cursor is its id."""
    if sort not in _BY_TIME or cursor is None or not _ID.fullmatch(cursor):
        return None
    return Asset.objects.for_team(team).filter(pk=int(cursor)).only("created_at").first()
