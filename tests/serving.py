"""A real server for tests: uvicorn in a thread on a port of the system's choice."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from studio.runtime.zerocopy import ZeroCopyProtocol


class Server(uvicorn.Server):
    """A uvicorn that says where it is, and that tests can tell to stop as TERM would."""

    def __init__(self, application: Callable[..., Any], *, on_stop: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            application,
            http=ZeroCopyProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=3,
        )
        super().__init__(config)
        self._on_stop = on_stop
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.run, kwargs={"sockets": [self._socket]}, name="test server")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop like the web process."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)

    def begin(self) -> None:
        """Start, and return when it answers."""
        self._thread.start()
        wait_until(lambda: self.started or not self._thread.is_alive())
        assert self.started, "The server did not start; its log says why."

    def end(self) -> float:
        """Stop, and return how many seconds that took."""
        begun = time.monotonic()
        self.should_exit = True
        self._thread.join(30)
        self._socket.close()
        assert not self._thread.is_alive()
        return time.monotonic() - begun


@contextmanager
def serving(application: Callable[..., Any], *, on_stop: Callable[[], None] | None = None) -> Iterator[Server]:
    """Serve an ASGI application for the length of a block."""
    server = Server(application, on_stop=on_stop)
    server.begin()
    try:
        yield server
    finally:
        server.end()


def wait_until(is_so: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for something that happens elsewhere; fails if it does not."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"Nothing happened within {seconds} s."
        time.sleep(0.01)
