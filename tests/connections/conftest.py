"""What the connections page shows: connections, and calls made through them."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.generations.models import Attempt, AttemptState, Generation
from studio.ledger.services import grant, open_account
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.generations.making import submit

SECRET = "sk-one-secret-0123456789"
Called = Callable[..., Attempt]


@pytest.fixture
def ours(team: Team) -> Connection:
    """A connection of the team."""
    sync_catalogue()
    return create_connection(team=team, name="Ours", protocol="openai", secret=SECRET, actor=None)


@pytest.fixture
def theirs(other_team: Team) -> Connection:
    """A connection of another team."""
    return create_connection(team=other_team, name="Theirs", protocol="openai", secret=SECRET, actor=None)


@pytest.fixture
def shared(db: None) -> Connection:
    """A connection of the whole installation."""
    sync_catalogue()
    return create_connection(team=None, name="Rehearsal", protocol="rehearsal", actor=None)


@pytest.fixture
def generation(ours: Connection, shared: Connection, team: Team, owner: User) -> Generation:
    """A generation that attempts can belong to; it waits."""
    open_account(team=team)
    grant(team=team, amount=100, reason="to begin with", actor=None, key="start")
    return submit(team, owner, n=1)


@pytest.fixture
def called(generation: Generation) -> Called:
    """Make calls as rows: `called(connection, 28_000, ago=timedelta(hours=3))`; without a time it failed."""

    def call(connection: Connection, latency_ms: int | None, *, ago: timedelta = timedelta(), **facts: Any) -> Attempt:
        state = AttemptState.FAILED if latency_ms is None else AttemptState.CLOSED
        sent_at = timezone.now() - ago
        return Attempt.objects.create(
            **{
                "generation": generation,
                "number": Attempt.objects.count() + 1,
                "connection": connection,
                "via": generation.via,
                "images": 1,
                "state": state,
                "fence": 0,
                "token": uuid.uuid4(),
                "call_id": uuid.uuid4(),
                "latency_ms": latency_ms,
                "sent_at": sent_at,
                "ended_at": sent_at,
                "error_kind": "" if latency_ms is not None else "upstream_transient",
                **facts,
            }
        )

    return call
