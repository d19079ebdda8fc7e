"""Testing connections, against strict emulators over real HTTP."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone
from pytest_django import Settings

from studio.providers import testing
from studio.providers.models import Connection, PausedModel
from studio.providers.services import create_connection, remove_connection, rotate_secret
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.emulators.running import EMULATORS, running_emulator

# It lets go of the database while it waits.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=sorted(EMULATORS))
def emulator(request: pytest.FixtureRequest, settings: Settings) -> Iterator[EmulatorControl]:
    """Each provider in turn."""
    with running_emulator(request.param) as control:
        settings.PRIVATE_HOSTS = control.places
        yield control


@pytest.fixture
def openai(settings: Settings) -> Iterator[EmulatorControl]:
    """One provider."""
    with running_emulator("openai") as control:
        settings.PRIVATE_HOSTS = control.places
        yield control


def connect(emulator: EmulatorControl, team: Team, *, secret: str = "") -> Connection:
    account = emulator.about.get("account_id", "")
    return create_connection(
        team=team,
        name="Emulated",
        protocol=emulator.about["name"],
        base_url=emulator.base_url,
        secret=secret or emulator.key,
        options={"account_id": account} if account else {},
        actor=None,
    )


def run(connection: Connection) -> Connection:
    assert testing.begin(connection)
    assert testing.run_test(connection.pk) is not None
    connection.refresh_from_db()
    return connection


def test_right_key_passes_and_ends_every_pause(emulator: EmulatorControl, team: Team) -> None:
    connection = connect(emulator, team)
    Connection.objects.update(paused_kind="auth", paused_note="No.", paused_at=timezone.now(), failures=7)
    PausedModel.objects.create(connection=connection, remote_name="gpt-image-2", kind="model_unavailable")

    tested = run(connection)

    assert tested.test_state == "passed", tested.test_report
    report = tested.test_report
    assert report["checked"]
    assert report["unchecked"]
    assert report["latency_ms"] >= 0
    assert "webhooks" not in report
    assert (tested.paused_kind, tested.paused_note, tested.paused_at, tested.failures) == ("", "", None, 0)
    assert not tested.paused_models.exists()
    assert emulator.stats()["paid_requests"] == 0
    assert bool(tested.hook_secret) == (emulator.about["name"] == "aigateway")


def test_wrong_key_fails_without_showing_it(emulator: EmulatorControl, team: Team) -> None:
    wrong = "sk-wrong-0123456789-canary"
    tested = run(connect(emulator, team, secret=wrong))
    assert tested.test_state == "failed"
    assert tested.test_report["error"] == "auth"
    assert wrong not in str(tested.test_report)
    # Whoever tested it sees that; only a call that was to make a picture pauses a connection.
    assert tested.paused_kind == ""


def test_address_that_answers_nothing_fails(team: Team, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = frozenset({"127.0.0.1:9"})
    connection = create_connection(
        team=team, name="X", protocol="openai", base_url="http://127.0.0.1:9", secret="sk-0123456789", actor=None
    )
    assert run(connection).test_report["error"] == "unreachable"


def test_address_that_leads_to_a_private_place_fails(openai: EmulatorControl, team: Team, settings: Settings) -> None:
    connection = connect(openai, team)
    settings.PRIVATE_HOSTS = frozenset()
    assert run(connection).test_report["error"] == "address_refused"
    assert openai.stats()["requests"] == 0


def test_rehearsal_needs_no_network(team: Team) -> None:
    connection = create_connection(team=team, name="Practice", protocol="rehearsal", actor=None)
    report = run(connection).test_report
    assert report["checked"] == "Practice pictures are drawn on this machine: no key, no cost."


def test_begun_test_is_one_until_it_counts_as_lost(team: Team) -> None:
    connection = create_connection(team=team, name="Practice", protocol="rehearsal", actor=None)
    assert testing.begin(connection)
    assert not testing.begin(connection)
    connection.refresh_from_db()
    assert testing.is_running(connection)

    Connection.objects.update(tested_at=timezone.now() - timedelta(minutes=3))

    connection.refresh_from_db()
    assert not testing.is_running(connection)
    assert testing.begin(connection)


def test_team_has_so_many_tests_at_once_and_no_more(team: Team, other_team: Team) -> None:
    def practice(owner: Team | None, name: str) -> Connection:
        return create_connection(team=owner, name=name, protocol="rehearsal", actor=None)

    under_way = [practice(team, f"No {number}") for number in range(testing.MOST_AT_ONCE)]
    assert all(testing.begin(each) for each in under_way)
    one_more = practice(team, "One more")

    assert not testing.begin(one_more)
    one_more.refresh_from_db()
    assert (one_more.test_state, one_more.tested_at) == ("", None)
    # Others and the operator are not held up by it, and a test that was lost with its worker makes room.
    assert testing.begin(practice(other_team, "Theirs"))
    assert testing.begin(practice(None, "Shared"))
    Connection.objects.filter(pk=under_way[0].pk).update(tested_at=timezone.now() - testing.LOST)
    assert testing.begin(one_more)


def test_result_of_another_key_is_not_written_down(
    openai: EmulatorControl, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(openai, team)
    close = database.close

    def rotate_meanwhile() -> None:
        rotate_secret(connection=connection, secret="sk-another-9876543210", actor=None)
        close()

    monkeypatch.setattr(database, "close", rotate_meanwhile)
    assert testing.run_test(connection.pk) is None
    connection.refresh_from_db()
    assert (connection.test_state, connection.test_report) == ("", {})


def test_removed_connection_is_not_asked(openai: EmulatorControl, team: Team) -> None:
    connection = connect(openai, team)
    remove_connection(connection=connection, actor=None)
    assert testing.run_test(connection.pk) is None
    assert not testing.begin(connection)
    assert openai.stats()["requests"] == 0
