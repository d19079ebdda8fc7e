"""What stands in front of Django: answers without a thread, and a cap on the threads."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from studio.core.errors import NoRoom, is_full
from studio.core.http import GUARD_HEADERS, INERT_POLICY

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

# So long the rest of a refused body is received and dropped.
_DROPPING_SECONDS: Final = 5.0


def raw_headers(headers: Iterable[tuple[str, str]], *, policy: str = INERT_POLICY) -> RawHeaders:
    """Encode headers for an answer that does not come from Django, with the guarding ones added."""
    guards = {**GUARD_HEADERS, "Content-Security-Policy": policy}
    pairs = [*guards.items(), *headers]
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in pairs]


def header(scope: Scope, name: bytes) -> str:
    """Return a request header, several of one name joined by commas, or an empty text."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


async def answer(
    send: Send, status: int, text: str, *, headers: Iterable[tuple[str, str]] = (), is_over: bool = True
) -> None:
    """Send a short plain answer without Django; it is for the caller to end one that is not over."""
    body = text.encode()
    described = raw_headers(
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *headers,
        ]
    )
    await send({"type": "http.response.start", "status": status, "headers": described})
    await send({"type": "http.response.body", "body": body, "more_body": not is_over})


async def refuse_body(receive: Receive, send: Send, status: int, text: str) -> None:
    """Answer a request whose body has not ended, drop what still comes of it, and close.

    Closing over bytes that nobody has read resets the connection, which loses the answer for whoever still sends.
    """
    await answer(send, status, text, headers=[("Connection", "close")], is_over=False)
    with suppress(TimeoutError):
        async with asyncio.timeout(_DROPPING_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body"})


class Gate:
    """Lets a number of holders in at once and a bounded number wait for a bounded time.

    Counted per event loop, because a test process runs several one after another.
    """

    def __init__(self, places: int, *, queue: int, patience: float) -> None:
        self._places = places
        self._queue = queue
        self._patience = patience
        self._doors: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._waiting = 0

    async def enter(self) -> bool:
        """Take a place; False if none came free in time or too many wait already."""
        door = self._door()
        if door.locked() and self._waiting >= self._queue:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(self._patience):
                await door.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self._door().release()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[bool]:
        """Hold a place for a while; yields whether there was one."""
        inside = await self.enter()
        try:
            yield inside
        finally:
            if inside:
                self.leave()

    def _door(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        return self._doors.setdefault(loop, asyncio.Semaphore(self._places))


class ThreadCap:
    """Keeps the number of requests inside Django, each of which holds a thread and soon a database connection, small.

    A place is taken when the request's body is complete and given back when Django has finished, so neither a slow
    sender nor a slow reader holds one. For that an answer is collected before it is sent: pages are short, and files
    go past Django (`streaming.py`). Who waits too long gets 503, a body that is too long gets 413: at once, where its
    header says so, and for a while the rest is dropped. `most_bytes` is the limit for everything, or says it for each
    path.
    """

    def __init__(
        self,
        app: App,
        *,
        most_bytes: int | Callable[[str], int],
        places: int = 16,
        queue: int = 256,
        patience: float = 5,
    ) -> None:
        self._app = app
        self._gate = Gate(places, queue=queue, patience=patience)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through; everything else, such as the lifespan, is no business of Django's."""
        if scope["type"] != "http":
            return
        limit = self._most_bytes(scope["path"]) if callable(self._most_bytes) else self._most_bytes
        visit = _Visit(self._gate, receive, most_bytes=limit, announced=_announced(scope))
        try:
            await self._app(scope, visit.receive, visit.collect)
        except OSError as error:
            # Django keeps a long body on the disk while it arrives, before any of its own handlers is there to answer.
            if not is_full(error):
                raise
            visit.refusal = (NoRoom.http_status, NoRoom().message)
        finally:
            visit.leave()
        if visit.refusal:
            status, text = visit.refusal
            if visit.is_read:
                await answer(send, status, text, headers=[("Retry-After", "2")] if status == 503 else [])
            else:
                await refuse_body(receive, send, status, text)
        for message in visit.answer:
            await send(message)


def _announced(scope: Scope) -> int:
    """Return how long the body is said to be; 0 where nothing, or nothing of use, is said."""
    length = header(scope, b"content-length")
    return int(length) if length.isascii() and length.isdigit() and len(length) <= 18 else 0


class _Visit:
    """One request on its way through Django."""

    def __init__(self, gate: Gate, receive: Receive, *, most_bytes: int, announced: int) -> None:
        self._gate = gate
        self._receive = receive
        self._room = most_bytes
        self._is_hopeless = announced > most_bytes
        self._inside = False
        self.is_read = False
        self.refusal: tuple[int, str] | None = None
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        """Hand the body on; its last part waits for a place, and a refusal looks to Django like a hang-up."""
        if self._is_hopeless:
            return self._refuse(413, "The request is too large.")
        message = await self._receive()
        if message["type"] != "http.request" or self._inside:
            return message
        self.is_read = not message.get("more_body", False)
        self._room -= len(message.get("body", b""))
        if self._room < 0:
            return self._refuse(413, "The request is too large.")
        if self.is_read:
            self._inside = await self._gate.enter()
            if not self._inside:
                return self._refuse(503, "The studio is very busy. Try again in a few seconds.")
        return message

    async def collect(self, message: Message) -> None:
        """Keep a part of the answer until Django has finished."""
        self.answer.append(message)

    def leave(self) -> None:
        """Give the place back."""
        if self._inside:
            self._inside = False
            self._gate.leave()

    def _refuse(self, status: int, text: str) -> Message:
        self.refusal = (status, text)
        return {"type": "http.disconnect"}
