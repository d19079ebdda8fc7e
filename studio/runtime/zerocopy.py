"""HTTP/1.1 as uvicorn speaks it, and files that the kernel sends without this process ever holding their bytes.

It offers ASGI's own extension "http.response.zerocopysend": a message with `file` (an open descriptor), `offset` and
`count`, in place of a piece of the body.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

EXTENSION: Final = "http.response.zerocopysend"

_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


class _Promised:
    """So many bytes of a body, sent past the parser, which only counts them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class _File:
    """What asyncio wants of a file that it sends."""

    mode = "rb"

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor


class ZeroCopyProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._behind = self.app
        self.app = self._answer

    async def _answer(self, scope: Any, receive: Any, send: _Send) -> None:
        """Answer one request, with the extension on offer."""

        async def send_or_copy(message: _Message) -> None:
            if message["type"] == EXTENSION:
                await self._copy(message["file"], message["offset"], message["count"])
            else:
                await send(message)

        scope.setdefault("extensions", {})[EXTENSION] = {}
        await self._behind(scope, receive, send_or_copy)

    async def _copy(self, descriptor: int, offset: int, count: int) -> None:
        """Let the kernel send a stretch of a file; a reader that has gone ends the connection, as everywhere."""
        if self.flow.write_paused and not self.cycle.disconnected:
            await self.flow.drain()
        if self.cycle.disconnected or self.transport.is_closing():
            return
        self.conn.send_with_data_passthrough(h11.Data(data=_Promised(count)))  # type: ignore[arg-type]  # as h11 documents
        try:
            sent = await self.loop.sendfile(
                self.transport,
                _File(descriptor),  # type: ignore[arg-type]  # all that asyncio uses of a file
                offset,
                count,
                fallback=False,
            )
        except (BrokenPipeError, ConnectionResetError):
            self.transport.abort()
            # The transport tells of its end in the next turn; until then nothing else may be written to it.
            await asyncio.sleep(0)
            return
        if sent != count:
            raise OSError(f"A file ended {count - sent} bytes early")
