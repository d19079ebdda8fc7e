"""Files and archives on their way out: authorised by Django, sent without it.

A view answers with `stream_response`; when Django has finished, and its thread and database connection are free
again, `BodyStreamer` sends the bytes as quickly as the other end takes them.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.http import quote_etag

from studio.core.asgi import App, Message, Receive, Scope, Send
from studio.core.http import INERT_POLICY
from studio.core.ranges import content_disposition, is_known, range_of

T = TypeVar("T")

CHUNK: Final = 256 * 1024
SLOT: Final = "atelier.body"
# Marks the very response whose body waits in the scope: an error page that took its place does not carry it.
MARK: Final = "X-Atelier-Body"

# Reading is short and local; a few threads are enough for any number of slow readers.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="atelier-files")


class Body(Protocol):
    """Bytes of a known length that can be produced from any position."""

    @property
    def length(self) -> int:
        """The exact number of bytes."""

    def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Produce the bytes from `start` up to but without `stop`, at most 256 KiB at a time."""


class BodyFailedError(Exception):
    """The bytes that the headers promised cannot be produced, so the connection has to break."""


@dataclass(frozen=True)
class Window:
    """The part of a body that was asked for."""

    body: Body
    start: int
    stop: int


class FileBody:
    """The bytes of one file, at the length it has now; raises FileNotFoundError at once if there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._length = path.stat().st_size

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read a part; the file is opened once, so one that is replaced meanwhile is still sent whole."""
        file = _OpenFile(self._path)
        try:
            await _in_reader(file.open)
            while start < stop:
                at, size = start, min(CHUNK, stop - start)
                data = await _in_reader(lambda: file.read(size, at))  # noqa: B023  # awaited before the next round
                if not data:
                    raise BodyFailedError(f"{self._path.name} ends at {start}, before {stop}")
                yield data
                start += len(data)
        finally:
            file.close()


class _OpenFile:
    """A descriptor that is closed once, whatever happened to its opening."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, size: int, at: int) -> bytes:
        return os.pread(self._descriptor, size, at)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


async def _in_reader(work: Callable[[], T]) -> T:
    """Run blocking work in a reader's thread; when cancelled, wait for it: its descriptor must outlive the read."""
    running = asyncio.get_running_loop().run_in_executor(_readers, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def stream_response(
    request: HttpRequest,
    body: Body,
    *,
    filename: str,
    content_type: str,
    etag: str,
    inline: bool = False,
    max_age: int = 3600,
) -> HttpResponse:
    """Answer with a body, or the part of it that was asked for, or nothing if the browser has it already.

    `etag` names the exact bytes, such as their sha256. `max_age` is how long the browser may keep them unasked; 0
    makes it ask each time. Understands If-None-Match, If-Range, HEAD and one Range; several ranges get everything.
    Raises ImproperlyConfigured where nothing would send the body, as under Django's test client.
    """
    scope = getattr(request, "scope", {})
    if SLOT not in scope:
        raise ImproperlyConfigured("Bodies are sent by studio.core.streaming.BodyStreamer, which is not in front.")
    tag = quote_etag(etag)
    reads = request.method in {"GET", "HEAD"}
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={max_age}" if max_age else "private, no-cache",
        "Content-Security-Policy": INERT_POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    if reads and is_known(request.headers.get("If-None-Match", ""), tag):
        return HttpResponse(status=304, headers=headers)
    wanted = range_of(request.headers, body.length, tag) if reads else None
    if wanted is not None and wanted.start >= wanted.stop:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{body.length}"})
    headers |= {
        MARK: "1",
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(filename, inline=inline),
        "Content-Length": str(body.length),
    }
    window = Window(body, 0, body.length)
    if wanted is not None:
        window = Window(body, wanted.start, wanted.stop)
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{body.length}"
        headers["Content-Length"] = str(wanted.stop - wanted.start)
    scope[SLOT] = window
    return HttpResponse(status=200 if wanted is None else 206, content_type=content_type, headers=headers)


class BodyStreamer:
    """Sends the bodies that `stream_response` promised, after the application behind it has finished."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request through and send its body, if it left one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[SLOT] = None
        head = _Head(send)
        await self._app(scope, receive, head.send)
        window: Window | None = scope[SLOT]
        if head.kept is None or window is None:
            return
        if scope["method"] == "HEAD":
            await send(head.kept)
            await send({"type": "http.response.body"})
        else:
            await send_window(window, head.kept, receive, send)


class _Head:
    """Keeps back the head of a response whose body follows, and lets every other response pass."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.kept: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            mark = MARK.lower().encode()
            headers = [pair for pair in message["headers"] if pair[0].lower() != mark]
            if len(headers) < len(message["headers"]):
                self.kept = {**message, "headers": headers}
        if self.kept is None:
            await self._send(message)


async def send_window(window: Window, head: Message, receive: Receive, send: Send) -> None:
    """Send a head and its body, at the pace of the reader, until it hangs up.

    The head waits for the first bytes: a body that cannot even begin becomes an honest error. One that fails later
    raises, and the server then breaks the connection, so nobody takes a part for the whole.
    """
    chunks = window.body.chunks(window.start, window.stop)
    left = window.stop - window.start
    hang_up = asyncio.create_task(_hang_up(receive))
    try:
        data = await anext(chunks, b"") if left else b""
        await send(head)
        while data and not hang_up.done():
            left -= len(data)
            if left < 0:
                raise BodyFailedError(f"A body made {-left} bytes more than promised")
            await send({"type": "http.response.body", "body": data, "more_body": True})
            data = await anext(chunks, b"") if left else b""
        if left and not hang_up.done():
            raise BodyFailedError(f"A body ended {left} bytes early")
        if not left:
            await send({"type": "http.response.body"})
    finally:
        hang_up.cancel()
        await asyncio.wait([hang_up])
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
