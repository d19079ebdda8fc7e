"""Rate limits: the time that a provider asks for is kept by the whole connection, unless it is absurd."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from studio.generations import fulfilment
from studio.generations.models import Attempt, Generation, GenerationState
from studio.generations.services import cancel_generation
from studio.ledger.queries import balance
from studio.providers.models import Connection
from tests.generations.conformance.line import JOBS, Line, delivered, failed
from tests.generations.providers import work

pytestmark = pytest.mark.django_db(transaction=True)

# What the header says → the least and the most seconds until the next try. Waits are spread by up to a fifth.
WAITS = {
    "7": (7.0, 8.4),
    # Counted from when the answer was read, which a busy machine does late.
    "date": (1.0, 8.4),
    "ms": (1.5, 1.8),
    # Already over, or nothing that could be understood: the shortest pause.
    "past": (1.0, 1.2),
    "0": (1.0, 1.2),
    "none": (1.0, 1.2),
    "nan": (1.0, 1.2),
    "negative": (1.0, 1.2),
    "soon": (1.0, 1.2),
}


def refused(line: Line, wait: str) -> Generation:
    generation = line.ask(f"rate_limited retry_after={wait} times=1")
    fulfilment.fulfil_next(line.connection.pk)
    generation.refresh_from_db()
    return generation


def test_time_that_is_asked_for_is_waited_by_the_whole_connection(line: Line) -> None:
    for wait, (least, most) in WAITS.items():
        line.renew()
        generation = refused(line, wait)
        attempt = generation.attempts.get()
        connection = Connection.objects.get()

        assert (generation.state, generation.lease_expires_at) == (GenerationState.QUEUED, None)
        assert generation.next_try_at is not None
        assert connection.resume_at is not None
        assert attempt.ended_at is not None
        for moment in (generation.next_try_at, connection.resume_at):
            seconds = (moment - attempt.ended_at).total_seconds()
            # A busy machine takes its time between the statements of one transaction.
            assert least - 0.1 <= seconds <= most + 3, wait
        cancel_generation(generation=generation, actor=line.member)


def test_others_of_a_slowed_connection_wait_as_well(line: Line) -> None:
    generation = refused(line, "30")
    other = line.ask()

    fulfilment.fulfil_next(line.connection.pk)
    assert line.emulator.stats()["requests"] == 1
    for each in (generation, other):
        work(each)
    assert (line.end(generation).calls, line.end(other).calls) == (("rate_limited", "closed"), ("closed",))


def test_wait_beyond_the_deadline_ends_it_as_busy(line: Line, settings: Settings) -> None:
    settings.GENERATION_DEADLINE = 3600
    generation = refused(line, "absurd")

    assert generation.state == GenerationState.FAILED
    resume_at = Connection.objects.get().resume_at
    assert resume_at is not None
    # One absurd answer may not silence the connection for a day.
    assert resume_at <= timezone.now() + timedelta(minutes=5)
    assert line.end(generation) == failed("rate_limited")
    assert "too many requests" in generation.outputs.get().message


def test_limit_ends_with_the_next_good_answer(line: Line) -> None:
    line.emulator.fail("rate_limited", times=2, retry_after=2)

    assert line.make() == delivered(calls=("rate_limited", "rate_limited", "closed"), requests=3)


@pytest.mark.parametrize("way", JOBS)
def test_limit_of_questions_slows_the_connection_and_not_the_job(line: Line) -> None:
    line.emulator.fail("rate_limited", at="poll", times=2, retry_after=30)

    assert line.make() == delivered()
    assert Attempt.objects.get().polls == 2
    assert balance(line.team).held == 0
