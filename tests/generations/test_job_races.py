"""Jobs while several things happen at once: pollers, workers, people, and a database that goes away."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations import delivery, fulfilment, jobs, polling
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState
from studio.generations.polling import Batch, jobs_of
from studio.generations.services import cancel_generation
from studio.ledger.models import Entry
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.generations.providers import JOBS, all_emulators, connect, order, outcome, poll, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]

DONE = (GenerationState.SUCCEEDED, Counter(delivered=1))


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators(tuple(JOBS)) as running:
        yield running


@pytest.fixture
def emulator_of(
    emulators: dict[str, EmulatorControl], settings: Settings, tmp_path: Path
) -> Callable[[str], EmulatorControl]:
    """Make a provider ready, whose jobs end at once."""
    settings.PRIVATE_HOSTS = frozenset[str]().union(*(emulator.places for emulator in emulators.values()))
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CALL_DEADLINE = 20

    def ready(protocol: str) -> EmulatorControl:
        emulators[protocol].reset()
        emulators[protocol].set(**JOBS[protocol] | {"job_seconds": 0})
        return emulators[protocol]

    return ready


@pytest.fixture
def pixapi(emulator_of: Callable[[str], EmulatorControl]) -> EmulatorControl:
    return emulator_of("pixapi")


@pytest.fixture
def connection(pixapi: EmulatorControl, team: Team) -> Connection:
    return connect(pixapi, "pixapi", team=team)


def make_due() -> None:
    Attempt.objects.filter(state=AttemptState.ACCEPTED).update(poll_at=Now() - timedelta(seconds=1))


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Run a call in a thread with database connections of its own."""

    def run() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def lose_worker(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_two_pollers_at_once_ask_for_each_job_once(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl
) -> None:
    generations = [order(team, member, "pixapi") for _ in range(12)]
    for _ in generations:
        fulfilment.fulfil_next(connection.pk)
    make_due()
    woken: list[int] = []

    pollers = [in_background(lambda: woken.extend(jobs.poll_due())) for _ in range(3)]
    for poller in pollers:
        poller.join()

    assert sorted(woken) == [generation.pk for generation in generations]
    assert [job["polls"] for job in pixapi.jobs()] == [1] * 12


def test_job_that_ends_while_a_worker_delivers_another_is_delivered_by_it(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixapi.set(job_seconds=-1)
    generation = order(team, member, "pixapi", n=2)
    fulfilment.fulfil_next(connection.pk)
    assert generation.attempts.filter(state=AttemptState.ACCEPTED).count() == 2
    first, second = (job["id"] for job in pixapi.jobs())
    pixapi.advance(first, steps=5)
    assert poll() == {generation.pk}
    deliver = delivery.deliver

    def deliver_late(*arguments: Any) -> bool:
        monkeypatch.setattr(delivery, "deliver", deliver)
        pixapi.advance(second, steps=5)
        # The bell rings now, and everybody who hears it finds the generation taken.
        assert poll() == {generation.pk}
        fulfilment.resume(generation.pk)
        return deliver(*arguments)

    monkeypatch.setattr(delivery, "deliver", deliver_late)
    fulfilment.resume(generation.pk)

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))


def test_cancel_while_the_pictures_wait_to_be_fetched_delivers_them(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl
) -> None:
    generation = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)
    poll()
    assert generation.attempts.get().state == AttemptState.READY

    cancel_generation(generation=generation, actor=member)
    jobs.cancel_jobs(generation.pk)
    assert outcome(generation)[0] == GenerationState.RUNNING

    assert outcome(work(generation)) == DONE
    assert Entry.objects.filter(kind="charge").count() == 1


def test_worker_that_dies_after_its_job_was_accepted_is_not_missed(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_claim: object) -> bool:
        raise SystemError("as if the process had been killed here")

    generation = order(team, member, "pixapi")
    with monkeypatch.context() as dying:
        dying.setattr(delivery, "conclude", die)
        with pytest.raises(SystemError):
            fulfilment.fulfil_next(connection.pk)
    # The job ends while the dead worker's lease still runs: its result is kept all the same.
    assert poll() == {generation.pk}
    fulfilment.resume(generation.pk)
    assert generation.attempts.get().state == AttemptState.READY

    lose_worker(generation)
    fulfilment.resume(generation.pk)
    assert outcome(generation) == DONE
    assert pixapi.stats()["requests"] == 1


def test_generation_that_is_taken_over_leaves_its_jobs_alone(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl
) -> None:
    pixapi.set(job_seconds=-1)
    generation = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)
    lose_worker(generation)

    fulfilment.resume(generation.pk)
    generation.refresh_from_db()
    assert (generation.kills, generation.lease_expires_at) == (1, None)
    assert generation.attempts.get().state == AttemptState.ACCEPTED
    pixapi.advance(steps=5)
    assert outcome(work(generation)) == DONE
    assert pixapi.stats()["requests"] == 1


def test_news_of_a_generation_that_was_given_up_changes_nothing(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)
    write = jobs._write_down

    def give_up_meanwhile(batch: Batch) -> set[int]:
        Generation.objects.filter(pk=generation.pk).update(kills=3)
        lose_worker(generation)
        fulfilment.resume(generation.pk)
        return write(batch)

    monkeypatch.setattr(jobs, "_write_down", give_up_meanwhile)
    assert poll() == set()

    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=1))
    attempt = generation.attempts.get()
    assert (attempt.state, attempt.error_kind, attempt.possible_cost) == (AttemptState.UNKNOWN, "poison", True)


def test_answer_that_the_database_cannot_take_is_asked_for_again(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)

    def away(*_: object) -> set[int]:
        raise OperationalError("the connection is closed")

    with monkeypatch.context() as gone:
        gone.setattr(jobs, "_make_ready", away)
        with pytest.raises(OperationalError):
            poll()
    attempt = generation.attempts.get()
    assert attempt.state == AttemptState.ACCEPTED
    # Due again by itself, as soon as nobody can still be asking.
    assert attempt.poll_at is not None
    assert attempt.polled_at is not None
    assert attempt.poll_at - attempt.polled_at == jobs.ASKING

    assert outcome(work(generation)) == DONE
    assert pixapi.stats()["requests"] == 1


def test_hint_that_comes_while_the_question_is_under_way_is_not_lost(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixapi.set(job_seconds=-1)
    generation = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)
    Attempt.objects.update(polls=50, sent_at=Now() - timedelta(minutes=1))
    job_id = generation.attempts.get().remote_id
    write = jobs._write_down

    def hasten_meanwhile(batch: Batch) -> set[int]:
        assert jobs.hasten(connection_id=connection.pk, job_id=job_id)
        return write(batch)

    monkeypatch.setattr(jobs, "_write_down", hasten_meanwhile)
    make_due()
    before = time.time()
    assert list(jobs.poll_due()) == []

    attempt = generation.attempts.get()
    assert attempt.poll_at is not None
    # Not after the ten seconds of an old job, and not before the provider's two since the question.
    assert before + 1.9 < attempt.poll_at.timestamp() < before + 8


def test_provider_that_does_not_answer_holds_no_other_up(
    team: Team,
    member: User,
    emulator_of: Callable[[str], EmulatorControl],
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "ASK_SECONDS", 30.0)
    monkeypatch.setattr(polling, "ROUND_SECONDS", 3.0)
    slow = emulator_of("aigateway")
    slow_connection = connect(slow, "aigateway", team=team)
    hanging = order(team, member, "aigateway")
    fulfilment.fulfil_next(slow_connection.pk)
    quick = order(team, member, "pixapi")
    fulfilment.fulfil_next(connection.pk)
    slow.fail("hang", at="poll", seconds=30)
    make_due()

    begun = time.monotonic()
    news = jobs.poll_due()
    assert next(news) == quick.pk
    assert time.monotonic() - begun < 2.5
    assert list(news) == []

    # Its turn has not come: it is the first in the next one, and that counts for nothing.
    attempt = hanging.attempts.get()
    assert (attempt.state, attempt.polls) == (AttemptState.ACCEPTED, 0)
    assert outcome(work(hanging)) == DONE


def test_many_questions_that_fail_at_once_count_as_one_failure(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl
) -> None:
    for _ in range(7):
        order(team, member, "pixapi")
        fulfilment.fulfil_next(connection.pk)
    pixapi.fail("server_error", times=7, at="poll")

    assert poll() == set()
    connection.refresh_from_db()
    assert (connection.failures, connection.resume_at) == (1, None)


def test_answer_that_breaks_its_reader_ends_with_the_time_of_its_job(
    team: Team, member: User, connection: Connection, pixapi: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = order(team, member, "pixapi"), order(team, member, "pixapi")
    for _ in range(2):
        fulfilment.fulfil_next(connection.pk)
    poisoned = first.attempts.get().remote_id
    reader = jobs_of(connection)
    read = type(reader).read_poll

    def read_or_break(self: object, answer: object, **asked: Any) -> object:
        if poisoned.encode() in answer.read():  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return read(self, answer, **asked)  # type: ignore[arg-type]

    monkeypatch.setattr(type(reader), "read_poll", read_or_break)
    assert poll() == {second.pk}
    assert outcome(first)[0] == GenerationState.RUNNING
    Attempt.objects.update(sent_at=Now() - timedelta(hours=1))
    assert poll() == set()
    assert outcome(first) == (GenerationState.FAILED, Counter(failed=1))
    assert outcome(work(second)) == DONE
