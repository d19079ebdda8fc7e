"""Static files in front of Django, by WhiteNoise's own lookups and headers.

WhiteNoise inside Django hands ASGI a synchronous file: Django would hold a thread per file and read it whole into
memory before its first byte.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from studio.core.asgi import App, Receive, Scope, Send, answer, header, raw_headers
from studio.core.bodies import FileBody
from studio.core.streaming import Window, send_window

Find = Callable[[str], StaticFile | None]

# An SVG opened by itself is a document: it may colour itself, and nothing else.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"


def whitenoise_lookup() -> tuple[str, Find]:
    """Return the prefix of static addresses and WhiteNoise's way to find what is behind one, from its settings."""
    files = WhiteNoiseMiddleware(lambda _request: None)
    return files.static_prefix, files.find_file if files.autorefresh else files.files.get


class StaticFiles:
    """Answers for everything below one prefix; the rest passes."""

    def __init__(self, app: App, *, prefix: str, find: Find) -> None:
        self._app = app
        self._prefix = prefix
        self._find = find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, or say that there is none, without waking Django."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await answer(send, 405, "Only GET and HEAD.", headers=[("Allow", "GET, HEAD")])
        else:
            found = self._find(scope["path"])
            if found is None:
                await answer(send, 404, "There is no such file.")
            else:
                await _send_file(found, scope, receive, send)


async def _send_file(found: StaticFile, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the smallest variant that the browser can read, or only that it has it already."""
    asked = {
        "HTTP_ACCEPT_ENCODING": header(scope, b"accept-encoding"),
        **_given("HTTP_IF_NONE_MATCH", header(scope, b"if-none-match")),
        **_given("HTTP_IF_MODIFIED_SINCE", header(scope, b"if-modified-since")),
    }
    if found.is_not_modified(asked):
        kept = raw_headers(found.not_modified_response.headers, policy=_POLICY)
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body"})
        return
    path, headers = found.get_path_and_headers(asked)
    head = {"type": "http.response.start", "status": 200, "headers": raw_headers(headers, policy=_POLICY)}
    if scope["method"] == "HEAD":
        await send(head)
        await send({"type": "http.response.body"})
        return
    try:
        body = FileBody(Path(path))
    except FileNotFoundError:
        # Removed by an upgrade that this process has not been restarted for.
        await answer(send, 404, "There is no such file any more.")
        return
    await send_window(Window(body, 0, body.length), head, receive, send)


def _given(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}
