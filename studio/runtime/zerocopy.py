"""HTTP/1.1 as uvicorn speaks it, and files that the kernel sends without this process ever holding their bytes.

It offers two extensions, on plain connections; TLS is for a server in front. "atelier.files", for answers of a known
length: a message with `stretches`, in place of a piece of the body, each of them the bytes that go before it, an open
descriptor, and from where to where. And "atelier.reset": a message that ends the connection and drops what the kernel
still holds for its reader.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

FILES: Final = "atelier.files"
RESET: Final = "atelier.reset"

# After so much for one reader that keeps up everybody else has a turn.
_TURN: Final = 8 * 1024 * 1024
# Lets the kernel fill its packets across the borders of files. Not every system has it.
_CORK: Final = getattr(socket, "TCP_CORK", None)
# On, for no seconds: closing waits for nothing.
_NO_LINGER: Final = struct.pack("ii", 1, 0)

_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]


class ZeroCopyProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._behind = self.app
        self.app = self._answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin. Writing is paused as long as anything waits, because no file may overtake it."""
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    async def _answer(self, scope: Any, receive: Any, send: _Send) -> None:
        """Answer one request, with the extensions on offer."""
        scope.setdefault("extensions", {}).update({FILES: {}, RESET: {}})
        await self._behind(scope, receive, _Answer(self, send).send)


class _Promised:
    """So many bytes of a body, sent past the parser, which only counts them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class _Answer:
    """One answer. From its first file to its end it goes past uvicorn, which would take longer than the kernel."""

    def __init__(self, connection: ZeroCopyProtocol, send: _Send) -> None:
        self._connection = connection
        self._socket: int = connection.transport.get_extra_info("socket").fileno()
        self._send = send
        self._has_files = False
        # Sent, and not yet told to the parser.
        self._untold = 0
        self._in_turn = 0

    async def send(self, message: _Message) -> None:
        """Send what one message of ASGI says; a reader that has gone takes everything, as everywhere."""
        if message["type"] == FILES:
            if not self._has_files:
                self._has_files = True
                self._cork(True)
            await self._copy(message["stretches"])
        elif message["type"] == RESET:
            await self._reset()
        elif not self._has_files:
            await self._send(message)
        elif message.get("more_body", False):
            if await self._has_room():
                self._connection.transport.write(message["body"])
                self._untold += len(message["body"])
        else:
            if await self._has_room():
                told = h11.Data(data=_Promised(self._untold))  # type: ignore[arg-type]  # as h11 documents
                self._connection.conn.send_with_data_passthrough(told)
            await self._send(message)
            self._cork(False)

    async def _copy(self, stretches: Sequence[tuple[bytes, int, int, int]]) -> None:
        """Let the kernel send bytes and stretches of files.

        As few steps as possible stand between two files, because each of them runs with cold caches.
        """
        length = sum(len(before) + stop - start for before, _, start, stop in stretches)
        self._untold += length
        is_open = await self._has_room()
        self._in_turn += length
        for before, descriptor, start, stop in stretches:
            head, place = before, start
            while is_open and (head or place < stop):
                try:
                    if head:
                        head = head[os.write(self._socket, head) :]
                    else:
                        sent = os.sendfile(self._socket, descriptor, place, stop - place)
                        if not sent:
                            raise OSError(f"A file ended {stop - place} bytes early")
                        place += sent
                except BlockingIOError:
                    await self._wait()
                    is_open = await self._has_room()
                except (BrokenPipeError, ConnectionResetError):
                    await self._abort()
                    return

    async def _wait(self) -> None:
        """Wait until the kernel takes more."""
        loop = asyncio.get_running_loop()
        is_writable = loop.create_future()
        # The transport lets nobody else watch its own descriptor.
        watched = os.dup(self._socket)
        loop.add_writer(watched, is_writable.set_result, None)
        try:
            await is_writable
        finally:
            loop.remove_writer(watched)
            os.close(watched)

    async def _has_room(self) -> bool:
        """Wait until everything that was written is with the kernel; False if the reader has gone."""
        connection = self._connection
        if connection.flow.write_paused:
            self._in_turn = 0
            await connection.flow.drain()
        elif self._in_turn >= _TURN:
            self._in_turn = 0
            await asyncio.sleep(0)
        return not (connection.cycle.disconnected or connection.transport.is_closing())

    async def _abort(self) -> None:
        self._connection.transport.abort()
        # The transport tells of its end in the next turn; until then nothing else may be written to it.
        await asyncio.sleep(0)

    async def _reset(self) -> None:
        if not self._connection.transport.is_closing():
            self._connection.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
            )
            await self._abort()

    def _cork(self, is_in: bool) -> None:
        if _CORK is not None and not self._connection.transport.is_closing():
            self._connection.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, _CORK, is_in)
