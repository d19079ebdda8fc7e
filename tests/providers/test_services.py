"""Writing connections: limits, addresses, secrets that never follow to another address, rotation, removal."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.services import (
    create_connection,
    forget_earlier_secrets,
    remove_connection,
    rotate_secret,
    set_enabled,
    update_connection,
)
from studio.teams.models import Team

pytestmark = pytest.mark.django_db

SECRET, OTHER = "sk-one-secret-0123456789", "sk-another-9876543210"


@pytest.fixture
def ours(team: Team) -> Connection:
    """A connection of the team, as if it had been used and tested."""
    made = create_connection(team=team, name="Ours", protocol="aigateway", secret=SECRET, actor=None)
    made.hook_secret, made.hook_seen_at = "hook-secret", timezone.now()
    made.test_state, made.tested_at, made.test_report = "passed", timezone.now(), {"checked": "All is well."}
    made.save()
    return made


def update(connection: Connection, **changes: Any) -> Connection:
    """Change what is named and nothing else."""
    named = ("name", "base_url", "options", "max_in_flight", "per_minute")
    facts = {name: getattr(connection, name) for name in named}
    return update_connection(connection=connection, actor=None, **facts | changes)


def events() -> list[tuple[str, dict[str, Any]]]:
    """What is on record, and that no secret is."""
    found = list(
        AuditEvent.objects.filter(action__startswith="connection.").order_by("pk").values_list("action", "data")
    )
    assert SECRET not in str(found)
    assert OTHER not in str(found)
    return found


def test_another_address_asks_for_the_secret_anew(ours: Connection) -> None:
    with pytest.raises(ConnectionRefused, match="needs its key") as refused:
        update(ours, base_url="https://elsewhere.example/v1")
    assert refused.value.field == "secret"
    ours.refresh_from_db()
    assert (ours.base_url, ours.secret) == ("https://api.aigateway.sh/v1", SECRET)


def test_no_secret_of_another_address_stays_behind(ours: Connection) -> None:
    rotate_secret(connection=ours, secret="sk-in-between-000000", actor=None)

    moved = update(ours, base_url="https://elsewhere.example/v1/", secret=OTHER)

    moved.refresh_from_db()
    assert (moved.base_url, moved.secret) == ("https://elsewhere.example/v1", OTHER)
    assert (moved.earlier_secret, moved.hook_secret, moved.rotated_at, moved.hook_seen_at) == ("", "", None, None)
    assert (moved.test_state, moved.tested_at, moved.test_report) == ("", None, {})
    assert events()[-1][1]["changed"] == ["base_url", "secret"]


def test_update_without_a_secret_keeps_it_and_the_test(ours: Connection) -> None:
    changed = update(ours, name=" Main ", per_minute=5, max_in_flight=2)
    changed.refresh_from_db()
    assert (changed.name, changed.per_minute, changed.max_in_flight) == ("Main", 5, 2)
    assert (changed.secret, changed.hook_secret, changed.test_state) == (SECRET, "hook-secret", "passed")
    assert events()[-1] == (
        Action.CONNECTION_CHANGED,
        {
            "protocol": "aigateway",
            "base_url": "https://api.aigateway.sh/v1",
            "changed": ["max_in_flight", "name", "per_minute"],
        },
    )


def test_update_that_changes_nothing_is_not_on_record(ours: Connection) -> None:
    update(ours)
    assert [action for action, _ in events()] == [Action.CONNECTION_CREATED]


def test_rotation_keeps_the_earlier_secret_for_a_day(ours: Connection) -> None:
    rotated = rotate_secret(connection=ours, secret=f" {OTHER}\n", actor=None)
    assert (rotated.secret, rotated.earlier_secret, rotated.hook_secret) == (OTHER, SECRET, "hook-secret")
    assert (rotated.test_state, events()[-1][0]) == ("", Action.CONNECTION_KEY_REPLACED)
    assert forget_earlier_secrets() == 0

    Connection.objects.update(rotated_at=timezone.now() - timedelta(hours=25))

    assert forget_earlier_secrets() == 1
    ours.refresh_from_db()
    assert (ours.secret, ours.earlier_secret, ours.rotated_at) == (OTHER, "", None)
    assert forget_earlier_secrets() == 0


@pytest.mark.parametrize("secret", ["", "  ", "sk-ключ", "sk\nx-0123456789", "x" * 5000])
def test_rotation_refuses_what_is_no_key(ours: Connection, secret: str) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        rotate_secret(connection=ours, secret=secret, actor=None)
    assert refused.value.field == "secret"
    ours.refresh_from_db()
    assert ours.secret == SECRET


def test_same_secret_again_does_not_lose_the_earlier_one(ours: Connection) -> None:
    rotate_secret(connection=ours, secret=OTHER, actor=None)
    again = rotate_secret(connection=ours, secret=OTHER, actor=None)
    assert (again.secret, again.earlier_secret) == (OTHER, SECRET)


def test_pause_and_resume_are_on_record_once_each(ours: Connection, owner: User, team: Team) -> None:
    for enabled in (False, False, True, True):
        set_enabled(connection=ours, enabled=enabled, actor=owner)
    assert [action for action, _ in events()][1:] == [Action.CONNECTION_PAUSED, Action.CONNECTION_RESUMED]
    assert Connection.objects.usable_by(team).get() == ours


def test_removed_connection_is_out_of_use_and_its_name_free(ours: Connection, owner: User, team: Team) -> None:
    remove_connection(connection=ours, actor=owner)
    remove_connection(connection=ours, actor=owner)

    assert [action for action, _ in events()][1:] == [Action.CONNECTION_REMOVED]
    assert not Connection.objects.open_to(team).exists()
    with pytest.raises(ConnectionRefused, match="has been removed"):
        update(ours, name="Again")
    create_connection(team=team, name="Ours", protocol="openai", secret=SECRET, actor=None)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("javascript:alert(1)", "must look like"),
        ("ftp://api.example.com", "must look like"),
        ("https://", "must look like"),
        ("https://api example.com/v1", "must look like"),
        ("https://api.example.com/v1\r\nX: y", "must look like"),
        ("https://api.example.com|/v1", "must look like"),
        ("https://name:word@api.example.com/v1", "must look like"),
        ("https://api.example.com/v1?x=1", "must look like"),
        ("https://api.example.com:99999/v1", "not an address"),
        ("http://api.example.com/v1", "must be https"),
        ("https://10.0.4.12:8080/v1", "private"),
        ("https://[::1]/v1", "private"),
        ("https://169.254.169.254/latest", "private"),
        ("https://api.example.com/" + "x" * 5000, "at most 300"),
    ],
)
def test_forbidden_address_is_refused(team: Team, address: str, says: str) -> None:
    with pytest.raises(ConnectionRefused, match=says) as refused:
        create_connection(team=team, name="X", protocol="openai", base_url=address, secret=SECRET, actor=None)
    assert refused.value.field == "base_url"
    assert not Connection.objects.exists()


@pytest.mark.parametrize("told", [{"base_url": "https://api.example.com/v1"}, {"secret": SECRET}])
def test_practice_takes_no_address_and_no_key(team: Team, told: dict[str, Any]) -> None:
    with pytest.raises(ConnectionRefused, match="no address and no key"):
        create_connection(team=team, name="X", protocol="rehearsal", actor=None, **told)
    made = create_connection(team=team, name="X", protocol="rehearsal", actor=None, base_url="rehearsal://studio")
    with pytest.raises(ConnectionRefused, match="no address and no key"):
        update(made, **told)


def test_private_address_is_taken_where_the_operator_lists_it(team: Team, settings: Settings) -> None:
    settings.PRIVATE_HOSTS = frozenset({"10.0.4.12:8080"})
    made = create_connection(
        team=team, name="X", protocol="openai", base_url="http://10.0.4.12:8080/v1", secret=SECRET, actor=None
    )
    assert made.base_url == "http://10.0.4.12:8080/v1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, "The name must have 1 to 80 characters"),
        ({"name": "x" * 5000}, "The name must have 1 to 80 characters"),
        ({"max_in_flight": 0}, "at least one"),
        ({"max_in_flight": 2**40}, "at least one"),
        ({"per_minute": 0}, "at least one"),
        ({"options": {"colour": "blue"}}, "knows no option 'colour'"),
    ],
)
def test_update_refuses_what_cannot_be(ours: Connection, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConnectionRefused, match=says):
        update(ours, **changes)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("OpenAI\r\nBcc: everyone@halden.example", "OpenAI Bcc: everyone@halden.example"),
        ("  OpenAI,\t\u2028 EU\x00\x1b[31m", "OpenAI, EU"),
        ("OpenAI, \u202eUE", "OpenAI, UE"),
    ],
)
def test_name_is_one_line_of_what_can_be_seen(given: str, name: str, ours: Connection, team: Team) -> None:
    made = create_connection(team=team, name=given, protocol="openai", secret=SECRET, actor=None)
    assert (made.name, update(ours, name=f"{given}!").name) == (name, f"{name}!")


@pytest.mark.parametrize("name", [" \n\x00\u202e", "\u200b \u200b"])
def test_name_without_anything_to_see_is_none(name: str, team: Team) -> None:
    with pytest.raises(ConnectionRefused, match="must have 1 to") as refused:
        create_connection(team=team, name=name, protocol="openai", secret=SECRET, actor=None)
    assert refused.value.field == "name"


def test_name_is_taken_once_in_a_team(ours: Connection, team: Team, other_team: Team) -> None:
    with pytest.raises(ConnectionRefused, match="named 'Ours' already") as refused:
        create_connection(team=team, name="Ours", protocol="openai", secret=SECRET, actor=None)
    assert refused.value.field == "name"
    create_connection(team=other_team, name="Ours", protocol="openai", secret=SECRET, actor=None)
