"""The web process from the outside in: live streams, static files and bodies, then Django behind its cap.

The server calls `stop_streams` when it is told to end: it waits for open streams, and none would end by itself.
"""

import os
import re
from typing import Final

from asgiref.sync import sync_to_async
from django import setup
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
setup(set_prefix=False)

from studio.core.asgi import App, Receive, Scope, Send, ThreadCap  # noqa: E402  # after setup, as Django asks
from studio.core.staticfiles import StaticFiles, whitenoise_lookup  # noqa: E402
from studio.core.streaming import BodyStreamer  # noqa: E402
from studio.live.hub import Hub  # noqa: E402
from studio.live.stream import LiveStream  # noqa: E402
from studio.teams.access_live import live_grant, still_granted  # noqa: E402

MOST_REQUEST_BYTES: Final = 64 * 1024 * 1024
# One picture of 128 MB, the most that is kept, and the form around it.
MOST_UPLOAD_BYTES: Final = 130 * 1024 * 1024
MOST_HOOK_BYTES: Final = 64 * 1024
_UPLOAD: Final = re.compile(r"/t/[^/]+/library/upload/")


def most_bytes(path: str) -> int:
    """Return the longest body that an address takes."""
    if path.startswith("/hooks/"):
        return MOST_HOOK_BYTES
    return MOST_UPLOAD_BYTES if _UPLOAD.fullmatch(path) else MOST_REQUEST_BYTES


class OneHopHandler(ASGIHandler):
    """Django with its whole chain in one step to the request's thread.

    Every view and middleware here is synchronous; Django's own handler would go to the thread and back for each
    of them.
    """

    def __init__(self) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Answer one request."""
        return await sync_to_async(self.get_response)(request)


class Site:
    """The outermost application: begins and ends with the server."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        django = ThreadCap(OneHopHandler(), most_bytes=most_bytes)
        prefix, find = whitenoise_lookup()
        static = StaticFiles(BodyStreamer(django), prefix=prefix, find=find)
        self._app: App = LiveStream(static, hub=hub, authorise=live_grant)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "http":
            await self._app(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._hub.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._hub.close()
        await send({"type": "lifespan.shutdown.complete"})


hub = Hub(still_granted=still_granted)
application = Site(hub)


def stop_streams() -> None:
    """End every live stream, so that the server can; safe in a signal handler and from any thread."""
    hub.stop()
