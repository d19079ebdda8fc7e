"""How fast a connection is asked: so many pictures a minute, one try while its circuit is open, nothing in a pause."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations import fulfilment, upkeep
from studio.generations.claiming import claim_next
from studio.generations.models import Attempt, Generation, GenerationState
from studio.ledger.queries import balance
from studio.providers import health
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator
from tests.generations.providers import connect, order, outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]

DONE = (GenerationState.SUCCEEDED, Counter(delivered=1))
WAITING = (GenerationState.QUEUED, Counter(waiting=1))


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("aimlapi") as emulator:
        yield emulator


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    """A provider that makes one picture a call."""
    running.reset()
    return running


@pytest.fixture
def connection(emulator: EmulatorControl, team: Team, settings: Settings, tmp_path: Path) -> Connection:
    settings.PRIVATE_HOSTS = emulator.places
    settings.MEDIA_ROOT = tmp_path / "media"
    return connect(emulator, "aimlapi", team=team)


def pause_is_over() -> None:
    Connection.objects.update(resume_at=Now() - timedelta(seconds=1))


def waiting_for(connection: Connection) -> int:
    """How many bells the upkeep would ring for what waits there."""
    Generation.objects.update(created_at=Now() - timedelta(minutes=1))
    return upkeep.find_work().waiting.get(connection.pk, 0)


def test_ten_pictures_at_five_a_minute_leave_five_by_five(
    team: Team, member: User, connection: Connection, emulator: EmulatorControl
) -> None:
    Connection.objects.update(per_minute=5)
    generation = order(team, member, "aimlapi", n=10)

    fulfilment.fulfil_next(connection.pk)
    assert outcome(generation) == (GenerationState.QUEUED, Counter(delivered=5, waiting=5))
    fulfilment.fulfil_next(connection.pk)
    assert emulator.stats()["requests"] == 5
    assert waiting_for(connection) == 1

    Attempt.objects.update(sent_at=Now() - timedelta(seconds=61))
    fulfilment.fulfil_next(connection.pk)
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=10))
    assert emulator.stats()["paid_pictures"] == 10
    assert list(generation.attempts.order_by("number").values_list("number", flat=True)) == list(range(1, 11))


def test_limit_of_a_minute_is_shared_by_all_that_wait(
    team: Team, member: User, connection: Connection, emulator: EmulatorControl
) -> None:
    Connection.objects.update(per_minute=5)
    generations = [order(team, member, "aimlapi", n=2) for _ in range(4)]
    for _ in range(6):
        fulfilment.fulfil_next(connection.pk)

    assert emulator.stats()["requests"] == 5
    for _ in range(4):
        Attempt.objects.update(sent_at=Now() - timedelta(seconds=61))
        fulfilment.fulfil_next(connection.pk)
    assert {outcome(generation)[0] for generation in generations} == {GenerationState.SUCCEEDED}


def test_circuit_opens_tries_once_and_closes(
    team: Team, member: User, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.fail("server_error", times=6)
    for _ in range(5):
        order(team, member, "aimlapi")
        fulfilment.fulfil_next(connection.pk)
    connection.refresh_from_db()
    assert (connection.failures, health.is_open(connection), connection.paused_kind) == (5, True, "")
    first_pause = connection.resume_at
    assert first_pause is not None

    waiting = [order(team, member, "aimlapi") for _ in range(3)]
    fulfilment.fulfil_next(connection.pk)
    assert emulator.stats()["requests"] == 5
    assert waiting_for(connection) == 0

    # One call at a time tries; the others stay in the queue meanwhile, whoever asks.
    pause_is_over()
    assert claim_next(connection_id=connection.pk, worker="one") is not None
    assert claim_next(connection_id=connection.pk, worker="two") is None
    Generation.objects.filter(state=GenerationState.RUNNING).update(lease_expires_at=Now() - timedelta(seconds=1))
    fulfilment.resume(waiting[0].pk)
    assert outcome(waiting[0])[0] == GenerationState.FAILED
    connection.refresh_from_db()
    assert connection.failures == 6
    assert connection.resume_at is not None
    assert connection.resume_at - timezone.now() > timedelta(seconds=50)

    pause_is_over()
    fulfilment.fulfil_next(connection.pk)
    assert outcome(waiting[1]) == DONE
    assert Connection.objects.filter(failures=0, resume_at=None).exists()
    fulfilment.fulfil_next(connection.pk)
    assert outcome(waiting[2]) == DONE


def test_open_circuit_is_tried_by_one_call_of_a_generation_that_takes_several(
    team: Team, member: User, connection: Connection, emulator: EmulatorControl
) -> None:
    generation = order(team, member, "aimlapi", n=4)
    Connection.objects.update(failures=health.MOST_FAILURES, resume_at=Now() - timedelta(seconds=1))
    emulator.fail("server_error")

    fulfilment.fulfil_next(connection.pk)
    assert emulator.stats()["requests"] == 1
    assert outcome(generation) == (GenerationState.QUEUED, Counter(failed=1, waiting=3))

    pause_is_over()
    fulfilment.fulfil_next(connection.pk)
    assert emulator.stats()["requests"] == 2
    fulfilment.fulfil_next(connection.pk)
    assert outcome(generation) == (GenerationState.PARTIAL, Counter(failed=1, delivered=3))


@pytest.mark.parametrize("fault", ["unauthorized", "payment_required"])
def test_queue_of_a_paused_connection_waits_until_somebody_resumes_it(
    team: Team, member: User, connection: Connection, emulator: EmulatorControl, fault: str
) -> None:
    emulator.fail(fault)
    first, second = order(team, member, "aimlapi"), order(team, member, "aimlapi")
    fulfilment.fulfil_next(connection.pk)
    fulfilment.fulfil_next(connection.pk)

    assert outcome(first) == (GenerationState.FAILED, Counter(failed=1))
    assert outcome(second) == WAITING
    assert waiting_for(connection) == 0
    assert emulator.stats()["requests"] == 1

    health.resume(connection)
    assert waiting_for(connection) == 1
    fulfilment.fulfil_next(connection.pk)
    assert outcome(second) == DONE


def test_queue_of_a_paused_connection_expires_and_gives_the_credits_back(
    team: Team, member: User, connection: Connection
) -> None:
    generation = order(team, member, "aimlapi")
    Connection.objects.update(paused_kind="auth")
    Generation.objects.update(deadline_at=Now() - timedelta(seconds=1))

    assert upkeep.end_expired() == 1
    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=1))
    assert generation.outputs.get().reason == "expired"
    assert balance(team).available == 100
