"""`manage.py test_connection`."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def emulator(settings: Settings) -> Iterator[EmulatorControl]:
    """A strict OpenAI on loopback."""
    with running_emulator() as control:
        settings.PRIVATE_HOSTS = control.places
        yield control


def connect(emulator: EmulatorControl, team: Team | None, name: str = "Main", *, secret: str = "") -> Connection:
    secret = secret or emulator.key
    return create_connection(
        team=team, name=name, protocol="openai", base_url=emulator.base_url, secret=secret, actor=None
    )


def run(*args: str) -> str:
    out = StringIO()
    call_command("test_connection", *args, stdout=out)
    return out.getvalue()


def test_says_what_was_checked_and_what_not(emulator: EmulatorControl, team: Team) -> None:
    connection = connect(emulator, team)
    for name in ("Main", str(connection.pk)):
        said = run(name)
        assert said.startswith("Main answered in ")
        assert "The key is accepted" in said
        assert "shows only when one is made." in said
    connection.refresh_from_db()
    assert connection.test_state == "passed"


def test_json_holds_the_report(emulator: EmulatorControl, team: Team) -> None:
    connection = connect(emulator, team)
    report = json.loads(run("Main", "--team", "halden-co", "--json"))
    assert (report["id"], report["name"], report["passed"]) == (connection.pk, "Main", True)
    assert report["models"] > 0


def test_rejected_key_is_an_error_with_its_reason(emulator: EmulatorControl, team: Team) -> None:
    connect(emulator, team, secret="sk-wrong-0123456789-canary")
    out = StringIO()
    with pytest.raises(CommandError, match="Main: The provider rejects the key") as caught:
        call_command("test_connection", "Main", "--json", stdout=out)
    assert (caught.value.returncode, json.loads(out.getvalue())["error"]) == (1, "auth")
    assert "canary" not in str(caught.value)


def test_unknown_and_ambiguous_names_are_said(emulator: EmulatorControl, team: Team, other_team: Team) -> None:
    connect(emulator, team)
    connect(emulator, other_team)
    for args, says in [
        (["Other"], "There is no connection 'Other'."),
        (["999999"], "There is no connection '999999'."),
        (["Main", "--team", "nobody"], "There is no connection 'Main'."),
        (["Main"], "Several connections are named 'Main'"),
    ]:
        with pytest.raises(CommandError, match=says):
            run(*args)
    assert run("Main", "--team", "elsewhere").startswith("Main answered")
