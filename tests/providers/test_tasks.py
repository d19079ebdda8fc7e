"""Mail to whoever can mend a connection that pauses."""

from collections.abc import Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from studio.accounts.models import User
from studio.providers.adapters.errors import ModelUnavailable, ProviderError, Unauthorised
from studio.providers.health import note_failure, resume
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.providers.tasks import tell_paused
from studio.teams.models import Team

pytestmark = pytest.mark.django_db

SECRET = "sk-one-secret-0123456789"
Commit = Any


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what is sent to a worker in its place."""
    monkeypatch.setattr(tell_paused, "delay", tell_paused)


@pytest.fixture
def ours(team: Team) -> Connection:
    """A connection of the team."""
    return create_connection(team=team, name="Ours", protocol="openai", secret=SECRET, actor=None)


def fail(connection: Connection, error: ProviderError, commit: Commit) -> None:
    with commit(execute=True):
        note_failure(connection_id=connection.pk, remote_name="gpt-image-2", error=error, pause=timedelta(seconds=1))


def test_admins_and_owners_hear_of_a_pause_once(
    ours: Connection,
    owner: User,
    admin: User,
    member: User,
    viewer: User,
    stranger: User,
    operator: User,
    settings: Settings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.BASE_URL = "https://studio.example"
    refused = Unauthorised("The provider answered 401.", provider_message="Incorrect API key provided.")
    for _ in range(3):
        fail(ours, refused, django_capture_on_commit_callbacks)

    assert sorted(address for letter in mail.outbox for address in letter.to) == sorted([owner.email, admin.email])
    letter = mail.outbox[0]
    assert letter.subject == "Ours is paused"
    assert "https://studio.example/t/halden-co/team/providers/" in letter.body
    assert Unauthorised.admin_message in letter.body
    assert "The provider said: Incorrect API key provided." in letter.body
    assert SECRET not in str([(one.subject, one.body) for one in mail.outbox])


def test_next_pause_is_told_again(
    ours: Connection, owner: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(2):
        fail(ours, Unauthorised("No."), django_capture_on_commit_callbacks)
        resume(ours)
    assert [letter.to for letter in mail.outbox] == [[owner.email], [owner.email]]


def test_paused_model_is_named(
    ours: Connection, owner: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    for _ in range(2):
        fail(ours, ModelUnavailable("Gone."), django_capture_on_commit_callbacks)
    assert [letter.subject for letter in mail.outbox] == ["gpt-image-2 on Ours is paused"]


def test_operators_hear_of_a_shared_connection(
    owner: User, operator: User, team: Team, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    shared = create_connection(team=None, name="Shared", protocol="openai", secret=SECRET, actor=None)
    fail(shared, Unauthorised("No."), django_capture_on_commit_callbacks)
    assert [letter.to for letter in mail.outbox] == [[operator.email]]
    assert f"/admin/providers/connection/{shared.pk}/change/" in mail.outbox[0].body


def test_address_that_the_mail_server_refuses_keeps_nobody_else_from_hearing(
    ours: Connection,
    owner: User,
    admin: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    send = EmailBackend.send_messages

    def refuse_the_owner(backend: EmailBackend, letters: Sequence[EmailMessage]) -> int:
        if letters[0].to == [owner.email]:
            raise SMTPRecipientsRefused({owner.email: (550, b"No such person.")})
        return send(backend, letters)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_the_owner)

    fail(ours, Unauthorised("The provider answered 401."), django_capture_on_commit_callbacks)

    assert [letter.to for letter in mail.outbox] == [[admin.email]]
