"""The cap on Django's threads, and what it keeps out."""

import asyncio
import errno
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from studio.core import asgi
from studio.core.asgi import Gate, Message, Receive, Scope, Send, ThreadCap
from tests.core import urls
from tests.serving import Server, wait_until


def test_never_more_inside_django_than_there_are_places(server: Server) -> None:
    urls.most_inside = 0
    with httpx.Client(base_url=server.url, trust_env=False) as client, ThreadPoolExecutor(30) as crowd:
        answers = list(crowd.map(lambda _: client.get("/slow").text, range(30)))
    assert answers == ["done"] * 30
    assert urls.most_inside == 4


def test_slow_senders_hold_no_place(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    for connection in slow:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n12345")
    assert httpx.get(f"{server.url}/open", trust_env=False).status_code == 200
    for connection in slow:
        connection.close()


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}])
def test_body_past_the_limit_is_refused(server: Server, headers: dict[str, str]) -> None:
    answer = _post(server, b"x" * 100_001, headers)
    assert answer == 413


def test_body_that_is_announced_too_long_is_refused_before_it_arrives(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 209715200\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("headers", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_refusal_reaches_who_sends_everything_before_reading(server: Server, headers: str) -> None:
    body = b"x" * 30_000_000
    if "chunked" in headers:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(f"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n\r\n".encode() + body)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 413")
    assert received.endswith(b"The request is too large.")


def test_refused_body_that_never_ends_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_DROPPING_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 209715200\r\n\r\nxxx")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.endswith(b"The request is too large.")


def test_an_address_may_have_a_limit_of_its_own() -> None:
    app = ThreadCap(_django, most_bytes={"/": 4, "/large": 5}.__getitem__)
    assert [asyncio.run(_send(app, path)) for path in ("/", "/large")] == [413, 200]


async def _send(app: ThreadCap, path: str) -> int:
    """Send five bytes to an address."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"12345", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    status: int = sent[0]["status"]
    return status


def _post(server: Server, body: bytes, headers: dict[str, str]) -> int:
    content = iter([body]) if headers else body
    return httpx.post(f"{server.url}/echo", content=content, trust_env=False).status_code


async def _django(_scope: Scope, receive: Receive, send: Send) -> None:
    """Behave like Django: read the body, give up on a hang-up, and take a moment."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body", False):
            break
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


async def _ask(app: ThreadCap) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(part.get("body", b"") for part in sent[1:])


async def _crowd(app: ThreadCap, size: int) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    return await asyncio.gather(*(_ask(app) for _ in range(size)))


def test_crowd_longer_than_the_queue_is_sent_away() -> None:
    answers = asyncio.run(_crowd(ThreadCap(_django, places=2, queue=3, patience=60, most_bytes=1), 10))
    assert sorted(status for status, _, _ in answers) == [200] * 5 + [503] * 5
    headers = next(headers for status, headers, _ in answers if status == 503)
    assert headers[b"retry-after"] == b"2"
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_who_waits_too_long_is_sent_away_and_the_place_is_not_lost() -> None:
    app = ThreadCap(_django, places=1, queue=10, patience=0.01, most_bytes=1)
    answers = asyncio.run(_crowd(app, 3))
    assert sorted(status for status, _, _ in answers) == [200, 503, 503]
    # The same cap on another event loop begins anew, and every place is free again.
    assert [status for status, _, _ in asyncio.run(_crowd(app, 1))] == [200]


def test_body_that_finds_no_room_on_the_disk_is_told_so() -> None:
    async def full(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    status, headers, body = asyncio.run(_ask(ThreadCap(full, most_bytes=1)))
    assert (status, headers[b"connection"]) == (507, b"close")
    assert body == b"The storage is full, so nothing was changed. Tell the person who runs Atelier."


def test_place_comes_back_after_a_failure() -> None:
    async def failing(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        raise ZeroDivisionError

    async def twice() -> int:
        app = ThreadCap(failing, places=1, queue=1, patience=0.01, most_bytes=1)
        failures = 0
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await _ask(app)
            failures += 1
        return failures

    assert asyncio.run(twice()) == 2


def test_gate_gives_the_place_of_a_cancelled_holder_to_the_next() -> None:
    async def play() -> tuple[bool, bool]:
        gate = Gate(1, queue=5, patience=5)

        async def hold() -> None:
            async with gate.place():
                await asyncio.sleep(60)

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiter = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        waited = not waiter.done()
        holder.cancel()
        return waited, await waiter

    assert asyncio.run(play()) == (True, True)


def test_hang_up_while_waiting_leaves_no_thread_behind(server: Server) -> None:
    urls.inside.clear()
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    wait_until(lambda: not urls.inside)
    assert httpx.get(f"{server.url}/slow", trust_env=False).text == "done"
