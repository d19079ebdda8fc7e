"""Celery's side of acts on many pictures: turns follow turns, and the sweep rings for what nobody works on."""

import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from studio.accounts.models import User
from studio.library import acting, bulk, tasks
from studio.library.models import Asset, BulkAct, BulkState, LibraryRules
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.teams.models import Team
from tests.factories import make_asset


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which acts the upkeep was told of."""
    bells: list[int] = []
    monkeypatch.setattr(tasks.run_bulk, "apply_async", lambda *, args, **_: bells.append(args[0]))
    return bells


@pytest.fixture
def act(team: Team, member: User, rung: list[int], monkeypatch: pytest.MonkeyPatch) -> BulkAct:
    """An act on three pictures that has only been pressed."""
    monkeypatch.setattr(acting, "AT_ONCE", 1)
    for _ in range(3):
        make_asset(team)
    chosen = Selection(search=LibrarySearch())
    return acting.start(team=team, actor=member, act="bin", value={}, selection=chosen, key=uuid.uuid4())


def test_pressing_and_undoing_ring(act: BulkAct, rung: list[int]) -> None:
    assert rung == [act.pk]
    tasks.run_bulk(act.pk)
    acting.undo(act=act)
    assert rung == [act.pk, act.pk]


def test_turn_that_leaves_something_rings_for_the_next(
    act: BulkAct, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung.clear()
    monkeypatch.setattr(bulk, "work", lambda pk, real=bulk.work: real(pk, seconds=0))
    turns = 0
    while turns == 0 or len(rung) == turns:
        tasks.run_bulk(act.pk)
        turns += 1
    act.refresh_from_db()
    assert (act.state, turns, rung) == (BulkState.DONE, 2, [act.pk])


def test_sweep_rings_for_what_nobody_works_on(act: BulkAct, rung: list[int]) -> None:
    rung.clear()
    tasks.sweep_bulk()
    assert rung == []
    BulkAct.objects.update(created_at=Now() - timedelta(seconds=10))
    tasks.sweep_bulk()
    assert rung == [act.pk]
    BulkAct.objects.update(lease_expires_at=Now() + timedelta(seconds=10))
    tasks.sweep_bulk()
    assert rung == [act.pk]


def test_broker_that_is_away_loses_nothing(
    act: BulkAct, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(tasks.run_bulk, "apply_async", away)
    tasks.ring_bulk(act.pk)
    assert "the sweep will ring again" in caplog.text


def test_rules_are_kept(team: Team) -> None:
    old, draft = make_asset(team), make_asset(team)
    LibraryRules.objects.create(team=team, bin_days=1, draft_days=7)
    Asset.objects.filter(pk=old.pk).update(binned_at=Now() - timedelta(days=2))
    Asset.objects.filter(pk=draft.pk).update(created_at=Now() - timedelta(days=8))
    tasks.keep_rules()
    old.refresh_from_db()
    draft.refresh_from_db()
    assert (old.purged_at is None, draft.binned_at is None, draft.purged_at) == (False, False, None)
