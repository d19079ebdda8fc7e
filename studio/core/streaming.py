"""Files and archives on their way out: authorised by Django, sent without it.

A view answers with `stream_response`; when Django has finished, and its thread and database connection are free
again, `BodyStreamer` sends the bytes as quickly as the other end takes them.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.http import quote_etag

from studio.core.asgi import App, Message, Receive, Scope, Send
from studio.core.bodies import Body, BodyFailedError, Piece, PiecedBody, Run
from studio.core.errors import StudioError
from studio.core.http import INERT_POLICY
from studio.core.ranges import content_disposition, is_known, range_of

# What our server understands beyond ASGI: parts of open files in place of a piece of the body; and the connection ends
# at once, and what the kernel holds for its reader is dropped.
FILES: Final = "atelier.files"
RESET: Final = "atelier.reset"
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


# Returns as soon as a body must not be sent any longer, also while its reader takes nothing; True if what is on its way
# must not arrive either.
Watch = Callable[[], Coroutine[object, object, bool]]


@dataclass(frozen=True)
class Window:
    """The part of a body that was asked for."""

    body: Body
    start: int
    stop: int
    watch: Watch | None = None


def stream_response(
    request: HttpRequest,
    body: Body,
    *,
    filename: str,
    content_type: str,
    etag: str,
    inline: bool = False,
    max_age: int = 3600,
    watch: Watch | None = None,
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
            await send_window(window, head.kept, receive, send, extensions=scope.get("extensions", {}))


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


async def send_window(
    window: Window, head: Message, receive: Receive, send: Send, *, extensions: Collection[str] = ()
) -> None:
    """Send a head and its body, at the pace of the reader, until it hangs up or the watch returns.

    The head waits for the first bytes: a body that cannot even begin becomes an honest error. One that fails later
    raises, and the server then breaks the connection, so nobody takes a part for the whole. `extensions` are those
    that the server offers: FILES and RESET are used.
    """
    sending = asyncio.create_task(_send_all(window, head, send, can_copy=FILES in extensions))
    ends: list[asyncio.Task[None] | asyncio.Task[bool]] = [sending, asyncio.create_task(_hang_up(receive))]
    if window.watch is not None:
        ends.append(asyncio.create_task(window.watch()))
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)
    # Without an end to the body the server breaks the connection, if the reader has not.
    results = [end.result() for end in done]
    if True in results and RESET in extensions:
        await send({"type": RESET})


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
            if isinstance(data, Run):
                await send({"type": FILES, "stretches": data.stretches})
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
    if can_copy and isinstance(window.body, PiecedBody):
        return window.body.pieces(window.start, window.stop)
    return window.body.chunks(window.start, window.stop)


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
