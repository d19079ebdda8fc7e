"""The whole site from the outside in, as the web process serves it."""

import threading
from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings
from django.urls import reverse

from config import asgi
from studio.accounts.models import User
from studio.core.http import GUARD_HEADERS
from studio.teams.models import Team
from tests.live.conftest import Reader, listeners, session_of, tell
from tests.serving import Server, serving, wait_until


@pytest.fixture
def server(transactional_db: None) -> Iterator[Server]:
    """The real application."""
    with serving(asgi.application, on_stop=asgi.stop_streams) as running:
        yield running


@pytest.mark.parametrize("path", ["/healthz", "/static/js/live.js", "/static/none", "/t/none/live/", "/auth/login/"])
def test_every_kind_of_answer_carries_the_guarding_headers(server: Server, path: str) -> None:
    headers = {"Accept": "text/event-stream"} if path.endswith("/live/") else {}
    answer = httpx.get(f"{server.url}{path}", headers=headers, trust_env=False)
    assert {name: answer.headers.get(name) for name in GUARD_HEADERS} == GUARD_HEADERS
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_page_and_stream_and_static_files_come_from_one_place(server: Server, team: Team, member: User) -> None:
    cookies = {settings.SESSION_COOKIE_NAME: session_of(member)}
    with httpx.Client(base_url=server.url, cookies=cookies, trust_env=False) as browser:
        assert browser.get("/healthz").json() == {"status": "ok"}
        assert browser.get("/static/js/live.js").headers["content-type"].startswith("text/javascript")
        assert browser.get(reverse("accounts:profile")).headers["cache-control"] == "no-store"
    reader = Reader(server, team.slug, cookies[settings.SESSION_COOKIE_NAME])
    assert reader.next() == ("ready", "0")
    tell(team.pk, "credits")
    assert reader.next() == ("credits", "0")
    reader.close()


def test_site_begins_again_after_it_was_stopped(server: Server, team: Team, member: User) -> None:
    cookie = session_of(member)
    first = Reader(server, team.slug, cookie)
    assert first.next() == ("ready", "0")
    server.end()
    assert first.next() == ("closing", "stopping")
    assert first.ended.wait(5)
    first.close()
    wait_until(lambda: listeners() == [])
    with serving(asgi.application, on_stop=asgi.stop_streams) as again:
        second = Reader(again, team.slug, cookie)
        assert second.next() == ("ready", "0")
        second.close()


def test_requests_leave_neither_threads_nor_connections(server: Server, member: User) -> None:
    cookies = {settings.SESSION_COOKIE_NAME: session_of(member)}
    before = threading.active_count()
    with httpx.Client(base_url=server.url, cookies=cookies, trust_env=False) as browser:
        statuses = {browser.get(reverse("accounts:profile")).status_code for _ in range(20)}
    assert statuses == {200}
    wait_until(lambda: threading.active_count() <= before)
