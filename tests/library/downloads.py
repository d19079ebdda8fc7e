"""A browser that goes through the whole web process, because Django's test client never sees a streamed body."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client

from config.asgi import application
from studio.core.asgi import Message

CSRF = "a" * 32


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire; `whole` is False where the connection broke."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


def fetch(
    client: Client,
    path: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    data: list[tuple[str, str]] | None = None,
) -> Reply:
    """Ask for something with the session of `client`."""
    cookies = {name: morsel.value for name, morsel in client.cookies.items()} | {settings.CSRF_COOKIE_NAME: CSRF}
    sent = {
        "Host": "localhost",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": CSRF,
        "Content-Type": "application/x-www-form-urlencoded",
        **(headers or {}),
    }
    address, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 40_000),
    }
    # Runs Django in this thread, on the connection that holds the test's transaction and must stay open.
    with _open_connection():
        return async_to_sync(_ask)(scope, urlencode(data or []).encode())


@contextmanager
def _open_connection() -> Iterator[None]:
    """Keep Django from closing the database connection with the request, as its own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


async def _ask(scope: dict[str, Any], body: bytes) -> Reply:
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    messages: list[Message] = []

    async def receive() -> Message:
        if not requests:
            await asyncio.Event().wait()
        return requests.pop()

    async def send(message: Message) -> None:
        messages.append(message)

    whole = True
    try:
        await application(scope, receive, send)
    except OSError:
        whole = False
    head = messages[0]
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in head["headers"]}
    parts = [message.get("body", b"") for message in messages[1:]]
    return Reply(head["status"], headers, b"".join(parts), whole)
