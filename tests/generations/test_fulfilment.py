"""The worker's half over real loopback HTTP: every way a provider can answer, and what must then be true."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.generations import delivery, failing, fulfilment, unpacking
from studio.generations.claiming import Claim, claim_next, take_over
from studio.generations.delivery import mark_sent
from studio.generations.engine import Engine, engine
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, OutputState
from studio.generations.services import cancel_generation
from studio.generations.spec import GenerationSpec
from studio.generations.spool import spool_path
from studio.ledger.models import Entry, HoldState
from studio.ledger.queries import balance
from studio.library.models import Asset
from studio.providers.adapters.base import Answer
from studio.providers.adapters.rehearsal import RehearsalAdapter
from studio.providers.models import Connection
from studio.providers.services import create_connection, rotate_secret
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY
from tests.emulators.running import running_emulator
from tests.generations.making import submit

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorControl]:
    """A strict OpenAI on loopback."""
    with running_emulator() as control:
        yield control


@pytest.fixture
def openai(emulator: EmulatorControl, settings: Settings, team: Team) -> Connection:
    """The team's connection to the emulator."""
    emulator.reset()
    settings.PRIVATE_HOSTS = emulator.places
    settings.CALL_DEADLINE = 3
    sync_catalogue()
    return create_connection(
        team=team, name="OpenAI", protocol="openai", base_url=emulator.base_url, secret=KEY, actor=None
    )


def ask(team: Team, actor: User, prompt: str = "A red kite", *, n: int = 1) -> Generation:
    return submit(team, actor, model_slug="gpt-image-2", prompt=prompt, n=n, quality="low")


def fulfilled(connection: Connection, generation: Generation) -> Generation:
    fulfilment.fulfil_next(connection.pk)
    return fresh(generation)


def outcome(generation: Generation) -> tuple[str, Counter[str]]:
    return generation.state, Counter(generation.outputs.values_list("state", flat=True))


def fresh(generation: Generation) -> Generation:
    generation.refresh_from_db()
    return generation


def lose_worker(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_fulfil_delivers_stores_and_settles(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl
) -> None:
    generation = fulfilled(openai, ask(team, member, n=2))

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert emulator.stats()["paid_pictures"] == 2
    assets = list(Asset.objects.order_by("slot"))
    assert [(asset.slot, asset.width, asset.height, asset.prompt) for asset in assets] == [
        (0, 1024, 1024, "A red kite"),
        (1, 1024, 1024, "A red kite"),
    ]
    for asset in assets:
        with default_storage.open(asset.original_name) as stored:
            assert len(stored.read()) == asset.size
    assert generation.hold is not None
    assert (generation.hold.state, generation.hold.settled_amount) == (HoldState.SETTLED, 2)
    assert list(Entry.objects.filter(kind="charge").values_list("amount", "balance_after")) == [(-2, 98)]
    assert list(UsageRecord.objects.values_list("credits", "estimate_usd", "connection_name")) == [
        (1, Decimal("0.00600"), "OpenAI"),
        (1, Decimal("0.00600"), "OpenAI"),
    ]
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.status_code, attempt.possible_cost) == (AttemptState.CLOSED, 200, False)
    assert attempt.request_id.startswith("req_emulated")
    assert attempt.reported["usage"]["output_tokens"] == 392
    assert not spool_path(attempt.token).exists()


def test_fulfil_rehearsal_fans_out_and_delivers(team: Team, member: User, rehearsal: Connection) -> None:
    generation = fulfilled(rehearsal, submit(team, member, n=10))

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=10))
    assert list(generation.attempts.order_by("number").values_list("images", "state")) == [
        (4, AttemptState.CLOSED),
        (4, AttemptState.CLOSED),
        (2, AttemptState.CLOSED),
    ]
    assert Asset.objects.values("sha256").distinct().count() == 10
    assert balance(team).available == 90


FAILURES = [
    ("bad_request", "invalid_request"),
    ("unauthorized", "auth"),
    ("payment_required", "insufficient_funds"),
    ("forbidden", "permission"),
    ("model_not_found", "model_unavailable"),
    ("moderation_blocked", "content_refused"),
    ("insufficient_quota", "insufficient_funds"),
    ("billing_hard_limit", "insufficient_funds"),
    ("rate_limited retry_after=absurd", "rate_limited"),
    ("server_error", "upstream_transient"),
    ("server_error_charged", "upstream_transient"),
    ("html", "bad_answer"),
    ("empty", "bad_answer"),
    ("invalid_json", "bad_answer"),
    ("no_data", "bad_answer"),
    ("data_null", "bad_answer"),
    ("data_empty", "bad_answer"),
    ("deep_json", "bad_answer"),
    ("redirect_private", "bad_answer"),
    ("truncated_base64", "bad_image"),
    ("text_file", "bad_image"),
    ("svg", "bad_image"),
    ("html_picture", "bad_image"),
    ("truncated_jpeg", "bad_image"),
    ("bomb", "bad_image"),
]


@pytest.mark.parametrize(("fault", "reason"), FAILURES)
def test_fulfil_failed_answer_is_not_charged(
    team: Team,
    member: User,
    openai: Connection,
    emulator: EmulatorControl,
    settings: Settings,
    fault: str,
    reason: str,
) -> None:
    settings.CALL_DEADLINE = 60  # making the bomb takes its time on a busy machine
    generation = fulfilled(openai, ask(team, member, f"A kite [fault:{fault}]", n=2))

    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=2))
    assert set(generation.outputs.values_list("reason", flat=True)) == {reason}
    assert all(generation.outputs.values_list("message", flat=True))
    assert KEY not in "".join(generation.outputs.values_list("message", flat=True))
    assert generation.hold is not None
    assert generation.hold.state == HoldState.RELEASED
    assert balance(team).available == 100
    assert (Asset.objects.count(), UsageRecord.objects.count()) == (0, 0)
    assert emulator.stats()["requests"] == 1
    assert emulator.stats()["trapped"] == 0


@pytest.mark.parametrize(
    "fault", ["hang", "drip", "reset_before", "reset_body", "request_timeout", "bad_gateway", "gateway_timeout"]
)
def test_fulfil_unknown_outcome_is_interrupted_and_never_sent_again(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl, fault: str
) -> None:
    generation = fulfilled(openai, ask(team, member, f"A kite [fault:{fault}]"))

    assert outcome(generation) == (GenerationState.INTERRUPTED, Counter(interrupted=1))
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.possible_cost) == (AttemptState.UNKNOWN, True)
    assert balance(team).available == 100
    assert emulator.stats()["requests"] == 1


@pytest.mark.parametrize("fault", ["huge", "gzip_bomb megabytes=300"])
def test_fulfil_oversized_answer_is_cut_off(
    team: Team, member: User, openai: Connection, settings: Settings, fault: str
) -> None:
    settings.CALL_DEADLINE = 60  # packing the bomb takes its time on a busy machine
    generation = fulfilled(openai, ask(team, member, f"A kite [fault:{fault}]"))

    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=1))
    assert generation.outputs.get().reason == "bad_answer"
    assert Attempt.objects.get().possible_cost
    assert balance(team).available == 100
    assert not spool_path(Attempt.objects.get().token).exists()


def test_fulfil_fewer_images_than_asked_is_partial(team: Team, member: User, openai: Connection) -> None:
    generation = fulfilled(openai, ask(team, member, "A kite [fault:fewer]", n=3))

    assert outcome(generation) == (GenerationState.PARTIAL, Counter(delivered=2, failed=1))
    assert balance(team).available == 98


def test_fulfil_more_images_than_asked_charges_what_was_asked(team: Team, member: User, openai: Connection) -> None:
    generation = fulfilled(openai, ask(team, member, "A kite [fault:more]", n=2))

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert Asset.objects.count() == 2
    assert balance(team).available == 98


def test_fulfil_same_image_twice_fills_both_slots(team: Team, member: User, openai: Connection) -> None:
    generation = fulfilled(openai, ask(team, member, "A kite [fault:same]", n=2))

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert Asset.objects.values("sha256").distinct().count() == 1


def test_fulfil_mixed_answer_delivers_the_good_pictures(team: Team, member: User, openai: Connection) -> None:
    generation = fulfilled(openai, ask(team, member, "A kite [fault:mixed]", n=4))

    state, outputs = outcome(generation)
    assert state == GenerationState.PARTIAL
    assert outputs[OutputState.DELIVERED] + outputs[OutputState.FAILED] == 4
    assert balance(team).available == 100 - outputs[OutputState.DELIVERED]


@pytest.mark.parametrize("fault", ["overloaded times=1", "rate_limited retry_after=7 times=1"])
def test_fulfil_safe_failure_goes_back_to_the_queue_until_its_time(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl, fault: str
) -> None:
    generation = fulfilled(openai, ask(team, member, f"A kite [fault:{fault}]"))

    assert outcome(generation) == (GenerationState.QUEUED, Counter(waiting=1))
    assert generation.next_try_at is not None
    assert balance(team).held == 1
    if "retry_after" in fault:
        assert generation.next_try_at > timezone.now() + timedelta(seconds=5)
        openai.refresh_from_db()
        assert openai.resume_at is not None
    Generation.objects.update(next_try_at=None)
    Connection.objects.update(resume_at=None)

    again = fulfilled(openai, generation)

    assert outcome(again) == (GenerationState.SUCCEEDED, Counter(delivered=1))
    assert list(again.attempts.order_by("number").values_list("state", flat=True)) == [
        AttemptState.FAILED,
        AttemptState.CLOSED,
    ]
    assert emulator.stats()["paid_pictures"] == 1


def test_fulfil_retry_now_still_pauses(team: Team, member: User, openai: Connection, emulator: EmulatorControl) -> None:
    generation = fulfilled(openai, ask(team, member, "A kite [fault:rate_limited retry_after=0]"))

    refused = Attempt.objects.get()
    assert generation.next_try_at is not None
    assert refused.ended_at is not None
    assert generation.next_try_at - refused.ended_at >= timedelta(seconds=1)
    assert emulator.stats()["requests"] == 1


def test_fulfil_calls_refused_together_are_one_try(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failing, "MOST_TRIES", 3)
    Connection.objects.update(options={"failure": "rate_limited"})

    generation = fulfilled(rehearsal, submit(team, member, n=10))

    assert generation.attempts.filter(state=AttemptState.FAILED).count() == 3
    assert outcome(generation) == (GenerationState.QUEUED, Counter(waiting=10))


def test_fulfil_fetches_result_addresses_while_others_may_compute(
    team: Team, member: User, openai: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = engine()
    gates = os.cpu_count() or 1
    free = []
    fetch = worker.client.fetch

    def fetch_watched(*args: Any, **options: Any) -> Any:
        entered = [worker.cpu.acquire(blocking=False) for _ in range(gates)]
        worker.cpu.release(sum(entered))
        free.append(sum(entered))
        return fetch(*args, **options)

    monkeypatch.setattr(worker.client, "fetch", fetch_watched)

    generation = fulfilled(openai, ask(team, member, "A kite [fault:result_url]", n=2))

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert free == [gates, gates]
    token = Attempt.objects.get().token
    assert [*spool_path(token).parent.glob(f"{token.hex}*")] == []


def test_fulfil_one_call_that_breaks_keeps_the_answers_of_the_others(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = submit(team, member, n=10)

    def fail(_: bytes) -> None:
        raise RuntimeError("nobody expected this")

    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "check_image", fail)
        with pytest.raises(RuntimeError):
            fulfilment.fulfil_next(rehearsal.pk)
    assert [spool_path(attempt.token).is_file() for attempt in generation.attempts.all()] == [True] * 3
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=10))


def test_fulfil_fenced_off_ends_the_calls_that_nobody_will_read(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = submit(team, member, n=10)
    calls: list[Future[Answer]] = []
    call = fulfilment._call

    def keep(worker: Engine, claim: Claim, attempt: Attempt) -> Future[Answer]:
        attempt.connection.options = {"delay": 60 if attempt.number == 3 else 0}
        calls.append(call(worker, claim, attempt))
        return calls[-1]

    def overtake(name: str) -> None:
        if name == "after_answer":
            lose_worker(generation)
            take_over(generation_id=generation.pk, worker="other")

    monkeypatch.setattr(fulfilment, "_call", keep)
    monkeypatch.setattr(fulfilment, "crash_point", overtake)

    fulfilment.fulfil_next(rehearsal.pk)

    assert calls[2].cancelled()
    assert Asset.objects.count() == 0


def test_fulfil_provider_out_of_reach_waits_for_another_try(
    team: Team, member: User, openai: Connection, settings: Settings
) -> None:
    settings.PRIVATE_HOSTS = frozenset({"127.0.0.1:9"})
    Connection.objects.update(base_url="http://127.0.0.1:9/v1")

    generation = fulfilled(openai, ask(team, member))

    assert outcome(generation) == (GenerationState.QUEUED, Counter(waiting=1))
    assert not Attempt.objects.get().possible_cost


def test_fulfil_auto_is_held_at_its_dearest_and_settled_at_what_was_reported(
    team: Team, member: User, openai: Connection
) -> None:
    generation = submit(team, member, model_slug="gpt-image-2", quality="auto", size="auto", n=2)
    assert (generation.unit_price, balance(team).held) == (43, 86)

    fulfilled(openai, generation)  # the emulator reports high and 1024x1024, which costs 22

    assert list(generation.outputs.values_list("credits", flat=True)) == [22, 22]
    assert (balance(team).available, balance(team).held) == (56, 0)
    assert list(UsageRecord.objects.values_list("credits", "estimate_usd")) == [(22, Decimal("0.21100"))] * 2


@pytest.mark.parametrize(
    ("quality", "reported", "charged"),
    [
        ("low", {"quality": "high"}, 1),
        ("auto", {"quality": "medium", "size": "1536x1024"}, 6),
        ("auto", {"quality": "medium", "size": "1000x1008"}, 6),
        ("auto", {"quality": "odd"}, 22),
        ("auto", {}, 22),
    ],
)
def test_only_what_was_left_to_the_provider_is_priced_as_it_came(
    team: Team, member: User, openai: Connection, quality: str, reported: dict[str, str], charged: int
) -> None:
    submit(team, member, model_slug="gpt-image-2", quality=quality, size="1024x1024", n=1)
    claim = claim_next(connection_id=openai.pk, worker="here")
    assert claim is not None
    [attempt] = mark_sent(claim)
    spec = GenerationSpec.from_json(attempt.generation.spec)

    assert delivery._price_of(attempt.generation, attempt, spec, reported)[0] == charged


def test_resume_before_sending_sends_once(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl
) -> None:
    generation = ask(team, member)
    claim_next(connection_id=openai.pk, worker="dead")
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=1))
    assert emulator.stats()["paid_pictures"] == 1


def test_resume_after_sending_ends_interrupted(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl
) -> None:
    generation = ask(team, member)
    claim = claim_next(connection_id=openai.pk, worker="dead")
    assert claim is not None
    mark_sent(claim)
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.INTERRUPTED, Counter(interrupted=1))
    assert Attempt.objects.get().possible_cost
    assert (emulator.stats()["requests"], balance(team).available) == (0, 100)


def test_resume_of_what_was_said_of_a_replaced_key_pauses_nothing_and_does_not_tell_it(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl
) -> None:
    earlier = "an-earlier-key-0123456789"
    Connection.objects.update(secret=earlier)
    generation = ask(team, member)
    claim = claim_next(connection_id=openai.pk, worker="dead")
    assert claim is not None
    [attempt] = mark_sent(claim)
    refusal = {"error": {"message": f"Incorrect key provided: {earlier}", "code": "invalid_api_key"}}
    spooled = spool_path(attempt.token)
    spooled.parent.mkdir(parents=True, exist_ok=True)
    spooled.write_text(json.dumps(refusal))
    rotate_secret(connection=openai, secret=KEY, actor=None)
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    assert outcome(fresh(generation)) == (GenerationState.QUEUED, Counter(waiting=1))
    assert Attempt.objects.get().provider_message == "Incorrect key provided: [key]"
    assert Connection.objects.get().paused_kind == ""
    Generation.objects.update(next_try_at=None)
    assert outcome(fulfilled(openai, generation)) == (GenerationState.SUCCEEDED, Counter(delivered=1))
    assert emulator.stats()["requests"] == 1


def test_resume_repeats_a_call_that_is_held_back_no_sooner_than_it_may(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RehearsalAdapter, "resends", True)
    Connection.objects.update(options={"failure": "rate_limited"})
    generation = submit(team, member, n=1)
    claim = claim_next(connection_id=rehearsal.pk, worker="dead")
    assert claim is not None
    mark_sent(claim)
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    states = list(generation.attempts.order_by("number").values_list("state", flat=True))
    assert states == [AttemptState.FAILED, AttemptState.PLANNED]
    assert fresh(generation).state == GenerationState.QUEUED


def test_mark_sent_repeated_finds_the_same_calls(team: Team, member: User, openai: Connection) -> None:
    ask(team, member)
    claim = claim_next(connection_id=openai.pk, worker="here")
    assert claim is not None

    assert mark_sent(claim) == mark_sent(claim) == list(Attempt.objects.filter(state=AttemptState.SENT))


def test_resume_of_what_this_process_works_on_leaves_it_alone(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(team, member)

    def database_was_away(name: str) -> None:
        if name == "before_send":
            lose_worker(generation)
            fulfilment.resume(generation.pk)

    monkeypatch.setattr(fulfilment, "crash_point", database_was_away)

    assert outcome(fulfilled(openai, generation)) == (GenerationState.SUCCEEDED, Counter(delivered=1))
    assert emulator.stats()["requests"] == 1


def test_resume_with_a_spooled_answer_delivers_it(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(team, member, n=2)

    class Killed(BaseException):
        """Stands for the end of the process."""

    def die(_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(fulfilment, "crash_point", lambda name: die(name) if name == "after_answer" else None)
        with pytest.raises(Killed):
            fulfilment.fulfil_next(openai.pk)
    assert Attempt.objects.get().state == AttemptState.SENT
    assert spool_path(Attempt.objects.get().token).is_file()
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert emulator.stats()["paid_pictures"] == 2
    assert not spool_path(Attempt.objects.get().token).exists()


def test_resume_after_three_kills_gives_up(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl
) -> None:
    generation = ask(team, member)
    claim_next(connection_id=openai.pk, worker="dead")
    for _ in range(2):
        lose_worker(generation)
        assert take_over(generation_id=generation.pk, worker="dead") is not None
    lose_worker(generation)

    fulfilment.resume(generation.pk)

    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=1))
    assert generation.outputs.get().reason == "poison"
    assert (emulator.stats()["requests"], balance(team).available) == (0, 100)


def test_fulfil_after_the_lease_was_lost_writes_nothing(
    team: Team, member: User, openai: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(team, member)

    def lose(name: str) -> None:
        if name == "after_answer":
            lose_worker(generation)
            assert take_over(generation_id=generation.pk, worker="other") is not None

    monkeypatch.setattr(fulfilment, "crash_point", lose)

    fulfilled(openai, generation)

    assert outcome(generation) == (GenerationState.RUNNING, Counter(running=1))
    assert (Asset.objects.count(), balance(team).held) == (0, 1)


def test_cancel_running_delivers_what_was_sent_and_says_so(
    team: Team, member: User, openai: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(team, member)
    monkeypatch.setattr(
        fulfilment,
        "crash_point",
        lambda name: cancel_generation(generation=generation, actor=member) if name == "before_send" else None,
    )

    fulfilled(openai, generation)

    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=1))
    assert generation.cancel_requested_at is not None


def test_cancel_before_sending_sends_nothing(
    team: Team, member: User, openai: Connection, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = ask(team, member)
    monkeypatch.setattr(
        fulfilment,
        "crash_point",
        lambda name: cancel_generation(generation=generation, actor=member) if name == "after_claim" else None,
    )

    fulfilled(openai, generation)

    assert outcome(generation) == (GenerationState.CANCELLED, Counter(cancelled=1))
    assert (emulator.stats()["requests"], balance(team).available) == (0, 100)


def test_fulfil_full_storage_fails_without_charge(
    team: Team, member: User, openai: Connection, settings: Settings, tmp_path: Path
) -> None:
    blocked = tmp_path / "media"
    blocked.write_text("a file where the folder should be")
    settings.MEDIA_ROOT = str(blocked)

    generation = fulfilled(openai, ask(team, member))

    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=1))
    assert generation.outputs.get().reason == "storage"
    assert balance(team).available == 100
