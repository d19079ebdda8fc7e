"""What errors do to a connection: count, pause it or its model, slow it down; and what a good answer undoes."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from studio.catalogue.services import sync_catalogue
from studio.providers.adapters.errors import (
    AddressRefused,
    BadAnswer,
    Conflict,
    ContentRefused,
    InsufficientFunds,
    InvalidRequest,
    JobCancelled,
    JobTimedOut,
    ModelUnavailable,
    NotPermitted,
    NotReady,
    OutcomeUnknown,
    Overloaded,
    ProviderError,
    QuotaUsedUp,
    RateLimited,
    Unauthorised,
    UnderMaintenance,
    Unreachable,
    Unsupported,
    UpstreamTransient,
)
from studio.providers.health import as_it_counts, is_open, note_failure, note_success, resume
from studio.providers.models import Connection, PausedModel
from studio.providers.services import create_connection
from studio.teams.models import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection(team: Team) -> Connection:
    sync_catalogue()
    return create_connection(team=team, name="One", protocol="openai", secret="sk-0123456789abcdef", actor=None)


def fail(connection: Connection, error: ProviderError, *, seconds: float = 1.0) -> None:
    with transaction.atomic():
        note_failure(
            connection_id=connection.pk, remote_name="gpt-image-2", error=error, pause=timedelta(seconds=seconds)
        )
    connection.refresh_from_db()


def pause_of(connection: Connection) -> float:
    """How many seconds nothing is sent."""
    return 0.0 if connection.resume_at is None else (connection.resume_at - timezone.now()).total_seconds()


@pytest.mark.parametrize("error", [Unreachable, UpstreamTransient, Overloaded, OutcomeUnknown])
def test_fifth_failure_upstream_in_a_row_opens_the_circuit(connection: Connection, error: type[ProviderError]) -> None:
    for _ in range(4):
        fail(connection, error("trouble"))
    assert (is_open(connection), connection.resume_at) == (False, None)

    fail(connection, error("trouble"))
    assert is_open(connection)
    assert 25 < pause_of(connection) <= 31


def test_pause_of_an_open_circuit_doubles_up_to_ten_minutes(connection: Connection) -> None:
    pauses = []
    for _ in range(12):
        Connection.objects.update(resume_at=None)
        fail(connection, UpstreamTransient("trouble"))
        pauses.append(round(pause_of(connection) / 30))

    assert pauses == [0, 0, 0, 0, 1, 2, 4, 8, 16, 20, 20, 20]


def test_calls_that_fail_together_open_the_circuit_for_the_first_pause(connection: Connection) -> None:
    for _ in range(50):
        fail(connection, UpstreamTransient("trouble"))

    assert (connection.failures, round(pause_of(connection) / 30)) == (5, 1)


def test_good_answer_leaves_the_pause_that_a_limit_asked_for(connection: Connection) -> None:
    fail(connection, UpstreamTransient("trouble"))
    fail(connection, RateLimited("slow down"), seconds=40)
    note_success(connection.pk)
    connection.refresh_from_db()

    assert connection.failures == 0
    assert 35 < pause_of(connection) <= 40


def test_good_answer_closes_the_circuit_and_begins_the_count_anew(connection: Connection) -> None:
    for _ in range(5):
        fail(connection, UpstreamTransient("trouble"))
    note_success(connection.pk)
    connection.refresh_from_db()
    assert (connection.failures, connection.resume_at) == (0, None)

    for _ in range(4):
        fail(connection, UpstreamTransient("trouble"))
    assert not is_open(connection)


@pytest.mark.parametrize(
    "error",
    [
        Unsupported,
        NotReady,
        BadAnswer,
        InvalidRequest,
        ContentRefused,
        Conflict,
        JobTimedOut,
        JobCancelled,
    ],
)
def test_what_says_nothing_about_the_connection_changes_nothing(
    connection: Connection, error: type[ProviderError]
) -> None:
    for _ in range(6):
        fail(connection, error("no"))

    assert (connection.failures, connection.resume_at, connection.paused_kind) == (0, None, "")
    assert not PausedModel.objects.exists()


@pytest.mark.parametrize("error", [Unauthorised, InsufficientFunds, AddressRefused])
def test_what_needs_an_admin_pauses_the_connection_once(connection: Connection, error: type[ProviderError]) -> None:
    fail(connection, error("no", provider_message="first words"))
    since = connection.paused_at
    fail(connection, error("no", provider_message="other words"))

    assert (connection.paused_kind, connection.paused_note) == (error.kind, "first words")
    assert connection.paused_at == since
    assert not Connection.objects.usable().exists()


@pytest.mark.parametrize("changed", ["secret", "base_url"])
def test_rejected_key_that_was_replaced_meanwhile_pauses_nothing(connection: Connection, changed: str) -> None:
    rejected = Unauthorised("no", status=401, request_id="req_1", provider_message="words")
    assert as_it_counts(connection, rejected) is rejected

    Connection.objects.update(**{changed: "another"})
    error = as_it_counts(connection, rejected)

    assert (error.kind, error.retryable, error.moves_on, str(error)) == ("auth", True, False, "no")
    assert (error.status, error.request_id, error.provider_message) == (401, "req_1", "words")
    fail(connection, error)
    assert connection.paused_kind == ""
    other = InsufficientFunds("no")
    assert as_it_counts(connection, other) is other


@pytest.mark.parametrize("error", [NotPermitted, ModelUnavailable, UnderMaintenance])
def test_what_concerns_a_model_pauses_it_alone(connection: Connection, error: type[ProviderError]) -> None:
    for _ in range(2):
        fail(connection, error("no", provider_message="why"))

    paused = PausedModel.objects.get()
    assert (paused.remote_name, paused.kind, paused.note) == ("gpt-image-2", error.kind, "why")
    assert connection.paused_kind == ""


@pytest.mark.parametrize(
    ("error", "seconds", "pause"),
    [
        (RateLimited, 7, 7),
        (RateLimited, 86_400, 300),
        (QuotaUsedUp, 3600, 3600),
        (QuotaUsedUp, 1_000_000, 86_400),
    ],
)
def test_limit_slows_the_connection_for_as_long_as_is_sensible(
    connection: Connection, error: type[ProviderError], seconds: float, pause: float
) -> None:
    fail(connection, error("too many"), seconds=seconds)

    assert pause - 5 < pause_of(connection) <= pause + 1
    assert (connection.failures, connection.paused_kind) == (0, "")


def test_shorter_limit_does_not_end_a_longer_one(connection: Connection) -> None:
    fail(connection, RateLimited("too many"), seconds=100)
    fail(connection, RateLimited("too many"), seconds=2)

    assert pause_of(connection) > 90


def test_resume_ends_every_pause(connection: Connection) -> None:
    for _ in range(5):
        fail(connection, UpstreamTransient("trouble"))
    fail(connection, Unauthorised("no"))
    fail(connection, ModelUnavailable("no"))

    resume(connection)

    connection.refresh_from_db()
    assert (connection.failures, connection.resume_at, connection.paused_kind) == (0, None, "")
    assert not PausedModel.objects.exists()
