"""A reader of archives over real connections."""

import http.client
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.test import Client

from tests.serving import Server

# What the system keeps for a slow reader, beside a buffer of http.client's that is much smaller.
SMALL_BUFFER: Final = 131_072


@dataclass(frozen=True)
class Got:
    """An answer, as far as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


class Reader:
    """A browser with the session of a test client, at a running site."""

    def __init__(self, server: Server, client: Client) -> None:
        self._server = server
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Got:
        """Ask for something and read it to its end."""
        with self.asked(path, method=method, small=False, **headers) as answer:
            try:
                body, whole = answer.read(), True
            except http.client.IncompleteRead as error:
                body, whole = error.partial, False
            return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body, whole)

    @contextmanager
    def asked(
        self, path: str, *, method: str = "GET", small: bool = True, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Ask for something; the answer is read by the caller. `small` keeps little of it on the way."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        if small:
            connection.sock = socket.create_connection(("127.0.0.1", self._server.port), timeout=30)
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER // 2)  # Linux doubles it
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Cookie": self.cookie, **sent})
        try:
            yield connection.getresponse()
        finally:
            connection.close()
