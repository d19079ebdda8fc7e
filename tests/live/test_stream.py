"""Live streams over real connections to a real server with a real database."""

import queue
import threading

import httpx
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction

from studio.accounts.models import User
from studio.live.notify import notify
from studio.teams.models import Membership, Role, Team
from tests.factories import make_member, make_membership
from tests.live.conftest import Reader, Site, Watch, listeners, session_of, tell
from tests.serving import wait_until


def test_event_arrives_after_commit_only(team: Team, member: User, watch: Watch) -> None:
    reader = watch(member, team.slug)
    with transaction.atomic():
        notify(team_id=team.pk, event="generation", id=42)
        with pytest.raises(queue.Empty):
            reader.next(seconds=0.3)
    assert reader.next() == ("generation", "42")
    notify(team_id=team.pk, event="credits")
    assert reader.next() == ("credits", "0")


def test_event_of_a_rolled_back_change_never_arrives(team: Team, member: User, watch: Watch) -> None:
    reader = watch(member, team.slug)
    with transaction.atomic():
        notify(team_id=team.pk, event="generation", id=1)
        transaction.set_rollback(True)
    notify(team_id=team.pk, event="generation", id=2)
    assert reader.next() == ("generation", "2")


def test_event_reaches_every_browser_of_the_team_and_no_other(
    team: Team, other_team: Team, member: User, viewer: User, stranger: User, watch: Watch
) -> None:
    ours, theirs = [watch(member, team.slug), watch(viewer, team.slug)], watch(stranger, other_team.slug)
    tell(team.pk, "generation", 7)
    tell(other_team.pk, "credits")
    assert [reader.next() for reader in ours] == [("generation", "7")] * 2
    assert theirs.next() == ("credits", "0")
    assert theirs.events.empty()


def test_stream_has_headers_that_let_it_through_proxies(team: Team, member: User, watch: Watch) -> None:
    headers = watch(member, team.slug).headers
    expected = {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
    }
    assert {name: headers.get(name) for name in expected} == expected


def test_silence_is_filled_with_comments(team: Team, member: User, watch: Watch) -> None:
    reader = watch(member, team.slug)
    assert [reader.comments.get(timeout=5) for _ in range(2)] == ["keep-alive"] * 2


def test_returning_browser_is_told_of_a_gap(team: Team, member: User, watch: Watch) -> None:
    watch(member, team.slug, last_event_id="1", greeting="resync")


def test_stranger_and_unknown_team_are_the_same(team: Team, member: User, stranger: User, site: Site) -> None:
    assert _status(site, team.slug, session_of(stranger)) == 404
    assert _status(site, "none", session_of(member)) == 404


@pytest.mark.parametrize("cookie", ["", "x" * 32, "nonsense'"])
def test_without_a_session_there_is_no_stream(team: Team, site: Site, cookie: str) -> None:
    assert _status(site, team.slug, cookie) == 401


def test_deactivated_person_has_no_stream(team: Team, member: User, site: Site) -> None:
    cookie = session_of(member)
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert _status(site, team.slug, cookie) == 401


def test_session_from_before_a_new_password_has_no_stream(team: Team, member: User, site: Site) -> None:
    cookie = session_of(member)
    member.set_password("ein anderes Blau")
    member.save()
    assert _status(site, team.slug, cookie) == 401


def _status(site: Site, slug: str, cookie: str) -> int:
    return httpx.get(
        f"{site.server.url}/t/{slug}/live/",
        headers={"Accept": "text/event-stream"},
        cookies={settings.SESSION_COOKIE_NAME: cookie},
        trust_env=False,
    ).status_code


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/t/halden-co/live/", "text/html"),
        ("POST", "/t/halden-co/live/", "text/event-stream"),
        ("GET", "/t/halden-co/live", "text/event-stream"),
        ("GET", "/t/a/b/live/", "text/event-stream"),
    ],
)
def test_everything_else_passes(site: Site, method: str, path: str, accept: str) -> None:
    answer = httpx.request(method, f"{site.server.url}{path}", headers={"Accept": accept}, trust_env=False)
    assert answer.text == "behind"


def _remove(team: Team, member: User) -> None:
    Membership.objects.filter(team=team, user=member).delete()


def _sign_out(_team: Team, member: User) -> None:
    for session in Session.objects.all():
        if session.get_decoded()["_auth_user_id"] == str(member.pk):
            session.delete()


def _deactivate(_team: Team, member: User) -> None:
    User.objects.filter(pk=member.pk).update(is_active=False)


def _renew_password(_team: Team, member: User) -> None:
    member.set_password("ein anderes Blau")
    member.save()


@pytest.mark.parametrize("lose", [_remove, _sign_out, _deactivate, _renew_password])
def test_stream_ends_with_the_right_to_it(team: Team, member: User, owner: User, watch: Watch, lose) -> None:
    losing, keeping = watch(member, team.slug), watch(owner, team.slug)
    lose(team, member)
    assert losing.next() == ("closing", "ended")
    assert losing.ended.wait(5)
    tell(team.pk, "generation", 1)
    assert keeping.next() == ("generation", "1")


def test_newest_streams_of_a_person_stay(team: Team, member: User, owner: User, watch: Watch) -> None:
    other = watch(owner, team.slug)
    first, *rest = [watch(member, team.slug) for _ in range(4)]
    assert first.next() == ("closing", "replaced")
    assert first.ended.wait(5)
    tell(team.pk, "credits")
    assert [reader.next() for reader in (*rest, other)] == [("credits", "0")] * 4


def test_lost_database_connection_is_replaced_and_the_gap_is_told(team: Team, member: User, watch: Watch) -> None:
    reader = watch(member, team.slug)
    (pid,) = listeners()
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s)", [pid])
    assert reader.next(seconds=10) == ("resync", "0")
    assert len(listeners()) == 1
    tell(team.pk, "generation", 3)
    assert reader.next() == ("generation", "3")


def test_unreadable_news_harm_nobody(team: Team, member: User, watch: Watch) -> None:
    reader = watch(member, team.slug)
    with connection.cursor() as cursor:
        for payload in ("", "[]", "{}", "null", '{"team": null}', '{"team": 1, "event": "x", "id": "y"}', "\ufffd"):
            cursor.execute("select pg_notify('atelier_live', %s)", [payload])
    tell(team.pk, "generation", 4)
    assert reader.next() == ("generation", "4")


def test_200_streams_take_one_connection_and_no_threads(team: Team, site: Site) -> None:
    people = [make_member(team, Role.VIEWER) for _ in range(100)]
    cookies = [session_of(person) for person in people] * 2
    before = threading.active_count()
    readers = [Reader(site.server, team.slug, cookie) for cookie in cookies]
    assert [reader.next(seconds=20) for reader in readers] == [("ready", "0")] * 200
    # Every reader is a thread of this test; the server may keep one, for the check that happens to run.
    assert threading.active_count() - before - len(readers) <= 1
    assert len(listeners()) == 1
    assert _connections_of_the_server() <= 1
    tell(team.pk, "generation", 9)
    assert [reader.next(seconds=20) for reader in readers] == [("generation", "9")] * 200
    for reader in readers:
        reader.close()


def _connections_of_the_server() -> int:
    """Count connections besides this test's own and the listening one; a check of rights may be under way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and pid <> pg_backend_pid() and application_name <> 'atelier live'"
        )
        return int(cursor.fetchone()[0])


def test_hung_up_streams_are_forgotten(team: Team, member: User, site: Site) -> None:
    cookie = session_of(member)
    readers = [Reader(site.server, team.slug, cookie) for _ in range(3)]
    wait_until(lambda: len(site.hub) == 3)
    for reader in readers:
        reader.close()
    wait_until(lambda: len(site.hub) == 0)


def test_rights_in_several_teams_are_apart(
    team: Team, other_team: Team, member: User, stranger: User, watch: Watch
) -> None:
    make_membership(other_team, user=member)
    here, there = watch(member, team.slug), watch(member, other_team.slug)
    _remove(other_team, member)
    assert there.next() == ("closing", "ended")
    tell(team.pk, "credits")
    assert here.next() == ("credits", "0")


def test_stop_ends_streams_and_takes_no_more(team: Team, member: User, site: Site, watch: Watch) -> None:
    reader = watch(member, team.slug)
    cookie = session_of(member)
    site.hub.stop()
    assert reader.next() == ("closing", "stopping")
    assert reader.ended.wait(5)
    assert _status(site, team.slug, cookie) == 503


def test_server_stops_at_once_with_streams_open(team: Team, member: User, site: Site, watch: Watch) -> None:
    readers = [watch(member, team.slug) for _ in range(3)]
    site.server.should_exit = True
    assert [reader.next() for reader in readers] == [("closing", "stopping")] * 3
    assert all(reader.ended.wait(5) for reader in readers)
    wait_until(lambda: listeners() == [])


def test_database_away_is_said_and_not_taken_for_a_missing_right(team: Team, member: User, site: Site) -> None:
    cookie = session_of(member)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connection.settings_dict, "HOST", "/nowhere")
        assert _status(site, team.slug, cookie) == 503
