"""Why a connection is not taken."""

from studio.core.errors import BadInput


class ConnectionRefused(BadInput):
    """A connection that could not work or that the address policy forbids; `field` is what to correct, if it is one."""

    code = "connection_refused"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
