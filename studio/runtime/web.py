"""The web process: uvicorn, one process, with streams that end when it is asked to stop."""

import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from studio.runtime.zerocopy import ZeroCopyProtocol

_GRACE_SECONDS = 3
# Longer than a proxy keeps an idle connection, so that none is closed while a request is on its way to it.
_IDLE_SECONDS = 75


class WebServer(uvicorn.Server):
    """A server that tells the application to end its live streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: without the word to the streams the wait below would always take its whole time."""
        self._on_stop()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address, which fails at once if another program has it.

    It does not listen yet, so nobody waits on it for an application that may never come.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once; without it each may wait 40 ms for the browser.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def serve(
    application: Callable[..., Any],
    bound: socket.socket,
    *,
    trusted_proxies: Sequence[str],
    on_stop: Callable[[], None],
) -> None:
    """Serve the ASGI application on a bound socket until TERM or Ctrl-C; `on_stop` must make its streams end."""
    config = uvicorn.Config(
        application,
        http=ZeroCopyProtocol,
        log_config=None,  # Django's settings have the last word on logging
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws="none",
    )
    server = WebServer(config, on_stop)
    # uvicorn raises the signal it has obeyed once more at its end, which would make a clean end look like a kill.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    server.run(sockets=[bound])
