"""Files that a real nginx sends for us: the same bytes, ranges and guards as through this process."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio.core.bodies import CHUNK
from tests.core.nginx import nginx_before
from tests.serving import Server

DATA = bytes(range(256)) * (CHUNK // 256 + 3)


@pytest.fixture(scope="module")
def browser(server: Server, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Something that asks nginx."""
    (folder / "originals").mkdir()
    (folder / "originals" / "picture.png").write_bytes(DATA)
    (folder / "originals" / "name with %41 & ü.png").write_bytes(b"odd")
    made = tmp_path_factory.mktemp("nginx")
    with (
        nginx_before(server.port, media=folder, folder=made) as address,
        httpx.Client(base_url=address, trust_env=False, headers={"Host": "localhost"}) as client,
    ):
        yield client


def test_file_is_sent_by_nginx_with_every_guard(browser: httpx.Client) -> None:
    answer = browser.get("/accelerated/originals/picture.png")
    assert (answer.status_code, answer.content) == (200, DATA)
    expected = {
        "content-length": str(len(DATA)),
        "content-type": "image/png",
        "content-disposition": "attachment; filename=\"Cafe.png\"; filename*=UTF-8''Caf%C3%A9.png",
        "content-security-policy": "sandbox; default-src 'none'",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "same-origin",
        "x-frame-options": "DENY",
        "cache-control": "private, max-age=60",
        "accept-ranges": "bytes",
        "etag": '"v1"',
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert answer.headers["server"].startswith("nginx")
    assert "x-accel-redirect" not in answer.headers


def test_picture_on_a_page_is_shown_and_not_saved(browser: httpx.Client) -> None:
    answer = browser.get("/accelerated/originals/picture.png?inline")
    assert answer.headers["content-disposition"].startswith('inline; filename="Cafe.png"')


def test_ranges_are_exact_and_bound_to_the_version(browser: httpx.Client) -> None:
    path = "/accelerated/originals/picture.png"
    answer = browser.get(path, headers={"Range": "bytes=5-9"})
    assert (answer.status_code, answer.content) == (206, DATA[5:10])
    assert answer.headers["content-range"] == f"bytes 5-9/{len(DATA)}"
    assert browser.get(path, headers={"Range": "bytes=-7"}).content == DATA[-7:]
    same = browser.get(path, headers={"Range": "bytes=5-9", "If-Range": '"v1"'})
    assert (same.status_code, same.content) == (206, DATA[5:10])
    other = browser.get(path, headers={"Range": "bytes=5-9", "If-Range": '"v0"'})
    assert (other.status_code, other.content) == (200, DATA)
    beyond = browser.get(path, headers={"Range": f"bytes={len(DATA)}-"})
    assert beyond.status_code == 416


def test_known_copy_is_not_sent_again(browser: httpx.Client) -> None:
    answer = browser.get("/accelerated/originals/picture.png", headers={"If-None-Match": '"v1"'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"v1"')


def test_head_has_no_body(browser: httpx.Client) -> None:
    answer = browser.head("/accelerated/originals/picture.png")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(DATA)))


def test_name_with_odd_characters_is_found(browser: httpx.Client) -> None:
    assert browser.get("/accelerated/originals/name with %2541 & ü.png").content == b"odd"


def test_nobody_reaches_the_files_without_us(browser: httpx.Client) -> None:
    for path in ("/_media/originals/picture.png", "/_media/", "/_media/../originals/picture.png"):
        assert browser.get(path).status_code == 404


def test_other_pages_pass_through(browser: httpx.Client) -> None:
    assert browser.get("/open").text == "<p>open</p>"
