"""Every move of credits: what it writes, what it refuses, and that a repetition changes nothing."""

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.ledger.errors import AmountRefused, InsufficientCredits, KeyReused
from studio.ledger.models import CreditAccount, Entry, Hold
from studio.ledger.queries import Balance, balance
from studio.ledger.services import grant, open_account, refund, release, reserve, settle, top_up
from studio.teams.models import Team

pytestmark = pytest.mark.django_db

UNUSABLE = [0, -1, 10**12 + 1, 1.0, True, "5", None]


def hold(team: Team, amount: int, actor: User | None = None) -> uuid.UUID:
    hold_id = uuid.uuid4()
    reserve(team_id=team.pk, hold_id=hold_id, amount=amount, actor_id=actor.pk if actor else None, note="2 images")
    return hold_id


def lines(team: Team) -> list[tuple[str, int, int]]:
    return list(Entry.objects.filter(account_id=team.pk).order_by("pk").values_list("kind", "amount", "balance_after"))


def test_open_account_twice_gives_the_same(team: Team) -> None:
    first = open_account(team=team)
    assert open_account(team=team) == first
    assert balance(team) == Balance(0, 0)


def test_balance_without_account_is_nothing(team: Team) -> None:
    assert balance(team) == Balance(0, 0)
    assert CreditAccount.objects.count() == 0


def test_top_up_writes_entry_balance_and_audit_line(team: Team, owner: User) -> None:
    entry = top_up(team=team, amount=10**12, actor=owner, reference="INV-7", note="November", key="k")
    assert (entry.kind, entry.amount, entry.balance_after) == ("top_up", 10**12, 10**12)
    assert (entry.actor, entry.reference, entry.note, entry.hold) == (owner, "INV-7", "November", None)
    assert balance(team) == Balance(10**12, 0)
    event = AuditEvent.objects.get(action="credits.topped_up")
    assert (event.team, event.actor, event.subject) == (team, owner, f"entry {entry.pk}")
    assert event.data == {"amount": 10**12, "reference": "INV-7", "note": "November"}


def test_top_up_with_the_same_key_returns_the_same_entry(funded: Team, admin: User) -> None:
    again = top_up(team=funded, amount=10, actor=admin, reference="other", note="", key="first")
    assert again == Entry.objects.get()
    assert balance(funded) == Balance(10, 0)
    assert AuditEvent.objects.filter(action="credits.topped_up").count() == 1


def test_top_up_with_the_same_key_and_another_amount_is_refused(funded: Team, owner: User) -> None:
    with pytest.raises(KeyReused):
        top_up(team=funded, amount=11, actor=owner, reference="", note="", key="first")
    assert lines(funded) == [("top_up", 10, 10)]


def test_grant_under_the_key_of_a_top_up_is_refused(funded: Team, owner: User) -> None:
    with pytest.raises(KeyReused):
        grant(team=funded, amount=10, reason="", actor=owner, key="first")


def test_grant_under_the_same_key_in_another_team_is_another_grant(funded: Team, other_team: Team) -> None:
    grant(team=other_team, amount=3, reason="Hello", actor=None, key="first")
    assert balance(other_team) == Balance(3, 0)


def test_grant_by_the_installation_has_no_actor(team: Team) -> None:
    entry = grant(team=team, amount=1000, reason="Starting credits", actor=None, key="start")
    assert (entry.kind, entry.actor, entry.note) == ("grant", None, "Starting credits")
    assert AuditEvent.objects.get(action="credits.granted").data["amount"] == 1000


@pytest.mark.parametrize("amount", UNUSABLE)
def test_amount_that_is_no_whole_number_in_bounds_is_refused_everywhere(funded: Team, owner: User, amount: Any) -> None:
    hold_id = hold(funded, 4)
    settled = hold(funded, 3)
    settle(hold_id=settled, amount=3, actor_id=None, note="")
    with pytest.raises(AmountRefused):
        top_up(team=funded, amount=amount, actor=owner, reference="", note="", key="x")
    with pytest.raises(AmountRefused):
        grant(team=funded, amount=amount, reason="", actor=owner, key="x")
    with pytest.raises(AmountRefused):
        reserve(team_id=funded.pk, hold_id=uuid.uuid4(), amount=amount, actor_id=None, note="")
    with pytest.raises(AmountRefused):
        refund(hold_id=settled, amount=amount, actor=owner, reason="", key="x")
    if type(amount) is not int or amount != 0:
        with pytest.raises(AmountRefused):
            settle(hold_id=hold_id, amount=amount, actor_id=None, note="")
    assert balance(funded) == Balance(7, 4)


def test_reserve_holds_credits_without_an_entry(funded: Team, member: User) -> None:
    hold_id = hold(funded, 10, member)
    made = Hold.objects.get()
    assert (made.pk, made.account_id, made.amount, made.state) == (hold_id, funded.pk, 10, "open")
    assert (made.actor, made.note, made.settled_amount, made.ended_at) == (member, "2 images", 0, None)
    assert balance(funded) == Balance(10, 10)
    assert lines(funded) == [("top_up", 10, 10)]


def test_reserve_beyond_what_is_available_says_how_many_are_missing(funded: Team) -> None:
    hold(funded, 7)
    with transaction.atomic():
        with pytest.raises(InsufficientCredits) as caught:
            hold(funded, 8)
        assert Hold.objects.count() == 1  # the transaction is still usable
    assert (caught.value.missing, caught.value.message) == (5, "5 credits short.")
    assert balance(funded) == Balance(10, 7)


def test_reserve_without_account_misses_everything(team: Team) -> None:
    with pytest.raises(InsufficientCredits) as caught:
        hold(team, 1)
    assert (caught.value.missing, caught.value.message) == (1, "1 credit short.")


def test_reserve_again_changes_nothing(funded: Team) -> None:
    hold_id = hold(funded, 6)
    reserve(team_id=funded.pk, hold_id=hold_id, amount=6, actor_id=None, note="")
    assert balance(funded) == Balance(10, 6)


def test_reserve_again_with_another_amount_or_team_is_refused(funded: Team, other_team: Team) -> None:
    grant(team=other_team, amount=10, reason="", actor=None, key="k")
    hold_id = hold(funded, 6)
    with pytest.raises(KeyReused):
        reserve(team_id=funded.pk, hold_id=hold_id, amount=2, actor_id=None, note="")
    with pytest.raises(KeyReused):
        reserve(team_id=other_team.pk, hold_id=hold_id, amount=6, actor_id=None, note="")
    assert (balance(funded), balance(other_team)) == (Balance(10, 6), Balance(10, 0))


def test_settle_charges_and_returns_the_rest(funded: Team, member: User) -> None:
    hold_id = hold(funded, 8)
    assert settle(hold_id=hold_id, amount=5, actor_id=member.pk, note="3 of 4 images") is True
    assert balance(funded) == Balance(5, 0)
    assert lines(funded) == [("top_up", 10, 10), ("charge", -5, 5)]
    entry = Entry.objects.get(kind="charge")
    assert (entry.hold_id, entry.actor, entry.note) == (hold_id, member, "3 of 4 images")
    ended = Hold.objects.get()
    assert (ended.state, ended.settled_amount, ended.ended_at is not None) == ("settled", 5, True)


def test_settle_again_does_nothing(funded: Team) -> None:
    hold_id = hold(funded, 8)
    settle(hold_id=hold_id, amount=5, actor_id=None, note="")
    assert settle(hold_id=hold_id, amount=8, actor_id=None, note="") is False
    assert release(hold_id=hold_id) is False
    assert balance(funded) == Balance(5, 0)


def test_settle_of_nothing_releases(funded: Team) -> None:
    hold_id = hold(funded, 8)
    assert settle(hold_id=hold_id, amount=0, actor_id=None, note="") is True
    assert Hold.objects.get().state == "released"
    assert lines(funded) == [("top_up", 10, 10)]


def test_settle_above_the_hold_is_refused(funded: Team) -> None:
    hold_id = hold(funded, 4)
    with pytest.raises(AmountRefused):
        settle(hold_id=hold_id, amount=5, actor_id=None, note="")
    assert balance(funded) == Balance(10, 4)


def test_settle_and_release_of_an_unknown_hold_are_errors() -> None:
    with pytest.raises(Hold.DoesNotExist):
        settle(hold_id=uuid.uuid4(), amount=1, actor_id=None, note="")
    with pytest.raises(Hold.DoesNotExist):
        release(hold_id=uuid.uuid4())


def test_release_returns_everything_once(funded: Team) -> None:
    hold_id = hold(funded, 8)
    assert release(hold_id=hold_id) is True
    assert release(hold_id=hold_id) is False
    assert settle(hold_id=hold_id, amount=1, actor_id=None, note="") is False
    assert balance(funded) == Balance(10, 0)


def test_refund_gives_back_no_more_than_was_charged(funded: Team, owner: User) -> None:
    hold_id = hold(funded, 8)
    settle(hold_id=hold_id, amount=5, actor_id=None, note="")
    refund(hold_id=hold_id, amount=3, actor=owner, reason="Broken picture", key="r1")
    with pytest.raises(AmountRefused) as caught:
        refund(hold_id=hold_id, amount=3, actor=owner, reason="", key="r2")
    assert caught.value.message == "At most 2 credits of this charge can be refunded."
    entry = refund(hold_id=hold_id, amount=2, actor=owner, reason="", key="r3")
    assert (entry.hold_id, entry.balance_after) == (hold_id, 10)
    assert AuditEvent.objects.filter(action="credits.refunded").count() == 2


def test_refund_again_returns_the_same_entry(funded: Team, owner: User) -> None:
    hold_id = hold(funded, 8)
    settle(hold_id=hold_id, amount=5, actor_id=None, note="")
    first = refund(hold_id=hold_id, amount=5, actor=owner, reason="", key="r")
    assert refund(hold_id=hold_id, amount=5, actor=owner, reason="", key="r") == first
    with pytest.raises(KeyReused):
        refund(hold_id=hold_id, amount=4, actor=owner, reason="", key="r")
    assert balance(funded) == Balance(10, 0)


def test_refund_of_a_released_hold_is_refused(funded: Team, owner: User) -> None:
    hold_id = hold(funded, 8)
    release(hold_id=hold_id)
    with pytest.raises(AmountRefused):
        refund(hold_id=hold_id, amount=1, actor=owner, reason="", key="r")


def test_long_note_is_cut(funded: Team) -> None:
    hold_id = uuid.uuid4()
    reserve(team_id=funded.pk, hold_id=hold_id, amount=1, actor_id=None, note="n" * 300)
    settle(hold_id=hold_id, amount=1, actor_id=None, note="m" * 300)
    assert (Hold.objects.get().note, Entry.objects.get(kind="charge").note) == ("n" * 200, "m" * 200)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_entry SET amount = 11",
        "DELETE FROM ledger_entry",
        "DELETE FROM ledger_hold",
        "DELETE FROM ledger_creditaccount",
        "UPDATE ledger_creditaccount SET balance = -1",
        "UPDATE ledger_creditaccount SET held = 11",
        "UPDATE ledger_creditaccount SET held = -1",
        "UPDATE ledger_hold SET state = 'open', settled_amount = 0, ended_at = NULL",
        "UPDATE ledger_hold SET settled_amount = 4",
    ],
)
def test_database_refuses_to_rewrite_history(funded: Team, sql: str) -> None:
    settle(hold_id=hold(funded, 3), amount=2, actor_id=None, note="")
    with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert balance(funded) == Balance(8, 0)


def test_settle_is_one_statement(funded: Team, django_assert_num_queries: Any) -> None:
    hold_id = hold(funded, 3)
    with django_assert_num_queries(1):
        settle(hold_id=hold_id, amount=2, actor_id=None, note="")


def test_reserve_is_one_statement(funded: Team, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        hold(funded, 3)


@pytest.mark.django_db(transaction=True)
def test_top_up_without_its_audit_line_is_not_written(team: Team, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_facts: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("studio.ledger.services.record", fail)
    with pytest.raises(RuntimeError):
        top_up(team=team, amount=10, actor=owner, reference="", note="", key="k")
    with pytest.raises(RuntimeError):
        grant(team=team, amount=10, reason="", actor=owner, key="k")
    assert (balance(team), lines(team)) == (Balance(0, 0), [])
