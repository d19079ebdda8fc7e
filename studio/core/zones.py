"""The days of whoever reads a page: local-time.js says in a cookie in which zone that is."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)

COOKIE: Final = "zone"
# ZoneInfo looks for a file of this name.
_NAME: Final = re.compile(r"[\w+/-]{1,60}", re.ASCII)


def in_readers_zone(
    view: Callable[Concatenate[R, P], HttpResponseBase],
) -> Callable[Concatenate[R, P], HttpResponseBase]:
    """Let a view speak of days as its reader counts them, because they stand among times of the reader's zone.

    For pages alone: what is kept, or is the same for everybody, has the days of the installation.
    """

    @wraps(view)
    def zoned(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with timezone.override(zone_of(request)):
            return view(request, *args, **kwargs)

    return zoned


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the reader's zone; the installation's where it is not said."""
    return zone_named(request.COOKIES.get(COOKIE, ""))


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of a name; the installation's for one that is not known here."""
    try:
        return ZoneInfo(name) if _NAME.fullmatch(name) else timezone.get_default_timezone()
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.get_default_timezone()
