"""What the studio reads."""

import pytest
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.generations.models import Attempt, AttemptState, Generation
from studio.generations.models import OutputState as Is
from studio.generations.queries import feed, typical_seconds
from studio.teams.models import Team
from tests.generations.making import submit
from tests.generations.showing import show

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


def test_feed_is_the_teams_own_newest_first(team: Team, member: User, admin: User, other_team: Team) -> None:
    first, second = submit(team, member), submit(team, admin)

    assert list(feed(team)) == [second, first]
    assert list(feed(team, author=member)) == [first]
    assert list(feed(other_team)) == []


def test_feed_outputs_are_in_order_of_their_slots(team: Team, member: User) -> None:
    submit(team, member, n=5)

    [generation] = feed(team)

    assert [output.slot for output in generation.outputs.all()] == [0, 1, 2, 3, 4]


def answered(team: Team, member: User, *seconds: int) -> None:
    """Leave attempts behind that took so long."""
    for taken in seconds:
        generation = show(team, member, Is.DELIVERED)
        Attempt.objects.filter(generation=generation).update(latency_ms=taken * 1000)


def test_typical_seconds_is_the_median_of_what_was_answered(team: Team, member: User) -> None:
    answered(team, member, 10, 20, 300)
    running = show(team, member, Is.RUNNING)

    assert typical_seconds([running]) == {running.model_id: 20}


def test_typical_seconds_of_two_answers_is_not_known(team: Team, member: User) -> None:
    answered(team, member, 10, 20)

    assert typical_seconds([show(team, member, Is.RUNNING)]) == {}


def test_typical_seconds_leaves_failed_calls_out(team: Team, member: User) -> None:
    for _ in range(3):
        show(team, member, Is.FAILED)
    assert set(Attempt.objects.values_list("state", "latency_ms")) == {(AttemptState.FAILED, 20_000)}

    assert typical_seconds([show(team, member, Is.RUNNING)]) == {}


def test_typical_seconds_asks_nothing_when_nothing_runs(
    team: Team, member: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ended = list(Generation.objects.filter(pk=show(team, member, Is.FAILED).pk))

    with django_assert_num_queries(0):
        assert typical_seconds(ended) == {}
