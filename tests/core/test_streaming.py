"""Downloads over real connections: exact bytes, flat memory, honest failures."""

import hashlib
import http.client
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from studio.core.bodies import CHUNK, FileBody
from studio.core.streaming import stream_response
from tests.serving import Server, wait_until

SIZE = 3 * CHUNK + 12_345


@pytest.fixture(scope="module")
def content(folder: Path) -> bytes:
    """What is in the file `picture`."""
    made = random.Random(7).randbytes(SIZE)
    (folder / "picture").write_bytes(made)
    (folder / "empty").write_bytes(b"")
    return made


@pytest.fixture
def http_client(server: Server) -> Iterator[httpx.Client]:
    """A browser without a session."""
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def _edges() -> list[tuple[int, int]]:
    at = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, SIZE - 2, SIZE - 1]
    return [(first, last) for first in at for last in at if first <= last]


def test_whole_file_arrives_with_its_headers(http_client: httpx.Client, content: bytes) -> None:
    answer = http_client.get("/file/picture", params={"as": "Café 1.png"})
    assert (answer.status_code, answer.content) == (200, content)
    expected = {
        "content-length": str(SIZE),
        "content-type": "image/png",
        "content-disposition": "attachment; filename=\"Cafe 1.png\"; filename*=UTF-8''Caf%C3%A9%201.png",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=3600",
        "accept-ranges": "bytes",
        "etag": '"v1"',
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert "x-atelier-body" not in answer.headers
    assert "content-range" not in answer.headers


def test_every_range_at_the_edges_is_exact(http_client: httpx.Client, content: bytes) -> None:
    for first, last in _edges():
        answer = http_client.get("/file/picture", headers={"Range": f"bytes={first}-{last}"})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
        assert answer.headers["content-length"] == str(last - first + 1)
        assert answer.content == content[first : last + 1]


def test_random_ranges_open_and_suffix_are_exact(http_client: httpx.Client, content: bytes) -> None:
    chance = random.Random(11)
    for _ in range(60):
        at = chance.randrange(SIZE)
        assert http_client.get("/file/picture", headers={"Range": f"bytes={at}-"}).content == content[at:]
        length = chance.randrange(1, SIZE)
        assert http_client.get("/file/picture", headers={"Range": f"bytes=-{length}"}).content == content[-length:]


def test_interrupted_download_resumes_to_the_same_bytes(http_client: httpx.Client, content: bytes) -> None:
    headers = {"Range": f"bytes={CHUNK}-", "If-Range": '"v1"'}
    rest = http_client.get("/file/picture", headers=headers)
    assert rest.status_code == 206
    assert hashlib.sha256(content[:CHUNK] + rest.content).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("asked", [{"Range": "bytes=0-9,20-29"}, {"Range": "bytes=0-9", "If-Range": '"v0"'}])
def test_several_ranges_and_another_version_get_everything(
    http_client: httpx.Client, content: bytes, asked: dict[str, str]
) -> None:
    answer = http_client.get("/file/picture", headers=asked)
    assert (answer.status_code, answer.content) == (200, content)


def test_range_past_the_end_is_refused(http_client: httpx.Client, content: bytes) -> None:
    answer = http_client.get("/file/picture", headers={"Range": f"bytes={SIZE}-"})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"
    assert "content-disposition" not in answer.headers


def test_known_copy_is_not_sent_again(http_client: httpx.Client, content: bytes) -> None:
    answer = http_client.get("/file/picture", headers={"If-None-Match": '"v0", W/"v1"', "Range": "bytes=0-1"})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"v1"')


def test_head_has_the_same_headers_and_no_body(http_client: httpx.Client, content: bytes) -> None:
    got, headed = http_client.get("/file/picture"), http_client.head("/file/picture")
    ours = {name: value for name, value in got.headers.items() if name != "date"}
    assert {name: value for name, value in headed.headers.items() if name != "date"} == ours
    assert headed.content == b""
    ranged = http_client.head("/file/picture", headers={"Range": "bytes=0-9"})
    assert (ranged.status_code, ranged.headers["content-length"]) == (206, "10")
    assert http_client.get("/file/picture").content == content


def test_empty_file_is_empty(http_client: httpx.Client, content: bytes) -> None:
    answer = http_client.get("/file/empty")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


def test_other_method_gets_everything_whatever_it_asks(http_client: httpx.Client, content: bytes) -> None:
    answer = http_client.request("OPTIONS", "/file/picture", headers={"Range": "bytes=0-1", "If-None-Match": "*"})
    assert (answer.status_code, answer.content) == (200, content)


def test_missing_file_fails_before_any_byte() -> None:
    with pytest.raises(FileNotFoundError):
        FileBody(Path("/nowhere/picture"))


def test_page_that_replaced_a_body_is_sent_itself(http_client: httpx.Client) -> None:
    answer = http_client.get("/replaced")
    assert answer.status_code == 409
    assert "Somebody was faster." in answer.text


def test_body_that_cannot_begin_is_an_error(http_client: httpx.Client) -> None:
    assert http_client.get("/failing/0").status_code == 500


@pytest.mark.parametrize("path", ["/failing/500000", "/wrong/999"])
def test_body_that_breaks_breaks_the_connection(http_client: httpx.Client, path: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        http_client.get(path)


def test_body_never_says_more_than_promised(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /wrong/1001 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.partition(b"\r\n\r\n")[2] == b""


def test_file_cut_short_meanwhile_breaks_the_connection(server: Server, folder: Path) -> None:
    (folder / "shrinking").write_bytes(b"x" * 50_000_000)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/file/shrinking")
    answer = connection.getresponse()
    assert len(answer.read(1000)) == 1000
    (folder / "shrinking").write_bytes(b"x" * 1000)
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()


def test_file_replaced_meanwhile_is_sent_whole(server: Server, folder: Path) -> None:
    (folder / "old").write_bytes(b"o" * 30_000_000)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/file/old")
    answer = connection.getresponse()
    (folder / "new").write_bytes(b"n" * 30_000_000)
    (folder / "new").replace(folder / "old")
    assert answer.read() == b"o" * 30_000_000
    connection.close()


def test_hang_up_closes_the_file(server: Server, folder: Path) -> None:
    large = folder / "large"
    _make_sparse(large, 200_000_000)
    reader = _SlowReader(server, "/file/large")
    wait_until(lambda: _is_open(large))
    reader.close()
    wait_until(lambda: not _is_open(large))


def test_200_megabytes_add_at_most_10_to_memory(server: Server, folder: Path) -> None:
    _make_sparse(folder / "large", 200_000_000)
    process = psutil.Process()
    _drain(server, "/file/large")
    before = process.memory_info().rss
    highest = _drain(server, "/file/large", look=lambda: process.memory_info().rss)
    assert highest - before <= 10_000_000


def test_50_slow_readers_add_no_threads(server: Server, folder: Path, http_client: httpx.Client) -> None:
    _make_sparse(folder / "large", 200_000_000)
    _drain(server, "/file/large")
    process = psutil.Process()
    threads, before = threading.active_count(), process.memory_info().rss
    readers = [_SlowReader(server, "/file/large") for _ in range(50)]
    try:
        wait_until(lambda: _open_count(folder / "large") == 50)
        assert http_client.get("/open").status_code == 200
        assert threading.active_count() - threads <= 4
        assert process.memory_info().rss - before <= 60_000_000
    finally:
        for reader in readers:
            reader.close()
    wait_until(lambda: not _is_open(folder / "large"))


def test_body_without_a_streamer_is_a_mistake_of_the_wiring(folder: Path, content: bytes) -> None:
    with pytest.raises(ImproperlyConfigured):
        stream_response(
            RequestFactory().get("/"), FileBody(folder / "picture"), filename="p", content_type="image/png", etag="v1"
        )


class _SlowReader:
    """Asks for a file, reads its beginning and then nothing more."""

    def __init__(self, server: Server, path: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", server.port))
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert self._socket.recv(100).startswith(b"HTTP/1.1 200")

    def close(self) -> None:
        self._socket.close()


def _make_sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _drain(server: Server, path: str, *, look: Callable[[], int] = lambda: 0) -> int:
    """Read all of an answer, keeping nothing; return the highest of what `look` saw on the way."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    answer = connection.getresponse()
    buffer = bytearray(65536)
    total = highest = 0
    while size := answer.readinto(buffer):
        if total // 1_000_000 != (total + size) // 1_000_000:
            highest = max(highest, look())
        total += size
    connection.close()
    assert total == 200_000_000
    return highest


def _open_count(path: Path) -> int:
    return sum(file.path == str(path) for file in psutil.Process().open_files())


def _is_open(path: Path) -> bool:
    return _open_count(path) > 0
