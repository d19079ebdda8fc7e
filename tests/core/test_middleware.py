"""Headers on every answer, unstorable text, errors as pages or notes, and an expired sign-in."""

import errno
import logging
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import OperationalError, connection
from django.test import Client

from studio.accounts.models import User
from studio.core.http import GUARD_HEADERS
from studio.core.middleware import is_unstorable
from studio.core.views import is_unreachable
from tests.conftest import ClientOf
from tests.serving import Server

pytestmark = pytest.mark.urls("tests.core.urls")

HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/t/halden-co/studio/?x=1"}


@pytest.fixture
def visitor() -> Client:
    """Somebody without a session, who sees failures as a browser would."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    "path", ["/open", "/page", "/raising/conflict", "/raising/missing", "/raising/bug", "/nowhere"]
)
def test_every_answer_carries_the_guarding_headers(visitor: Client, path: str) -> None:
    answer = visitor.get(path)
    assert {name: answer.headers.get(name) for name in GUARD_HEADERS} == GUARD_HEADERS
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_page_of_a_signed_in_person_is_stored_nowhere(client_of: ClientOf, member: User, visitor: Client) -> None:
    assert client_of(member).get("/page").headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in visitor.get("/open").headers


@pytest.mark.parametrize("path", ["/open?x=%00", "/open?%00=x", "/open/%00", "/open?a=1&a=2%00"])
def test_nul_in_an_address_is_refused(visitor: Client, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 400
    assert "That cannot be read" in answer.text


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 500)])
def test_form_that_finds_no_room_on_the_disk_is_told_so(
    visitor: Client, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, "the disk refuses")

    monkeypatch.setattr(TemporaryFileUploadHandler, "new_file", full)
    monkeypatch.setattr(
        settings, "FILE_UPLOAD_HANDLERS", ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
    )
    answer = visitor.post("/open", {"files": ContentFile(b"x" * 5000, name="a.png")})
    assert answer.status_code == status
    assert ("The storage is full, so nothing was changed." in answer.text) is (status == 507)


def test_more_than_a_form_takes_is_refused_with_advice(visitor: Client) -> None:
    fields = {"ids": [str(number) for number in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1)]}
    answer = visitor.post("/open", urlencode(fields, doseq=True), content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, "More was chosen than can be sent at once." in answer.text) == (400, True)


@pytest.mark.parametrize("fields", [{"prompt": "a\x00b"}, {"a\x00": "b"}, {"prompt": ["fine", "\x00"]}])
@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_nul_in_a_form_is_refused(visitor: Client, fields: dict[str, str | list[str]], kind: str) -> None:
    if kind == "multipart":
        answer = visitor.post("/open", fields)
    else:
        body = "prompt=a%00b"
        answer = visitor.post("/open", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


def test_half_of_a_surrogate_pair_in_a_form_is_refused(visitor: Client) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n\\ud800\r\n--b--\r\n'
    answer = visitor.generic(
        "POST", "/open", part.encode(), content_type="multipart/form-data; boundary=b; charset=unicode_escape"
    )
    assert answer.status_code == 400


def test_nul_in_the_name_of_a_file_is_refused(visitor: Client) -> None:
    part = (
        '--b\r\nContent-Disposition: form-data; name="f\\u0000"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\nx\r\n--b--\r\n"
    )
    answer = visitor.generic(
        "POST", "/open", part.encode(), content_type="multipart/form-data; boundary=b; charset=unicode_escape"
    )
    assert answer.status_code == 400


def test_whole_surrogate_pairs_and_every_script_are_welcome(visitor: Client) -> None:
    assert visitor.post("/open", {"prompt": "🐈 猫 قط ﷽ a\u0301"}).status_code == 200


def test_unstorable_is_nul_and_lone_halves() -> None:
    assert [is_unstorable(text) for text in ("", "a", "🐈", "\x00", "a\udfff", "\ud800b")] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/raising/conflict", 409, "Something changed meanwhile"),
        ("/raising/denied", 403, "Not allowed"),
        ("/raising/missing", 404, "Not found"),
        ("/raising/database", 503, "One moment, please"),
        ("/raising/bug", 500, "Something broke"),
    ],
)
def test_error_is_a_page_and_for_htmx_a_note(visitor: Client, path: str, status: int, title: str) -> None:
    page, note = visitor.get(path), visitor.get(path, headers=HTMX)
    assert (page.status_code, note.status_code) == (status, status)
    assert f"<h1>{title}</h1>" in page.text
    assert "<html" not in note.text
    assert title in note.text
    assert "callout" in note.text
    assert page.headers["Cache-Control"] == note.headers["Cache-Control"] == "no-store"
    assert page.headers.get("Retry-After") == ("3" if status == 503 else None)


def test_message_of_an_error_is_shown_and_escaped(visitor: Client) -> None:
    assert "Somebody was faster." in visitor.get("/raising/conflict").text


def test_bug_is_logged_under_the_reference_that_the_page_shows(
    visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "studio.core.views"):
        text = visitor.get("/raising/bug").text
    (said,) = [record.getMessage() for record in caplog.records if record.name == "studio.core.views"]
    assert said.removeprefix("Reference ").partition(":")[0] in text
    assert "a secret detail" not in text


def test_expired_sign_in_sends_a_browser_to_the_form(db: None, visitor: Client) -> None:
    answer = visitor.get("/page")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/auth/login/?next=/page")


def test_expired_sign_in_sends_htmx_to_the_form_and_back_to_its_page(db: None, visitor: Client) -> None:
    answer = visitor.get("/page", headers=HTMX)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["HX-Redirect"] == "/auth/login/?next=%2Ft%2Fhalden-co%2Fstudio%2F%3Fx%3D1"


def test_foreign_page_is_not_come_back_to(db: None, visitor: Client) -> None:
    answer = visitor.get("/page", headers={**HTMX, "HX-Current-URL": "https://elsewhere.example/"})
    assert answer.headers["HX-Redirect"] == "/auth/login/"


def test_form_without_its_token_is_explained() -> None:
    answer = Client(enforce_csrf_checks=True).post("/open", {"a": "b"})
    assert answer.status_code == 403
    assert "This page has expired" in answer.text


@pytest.fixture
def no_database(transactional_db: None) -> Iterator[None]:
    """New connections, such as those of the server's threads, lead nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "/nowhere")
        yield


@pytest.mark.usefixtures("no_database")
def test_database_out_of_reach_before_any_view_is_a_503(server: Server) -> None:
    cookies = {settings.SESSION_COOKIE_NAME: "x" * 32}
    answer = httpx.get(f"{server.url}/page", cookies=cookies, trust_env=False)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert "One moment, please" in answer.text


@pytest.mark.usefixtures("no_database")
def test_health_is_bad_without_a_database(server: Server) -> None:
    answer = httpx.get(f"{server.url}/healthz", trust_env=False)
    assert (answer.status_code, answer.json()) == (503, {"status": "database unreachable"})


@pytest.mark.parametrize("state", ["08006", "53300", "57P01", None])
def test_lost_database_is_told_from_a_refused_statement(state: str | None) -> None:
    lost, refused = OperationalError(), OperationalError()
    lost.__cause__ = _Cause(state)
    refused.__cause__ = _Cause("40P01")
    assert (is_unreachable(lost), is_unreachable(refused), is_unreachable(ValueError())) == (True, False, False)


class _Cause(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        self.sqlstate = sqlstate


def test_unknown_host_is_refused_without_a_500(visitor: Client) -> None:
    assert visitor.get("/open", headers={"Host": "elsewhere.example"}).status_code == 400
