"""What changes while a provider works: its key, its connection, a price, or that anybody still waits for it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import connections, models
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from studio.catalogue.services import sync_catalogue
from studio.generations import delivery, fulfilment, jobs, upkeep
from studio.generations.claiming import Claim
from studio.generations.models import Attempt, Generation, GenerationState, Output
from studio.ledger.models import Entry
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.providers.services import remove_connection, rotate_secret
from studio.usage.models import UsageRecord
from tests.emulators.control import EmulatorControl
from tests.generations.conformance.line import JOBS, Ending, Line, delivered, failed, interrupted
from tests.generations.providers import poll, work

pytestmark = pytest.mark.django_db(transaction=True)

NEW_KEY: Final = "sk-the-key-of-today-0123456789"


def wait_for(emulator: EmulatorControl, calls: int) -> None:
    """Wait until the provider works on so many calls."""
    give_up = time.monotonic() + 20
    while emulator.stats()["in_flight"] != calls:
        assert time.monotonic() < give_up
        time.sleep(0.02)


@contextmanager
def changing(line: Line, change: Callable[[], object]) -> Iterator[None]:
    """Make a change while the provider works on the call that the block makes."""
    line.emulator.set(latency=1.0)

    def wait_and_change() -> None:
        try:
            wait_for(line.emulator, 1)
            change()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as aside:
        changed = aside.submit(wait_and_change)
        yield
        changed.result()
    line.emulator.set(latency=0.0)


def replace_key(line: Line) -> None:
    """Put a new key in the place of the old one, which the provider takes no more."""
    rotate_secret(connection=line.connection, secret=NEW_KEY, actor=None)
    line.emulator.set(keys=[NEW_KEY])


def keys_of(line: Line) -> list[bool]:
    """Whether each paid request that the provider saw carried the new key."""
    return [NEW_KEY in str(request["headers"]) for request in line.emulator.requests()]


def test_call_under_way_comes_back_when_its_key_is_replaced_and_the_next_has_the_new_one(line: Line) -> None:
    with changing(line, lambda: replace_key(line)):
        assert line.make() == delivered()

    assert line.make() == delivered(requests=2, paid=2)
    assert keys_of(line) == [False, True]
    assert Connection.objects.get().paused_kind == ""


def test_call_that_left_with_a_replaced_key_is_made_again_with_the_new_one(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_sent = delivery.mark_sent

    def mark_and_replace(claim: Claim) -> list[Attempt]:
        sent = mark_sent(claim)
        monkeypatch.setattr(delivery, "mark_sent", mark_sent)
        replace_key(line)
        return sent

    monkeypatch.setattr(delivery, "mark_sent", mark_and_replace)

    assert line.make() == delivered(calls=("auth", "closed"), requests=2)
    assert keys_of(line) == [False, True]
    # The key of now is good: there is nothing for the admins to mend.
    assert Connection.objects.get().paused_kind == ""


def test_call_under_way_comes_back_when_its_connection_is_removed_and_what_waits_ends(line: Line) -> None:
    generation, waiting = line.ask(), line.ask()

    def remove() -> None:
        remove_connection(connection=line.connection, actor=None)
        upkeep.forget_secrets()

    with changing(line, remove):
        assert work(generation, rounds=3).state == GenerationState.SUCCEEDED
    assert upkeep.end_removed() == 1

    ended = failed("connection_removed", calls=(), requests=1, paid=1)
    assert line.end(waiting) == ended
    assert Connection.objects.get().secret != ""
    upkeep.forget_secrets()
    assert Connection.objects.get().secret == ""


def test_price_of_the_submission_counts_whatever_it_costs_meanwhile(line: Line, settings: Settings) -> None:
    generation = line.ask()

    def make_dearer() -> None:
        settings.CREDIT_USD = Decimal("0.001")
        sync_catalogue()

    with changing(line, make_dearer):
        # That what was promised is charged is held there.
        assert line.end(generation) == delivered()
    generation.model.refresh_from_db()
    record = UsageRecord.objects.get()
    assert (record.price_version, generation.model.price_version) == (1, 2)
    assert str(record.estimate_usd) == generation.quote["usd"]


def everything() -> list[Any]:
    """What a late answer might change."""
    tables: tuple[type[models.Model], ...] = (Generation, Output, Attempt, Asset, Entry, UsageRecord)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def test_answer_after_the_deadline_changes_nothing(line: Line, settings: Settings) -> None:
    settings.CALL_DEADLINE = 1
    line.emulator.set(latency=2.0)
    ending = line.make()
    before = everything()

    wait_for(line.emulator, 0)
    poll()
    upkeep.end_expired()
    fulfilment.fulfil_next(line.connection.pk)

    # Where the provider knows a call again, it was asked until the picture was there.
    again = ending.state == "succeeded"
    expected: Ending = delivered(calls=ending.calls, requests=len(ending.calls)) if again else interrupted()
    assert (ending, again) == (expected, line.way == "apiframe")
    assert everything() == before
    assert line.emulator.stats()["paid_pictures"] == 1


@pytest.mark.parametrize("way", JOBS)
def test_job_that_ends_after_its_deadline_brings_nothing_back(line: Line) -> None:
    line.emulator.set(job_seconds=-1)
    generation = line.ask()
    fulfilment.fulfil_next(line.connection.pk)
    Attempt.objects.update(sent_at=Now() - timedelta(days=1))
    poll()
    assert line.end(generation) == failed("job_timed_out", lost=True, paid=line.emulator.stats()["paid_pictures"])
    before = everything()

    line.emulator.advance(steps=5)
    assert not jobs.hasten(connection_id=line.connection.pk, job_id=Attempt.objects.get().remote_id)
    assert poll() == set()
    fulfilment.resume(generation.pk)

    assert everything() == before
