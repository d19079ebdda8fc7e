"""Files and archives on their way out: authorised by Django, sent without it.

A view answers with `stream_response`; when Django has finished, and its thread and database connection are free
again, `BodyStreamer` sends the bytes as quickly as the other end takes them.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.http import quote_etag

from studio.core.asgi import App, Message, Receive, Scope, Send
from studio.core.errors import StudioError
from studio.core.http import INERT_POLICY
from studio.core.ranges import content_disposition, is_known, range_of

T = TypeVar("T")

CHUNK: Final = 256 * 1024
# A stretch of a file that is sent without being read; short enough that its reader is looked after in between.
STRETCH: Final = 8 * 1024 * 1024
# ASGI's name for it.
ZERO_COPY: Final = "http.response.zerocopysend"
# Where one byte is in the kernel's memory, so are mostly those that follow: what was read once came in stretches.
_PROBE: Final = 512 * 1024
SLOT: Final = "atelier.body"
# Marks the very response whose body waits in the scope: an error page that took its place does not carry it.
MARK: Final = "X-Atelier-Body"
# Headers that are true of a body only; an answer without it says its own.
_OF_THE_BODY: Final = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "ETag",
)

# Reading is short and local; a few threads are enough for any number of slow readers.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="atelier-files")
# What comes over a network keeps its thread waiting, and must not keep those waiting that read from disk.
_remote_readers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="atelier-remote")


class Body(Protocol):
    """Bytes of a known length that can be produced from any position."""

    @property
    def length(self) -> int:
        """The exact number of bytes."""

    def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Produce the bytes from `start` up to but without `stop`, at most 256 KiB at a time."""


@dataclass(frozen=True)
class Stretch:
    """A part of an open file, to be sent without being read; open until the next piece is asked for."""

    descriptor: int
    offset: int
    count: int

    def __len__(self) -> int:
        return self.count


Piece = bytes | Stretch


class PiecedBody(Body, Protocol):
    """A body that knows which of its bytes lie in files, so that a server which can send those need not read them."""

    def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce the same bytes as `chunks`, in part as stretches of files."""


class BodyFailedError(Exception):
    """The bytes that the headers promised cannot be produced, so the connection has to break."""


@dataclass(frozen=True)
class Window:
    """The part of a body that was asked for."""

    body: Body
    start: int
    stop: int
    # Returns as soon as the body must not be sent any longer, also while its reader takes nothing.
    watch: Callable[[], Coroutine[object, object, None]] | None = None


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

    async def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce a part as stretches of the open file.

        Opened here and not in a thread: its name has just been looked up, so the kernel knows it. Bytes that are not in
        memory are read in a thread first, because sending them would stop everybody else until the disk has answered.
        """
        file = _OpenFile(self._path)
        try:
            file.open()
            while start < stop:
                at, size = start, min(STRETCH, stop - start)
                if not file.is_in_memory(size, at):
                    await _in_reader(lambda: file.read_ahead(size, at))  # noqa: B023  # awaited before the next round
                yield Stretch(file.descriptor, start, size)
                start += size
        finally:
            file.close()


class _OpenFile:
    """A descriptor that is closed once, whatever happened to its opening."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = -1

    def open(self) -> None:
        self.descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, size: int, at: int) -> bytes:
        return os.pread(self.descriptor, size, at)

    def is_in_memory(self, size: int, at: int) -> bool:
        """Whether reading would not have to wait, as far as a few bytes tell; False where the kernel does not say."""
        flag = getattr(os, "RWF_NOWAIT", 0)
        probe = [bytearray(1)]
        try:
            return bool(flag) and all(
                os.preadv(self.descriptor, probe, place, flag) for place in range(at, at + size, _PROBE)
            )
        except OSError:
            return False

    def read_ahead(self, size: int, at: int) -> None:
        """Bring a stretch into the kernel's memory."""
        for place in range(at, at + size, CHUNK):
            os.pread(self.descriptor, min(CHUNK, at + size - place), place)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Part(Protocol):
    """A part of something remote that is being read."""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""

    def close(self) -> None:
        """End the reading, wherever it is."""


class RemoteBody:
    """The bytes of something that another server keeps; `opening` are those that are known already.

    `open_part` is called with the first byte wanted and the one after the last; it and its part may block and raise.
    """

    def __init__(self, open_part: Callable[[int, int], Part], *, length: int, opening: bytes = b"") -> None:
        self._open_part = open_part
        self._length = length
        self._opening = opening

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read a part with one question; hanging up ends the connection to the other server, too."""
        if data := self._opening[start:stop]:
            yield data
            start += len(data)
        if start >= stop:
            return
        part = _OpenPart(self._open_part)
        try:
            await _in_reader(lambda: part.open(start, stop), _remote_readers)
            while start < stop:
                size = min(CHUNK, stop - start)
                data = await _in_reader(lambda: part.read(size), _remote_readers)  # noqa: B023  # awaited at once
                if not data:
                    raise BodyFailedError(f"A remote file ended at {start}, before {stop}")
                yield data
                start += len(data)
        finally:
            part.close()


class _OpenPart:
    """A part that is closed, also if the wait for its opening was given up."""

    def __init__(self, open_part: Callable[[int, int], Part]) -> None:
        self._open_part = open_part
        self._part: Part | None = None

    def open(self, start: int, stop: int) -> None:
        self._part = self._open_part(start, stop)

    def read(self, size: int) -> bytes:
        return self._part.read(size) if self._part else b""

    def close(self) -> None:
        if self._part:
            self._part.close()


async def _in_reader(work: Callable[[], T], readers: ThreadPoolExecutor = _readers) -> T:
    """Run blocking work in a reader's thread; when cancelled, wait for it: its descriptor must outlive the read."""
    running = asyncio.get_running_loop().run_in_executor(readers, work)
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
    watch: Callable[[], Coroutine[object, object, None]] | None = None,
) -> HttpResponse:
    """Answer with a body, or the part of it that was asked for, or nothing if the browser has it already.

    `etag` names the exact bytes, such as their sha256. `max_age` is how long the browser may keep them unasked; 0
    makes it ask each time. `watch` runs beside the sending, which breaks off when it returns.
    Understands If-None-Match, If-Range, HEAD and one Range; several ranges get everything.
    Raises ImproperlyConfigured where nothing would send the body, as under Django's test client.
    """
    scope = getattr(request, "scope", {})
    if SLOT not in scope:
        raise ImproperlyConfigured("Bodies are sent by studio.core.streaming.BodyStreamer, which is not in front.")
    tag = quote_etag(etag)
    headers = _guarded(tag, max_age)
    if _is_held(request, tag):
        return HttpResponse(status=304, headers=headers)
    wanted = range_of(request.headers, body.length, tag) if _reads(request) else None
    if wanted is not None and wanted.start >= wanted.stop:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{body.length}"})
    headers |= {
        MARK: "1",
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(filename, inline=inline),
        "Content-Length": str(body.length),
    }
    window = Window(body, 0, body.length, watch)
    if wanted is not None:
        window = Window(body, wanted.start, wanted.stop, watch)
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{body.length}"
        headers["Content-Length"] = str(wanted.stop - wanted.start)
    scope[SLOT] = window
    return HttpResponse(status=200 if wanted is None else 206, content_type=content_type, headers=headers)


def accelerated_response(
    request: HttpRequest,
    location: str,
    *,
    filename: str,
    content_type: str,
    etag: str,
    inline: bool = False,
    max_age: int = 3600,
) -> HttpResponse:
    """Answer as `stream_response` does, but let the server in front send the file that it finds at `location`.

    That server understands ranges and HEAD itself; it passes on the headers it is told to (README).
    """
    tag = quote_etag(etag)
    headers = _guarded(tag, max_age)
    if _is_held(request, tag):
        return HttpResponse(status=304, headers=headers)
    headers |= {
        "X-Accel-Redirect": quote(location),
        "Content-Disposition": content_disposition(filename, inline=inline),
    }
    return HttpResponse(content_type=content_type, headers=headers)


def _guarded(tag: str, max_age: int) -> dict[str, str]:
    return {
        "ETag": tag,
        "Cache-Control": f"private, max-age={max_age}" if max_age else "private, no-cache",
        "Content-Security-Policy": INERT_POLICY,
        "X-Content-Type-Options": "nosniff",
    }


def _reads(request: HttpRequest) -> bool:
    return request.method in {"GET", "HEAD"}


def _is_held(request: HttpRequest, tag: str) -> bool:
    """Whether the browser has these bytes already."""
    return _reads(request) and is_known(request.headers.get("If-None-Match", ""), tag)


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
            can_copy = ZERO_COPY in scope.get("extensions", {})
            await send_window(window, head.kept, receive, send, can_copy=can_copy)


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


async def send_window(window: Window, head: Message, receive: Receive, send: Send, *, can_copy: bool = False) -> None:
    """Send a head and its body, at the pace of the reader, until it hangs up or the watch returns.

    The head waits for the first bytes: a body that cannot even begin becomes an honest error. One that fails later
    raises, and the server then breaks the connection, so nobody takes a part for the whole.
    """
    sending = asyncio.create_task(_send_all(window, head, send, can_copy=can_copy))
    ends = [sending, asyncio.create_task(_hang_up(receive))]
    if window.watch is not None:
        ends.append(asyncio.create_task(window.watch()))
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)
    # Without an end to the body the server breaks the connection, if the reader has not.
    for end in done:
        end.result()


async def _send_all(window: Window, head: Message, send: Send, *, can_copy: bool) -> None:
    chunks = _produce(window, can_copy=can_copy)
    left = window.stop - window.start
    try:
        try:
            data = await anext(chunks, b"") if left else b""
        except StudioError as error:
            await _refuse(error, head, send)
            return
        await send(head)
        while data:
            left -= len(data)
            if left < 0:
                raise BodyFailedError(f"A body made {-left} bytes more than promised")
            if isinstance(data, Stretch):
                await send({"type": ZERO_COPY, "file": data.descriptor, "offset": data.offset, "count": data.count})
            else:
                await send({"type": "http.response.body", "body": data, "more_body": True})
            data = await anext(chunks, b"") if left else b""
        if left:
            raise BodyFailedError(f"A body ended {left} bytes early")
        await send({"type": "http.response.body"})
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def _produce(window: Window, *, can_copy: bool) -> AsyncIterator[Piece]:
    make = getattr(window.body, "pieces", None) if can_copy else None
    produce: Callable[[int, int], AsyncIterator[Piece]] = make or window.body.chunks
    return produce(window.start, window.stop)


async def _refuse(error: StudioError, head: Message, send: Send) -> None:
    """Say instead of a body why there is none; nothing of it has been sent yet."""
    text = error.message.encode()
    unsaid = {name.lower().encode() for name in _OF_THE_BODY}
    headers = [pair for pair in head["headers"] if pair[0].lower() not in unsaid]
    headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    headers += [(b"cache-control", b"no-store")]
    if error.retry_after is not None:
        headers += [(b"retry-after", str(error.retry_after).encode())]
    await send({**head, "status": error.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
