"""Bodies that another server keeps: asked for once, in small blocks, and let go of when nobody wants them."""

import asyncio
import threading
from collections.abc import Callable

import httpx
import pytest

from studio.core.bodies import CHUNK, BodyFailedError, RemoteBody
from tests.serving import Server, wait_until

DATA = bytes(range(256)) * (3 * CHUNK // 256) + b"end"


class Part:
    """A part of DATA that notes what is done with it."""

    def __init__(self, start: int, stop: int, *, shorter_by: int = 0) -> None:
        self.asked = (start, stop)
        self.sizes: list[int] = []
        self.is_closed = False
        self._data = DATA[start : stop - shorter_by]

    def read(self, size: int) -> bytes:
        """Return the next bytes, as a network does: often fewer than were wanted."""
        self.sizes.append(size)
        data, self._data = self._data[: min(size, 100_000)], self._data[min(size, 100_000) :]
        return data

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


class Remote:
    """Another server; remembers the parts that were asked for."""

    def __init__(self, *, shorter_by: int = 0) -> None:
        self.parts: list[Part] = []
        self._shorter_by = shorter_by

    def open(self, start: int, stop: int) -> Part:
        """Begin to send a part."""
        self.parts.append(Part(start, stop, shorter_by=self._shorter_by))
        return self.parts[-1]

    def body(self, opening: bytes = b"") -> RemoteBody:
        """Return all of it."""
        return RemoteBody(self.open, length=len(DATA), opening=opening)


def read(body: RemoteBody, start: int, stop: int) -> bytes:
    async def collect() -> bytes:
        return b"".join([data async for data in body.chunks(start, stop)])

    return asyncio.run(collect())


@pytest.mark.parametrize(
    ("start", "stop"), [(0, len(DATA)), (5, 6), (CHUNK - 1, 2 * CHUNK + 1), (len(DATA) - 1, len(DATA))]
)
def test_part_is_asked_for_once_and_read_in_blocks(start: int, stop: int) -> None:
    remote = Remote()
    assert read(remote.body(), start, stop) == DATA[start:stop]
    [part] = remote.parts
    assert (part.asked, part.is_closed) == ((start, stop), True)
    assert max(part.sizes) <= CHUNK


def test_nothing_is_asked_for_where_nothing_is_wanted() -> None:
    remote = Remote()
    assert read(remote.body(), 7, 7) == b""
    assert remote.parts == []


def test_opening_that_is_known_is_not_asked_for_again() -> None:
    remote = Remote()
    body = remote.body(DATA[:1000])
    assert read(body, 0, 1000) == DATA[:1000]
    assert read(body, 10, 20) == DATA[10:20]
    assert remote.parts == []
    assert read(body, 990, 1010) == DATA[990:1010]
    assert read(body, 2000, 2001) == DATA[2000:2001]
    assert [part.asked for part in remote.parts] == [(1000, 1010), (2000, 2001)]


def test_part_that_ends_early_is_a_failure_and_is_closed() -> None:
    remote = Remote(shorter_by=1)
    with pytest.raises(BodyFailedError):
        read(remote.body(), 0, len(DATA))
    assert remote.parts[0].is_closed


def test_part_that_nobody_wants_any_more_is_closed() -> None:
    remote = Remote()

    async def begin_and_leave() -> None:
        chunks = remote.body().chunks(0, len(DATA))
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(begin_and_leave())
    assert remote.parts[0].is_closed


def test_reader_that_leaves_while_it_waits_leaves_nothing_open() -> None:
    remote, begun, go_on = Remote(), threading.Event(), threading.Event()

    def slow(start: int, stop: int) -> Part:
        begun.set()
        go_on.wait(10)
        return remote.open(start, stop)

    async def leave() -> None:
        waiting = asyncio.create_task(anext(RemoteBody(slow, length=10).chunks(0, 10)))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(leave())
    assert remote.parts[0].is_closed


@pytest.fixture
def ask(server: Server) -> Callable[[str], httpx.Response]:
    """Ask the server for something."""
    return lambda path: httpx.get(server.url + path, trust_env=False)


def test_body_that_cannot_begin_says_why(ask: Callable[[str], httpx.Response]) -> None:
    answer = ask("/refusing")
    assert (answer.status_code, answer.text) == (503, "The studio is very busy. Try again in a few seconds.")
    expected = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "retry-after": "3",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    for name in ("etag", "accept-ranges", "content-disposition", "x-atelier-body"):
        assert name not in answer.headers


def test_server_answers_on_after_a_refusal(ask: Callable[[str], httpx.Response]) -> None:
    ask("/refusing")
    wait_until(lambda: ask("/open").status_code == 200)
