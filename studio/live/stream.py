"""The live stream: server-sent events at /t/<team>/live/, past Django, without a thread per reader."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Final

from django.db import Error
from django.http import parse_cookie

from studio.core.asgi import App, Gate, Receive, Scope, Send, answer, header, raw_headers
from studio.live.client import Client, News
from studio.live.grants import Authorise, LiveGrant, Refusal
from studio.live.hub import Hub
from studio.live.threads import in_thread

logger = logging.getLogger(__name__)

_PATH: Final = re.compile(r"/t/([-a-zA-Z0-9_]{1,100})/live/")
_HEADERS: Final = raw_headers(
    [
        ("Content-Type", "text/event-stream; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("X-Accel-Buffering", "no"),
    ]
)
_RETRY: Final = [("Retry-After", "2")]
# Whoever takes nothing for this long is gone, even if nobody has told the server.
_SEND_SECONDS: Final = 20


class LiveStream:
    """Answers for the live streams of all teams; every other request passes."""

    def __init__(self, app: App, *, hub: Hub, authorise: Authorise, keep_alive_seconds: float = 15) -> None:
        self._app = app
        self._hub = hub
        self._authorise = authorise
        self._keep_alive_seconds = keep_alive_seconds
        # Checking a cookie takes a thread and a connection; a crowd that reconnects must not take them all.
        self._gate = Gate(4, queue=2000, patience=20)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream a team's news to whoever may see the team: 401 without a sign-in, 404 for strangers."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "GET" or "text/event-stream" not in header(scope, b"accept"):
            await self._app(scope, receive, send)
            return
        if self._hub.stopping:
            await answer(send, 503, "The studio is restarting.", headers=_RETRY)
            return
        grant = await self._grant(scope, found[1])
        if grant is None:
            await answer(send, 503, "The studio is very busy.", headers=_RETRY)
        elif isinstance(grant, Refusal):
            await answer(send, grant.value, "Sign in." if grant is Refusal.SIGN_IN else "There is no such team.")
        else:
            # A browser that reconnects by itself repeats the last id it saw.
            await self._stream(grant, receive, send, returning=bool(header(scope, b"last-event-id")))

    async def _grant(self, scope: Scope, slug: str) -> LiveGrant | Refusal | None:
        cookies = parse_cookie(header(scope, b"cookie"))
        if not cookies:
            return Refusal.SIGN_IN
        async with self._gate.place() as inside:
            if not inside:
                return None
            try:
                return await in_thread(lambda: self._authorise(cookies, slug))
            except Error:
                logger.warning("A live stream could not be authorised", exc_info=True)
                return None

    async def _stream(self, grant: LiveGrant, receive: Receive, send: Send, *, returning: bool) -> None:
        client = self._hub.subscribe(grant, returning=returning)
        hang_up = asyncio.create_task(_hang_up(receive, client))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            # Spread, so that browsers do not all come back at once.
            await _send(send, f"retry: {2000 + grant.user_id % 1000}\n\n")
            async with aclosing(self._texts(client)) as texts:
                async for text in texts:
                    if hang_up.done():
                        return
                    await _send(send, text)
            await send({"type": "http.response.body"})
        except TimeoutError:
            logger.info("A live stream took nothing for %d seconds", _SEND_SECONDS)
        finally:
            self._hub.unsubscribe(client)
            hang_up.cancel()
            await asyncio.wait([hang_up])

    async def _texts(self, client: Client) -> AsyncGenerator[str, None]:
        """Yield what to send, a comment when there is nothing to say, until the closing words."""
        while True:
            try:
                async with asyncio.timeout(self._keep_alive_seconds):
                    batch = await client.next()
            except TimeoutError:
                yield ": keep-alive\n\n"
                continue
            yield _encoded(batch)
            if batch[-1].event == "closing":
                return


def _encoded(batch: Iterable[News]) -> str:
    # The id is the same each time: it only tells a new stream from one that continues.
    return "".join(f"id: 1\nevent: {news.event}\ndata: {news.about}\n\n" for news in batch)


async def _send(send: Send, text: str) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _hang_up(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.end("gone")
