"""Connections in the operator's hands: on record, never moved to another team, the secret never shown."""

import pytest
from django.urls import reverse

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.generations.models import AttemptState
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.connections.conftest import Called

SECRET = "sk-one-secret-0123456789"
ASKED = {
    "name": "Ours",
    "protocol": "openai",
    "base_url": "https://api.openai.com/v1",
    "options": "{}",
    "max_in_flight": "7",
    "enabled": "on",
}


@pytest.fixture
def ours(team: Team) -> Connection:
    """A connection of the team."""
    return create_connection(team=team, name="Ours", protocol="openai", secret=SECRET, actor=None)


def test_change_keeps_secret_and_team_and_is_on_record(
    operator: User, team: Team, ours: Connection, client_of: ClientOf
) -> None:
    path = reverse("admin:providers_connection_change", args=[ours.pk])
    person = client_of(operator)
    assert SECRET not in person.get(path).content.decode()

    answer = person.post(path, {**ASKED, "team": "", "new_secret": ""})

    assert answer.status_code == 302
    ours.refresh_from_db()
    assert (ours.team, ours.secret, ours.max_in_flight) == (team, SECRET, 7)
    event = AuditEvent.objects.get(action=Action.CONNECTION_CHANGED)
    assert (event.team_id, event.actor_id, event.subject) == (team.pk, operator.pk, "Ours")
    assert "max_in_flight" in event.data["changed"]


@pytest.mark.breaks_invariants
def test_address_stays_while_calls_to_it_are_under_way(
    operator: User, ours: Connection, client_of: ClientOf, called: Called
) -> None:
    called(ours, None, state=AttemptState.SENT, ended_at=None, error_kind="")
    path = reverse("admin:providers_connection_change", args=[ours.pk])
    moved = {**ASKED, "base_url": "https://elsewhere.example/v1", "new_secret": "sk-another-9876543210"}

    answer = client_of(operator).post(path, moved)

    assert "Calls to the address of now are under way." in answer.content.decode()
    ours.refresh_from_db()
    assert (ours.base_url, ours.secret) == ("https://api.openai.com/v1", SECRET)


def test_new_secret_is_on_record_without_its_value(operator: User, ours: Connection, client_of: ClientOf) -> None:
    path = reverse("admin:providers_connection_change", args=[ours.pk])

    client_of(operator).post(path, {**ASKED, "max_in_flight": "1000", "new_secret": "sk-another-9876543210"})

    ours.refresh_from_db()
    assert ours.secret == "sk-another-9876543210"
    event = AuditEvent.objects.get(action=Action.CONNECTION_CHANGED)
    assert event.data["changed"] == ["secret"]
    assert "9876543210" not in str(event.data)


def test_add_is_on_record(operator: User, team: Team, client_of: ClientOf) -> None:
    path = reverse("admin:providers_connection_add")

    answer = client_of(operator).post(path, {**ASKED, "team": str(team.pk), "new_secret": SECRET})

    assert answer.status_code == 302
    made = Connection.objects.get()
    assert (made.team, made.secret) == (team, SECRET)
    event = AuditEvent.objects.get(action=Action.CONNECTION_CREATED)
    assert (event.team_id, event.actor_id) == (team.pk, operator.pk)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ("", 302),
        ('{"organization": "org-1"}', 302),
        ("[1]", 200),
        ("x", 200),
        ('{"a": NaN}', 200),
        ('{"a": "\\u0000"}', 200),
    ],
)
def test_options_are_an_object_or_nothing(
    operator: User, ours: Connection, client_of: ClientOf, options: str, status: int
) -> None:
    path = reverse("admin:providers_connection_change", args=[ours.pk])

    assert client_of(operator).post(path, {**ASKED, "options": options}).status_code == status


def test_protocol_stays_and_another_address_asks_for_the_secret(
    operator: User, ours: Connection, client_of: ClientOf
) -> None:
    path = reverse("admin:providers_connection_change", args=[ours.pk])
    moved = {**ASKED, "base_url": "https://elsewhere.example/v1", "protocol": "pixapi"}

    refused = client_of(operator).post(path, {**moved, "new_secret": ""})
    assert "Another base URL needs its key" in refused.content.decode()
    client_of(operator).post(path, {**moved, "new_secret": "sk-for-elsewhere-0123"})

    ours.refresh_from_db()
    assert (ours.protocol, ours.base_url) == ("openai", "https://elsewhere.example/v1")
    assert (ours.secret, ours.earlier_secret) == ("sk-for-elsewhere-0123", "")


def test_operator_cannot_delete_but_remove_and_test(
    operator: User, ours: Connection, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, listed = client_of(operator), reverse("admin:providers_connection_changelist")
    assert person.post(reverse("admin:providers_connection_delete", args=[ours.pk])).status_code == 403

    chosen = {"_selected_action": [str(ours.pk)]}
    person.post(listed, {**chosen, "action": "test"})
    ours.refresh_from_db()
    assert ours.test_state == "running"
    person.post(listed, {**chosen, "action": "remove"})

    ours.refresh_from_db()
    assert ours.removed_at is not None
    event = AuditEvent.objects.get(action=Action.CONNECTION_REMOVED)
    assert (event.actor_id, event.subject) == (operator.pk, "Ours")
    # What was removed can be looked at and no longer changed.
    path = reverse("admin:providers_connection_change", args=[ours.pk])
    assert person.get(path).status_code == 200
    assert person.post(path, ASKED).status_code == 403
