"""Static files past Django, with WhiteNoise's headers."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from whitenoise import WhiteNoise

from studio.core.asgi import Receive, Scope, Send, answer
from studio.core.staticfiles import StaticFiles
from tests.serving import serving

CODE = b"export const a = 1;\n" * 500


async def _behind(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 200, "behind")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A browser at a server with two files, one of them also compressed."""
    root = tmp_path_factory.mktemp("static")
    (root / "app.1234567890ab.js").write_bytes(CODE)
    (root / "app.1234567890ab.js.gz").write_bytes(gzip.compress(CODE))
    (root / "icon.svg").write_bytes(b"<svg/>")
    files = WhiteNoise(None, root=root, prefix="/static/", immutable_file_test=r"\.[0-9a-f]{12}\.")
    app = StaticFiles(_behind, prefix="/static/", find=files.files.get)
    with serving(app) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def test_smallest_variant_that_the_browser_reads_is_sent(client: httpx.Client) -> None:
    packed = client.get("/static/app.1234567890ab.js")
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", CODE)
    assert int(packed.headers["content-length"]) < len(CODE)
    plain = client.get("/static/app.1234567890ab.js", headers={"Accept-Encoding": "identity"})
    assert plain.content == CODE
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_versioned_file_is_kept_for_ever_and_others_are_not(client: httpx.Client) -> None:
    versioned = client.get("/static/app.1234567890ab.js").headers["cache-control"]
    assert versioned == "max-age=315360000, public, immutable"
    assert client.get("/static/icon.svg").headers["cache-control"] == "max-age=60, public"


def test_file_has_its_type_and_can_do_nothing(client: httpx.Client) -> None:
    headers = client.get("/static/icon.svg").headers
    assert headers["content-type"] == "image/svg+xml"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Modified-Since"])
def test_known_file_is_not_sent_again(client: httpx.Client, condition: str) -> None:
    first = client.get("/static/icon.svg")
    known = first.headers["etag" if condition == "If-None-Match" else "last-modified"]
    again = client.get("/static/icon.svg", headers={condition: known})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


def test_head_has_no_body(client: httpx.Client) -> None:
    answer = client.head("/static/icon.svg")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "6")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/static/none.js", 404),
        ("GET", "/static/../app.1234567890ab.js", 200),
        ("GET", "/static/%2e%2e/etc/passwd", 404),
        ("POST", "/static/icon.svg", 405),
    ],
)
def test_what_is_no_file_is_answered_without_django(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert (answer.text == "behind") == (status == 200)


def test_other_addresses_pass(client: httpx.Client) -> None:
    assert client.get("/t/halden-co/").text == "behind"


def test_file_that_has_gone_since_the_start_breaks_nothing_else(client: httpx.Client, tmp_path: Path) -> None:
    files = WhiteNoise(None)
    (tmp_path / "gone.css").write_text("a")
    files.add_files(tmp_path, prefix="/static/")
    (tmp_path / "gone.css").unlink()
    with serving(StaticFiles(_behind, prefix="/static/", find=files.files.get)) as server:
        assert httpx.get(f"{server.url}/static/gone.css", trust_env=False).status_code == 404
