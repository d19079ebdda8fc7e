"""Jobs at providers: asked for by the upkeep, delivered by a worker, paid once."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations import claiming, fulfilment, jobs
from studio.generations.claiming import Claim
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState
from studio.generations.services import cancel_generation
from studio.ledger.queries import balance
from studio.ledger.services import grant
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.generations.providers import JOBS, all_emulators, connect, order, outcome, poll, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]

DONE = (GenerationState.SUCCEEDED, Counter(delivered=1))
FAILED = (GenerationState.FAILED, Counter(failed=1))
INTERRUPTED = (GenerationState.INTERRUPTED, Counter(interrupted=1))


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators(tuple(JOBS)) as running:
        yield running


@pytest.fixture(params=JOBS)
def protocol(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def emulator(emulators: dict[str, EmulatorControl], protocol: str) -> EmulatorControl:
    emulators[protocol].reset()
    emulators[protocol].set(**JOBS[protocol])
    return emulators[protocol]


@pytest.fixture
def connection(emulator: EmulatorControl, protocol: str, team: Team, settings: Settings, tmp_path: Path) -> Connection:
    settings.PRIVATE_HOSTS = emulator.places
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CALL_DEADLINE = 20
    return connect(emulator, protocol, team=team)


def submitted(connection: Connection, generation: Generation) -> Attempt:
    fulfilment.fulfil_next(connection.pk)
    return generation.attempts.get()


def test_job_is_followed_without_a_worker_and_paid_once(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    generation = order(team, member, protocol)

    attempt = submitted(connection, generation)
    generation.refresh_from_db()
    assert (attempt.state, attempt.remote_id) == (AttemptState.ACCEPTED, emulator.jobs()[0]["id"])
    assert (generation.state, generation.lease_expires_at, generation.worker) == (GenerationState.RUNNING, None, "")
    assert poll() == set()

    emulator.advance(steps=5)
    assert poll() == {generation.pk}
    assert jobs.parked_ones(10) == [generation.pk]
    fulfilment.resume(generation.pk)

    assert outcome(generation) == DONE
    assert emulator.stats()["paid_pictures"] == Asset.objects.count() == 1
    assert jobs.have_jobs() is False
    assert fetched_with_key(emulator) == []


def fetched_with_key(emulator: EmulatorControl) -> list[str]:
    """Which result addresses were asked for with the provider's key."""
    return [fetch["path"] for fetch in emulator.fetches() if emulator.key in str(fetch["headers"])]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("job_fails", FAILED),
        ("job_without_result", FAILED),
        ("job_cancelled", (GenerationState.CANCELLED, Counter(cancelled=1))),
        ("job_goes_backwards", DONE),
        ("job_unknown_state", DONE),
        ("job_lost_early polls=2", DONE),
    ],
)
def test_job_that_goes_an_unusual_way_ends(
    team: Team,
    member: User,
    protocol: str,
    connection: Connection,
    emulator: EmulatorControl,
    fault: str,
    expected: tuple[GenerationState, Counter[str]],
) -> None:
    emulator.set(job_seconds=0)
    generation = work(order(team, member, protocol, f"A red kite [fault:{fault}]"))

    assert outcome(generation) == expected
    assert balance(team).held == 0
    assert emulator.stats()["requests"] == 1


def test_job_that_completes_and_then_fails_is_delivered(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    generation = order(team, member, protocol, "A red kite [fault:job_completes_then_fails]")
    submitted(connection, generation)
    emulator.advance(steps=2)
    poll()
    emulator.advance()

    assert outcome(work(generation)) == DONE


@pytest.mark.parametrize("fault", ["job_without_id", "job_huge_id"])
def test_job_without_a_usable_id_is_not_paid_again(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl, fault: str
) -> None:
    generation = work(order(team, member, protocol, f"A red kite [fault:{fault}]"))

    assert generation.state in {GenerationState.INTERRUPTED, GenerationState.FAILED}
    assert Attempt.objects.filter(possible_cost=True).exists()
    assert balance(team).available == 100
    assert emulator.stats()["requests"] == 1


def test_job_that_never_ends_is_given_up_and_cancelled_once(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    generation = order(team, member, protocol, "A red kite [fault:job_never_ends]")
    submitted(connection, generation)
    poll()
    Attempt.objects.update(sent_at=Now() - timedelta(hours=1))
    poll()

    assert outcome(generation) == FAILED
    assert generation.outputs.get().reason == "job_timed_out"
    assert Attempt.objects.get().possible_cost
    assert balance(team).available == 100
    offers_cancel = protocol == "aigateway"
    assert (emulator.stats()["calls"].get("cancel", 0) > 0) is offers_cancel


def test_job_that_the_provider_forgets_is_unknown(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=0)
    generation = order(team, member, protocol, "A red kite [fault:job_lost_late]")
    submitted(connection, generation)
    poll()
    assert outcome(generation)[0] == GenerationState.RUNNING
    Attempt.objects.update(sent_at=Now() - timedelta(minutes=2))
    poll()

    assert outcome(generation) == INTERRUPTED


def test_question_that_fails_says_nothing_about_the_job(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    generation = order(team, member, protocol)
    submitted(connection, generation)
    emulator.fail("rate_limited", at="poll", retry_after=30)

    poll()
    attempt = Attempt.objects.get()
    assert attempt.state == AttemptState.ACCEPTED
    assert attempt.poll_at is not None
    assert attempt.polled_at is not None
    assert attempt.poll_at - attempt.polled_at >= timedelta(seconds=29)
    emulator.advance(steps=5)
    assert outcome(work(generation)) == DONE


def test_questions_grow_rarer_up_to_ten_seconds(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    submitted(connection, order(team, member, protocol))
    pauses = []
    for _ in range(9):
        poll()
        attempt = Attempt.objects.get()
        assert attempt.poll_at is not None
        assert attempt.polled_at is not None
        pauses.append(round((attempt.poll_at - attempt.polled_at).total_seconds(), 1))
    pace = {"aigateway": 3.0, "pixapi": 2.0, "apiframe": 2.0}[protocol]
    assert pauses[0] == pace
    assert pauses == sorted(pauses)
    assert pauses[-1] == 10.0


def test_job_begun_with_an_earlier_key_is_followed_with_it(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    generation = order(team, member, protocol)
    submitted(connection, generation)
    connection.refresh_from_db()
    connection.earlier_secret, connection.secret = connection.secret, "sk-another-key-0123456789"
    connection.save()
    Connection.objects.update(rotated_at=Now())

    assert outcome(work(generation)) == DONE
    connection.refresh_from_db()
    assert connection.paused_kind == ""


def test_job_of_a_connection_that_was_removed_is_still_delivered(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    generation = order(team, member, protocol)
    submitted(connection, generation)
    Connection.objects.update(removed_at=Now(), enabled=False)

    assert outcome(work(generation)) == DONE


def test_cancelled_generation_stops_its_job_where_that_is_offered(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    generation = order(team, member, protocol)
    submitted(connection, generation)

    cancel_generation(generation=generation, actor=member)
    jobs.cancel_jobs(generation.pk)
    emulator.advance(steps=5)
    work(generation)

    stopped = (GenerationState.CANCELLED, Counter(cancelled=1))
    assert outcome(generation) == (stopped if protocol == "aigateway" else DONE)


def test_renewal_that_comes_late_gives_a_parked_generation_no_lease(
    team: Team, member: User, protocol: str, connection: Connection
) -> None:
    generation = order(team, member, protocol)
    submitted(connection, generation)
    generation.refresh_from_db()

    claiming.renew([Claim(generation.pk, generation.fence)])

    generation.refresh_from_db()
    assert (generation.state, generation.lease_expires_at) == (GenerationState.RUNNING, None)


def test_job_cancelled_before_it_had_a_name_is_stopped_at_the_first_question(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=-1)
    generation = order(team, member, protocol)
    submitted(connection, generation)
    Generation.objects.update(cancel_requested_at=Now())

    poll()
    assert (emulator.stats()["calls"].get("cancel", 0) > 0) is (protocol == "aigateway")
    asked = emulator.stats()["calls"].get("cancel", 0)
    emulator.advance(steps=5)
    work(generation)
    assert emulator.stats()["calls"].get("cancel", 0) == asked
    assert generation.is_live is False


def test_result_that_waited_long_is_asked_for_again(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=0)
    generation = order(team, member, protocol)
    submitted(connection, generation)
    poll()
    Attempt.objects.update(polled_at=Now() - timedelta(minutes=10))
    fulfilment.resume(generation.pk)
    assert Attempt.objects.get().state == AttemptState.ACCEPTED

    assert outcome(work(generation)) == DONE


@pytest.mark.parametrize("pause", [{"paused_kind": "auth"}, {"resume_at": Now() + timedelta(minutes=1)}])
def test_rest_of_a_generation_is_not_taken_up_while_its_connection_pauses(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl, pause: dict[str, Any]
) -> None:
    Connection.objects.update(per_minute=1)
    generation = order(team, member, protocol, n=2)
    fulfilment.fulfil_next(connection.pk)
    assert outcome(generation) == (GenerationState.RUNNING, Counter(running=1, waiting=1))
    assert jobs.parked_ones(10) == [generation.pk]

    Connection.objects.update(**pause)
    assert jobs.parked_ones(10) == []

    Connection.objects.update(paused_kind="", resume_at=None, per_minute=None)
    assert outcome(work(generation)) == (GenerationState.SUCCEEDED, Counter(delivered=2))


def test_jobs_of_all_kinds_of_ends_are_written_down_together(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=0)
    prompts = ["A red kite", "A red kite [fault:job_never_ends]", "A red kite [fault:job_fails]", "A blue kite"]
    generations = [order(team, member, protocol, prompt) for prompt in prompts]
    for _ in generations:
        fulfilment.fulfil_next(connection.pk)

    assert poll() == {generations[0].pk, generations[3].pk}

    states = Attempt.objects.order_by("generation_id").values_list("state", "polls")
    assert [*states] == [("ready", 0), ("accepted", 1), ("failed", 0), ("ready", 0)]
    assert Attempt.objects.filter(state="accepted", poll_at__gt=F("polled_at")).count() == 1
    assert Attempt.objects.filter(state="ready", latency_ms__gte=0, answered_at=F("polled_at")).count() == 2


def test_many_due_jobs_are_shared_between_pollers(
    team: Team, member: User, protocol: str, connection: Connection, emulator: EmulatorControl
) -> None:
    emulator.set(job_seconds=0)
    grant(team=team, amount=100, reason="for many", actor=None, key="many")
    generations = [order(team, member, protocol) for _ in range(10)]
    for _ in generations:
        fulfilment.fulfil_next(connection.pk)
    before = emulator.stats()["calls"].get("poll", 0)

    assert poll() == {generation.pk for generation in generations}
    asked = emulator.stats()["calls"].get("poll", 0) - before
    assert asked == (0 if protocol == "apiframe" else 10)
    assert emulator.stats()["calls"].get("list", 0) == (1 if protocol == "apiframe" else 0)
    for generation in generations:
        fulfilment.resume(generation.pk)
    assert Generation.objects.filter(state=GenerationState.SUCCEEDED).count() == 10
