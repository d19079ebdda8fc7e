"""`manage.py sync_catalogue` and `manage.py add_connection`."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from studio.audit.models import AuditEvent
from studio.catalogue.models import ImageModel
from studio.providers.models import Connection
from studio.teams.models import Team

pytestmark = pytest.mark.django_db

SECRET = "sk-canary-0815"
OPENAI = ["--protocol", "openai", "--name", "Main", "--secret-env", "SOME_KEY"]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", SECRET)
    monkeypatch.delenv("NO_KEY", raising=False)


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_sync_says_what_it_did() -> None:
    first = run("sync_catalogue").splitlines()
    assert first[0].startswith("Added: ")
    assert ", gpt-image-2.6-sunburst, gpt-image-2.6-flare, gpt-image-2.5-sunburst, " in first[0]
    assert first[1] == "Not offered, no price known: gpt-image-2.6-sunburst, gpt-image-2.6-flare."
    assert run("sync_catalogue").splitlines()[1].startswith("Unchanged: ")


def test_sync_with_json_lists_the_models() -> None:
    report = json.loads(run("sync_catalogue", "--json"))
    assert (len(report["added"]), report["unchanged"]) == (ImageModel.objects.count(), [])


def test_sync_only_checking_writes_nothing_and_exits_by_what_it_found() -> None:
    with pytest.raises(SystemExit) as caught:
        run("sync_catalogue", "--check")
    assert (caught.value.code, ImageModel.objects.count()) == (1, 0)

    run("sync_catalogue")
    assert run("sync_catalogue", "--check").splitlines()[-1].startswith("Unchanged: ")

    ImageModel.objects.filter(slug="gpt-image-2").update(title="Another")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("sync_catalogue", "--check", "--json", stdout=out)
    assert json.loads(out.getvalue())["changed"] == ["gpt-image-2"]
    assert ImageModel.objects.get(slug="gpt-image-2").title == "Another"


def test_sync_of_a_broken_file_says_where(tmp_path: Path, settings: Any) -> None:
    settings.HOME = tmp_path
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "mine.toml").write_text("x = ")
    with pytest.raises(CommandError, match=r"mine.toml cannot be read"):
        run("sync_catalogue")


def test_add_connection_beside_a_broken_file_adds_nothing(team: Team, tmp_path: Path, settings: Any) -> None:
    settings.HOME = tmp_path
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "mine.toml").write_text("x = ")
    with pytest.raises(CommandError, match=r"mine.toml cannot be read"):
        run("add_connection", "--team", "halden-co", *OPENAI)
    assert not Connection.objects.exists()


def test_add_connection_for_a_team_brings_its_models(team: Team) -> None:
    said = run("add_connection", "--team", "halden-co", *OPENAI, "--base-url", "https://images.example.com/v1/")
    assert said == "Halden & Co has the connection Main (openai at https://images.example.com/v1).\n"
    made = Connection.objects.get()
    assert (made.team, made.secret, made.max_in_flight, made.per_minute) == (team, SECRET, 1000, None)
    assert ImageModel.objects.filter(protocol="openai").count() == 6
    assert AuditEvent.objects.get(action="connection.created").subject == "Main"


def test_add_shared_connection_with_everything(db: None) -> None:
    said = run(
        *["add_connection", "--shared", *OPENAI, "--option", "organization=org-1", "--option", "project=p=1"],
        *["--max-in-flight", "5", "--per-minute", "50", "--json"],
    )
    made = Connection.objects.get()
    assert json.loads(said) == {
        "id": made.pk,
        "name": "Main",
        "team": None,
        "protocol": "openai",
        "base_url": "https://api.openai.com/v1",
    }
    assert (made.options, made.max_in_flight, made.per_minute) == ({"organization": "org-1", "project": "p=1"}, 5, 50)
    assert SECRET not in said


def test_add_rehearsal_needs_no_secret(db: None) -> None:
    run("add_connection", "--shared", "--protocol", "rehearsal", "--name", "Practice")
    assert Connection.objects.get().secret == ""


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--team", "nobody", *OPENAI], "There is no team 'nobody'."),
        (OPENAI, "one of the arguments --team --shared is required"),
        (["--team", "halden-co", "--shared", *OPENAI], "not allowed with argument"),
        (["--shared", *OPENAI[:-1], "NO_KEY"], "The environment variable NO_KEY is not set."),
        (["--shared", *OPENAI[:-2]], "This connection needs a secret key."),
        (["--shared", *OPENAI, "--protocol", "smoke"], "The protocol must be one of aigateway, "),
        (["--shared", *OPENAI, "--base-url", "http://images.example.com"], "The base URL must be https."),
        (["--shared", *OPENAI, "--option", "nothing"], "--option must look like key=value"),
        (["--shared", *OPENAI, "--max-in-flight", "0"], "The limits must let at least one generation through."),
        (["--shared", *OPENAI, "--max-in-flight", "many"], "invalid int value"),
    ],
)
def test_add_connection_refuses_what_it_cannot_do(team: Team, args: list[str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        run("add_connection", *args)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    assert Connection.objects.count() == 0


def test_cloudflare_takes_an_account_id(db: None) -> None:
    cloudflare = ["add_connection", "--shared", "--protocol", "cloudflare", "--name", "CF", "--secret-env", "SOME_KEY"]
    with pytest.raises(CommandError, match="Account ID is missing"):
        run(*cloudflare)
    run(*cloudflare, "--account-id", "0a1b")
    assert Connection.objects.get().options == {"account_id": "0a1b"}
