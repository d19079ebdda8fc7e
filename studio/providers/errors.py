"""Why a connection is not taken."""

from studio.core.errors import BadInput


class ConnectionRefused(BadInput):
    """A connection that could not work or that the address policy forbids."""

    code = "connection_refused"
