"""The one family of errors that people see; `middleware.py` turns them into HTTP, nothing else does."""

import errno
from typing import ClassVar, Final

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class StudioError(Exception):
    """Something a person can be told.

    Rooms subclass it with their own `code`, which scripts and tests may rely on; `message` is a whole sentence in
    the words of the product.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 400
    title: ClassVar[str] = "That did not work"
    # After how many seconds it is worth trying again.
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(StudioError):
    """What was sent cannot be understood or is out of bounds."""

    code = "bad_input"
    http_status = 400
    title = "That cannot be read"


class NotAllowed(StudioError):
    """The person is known here, but their role does not cover this."""

    code = "not_allowed"
    http_status = 403
    title = "Not allowed"


class NotFound(StudioError):
    """There is no such thing, or the person may not know that there is."""

    code = "not_found"
    http_status = 404
    title = "Not found"


class Conflict(StudioError):
    """It was right when the page was made, but something has changed since."""

    code = "conflict"
    http_status = 409
    title = "Something changed meanwhile"


class Unavailable(StudioError):
    """It works again in a moment; the answer says when to come back."""

    code = "unavailable"
    http_status = 503
    title = "One moment, please"
    retry_after = 3

    def __init__(self, message: str = "The studio is very busy. Try again in a few seconds.") -> None:
        super().__init__(message)


class NoRoom(StudioError):
    """The disk is full: what came could not be kept, and what there was is as it was."""

    code = "storage_full"
    http_status = 507
    title = "The storage is full"

    def __init__(self) -> None:
        super().__init__("The storage is full, so nothing was changed. Tell the person who runs Atelier.")


def is_full(error: OSError) -> bool:
    """Whether a disk had no room, or the account that writes to it no more of it."""
    return error.errno in _FULL
