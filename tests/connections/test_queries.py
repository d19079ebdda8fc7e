"""Health figures from attempts."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from studio.accounts.models import User
from studio.connections.queries import Health, connections_for, health_of
from studio.connections.rows import Row
from studio.generations.models import AttemptState, Generation
from studio.ledger.services import grant, open_account
from studio.providers.models import Connection
from studio.providers.services import create_connection, remove_connection
from studio.teams.models import Team
from tests.connections.conftest import SECRET, Called
from tests.generations.making import submit

pytestmark = pytest.mark.django_db


def health(team: Team, connection: Connection) -> Health:
    return health_of(team, [connection])[connection.pk]


def last_success(team: Team, connection: Connection) -> datetime | None:
    return Row(connections_for(team).get(pk=connection.pk), Health()).last_success


def test_figures_of_the_last_day(team: Team, ours: Connection, called: Called) -> None:
    for latency in range(1, 101):
        called(ours, latency * 100, ago=timedelta(hours=5))
    for _ in range(4):
        called(ours, None, ago=timedelta(hours=2))
    called(ours, 999_000, ago=timedelta(hours=25))

    found = health(team, ours)

    assert (found.calls, found.succeeded) == (104, 100)
    assert (found.median, found.slowest) == (5050.0, 9505.0)
    assert (found.median_lately, found.pictures_last_minute) == (None, 0)
    assert found.hours == [*[0.0] * 18, 5050.0, *[0.0] * 5]


def test_last_hour_and_last_minute_stand_apart(team: Team, ours: Connection, called: Called) -> None:
    for latency in (10_000, 20_000, 90_000):
        called(ours, latency, ago=timedelta(minutes=10))
    called(ours, 20_000, images=4)
    found = health(team, ours)
    assert (found.median_lately, found.pictures_last_minute) == (20_000.0, 4)


@pytest.mark.breaks_invariants  # calls of a generation that waits
def test_what_was_asked_wrongly_is_no_failure_of_the_connection(team: Team, ours: Connection, called: Called) -> None:
    for kind in ("content_refused", "invalid_request", "unsupported", "cancelled"):
        called(ours, None, error_kind=kind)
    called(ours, None, state=AttemptState.SENT, ended_at=None, error_kind="")
    called(ours, 1000, state=AttemptState.READY, result={})
    called(ours, None, state=AttemptState.UNKNOWN, error_kind="outcome_unknown")
    found = health(team, ours)
    assert (found.calls, found.succeeded) == (2, 1)


def test_test_that_passed_ends_what_came_before_it(team: Team, ours: Connection, called: Called) -> None:
    for ago in (1, 3):
        called(ours, None, ago=timedelta(hours=ago))
        called(ours, 1000, ago=timedelta(hours=ago))
    Connection.objects.filter(pk=ours.pk).update(tested_at=timezone.now() - timedelta(hours=2))
    for state, since in (("failed", (4, 2)), ("passed", (2, 1)), ("", (4, 2))):
        Connection.objects.filter(pk=ours.pk).update(test_state=state)
        found = health(team, ours)
        assert (found.calls, found.succeeded) == (4, 2)
        assert (found.calls_since_test, found.succeeded_since_test) == since


def test_calls_that_the_provider_refused_as_too_many_are_counted(team: Team, ours: Connection, called: Called) -> None:
    called(ours, None, error_kind="rate_limited")
    called(ours, None, error_kind="rate_limited", ago=timedelta(hours=23))
    called(ours, None, error_kind="rate_limited", ago=timedelta(hours=25))
    called(ours, None, error_kind="quota_used_up")
    assert health(team, ours).held_back == 2


def test_nothing_is_told_of_what_other_teams_do_through_a_shared_connection(
    team: Team, other_team: Team, stranger: User, shared: Connection, called: Called
) -> None:
    open_account(team=other_team)
    grant(team=other_team, amount=10, reason="to begin with", actor=None, key="theirs")
    elsewhere = submit(other_team, stranger, n=1)
    called(shared, 9_000, generation=elsewhere)
    assert health_of(team, [shared]) == {}
    assert last_success(team, shared) is None
    ours = called(shared, 1_000, ago=timedelta(minutes=5))
    assert health(team, shared).median == 1_000.0
    assert last_success(team, shared) == ours.sent_at


def test_own_connections_come_first_and_removed_and_foreign_ones_not_at_all(
    team: Team, ours: Connection, theirs: Connection, shared: Connection
) -> None:
    gone = create_connection(team=team, name="Gone", protocol="openai", secret=SECRET, actor=None)
    remove_connection(connection=gone, actor=None)
    assert list(connections_for(team)) == [ours, shared]


def test_last_success_is_known_for_longer_than_a_day(team: Team, ours: Connection, called: Called) -> None:
    long_ago = called(ours, 1000, ago=timedelta(days=30))
    called(ours, None)
    assert last_success(team, ours) == long_ago.sent_at


@pytest.mark.parametrize("count", [1, 3])
def test_number_of_queries_does_not_grow(
    count: int, team: Team, generation: Generation, called: Called, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        made = create_connection(team=team, name=f"No {number}", protocol="openai", secret=SECRET, actor=None)
        called(made, 1000)
    with django_assert_num_queries(2):
        connections = list(connections_for(team))
    with django_assert_num_queries(2):
        health_of(team, connections)
