"""A running site with live streams, and readers of them."""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from studio.accounts.models import User
from studio.core.asgi import Receive, Scope, Send, answer
from studio.live.hub import Hub
from studio.live.notify import CHANNEL
from studio.live.stream import LiveStream
from studio.teams.access_live import live_grant, still_granted
from tests.serving import Server, serving


class Reader:
    """A browser with one stream open; events arrive in `events` as pairs of name and data."""

    def __init__(self, server: Server, slug: str, cookie: str, *, last_event_id: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port))
        lines = [
            f"GET /t/{slug}/live/ HTTP/1.1",
            "Host: 127.0.0.1",
            "Accept: text/event-stream",
            f"Cookie: {settings.SESSION_COOKIE_NAME}={cookie}",
            *([f"Last-Event-ID: {last_event_id}"] if last_event_id else []),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = dict(iter(self._header, ("", "")))
        self.events: queue.Queue[tuple[str, str]] = queue.Queue()
        self.comments: queue.Queue[str] = queue.Queue()
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self, *, seconds: float = 5) -> tuple[str, str]:
        """Return the next event."""
        return self.events.get(timeout=seconds)

    def close(self) -> None:
        """Hang up."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._file.close()
        self._socket.close()

    def _header(self) -> tuple[str, str]:
        name, _, value = self._file.readline().decode().strip().partition(":")
        return name.lower(), value.strip()

    def _lines(self) -> Iterator[str]:
        """Undo the chunks of HTTP."""
        text = ""
        while (size := int(self._file.readline() or b"0", 16)) > 0:
            text += self._file.read(size + 2)[:-2].decode()
            *lines, text = text.split("\n")
            yield from lines

    def _read(self) -> None:
        event: dict[str, str] = {}
        for line in self._lines():
            name, _, value = line.partition(": ")
            if line and not name:
                self.comments.put(value)
            elif line:
                event[name] = value
            elif "event" in event:
                self.events.put((event["event"], event["data"]))
                event = {}
        self.ended.set()


Watch = Callable[..., Reader]


@dataclass
class Site:
    """A running server and its hub."""

    server: Server
    hub: Hub


async def _behind(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 200, "behind")


class App:
    """Streams in front of nothing, with a life like the real site's."""

    def __init__(self, hub: Hub, **options: Any) -> None:
        self._hub = hub
        self._stream = LiveStream(_behind, hub=hub, authorise=live_grant, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._stream(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._hub.close()
        await send({"type": "lifespan.shutdown.complete"})


@pytest.fixture
def site(transactional_db: None) -> Iterator[Site]:
    """A site whose hub checks rights every second and lets one person have three streams."""
    hub = Hub(still_granted=still_granted, check_seconds=1, streams_per_user=3)
    with serving(App(hub, keep_alive_seconds=0.2), on_stop=hub.stop) as server:
        yield Site(server, hub)


def session_of(user: User) -> str:
    """Sign somebody in and return the value of the cookie."""
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


@pytest.fixture
def watch(site: Site) -> Iterator[Watch]:
    """Open a stream as somebody: `watch(member, "halden-co")`; it has said `ready` already."""
    readers: list[Reader] = []

    def open_one(user: User, slug: str, *, greeting: str = "ready", **options: Any) -> Reader:
        reader = Reader(site.server, slug, session_of(user), **options)
        readers.append(reader)
        assert reader.status == 200
        assert reader.next() == (greeting, "0")
        return reader

    yield open_one
    for reader in readers:
        reader.close()


def tell(team_id: int, event: str, about: int = 0) -> None:
    """Notify from a connection of its own, as a worker would."""
    with psycopg.connect(**_parameters(), autocommit=True) as other:
        other.execute("select pg_notify(%s, %s)", [CHANNEL, json.dumps({"team": team_id, "event": event, "id": about})])


def listeners() -> list[int]:
    """Return the process ids of the connections that listen."""
    with psycopg.connect(**_parameters(), autocommit=True) as other:
        found = other.execute(
            "select pid from pg_stat_activity where application_name = 'atelier live' and datname = current_database()"
        )
        return [row[0] for row in found]


def _parameters() -> dict[str, Any]:
    wanted = ("dbname", "user", "password", "host", "port")
    known = connection.get_connection_params()
    return {name: known[name] for name in wanted if name in known}
