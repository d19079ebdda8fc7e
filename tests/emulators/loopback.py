"""A small HTTP server on loopback that can also misbehave: reset, drip, cut and overflow.

One request per connection. It runs in its own thread with its own event loop, so that synchronous tests, async
tests and other processes can all talk to it.
"""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

import h11

PIECE = 256 * 1024


@dataclass(frozen=True)
class Request:
    """What a client asked for; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Wire:
    """The way back to the client: well-formed answers and every kind of broken one."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def answer(self, status: int, body: Iterable[bytes] | bytes = b"", **headers: str) -> None:
        """Send a whole answer; keyword `content_type` becomes the header `content-type`."""
        parts = [body] if isinstance(body, bytes) else list(body)
        length = sum(len(part) for part in parts)
        await self.head(status, {"content-length": str(length)} | {k.replace("_", "-"): v for k, v in headers.items()})
        for part in parts:
            await self.write(part)

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status line and headers, exactly those given and `connection: close`."""
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        await self.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def write(self, data: bytes) -> None:
        """Send bytes as they are, in pieces, so that a slow reader costs no memory here."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self._writer.write(view[start : start + PIECE])
            await self._writer.drain()

    def reset(self) -> None:
        """Drop the connection with a TCP reset; what was not yet read is lost."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Handler = Callable[[Request, Wire], Awaitable[None]]


class LoopbackServer:
    """Serves one handler on a port of the system's choice while its `with` block lasts."""

    def __init__(self, handler: Handler, *, host: str = "127.0.0.1", ssl_context: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._host = host
        self._ssl = ssl_context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loopback-server", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.port = 0

    @property
    def place(self) -> str:
        """`host:port`, as PRIVATE_HOSTS wants it."""
        return f"[{self._host}]:{self.port}" if ":" in self._host else f"{self._host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without a closing slash."""
        return f"{'https' if self._ssl else 'http'}://{self.place}"

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the loopback server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, self._host, 0, backlog=2048, ssl=self._ssl)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            request = await _read_request(reader)
            if request:
                await self._handler(request, Wire(writer))
        except (ConnectionError, h11.RemoteProtocolError):
            # The client left or spoke no HTTP: what happened is its business, the server goes on.
            writer.transport.abort()
        finally:
            writer.close()
            self._tasks.discard(task)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    connection = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(64 * 1024))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head:
            headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
        else:
            return None


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown"
