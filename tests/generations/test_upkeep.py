"""Housekeeping: what the sweep finds, ends and removes."""

import os
import time
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations import upkeep
from studio.generations.claiming import claim_next
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, OutputState
from studio.generations.spool import spool_path
from studio.ledger.queries import balance
from studio.providers.models import Connection
from studio.providers.services import create_connection, remove_connection
from studio.teams.models import Team
from tests.generations.making import submit

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


def age(generation: Generation, **seconds: float) -> None:
    changes = {field: Now() - timedelta(seconds=value) for field, value in seconds.items()}
    Generation.objects.filter(pk=generation.pk).update(**changes)


def test_find_work_rings_for_what_nobody_picked_up(team: Team, member: User, rehearsal: Connection) -> None:
    fresh, lost = submit(team, member), submit(team, member)
    age(lost, created_at=10)

    assert upkeep.find_work() == upkeep.Found(waiting={rehearsal.pk: 1}, to_resume=[])
    fresh.refresh_from_db()
    assert fresh.state == GenerationState.QUEUED


def test_find_work_rings_no_more_often_than_the_connection_takes(
    team: Team, member: User, rehearsal: Connection
) -> None:
    Connection.objects.update(max_in_flight=2)
    for _ in range(5):
        age(submit(team, member), created_at=10)

    assert upkeep.find_work().waiting == {rehearsal.pk: 2}


def test_find_work_rings_less_while_no_worker_is_alive(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "UNHEARD_BELLS", 2)
    for _ in range(5):
        age(submit(team, member), created_at=10)
    assert upkeep.find_work().waiting == {rehearsal.pk: 2}

    claim_next(connection_id=rehearsal.pk, worker="alive")
    assert upkeep.find_work().waiting == {rehearsal.pk: 4}

    Generation.objects.filter(state=GenerationState.RUNNING).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert upkeep.find_work().waiting == {rehearsal.pk: 2}


@pytest.mark.parametrize("change", [{"enabled": False}, {"resume_at": Now() + timedelta(minutes=1)}])
def test_find_work_leaves_a_paused_connection_alone(team: Team, member: User, change: dict[str, object]) -> None:
    age(submit(team, member), created_at=10)
    Connection.objects.update(**change)

    assert upkeep.find_work().waiting == {}


def test_find_work_rings_for_a_retry_only_when_its_time_has_come(
    team: Team, member: User, rehearsal: Connection
) -> None:
    generation = submit(team, member)
    age(generation, created_at=10, next_try_at=-60)
    assert upkeep.find_work().waiting == {}

    age(generation, next_try_at=1)
    assert upkeep.find_work().waiting == {rehearsal.pk: 1}


def test_find_work_finds_a_generation_whose_worker_died(
    team: Team, member: User, rehearsal: Connection, settings: Settings
) -> None:
    settings.LEASE_RENEWAL_SECONDS = 0.1
    generation = submit(team, member)
    claim_next(connection_id=rehearsal.pk, worker="dead")
    assert upkeep.find_work().to_resume == []

    age(generation, lease_expires_at=1)
    assert upkeep.find_work().to_resume == [generation.pk]


def test_find_work_gives_the_living_time_to_renew_after_a_restart(
    team: Team, member: User, rehearsal: Connection, settings: Settings
) -> None:
    generation = submit(team, member)
    claim_next(connection_id=rehearsal.pk, worker="alive")
    age(generation, lease_expires_at=1)
    settings.LEASE_RENEWAL_SECONDS = 10**6  # longer than this database has been up

    assert upkeep.find_work().to_resume == []


def test_end_expired_ends_what_is_past_its_deadline(team: Team, member: User) -> None:
    generation = submit(team, member)
    age(generation, deadline_at=1)

    assert upkeep.end_expired() == 1

    generation.refresh_from_db()
    assert (generation.state, generation.reason) == (GenerationState.FAILED, "expired")
    assert set(generation.outputs.values_list("state", "message")) == {(OutputState.FAILED, upkeep.EXPIRED)}
    assert balance(team).available == 100


def test_end_removed_ends_what_waits_for_a_removed_connection(team: Team, member: User, rehearsal: Connection) -> None:
    running, waiting = submit(team, member), submit(team, member)
    claim_next(connection_id=rehearsal.pk, worker="alive")
    assert upkeep.end_removed() == 0
    remove_connection(connection=rehearsal, actor=None)

    assert upkeep.end_removed() == 1

    running.refresh_from_db()
    waiting.refresh_from_db()
    assert running.state == GenerationState.RUNNING
    assert (waiting.state, waiting.reason) == (GenerationState.FAILED, "connection_removed")
    assert set(waiting.outputs.values_list("state", "message")) == {(OutputState.FAILED, upkeep.REMOVED)}
    assert balance(team).available == 98


def test_secrets_of_a_removed_connection_go_when_nothing_needs_them(team: Team, member: User) -> None:
    def make(name: str) -> Connection:
        made = create_connection(team=team, name=name, protocol="openai", secret="sk-0123456789", actor=None)
        Connection.objects.filter(pk=made.pk).update(earlier_secret="sk-before", hook_secret="hook")
        return made

    kept, busy, moved, idle = (make(name) for name in ("Kept", "Busy", "Moved on", "Idle"))
    generation = submit(team, member)
    Generation.objects.update(connection=busy)
    for connection in (busy, moved, idle):
        remove_connection(connection=connection, actor=None)
    # A call that went elsewhere before the generation moved on may still bring something.
    Attempt.objects.create(
        generation=generation,
        number=1,
        connection=moved,
        via=generation.via,
        images=1,
        state=AttemptState.CANCELLED,
        fence=0,
        token=uuid.uuid4(),
        call_id=uuid.uuid4(),
        ended_at=Now(),
    )

    upkeep.forget_secrets()
    assert left() == {"Kept", "Busy", "Moved on"}

    upkeep.end_removed()
    upkeep.forget_secrets()
    assert left() == {"Kept"}
    kept.refresh_from_db()
    assert (kept.secret, kept.earlier_secret, kept.hook_secret) == ("sk-0123456789", "sk-before", "hook")


def left() -> set[str]:
    """The connections that hold a secret of any kind."""
    return {each.name for each in Connection.objects.all() if each.secret or each.earlier_secret or each.hook_secret}


def test_sweep_spool_removes_only_what_is_old() -> None:
    old, new = spool_path(uuid.uuid4()), spool_path(uuid.uuid4())
    for path in (old, new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))

    assert upkeep.sweep_spool() == 1
    assert (old.exists(), new.exists()) == (False, True)
    new.unlink()
