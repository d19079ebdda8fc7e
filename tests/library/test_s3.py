"""What only an object store does: types, folders of its own, faults of the line, and addresses for browsers."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django import Settings

from studio.core.bodies import CHUNK, Body
from studio.library import files
from studio.library.errors import StoreDown
from tests.stores import Bucket

NAME = "originals/1/ab/picture.png"


def save(name: str = NAME, data: bytes = b"picture") -> None:
    default_storage.save(name, ContentFile(data))


def read_all(body: Body) -> bytes:
    async def all_of(chunks: AsyncIterator[bytes]) -> bytes:
        return b"".join([data async for data in chunks])

    return asyncio.run(all_of(body.chunks(0, body.length)))


def test_object_has_its_type_and_no_acl(bucket: Bucket) -> None:
    for ending, kind in [("png", "image/png"), ("jpg", "image/jpeg"), ("webp", "image/webp")]:
        save(f"originals/1/ab/x.{ending}")
        assert bucket.head(f"originals/1/ab/x.{ending}")["ContentType"] == kind
    grants = bucket.client.get_object_acl(Bucket="pictures", Key=f"{bucket.folder}/originals/1/ab/x.png")["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]  # of its owner, as every object has


def test_empty_object_has_an_empty_body(bucket: Bucket) -> None:
    save(data=b"")
    assert read_all(files.body_of(NAME)) == b""


def test_bucket_without_a_folder_is_used_whole(bucket: Bucket, settings: Settings) -> None:
    bucket.client.create_bucket(Bucket="whole")
    settings.STORAGES = bucket.storages(location="", bucket_name="whole")
    save()
    assert [file.name for file in files.listing()] == [NAME]
    assert [file.name for file in files.listing("originals", after="originals/0")] == [NAME]
    assert bucket.client.head_object(Bucket="whole", Key=NAME)["ContentLength"] == 7


def test_neighbour_whose_folder_begins_alike_is_not_seen(bucket: Bucket) -> None:
    bucket.client.put_object(Bucket="pictures", Key=f"{bucket.folder}-b/{NAME}", Body=b"x")
    assert list(files.listing()) == []


def test_object_whose_name_would_be_read_as_another_is_not_listed(bucket: Bucket) -> None:
    save()
    bucket.put("originals/1/zz/../ab/picture.png", b"x")
    bucket.put("originals/1/ab/folder/", b"")
    assert [file.name for file in files.listing()] == [NAME]


def test_long_listing_comes_in_pages(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.s3._MOST_AT_ONCE", 2)
    names = [f"originals/1/ab/{number}.png" for number in range(5)]
    for name in names:
        save(name)
    assert [file.name for file in files.listing()] == names
    assert [file.name for file in files.listing(after=names[1])] == names[2:]
    files.delete(names[:3])
    assert bucket.names() == names[3:]


def test_object_is_opened_for_reading_only(bucket: Bucket) -> None:
    with pytest.raises(ValueError, match="never opened as 'wb'"):
        default_storage.open(NAME, "wb")


def test_address_is_for_one_object_under_a_name_for_people(bucket: Bucket, settings: Settings) -> None:
    settings.STORAGES = bucket.storages(presigns=True)
    save(data=b"the picture")
    storage: Any = default_storage
    address = storage.address_of(NAME, filename="Café.png", content_type="image/png")
    asked = parse_qs(urlsplit(address).query)
    assert asked["X-Amz-Expires"] == ["60"]
    answer = httpx.get(address, trust_env=False)
    assert (answer.status_code, answer.content) == (200, b"the picture")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "attachment; filename=\"Cafe.png\"; filename*=UTF-8''Caf%C3%A9.png"


def test_address_may_be_of_another_host_than_the_one_we_use(bucket: Bucket, settings: Settings) -> None:
    settings.STORAGES = bucket.storages(presigns=True, public_url="https://pictures.example.com")
    storage: Any = default_storage
    address = storage.address_of(NAME, filename="p.png", content_type="image/png")
    assert address.startswith(f"https://pictures.example.com/pictures/{bucket.folder}/{NAME}?")


class Faulty(ThreadingHTTPServer):
    """An object store that answers as it is told, for each method."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answers: dict[str, str] = {}
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that are meant to break."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert isinstance(self.server, Faulty)
        self.server.asked.append(self.command)
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        what = self.server.answers.get(self.command, "lost")
        if what == "cut":
            self.send_response(206)
            self.send_header("Content-Length", "100")
            self.send_header("Content-Range", "bytes 0-99/100")
            self.end_headers()
            self.wfile.write(b"x" * 40)
            self.close_connection = True
        elif what == "hang up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            status, _, code = what.partition(" ")
            self._plain(int(status) if status.isdecimal() else 404, code or "NoSuchKey")

    def _plain(self, status: int, code: str) -> None:
        body = b"" if status == 200 or self.command == "HEAD" else f"<Error><Code>{code}</Code></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's signature
        """Write nothing to the console."""


@pytest.fixture
def faulty(bucket: Bucket, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """A store that fails, asked once where the product would try again."""
    monkeypatch.setattr("studio.library.s3._TRIES", 1)
    monkeypatch.setattr("studio.library.s3._READ_SECONDS", 0.3)
    server = Faulty()
    settings.STORAGES = bucket.storages(endpoint_url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask_everything() -> list[str]:
    """Do all that a store can be asked for, each without the memory of the failure before; return what was raised."""
    storage: Any = default_storage
    raised = []
    for ask in (
        lambda: files.read(NAME),
        lambda: files.body_of(NAME),
        lambda: read_all(files.body_of(NAME, size=7)),
        lambda: files.sizes_of([NAME]),
        lambda: files.sizes_of([f"originals/1/ab/{number}.png" for number in range(20)]),
        lambda: list(files.listing()),
        lambda: files.delete([NAME]),
        lambda: files.move(NAME, "lost/x.png"),
        save,
    ):
        storage._silent_until = 0.0
        try:
            ask()
        except OSError as error:
            raised.append(type(error).__name__)
    return raised


@pytest.mark.parametrize("answer", ["500 InternalError", "503 SlowDown", "403 AccessDenied", "hang up"])
def test_store_that_fails_is_down_whatever_it_is_asked(faulty: Faulty, answer: str) -> None:
    faulty.answers = dict.fromkeys(["GET", "PUT", "HEAD", "POST", "DELETE"], answer)
    assert ask_everything() == ["StoreDown"] * 9


def test_store_that_does_not_listen_is_down(
    bucket: Bucket, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.library.s3._TRIES", 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.STORAGES = bucket.storages(endpoint_url=f"http://127.0.0.1:{probe.getsockname()[1]}")
        assert ask_everything() == ["StoreDown"] * 9


def test_store_that_never_answers_is_down(bucket: Bucket, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.s3._TRIES", 1)
    monkeypatch.setattr("studio.library.s3._READ_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        settings.STORAGES = bucket.storages(endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert ask_everything() == ["StoreDown"] * 9


def test_store_that_did_not_answer_is_left_alone_for_a_moment(faulty: Faulty) -> None:
    faulty.answers = {"HEAD": "hang up"}
    for _ in range(5):
        with pytest.raises(StoreDown):
            files.sizes_of([NAME])
    assert faulty.asked == ["HEAD"]


def test_store_that_refuses_is_asked_again(faulty: Faulty) -> None:
    faulty.answers = {"HEAD": "403 AccessDenied"}
    for _ in range(3):
        with pytest.raises(StoreDown):
            files.sizes_of([NAME])
    assert faulty.asked == ["HEAD"] * 3


def test_failure_is_tried_again_before_it_counts(faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.s3._TRIES", 3)
    faulty.answers = {"HEAD": "503 SlowDown"}
    with pytest.raises(StoreDown):
        files.sizes_of([NAME])
    assert faulty.asked == ["HEAD"] * 3


def test_store_that_takes_the_bytes_and_loses_them_is_found_out(faulty: Faulty) -> None:
    faulty.answers = {"PUT": "200", "HEAD": "404"}
    with pytest.raises(StoreDown):
        save()
    assert faulty.asked == ["PUT", "HEAD"]


def test_body_that_ends_early_is_a_failure(faulty: Faulty) -> None:
    faulty.answers = {"GET": "cut"}
    with pytest.raises(StoreDown):
        read_all(files.body_of(NAME, size=100))


def test_store_down_is_what_both_sides_understand() -> None:
    error = StoreDown()
    assert isinstance(error, OSError)
    assert (error.http_status, error.code) == (503, "store_down")
    assert str(error) == error.message


def test_hang_up_ends_the_connection_to_the_store(bucket: Bucket) -> None:
    save(data=b"x" * (20 * CHUNK))
    closed = []

    async def begin_and_leave() -> None:
        chunks = files.body_of(NAME, size=20 * CHUNK).chunks(0, 20 * CHUNK)
        assert len(await anext(chunks)) == CHUNK
        part = chunks.ag_frame.f_locals["part"]._part  # type: ignore[attr-defined]  # the generator that is looked at
        await chunks.aclose()  # type: ignore[attr-defined]  # a generator, as every body's chunks are
        closed.append(part._stream._raw_stream.closed)

    asyncio.run(begin_and_leave())
    assert closed == [True]
