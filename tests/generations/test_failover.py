"""Failover: the next connection of a route is asked only where the one before provably did not take the request."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.catalogue.models import ImageModel, Route
from studio.generations import failing
from studio.generations.models import Attempt, Generation, GenerationState
from studio.ledger.models import Hold, HoldState
from studio.ledger.queries import balance
from studio.providers.models import Connection, PausedModel
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from tests.emulators.control import EmulatorControl
from tests.generations.providers import MODELS, all_emulators, connect, order, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]

# A picture of high quality: 22 credits at OpenAI and AI/ML API, 14 at Pixapi, 23 at Apiframe.
QUOTED, CHEAPER = 22, 14
NAMES = ("openai", "pixapi", "apiframe", "aimlapi")


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators(NAMES) as running:
        yield running


@pytest.fixture
def connections(
    emulators: dict[str, EmulatorControl], team: Team, settings: Settings, tmp_path: Path
) -> dict[str, Connection]:
    """The team's connections, by protocol."""
    for emulator in emulators.values():
        emulator.reset()
        emulator.set(job_seconds=0)
    settings.PRIVATE_HOSTS = frozenset().union(*(emulator.places for emulator in emulators.values()))
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CALL_DEADLINE = 20
    return {name: connect(emulator, name, team=team) for name, emulator in emulators.items()}


def route(team: Team, connections: dict[str, Connection], *protocols: str) -> None:
    """Have the model of the first protocol asked for at all of them, in this order."""
    entries = [ImageModel.objects.get(slug=MODELS[protocol]) for protocol in protocols]
    for position, (protocol, entry) in enumerate(zip(protocols, entries, strict=True)):
        Route.objects.create(
            team=team, model=entries[0], position=position, connection=connections[protocol], via=entry
        )


def calls(generation: Generation) -> Sequence[tuple[str, str]]:
    attempts = generation.attempts.order_by("number").select_related("connection")
    return [(attempt.connection.protocol, attempt.error_kind or attempt.state) for attempt in attempts]


def paid(emulators: dict[str, EmulatorControl], *protocols: str) -> list[int]:
    return [emulators[protocol].stats()["paid_pictures"] for protocol in protocols]


MOVES_ON = {
    "unauthorized": "auth",
    "payment_required": "insufficient_funds",
    "forbidden": "permission",
    "model_not_found": "model_unavailable",
    "overloaded": "upstream_transient",
    "rate_limited": "rate_limited",
}


@pytest.mark.parametrize("fault", MOVES_ON)
def test_refused_call_goes_on_elsewhere_at_the_cheaper_price(
    team: Team,
    member: User,
    connections: dict[str, Connection],
    emulators: dict[str, EmulatorControl],
    fault: str,
) -> None:
    route(team, connections, "openai", "pixapi")
    emulators["openai"].fail(fault)

    generation = work(order(team, member, "openai", quality="high"))

    assert generation.state == GenerationState.SUCCEEDED
    assert calls(generation) == [("openai", MOVES_ON[fault]), ("pixapi", "closed")]
    assert paid(emulators, "openai", "pixapi") == [0, 1]
    hold = Hold.objects.get()
    assert (hold.state, hold.amount, hold.settled_amount) == (HoldState.SETTLED, QUOTED, CHEAPER)
    assert balance(team).available == 100 - CHEAPER
    record = UsageRecord.objects.get()
    assert (record.connection_name, record.model_slug, record.credits) == ("pixapi", "gpt-image-2", CHEAPER)
    assert not Attempt.objects.filter(possible_cost=True).exists()


def test_connection_that_cannot_be_reached_is_passed_over(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "pixapi")
    Connection.objects.filter(protocol="openai").update(base_url="https://10.0.0.7/v1")

    generation = work(order(team, member, "openai", quality="high"))

    assert calls(generation) == [("openai", "address_refused"), ("pixapi", "closed")]
    assert balance(team).available == 100 - CHEAPER


STAYS = {
    "request_timeout": "outcome_unknown",
    "reset_before": "outcome_unknown",
    "cut_body": "outcome_unknown",
    "content_refused": "content_refused",
    "bad_request": "invalid_request",
    "server_error": "upstream_transient",
    "server_error_charged": "upstream_transient",
    "conflict": "conflict",
    "html": "bad_answer",
}


def test_call_that_may_have_been_taken_or_is_itself_at_fault_goes_nowhere(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "pixapi")
    ends = {}
    for fault in STAYS:
        generation = work(order(team, member, "openai", f"A red kite [fault:{fault}]", quality="high"))
        ends[fault] = calls(generation)

    assert ends == {fault: [("openai", kind)] for fault, kind in STAYS.items()}
    assert emulators["pixapi"].stats()["requests"] == 0
    assert balance(team).available == 100


def test_dearer_connection_is_passed_over(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "apiframe", "aimlapi")
    emulators["openai"].fail("unauthorized")

    generation = work(order(team, member, "openai", quality="high"))

    assert calls(generation) == [("openai", "auth"), ("aimlapi", "closed")]
    assert emulators["apiframe"].stats()["requests"] == 0
    assert balance(team).available == 100 - QUOTED


def test_connection_that_offers_less_than_asked_is_passed_over(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "pixapi", "aimlapi")
    emulators["openai"].fail("unauthorized")

    generation = work(order(team, member, "openai", output_format="webp"))

    assert calls(generation) == [("openai", "auth"), ("aimlapi", "closed")]


def test_without_a_route_nothing_goes_elsewhere(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    emulators["openai"].fail("unauthorized")

    generation = work(order(team, member, "openai", quality="high"))

    assert (generation.state, calls(generation)) == (GenerationState.FAILED, [("openai", "auth")])


def test_route_is_followed_to_its_end_and_not_round_again(
    team: Team,
    member: User,
    connections: dict[str, Connection],
    emulators: dict[str, EmulatorControl],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failing, "MOST_TRIES", 4)
    route(team, connections, "openai", "aimlapi", "pixapi")
    for name in ("openai", "aimlapi", "pixapi"):
        emulators[name].fail("overloaded", times=10)

    generation = work(order(team, member, "openai", quality="high"))

    trouble = "upstream_transient"
    assert calls(generation) == [("openai", trouble), ("aimlapi", trouble), ("pixapi", trouble), ("pixapi", trouble)]
    assert generation.state == GenerationState.FAILED
    assert balance(team).available == 100


def test_connection_and_model_that_pause_are_passed_over_at_once(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "aimlapi", "pixapi")
    Connection.objects.filter(protocol="openai").update(paused_kind="auth")
    PausedModel.objects.create(connection=connections["aimlapi"], remote_name="openai/gpt-image-2", kind="permission")

    generation = work(order(team, member, "openai", quality="high"))

    assert calls(generation) == [("pixapi", "closed")]


def test_outputs_of_one_generation_may_come_from_two_connections(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "openai", "pixapi")
    model = ImageModel.objects.get(slug="gpt-image-2")
    model.capabilities["max_per_call"] = 1
    model.save()
    emulators["openai"].fail("overloaded")

    generation = work(order(team, member, "openai", quality="high", n=2))

    assert generation.state == GenerationState.SUCCEEDED
    assert sorted(calls(generation)) == [("openai", "closed"), ("openai", "upstream_transient"), ("pixapi", "closed")]
    assert sorted(UsageRecord.objects.values_list("credits", flat=True)) == [CHEAPER, QUOTED]
    assert Hold.objects.get().amount == 2 * QUOTED
    assert balance(team).available == 100 - QUOTED - CHEAPER


def test_outage_that_may_have_come_after_the_job_goes_nowhere_else(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    route(team, connections, "apiframe", "pixapi")
    emulators["apiframe"].fail("overloaded")

    generation = work(order(team, member, "apiframe"))

    assert calls(generation) == [("apiframe", "outcome_unknown"), ("apiframe", "closed")]
    assert paid(emulators, "apiframe", "pixapi") == [1, 0]


# A call whose outcome is unknown is sent again under its name where that is safe: until it is answered, the first
# sending may have been taken.


@pytest.mark.parametrize("then", ["rate_limited", "overloaded"])
def test_repeated_call_keeps_its_name_whatever_comes_between(
    team: Team,
    member: User,
    connections: dict[str, Connection],
    emulators: dict[str, EmulatorControl],
    then: str,
) -> None:
    route(team, connections, "apiframe", "pixapi")
    emulators["apiframe"].fail("bad_gateway")
    emulators["apiframe"].fail(then)

    generation = work(order(team, member, "apiframe"))

    between = {"rate_limited": "rate_limited", "overloaded": "outcome_unknown"}[then]
    assert [kind for _, kind in calls(generation)] == ["outcome_unknown", between, "closed"]
    keys = {request["headers"]["idempotency-key"] for request in emulators["apiframe"].requests()}
    assert keys == {generation.attempts.latest("number").call_id.hex}
    assert paid(emulators, "apiframe", "pixapi") == [1, 0]
    assert not Attempt.objects.filter(possible_cost=True).exists()


@pytest.mark.parametrize("then", ["unauthorized", "payment_required"])
def test_repeated_call_that_is_refused_goes_nowhere_and_may_have_been_paid(
    team: Team,
    member: User,
    connections: dict[str, Connection],
    emulators: dict[str, EmulatorControl],
    then: str,
) -> None:
    route(team, connections, "apiframe", "pixapi")
    emulators["apiframe"].fail("bad_gateway")
    emulators["apiframe"].fail(then)

    generation = work(order(team, member, "apiframe"))

    assert [protocol for protocol, _ in calls(generation)] == ["apiframe", "apiframe"]
    assert generation.state == GenerationState.FAILED
    assert list(generation.attempts.order_by("number").values_list("possible_cost", flat=True)) == [False, True]
    assert balance(team).available == 100
