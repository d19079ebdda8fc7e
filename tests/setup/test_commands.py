"""The commands of the first run."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from studio.accounts.models import User
from studio.ledger.queries import balance
from studio.teams.models import Membership, Role, Team
from tests.factories import make_user


def output_of(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_prepare_prints_the_link(db: None, settings: Settings) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"
    assert output_of("prepare").startswith("Set up Atelier at http://127.0.0.1:8000/set-up/")


def test_prepare_says_whom_it_created_and_then_nothing(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya@halden.example", "ein langes Wort"
    assert output_of("prepare") == "Created maya@halden.example as operator and owner of the first team.\n"
    assert output_of("prepare") == ""


def test_prepare_with_bad_settings_stops_with_one_line(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya", "ein langes Wort"
    with pytest.raises(CommandError, match=r"^ATELIER_ADMIN_EMAIL must be an e-mail address\.$"):
        output_of("prepare")


def test_prepare_with_a_weak_password_warns_on_the_other_stream(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya@halden.example", "kurz"
    err = StringIO()
    call_command("prepare", stdout=StringIO(), stderr=err)
    assert err.getvalue().startswith("ATELIER_ADMIN_PASSWORD is weak, change it after signing in. ")


def test_create_team_for_an_owner(db: None) -> None:
    maya = make_user("maya@halden.example")

    out = output_of("create_team", "Halden & Co", "--owner", "MAYA@halden.example")

    assert out == "Created Halden & Co at /t/halden-co/, owned by maya@halden.example.\n"
    team = Team.objects.get()
    assert Membership.objects.get(team=team, user=maya).role == Role.OWNER
    assert balance(team).available == 0


def test_create_team_as_json_with_credits(db: None) -> None:
    make_user("maya@halden.example")
    out = output_of("create_team", "Halden", "--owner", "maya@halden.example", "--credits", "50", "--json")
    team = Team.objects.get()
    assert json.loads(out) == {"id": team.pk, "slug": "halden", "name": "Halden", "owner": "maya@halden.example"}
    assert balance(team).available == 50


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Halden", "--owner", "nobody@halden.example"], "Nobody with the address nobody@halden.example can sign in."),
        (["Halden", "--owner", "gone@halden.example"], "Nobody with the address gone@halden.example can sign in."),
        ([" ", "--owner", "maya@halden.example"], "A team needs a name."),
        (["x" * 81, "--owner", "maya@halden.example"], "A team's name has at most 80 characters."),
        (
            ["Halden", "--owner", "maya@halden.example", "--credits", "-1"],
            "--credits must be between 0 and 1000000000000.",
        ),
    ],
)
def test_create_team_that_cannot_be_says_why(db: None, words: list[str], message: str) -> None:
    make_user("maya@halden.example")
    User.objects.filter(pk=make_user("gone@halden.example").pk).update(is_active=False)
    with pytest.raises(CommandError) as caught:
        output_of("create_team", *words)
    assert str(caught.value) == message
    assert Team.objects.count() == 0
