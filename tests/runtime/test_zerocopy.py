"""Files sent by the kernel: the same bytes, at the reader's pace, and an end when either side is gone."""

import http.client
import os
import random
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from studio.core.asgi import Message, Receive, Scope, Send
from studio.core.bodies import CHUNK, STRETCH, Body, FileBody, Piece, Run
from studio.core.streaming import Window, send_window
from studio.runtime.zerocopy import FILES
from tests.serving import Server, serving, wait_until

SIZE = STRETCH + 3 * CHUNK + 12_345


class Joined:
    """A part of one file again and again in one run, each time with other words before it."""

    def __init__(self, path: Path, words: Sequence[bytes], *, part: int) -> None:
        self._path, self._words, self._part = path, words, part
        self.length = sum(map(len, words)) + part * len(words)

    def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Never asked for where the server sends files."""
        raise AssertionError((start, stop))

    async def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce everything as one run."""
        with closing(Run()) as run:
            for words in self._words:
                assert FileBody(self._path).join(run, 0, self._part, before=words)
            assert (start, stop) == (0, len(run))
            yield run


class Site:
    """Sends one file, or another body, or the part of it that the path names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.body: Body | None = None
        self.sent: list[str] = []
        self.over = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        start, stop = (int(number) for number in scope["path"].strip("/").split("-"))
        head = {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(stop - start).encode())],
        }

        async def noted(message: Message) -> None:
            self.sent.append(message["type"])
            await send(message)

        assert FILES in scope["extensions"]
        try:
            body = self.body or FileBody(self.path)
            await send_window(Window(body, start, stop), head, receive, noted, extensions=[FILES])
        finally:
            self.over.set()


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    """What is in the file."""
    made = random.Random(7).randbytes(SIZE)
    (tmp_path / "picture").write_bytes(made)
    return made


@pytest.fixture
def site(tmp_path: Path, content: bytes) -> Site:
    """The application."""
    return Site(tmp_path / "picture")


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    """Where it answers."""
    with serving(site) as running:
        yield running


@pytest.mark.parametrize(
    ("start", "stop"), [(0, SIZE), (0, 1), (1, CHUNK), (STRETCH - 1, STRETCH + 1), (SIZE - 5, SIZE), (7, SIZE - 7)]
)
def test_any_part_is_exact_and_was_never_read(
    server: Server, site: Site, content: bytes, start: int, stop: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(2):  # the connection is kept, as for any other answer
        connection.request("GET", f"/{start}-{stop}")
        assert connection.getresponse().read() == content[start:stop]
    connection.close()
    assert set(site.sent) == {"http.response.start", FILES, "http.response.body"}


@pytest.mark.parametrize("pause", [0, 0.3])
def test_files_of_a_run_follow_each_other_with_what_stands_between(
    server: Server, site: Site, content: bytes, pause: float
) -> None:
    words = [bytes([number]) * 20_000 for number in range(100)]
    site.body = Joined(site.path, words, part=150_000)
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(f"GET /0-{site.body.length} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        time.sleep(pause)  # by then everything that holds bytes is full
        with reader.makefile("rb") as answer:
            body = answer.read().partition(b"\r\n\r\n")[2]
    assert body == b"".join(word + content[:150_000] for word in words)
    assert site.sent == ["http.response.start", FILES, "http.response.body"]


def test_cold_file_is_read_first_and_sent_all_the_same(
    server: Server, site: Site, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)  # as on a system that cannot say what is in memory
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/0-{SIZE}")
    assert connection.getresponse().read() == content
    connection.close()


def test_reader_that_hangs_up_ends_the_sending(server: Server, site: Site) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader.sendall(f"GET /0-{SIZE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert reader.recv(1000)
    wait_until(site.over.is_set)


@pytest.mark.parametrize("cut", [0, 1000, STRETCH + 1])
def test_file_that_shrinks_breaks_the_connection(
    server: Server, site: Site, cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = FileBody.pieces

    def shrunk(body: FileBody, start: int, stop: int) -> object:
        os.truncate(site.path, cut)
        return measured(body, start, stop)

    monkeypatch.setattr(FileBody, "pieces", shrunk)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/0-{SIZE}")
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as broken:
        answer.read()
    assert len(broken.value.partial) <= cut
    connection.close()
