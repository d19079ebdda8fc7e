"""The web process as browsers and proxies meet it."""

import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from studio.runtime.home import ROOT
from tests.runtime.processes import free_port, wait_until

# uvicorn's own patience with a connection that is idle.
UVICORN_SECONDS = 5
_SERVE = """
import sys
from studio.runtime.web import listen, serve

async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

serve(application, listen("127.0.0.1", int(sys.argv[1])), trusted_proxies=[], on_stop=lambda: None)
"""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a web process that answers everything."""
    chosen = free_port()
    process = subprocess.Popen([sys.executable, "-c", _SERVE, str(chosen)], cwd=ROOT)
    try:
        wait_until(lambda: answers(chosen) or process.poll() is not None, "the web process")
        yield chosen
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    """Whether it has begun to answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            return status(connection) == 204
        except ConnectionRefusedError:
            return False


def status(connection: http.client.HTTPConnection) -> int:
    """Ask once on this connection, and never on another one."""
    connection.request("POST", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_idle_connection_stays_open_for_the_next_request(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.connect()
        connection.auto_open = 0
        assert status(connection) == 204

        time.sleep(UVICORN_SECONDS + 1)
        assert status(connection) == 204
