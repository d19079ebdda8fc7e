"""`manage.py grant_credits`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from studio.audit.models import AuditEvent
from studio.ledger.models import Entry
from studio.ledger.queries import Balance, balance
from studio.teams.models import Team

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = StringIO()
    call_command("grant_credits", *args, stdout=out)
    return out.getvalue()


def test_grant_is_written_and_told(team: Team) -> None:
    assert run("halden-co", "1500", "--reason", "Welcome") == (
        "Halden & Co has 1,500 credits after 1,500 were granted.\n"
    )
    entry = Entry.objects.get()
    assert (entry.kind, entry.amount, entry.note, entry.actor) == ("grant", 1500, "Welcome", None)
    assert AuditEvent.objects.filter(action="credits.granted", team=team).count() == 1


def test_grant_with_json_prints_the_entry(team: Team) -> None:
    facts = json.loads(run("halden-co", "5", "--reason", "x", "--json"))
    assert facts == {"entry": Entry.objects.get().pk, "team": "halden-co", "amount": 5, "balance": 5}


def test_grant_with_a_key_can_be_repeated(team: Team) -> None:
    for _ in range(2):
        run("halden-co", "5", "--reason", "x", "--key", "2026-11")
    assert balance(team) == Balance(5, 0)
    with pytest.raises(CommandError, match="another amount"):
        run("halden-co", "6", "--reason", "x", "--key", "2026-11")


def test_grant_without_a_key_counts_each_time(team: Team) -> None:
    for _ in range(2):
        run("halden-co", "5", "--reason", "x")
    assert balance(team) == Balance(10, 0)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nobody", "5", "--reason", "x"], "There is no team 'nobody'."),
        (["halden-co", "0", "--reason", "x"], "The amount must be a whole number from 1 to 1,000,000,000,000."),
        (["halden-co", "--reason", "x", "--", "-5"], "The amount must be a whole number"),
        (["halden-co", "5", "--reason", " "], "--reason must not be blank."),
        (["halden-co", "five", "--reason", "x"], "invalid int value"),
        (["halden-co", "5"], "required: --reason"),
        (["halden-co", "5", "--reason", "x", "--key", "k" * 71], "--key must have at most 70 characters."),
    ],
)
def test_grant_refuses_what_it_cannot_do(team: Team, args: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert message in str(caught.value)
    assert balance(team) == Balance(0, 0)
