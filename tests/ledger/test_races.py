"""Moves of credits by many threads at once, each with its own connection."""

import uuid
from collections.abc import Callable
from functools import partial

import pytest

from studio.accounts.models import User
from studio.ledger.errors import AmountRefused, InsufficientCredits
from studio.ledger.models import Entry, Hold
from studio.ledger.queries import Balance, balance
from studio.ledger.services import refund, release, reserve, settle, top_up
from studio.teams.models import Team
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def hold(team: Team, amount: int = 1, hold_id: uuid.UUID | None = None) -> uuid.UUID:
    hold_id = hold_id or uuid.uuid4()
    reserve(team_id=team.pk, hold_id=hold_id, amount=amount, actor_id=None, note="")
    return hold_id


def assert_chain(team: Team) -> None:
    """Entries read by id form the chain of the balance."""
    running = 0
    for amount, after in Entry.objects.filter(account_id=team.pk).order_by("pk").values_list("amount", "balance_after"):
        running += amount
        assert after == running
    assert balance(team).balance == running


def test_reserve_by_forty_threads_lets_exactly_ten_through(funded: Team) -> None:
    outcomes = at_once([lambda: hold(funded)] * 40, InsufficientCredits)
    assert outcomes.count(InsufficientCredits) == 30
    assert balance(funded) == Balance(10, 10)
    assert Hold.objects.count() == 10


def test_same_hold_by_many_threads_is_held_once(funded: Team) -> None:
    hold_id = uuid.uuid4()
    outcomes = at_once([lambda: hold(funded, 2, hold_id)] * 8)
    assert outcomes == [hold_id] * 8
    assert balance(funded) == Balance(10, 2)


def test_settle_and_release_by_three_threads_each_end_a_hold_once(funded: Team) -> None:
    ids = [hold(funded, 2) for _ in range(5)]
    calls: list[Callable[[], object]] = []
    for hold_id in ids:
        calls += [partial(settle, hold_id=hold_id, amount=1, actor_id=None, note="")] * 3
        calls += [partial(release, hold_id=hold_id)] * 3
    outcomes = at_once(calls)
    assert outcomes.count(True) == 5
    charged = Hold.objects.filter(state="settled").count()
    assert balance(funded) == Balance(10 - charged, 0)
    assert_chain(funded)


def test_refund_by_many_threads_never_exceeds_the_charge(funded: Team, owner: User) -> None:
    hold_id = hold(funded, 9)
    settle(hold_id=hold_id, amount=9, actor_id=None, note="")
    calls = [
        partial(refund, hold_id=hold_id, amount=2, actor=owner, reason="", key=f"r{number}") for number in range(12)
    ]
    outcomes = at_once(calls, AmountRefused)
    assert outcomes.count(AmountRefused) == 8
    assert balance(funded) == Balance(9, 0)
    assert_chain(funded)


def test_same_top_up_by_many_threads_counts_once(funded: Team, owner: User) -> None:
    entries = at_once([lambda: top_up(team=funded, amount=5, actor=owner, reference="", note="", key="same")] * 8)
    assert len(set(entries)) == 1
    assert balance(funded) == Balance(15, 0)


def test_everything_at_once_keeps_the_chain(funded: Team, owner: User) -> None:
    def spend() -> object:
        return settle(hold_id=hold(funded), amount=1, actor_id=None, note="")

    def earn() -> object:
        return top_up(team=funded, amount=2, actor=owner, reference="", note="", key=str(uuid.uuid4()))

    outcomes = at_once([spend, earn] * 10, InsufficientCredits)
    spent = outcomes.count(True)
    assert balance(funded) == Balance(10 + 20 - spent, 0)
    assert_chain(funded)
