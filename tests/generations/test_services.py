"""Submitting, cancelling and retrying: the web's half."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from django.db import connection
from kombu.exceptions import OperationalError

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.catalogue.errors import NotOffered
from studio.generations.errors import KeyReused, NothingToRetry, PriceChanged
from studio.generations.models import Generation, GenerationState, Output, OutputState
from studio.generations.services import cancel_generation, retry_rest, start_generation
from studio.generations.tasks import cancel_jobs
from studio.ledger.errors import InsufficientCredits
from studio.ledger.models import Entry, Hold, HoldState
from studio.ledger.queries import balance
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.generations.making import spec, submit

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


def test_start_generation_commits_hold_outputs_and_audit(team: Team, member: User, rehearsal: Connection) -> None:
    generation = submit(team, member, n=3)

    assert (generation.state, generation.n, generation.unit_price) == (GenerationState.QUEUED, 3, 1)
    assert generation.connection == rehearsal
    assert list(generation.outputs.values_list("slot", "state")) == [(slot, OutputState.WAITING) for slot in range(3)]
    assert generation.hold is not None
    assert (generation.hold.amount, generation.hold.state) == (3, HoldState.OPEN)
    now = balance(team)
    assert (now.balance, now.held, now.available) == (100, 3, 97)
    assert AuditEvent.objects.filter(action="generation.started", subject=str(generation.pk), actor=member).count() == 1


def test_start_generation_same_key_same_body_is_the_same_generation(team: Team, member: User) -> None:
    key = uuid.uuid4()

    first, second = submit(team, member, key=key), submit(team, member, key=key)

    assert first.pk == second.pk
    assert Hold.objects.count() == 1


def test_start_generation_same_key_other_body_is_refused(team: Team, member: User) -> None:
    key = uuid.uuid4()
    submit(team, member, key=key)

    with pytest.raises(KeyReused):
        submit(team, member, key=key, prompt="Something else")

    assert Generation.objects.count() == 1


def test_start_generation_keys_of_two_members_do_not_meet(team: Team, member: User, admin: User) -> None:
    key = uuid.uuid4()

    assert submit(team, member, key=key).pk != submit(team, admin, key=key).pk


def test_start_generation_dearer_than_quoted_is_not_charged(team: Team, member: User) -> None:
    with pytest.raises(PriceChanged) as caught:
        start_generation(team=team, actor=member, spec=spec(n=2), key=uuid.uuid4(), quoted=1)

    assert caught.value.quote.total == 2
    assert (Generation.objects.count(), Hold.objects.count()) == (0, 0)


def test_start_generation_cheaper_than_quoted_holds_the_lower_price(team: Team, member: User) -> None:
    generation = start_generation(team=team, actor=member, spec=spec(n=2), key=uuid.uuid4(), quoted=50)

    assert generation.hold is not None
    assert generation.hold.amount == 2


def test_start_generation_without_enough_credits_leaves_nothing(team: Team, member: User) -> None:
    for _ in range(10):
        submit(team, member, n=10)

    with pytest.raises(InsufficientCredits) as caught:
        submit(team, member, n=4)

    assert caught.value.missing == 4
    assert Generation.objects.count() == 10
    assert balance(team).available == 0


@pytest.mark.parametrize("changes", [{"quality": "max"}, {"size": "17x17"}, {"model_slug": "gone"}])
def test_start_generation_of_what_is_not_offered_leaves_nothing(
    team: Team, member: User, changes: dict[str, str]
) -> None:
    with pytest.raises(NotOffered):
        start_generation(team=team, actor=member, spec=spec(**changes), key=uuid.uuid4(), quoted=100)

    assert (Generation.objects.count(), Hold.objects.count()) == (0, 0)


def test_cancel_queued_generation_returns_its_credits(team: Team, member: User) -> None:
    generation = submit(team, member, n=3)

    cancel_generation(generation=generation, actor=member)
    cancel_generation(generation=generation, actor=member)

    generation.refresh_from_db()
    assert generation.state == GenerationState.CANCELLED
    assert set(generation.outputs.values_list("state", flat=True)) == {OutputState.CANCELLED}
    assert Hold.objects.get().state == HoldState.RELEASED
    assert balance(team).available == 100
    assert AuditEvent.objects.filter(action="generation.cancelled").count() == 1


def test_cancel_while_the_broker_is_away_is_no_error(
    team: Team,
    member: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Callable[[], object]]]],
) -> None:
    def be_away(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(cancel_jobs, "apply_async", be_away)
    generation = submit(team, member, n=3)

    with django_capture_on_commit_callbacks(execute=True):
        cancel_generation(generation=generation, actor=member)

    generation.refresh_from_db()
    assert generation.state == GenerationState.CANCELLED


def test_retry_rest_asks_for_the_missing_only(team: Team, member: User) -> None:
    generation = submit(team, member, n=3)
    cancel_generation(generation=generation, actor=member)
    generation.refresh_from_db()

    again = retry_rest(generation=generation, actor=member, key=uuid.uuid4())

    assert (again.n, again.prompt, again.retry_of_id) == (3, generation.prompt, generation.pk)


def test_retry_rest_of_a_running_generation_is_refused(team: Team, member: User) -> None:
    with pytest.raises(NothingToRetry):
        retry_rest(generation=submit(team, member), actor=member, key=uuid.uuid4())


# Each thread has a connection of its own, and PostgreSQL has 100 for everybody.
THREADS = 40


def at_once(count: int, work: Callable[[], Generation]) -> list[object]:
    """Do `work` `count` times in threads that start together and return what each gave or raised."""
    barrier = threading.Barrier(min(count, THREADS))

    def start() -> None:
        barrier.wait()

    def result() -> object:
        try:
            return work()
        except Exception as error:  # noqa: BLE001  # what was raised is what the test looks at
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(min(count, THREADS), initializer=start) as pool:
        return [future.result() for future in [pool.submit(result) for _ in range(count)]]


@pytest.mark.django_db(transaction=True)
def test_start_generation_same_key_at_once_makes_one(team: Team, member: User) -> None:
    key = uuid.uuid4()

    results = at_once(8, lambda: submit(team, member, key=key))

    assert {getattr(result, "pk", result) for result in results} == {Generation.objects.get().pk}
    assert Hold.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_start_generation_credit_for_exactly_37_of_100(team: Team, member: User) -> None:
    for _ in range(6):
        submit(team, member, n=10)
    submit(team, member, n=3)

    results = at_once(100, lambda: submit(team, member, n=1))

    accepted = [result for result in results if isinstance(result, Generation)]
    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert (len(accepted), len(refused)) == (37, 63)
    now = balance(team)
    assert (now.balance, now.held, now.available) == (100, 100, 0)
    assert Entry.objects.count() == 1
    assert Output.objects.count() == 100
