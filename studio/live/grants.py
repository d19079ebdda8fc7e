"""Who may watch a team; the room that knows teams and sessions fills these in."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class LiveGrant:
    """One browser's right to one team's news, as of the last check."""

    team_id: int
    user_id: int
    session_key: str = field(repr=False)
    # Changes with the password, which ends every stream that was opened with the old one.
    password_mark: str = field(repr=False)


class Refusal(enum.IntEnum):
    """Why there is no right; the value is the HTTP status."""

    SIGN_IN = 401
    NO_SUCH_TEAM = 404


class Authorise(Protocol):
    """Decides about one new stream. Synchronous: called in a thread, which then closes its connections."""

    def __call__(self, cookies: Mapping[str, str], slug: str, /) -> LiveGrant | Refusal: ...


class StillGranted(Protocol):
    """Returns those of many grants that still hold, in one query. Synchronous like `Authorise`."""

    def __call__(self, grants: Collection[LiveGrant], /) -> set[LiveGrant]: ...
