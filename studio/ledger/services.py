"""The only code that changes credits.

Each move is one guarded statement: it locks, checks and writes at once, so a hot account is held no longer than that
and two moves can never both use the same credits. Entry ids are drawn while the account is locked, therefore the
entries of an account, read by id, form the chain of its balance.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.ledger.errors import AmountRefused, InsufficientCredits, KeyReused
from studio.ledger.models import CreditAccount, Entry, EntryKind, Hold
from studio.live.notify import notify
from studio.teams.models import Team

MOST = 10**12
NOTE_LENGTH = 200

_RESERVE = """
WITH account AS (
    UPDATE ledger_creditaccount SET held = held + %(amount)s
    WHERE team_id = %(team_id)s AND balance - held >= %(amount)s
      AND NOT EXISTS (SELECT 1 FROM ledger_hold WHERE id = %(hold_id)s)
    RETURNING team_id
)
INSERT INTO ledger_hold (id, account_id, amount, state, settled_amount, note, actor_id, created_at)
SELECT %(hold_id)s, team_id, %(amount)s, 'open', 0, %(note)s, %(actor_id)s, clock_timestamp() FROM account
RETURNING account_id
"""

_SETTLE = """
WITH ended AS (
    UPDATE ledger_hold SET state = 'settled', settled_amount = %(amount)s, ended_at = clock_timestamp()
    WHERE id = %(hold_id)s AND state = 'open' AND amount >= %(amount)s
    RETURNING id, account_id, amount
), account AS (
    UPDATE ledger_creditaccount a SET balance = a.balance - %(amount)s, held = a.held - ended.amount
    FROM ended WHERE a.team_id = ended.account_id
    RETURNING a.team_id, a.balance, ended.id AS hold_id
)
INSERT INTO ledger_entry (account_id, kind, amount, balance_after, hold_id, actor_id, reference, note, key, created_at)
SELECT team_id, 'charge', -%(amount)s, balance, hold_id, %(actor_id)s, '', %(note)s, 'charge:' || hold_id,
       clock_timestamp()
FROM account
RETURNING account_id
"""

_RELEASE = """
WITH ended AS (
    UPDATE ledger_hold SET state = 'released', ended_at = clock_timestamp()
    WHERE id = %(hold_id)s AND state = 'open'
    RETURNING account_id, amount
)
UPDATE ledger_creditaccount a SET held = a.held - ended.amount
FROM ended WHERE a.team_id = ended.account_id
RETURNING a.team_id
"""

_CREDIT = """
WITH account AS (
    UPDATE ledger_creditaccount SET balance = balance + %(amount)s WHERE team_id = %(team_id)s
    RETURNING team_id, balance
)
INSERT INTO ledger_entry (account_id, kind, amount, balance_after, hold_id, actor_id, reference, note, key, created_at)
SELECT team_id, %(kind)s, %(amount)s, balance, %(hold_id)s, %(actor_id)s, %(reference)s, %(note)s, %(key)s,
       clock_timestamp()
FROM account
RETURNING id
"""


def open_account(*, team: Team) -> CreditAccount:
    """Give the team its account, empty; a second call returns the first one's."""
    account, _ = CreditAccount.objects.get_or_create(team=team)
    return account


@transaction.atomic
def top_up(*, team: Team, amount: int, actor: User, reference: str, note: str, key: str) -> Entry:
    """Add credits that the team has bought. Raises KeyReused when `key` was used for something else."""
    entry, is_new = _credit(
        team_id=team.pk,
        kind=EntryKind.TOP_UP,
        amount=amount,
        actor_id=actor.pk,
        reference=reference,
        note=note,
        key=key,
    )
    if is_new:
        _record(entry, Action.CREDITS_TOPPED_UP)
    return entry


@transaction.atomic
def grant(*, team: Team, amount: int, reason: str, actor: User | None, key: str) -> Entry:
    """Add credits that the operator gives; without an actor it was the installation itself. Raises KeyReused."""
    entry, is_new = _credit(
        team_id=team.pk,
        kind=EntryKind.GRANT,
        amount=amount,
        actor_id=actor.pk if actor else None,
        note=reason,
        key=key,
    )
    if is_new:
        _record(entry, Action.CREDITS_GRANTED)
    return entry


def reserve(*, team_id: int, hold_id: UUID, amount: int, actor_id: int | None, note: str) -> None:
    """Hold credits until `settle` or `release`; a repetition with the same amount changes nothing.

    Raises InsufficientCredits, which leaves the caller's transaction usable, or KeyReused when the hold exists with
    another amount or account. Locks the account row: in a longer transaction this comes last.
    """
    _check(amount)
    params = {"team_id": team_id, "hold_id": hold_id, "amount": amount, "actor_id": actor_id, "note": _cut(note)}
    try:
        row = _row(_RESERVE, params)
    except IntegrityError:
        # Somebody made a hold of this id while the statement waited for the account. Alone, it has changed nothing;
        # inside a transaction there is nothing left to go on with.
        if connection.in_atomic_block or not Hold.objects.filter(pk=hold_id).exists():
            raise
        row = None
    if row is None:
        _recognise_hold(team_id=team_id, hold_id=hold_id, amount=amount)
    else:
        notify(team_id=team_id, event="credits")


def settle(*, hold_id: UUID, amount: int, actor_id: int | None, note: str) -> bool:
    """End a hold: charge `amount`, return the rest, and say whether this call did it (False: it had ended before).

    An amount of 0 releases the hold. Raises AmountRefused above what was held, Hold.DoesNotExist for an unknown hold.
    """
    if type(amount) is int and amount == 0:
        return release(hold_id=hold_id)
    _check(amount)
    row = _row(_SETTLE, {"hold_id": hold_id, "amount": amount, "actor_id": actor_id, "note": _cut(note)})
    if row is not None:
        notify(team_id=row[0], event="credits")
        return True
    held = Hold.objects.get(pk=hold_id).amount
    if amount > held:
        raise AmountRefused(f"{amount:,} credits cannot be charged to a hold of {held:,}.")
    return False


def release(*, hold_id: UUID) -> bool:
    """End a hold without a charge, and say whether this call did it; raises Hold.DoesNotExist for an unknown hold."""
    row = _row(_RELEASE, {"hold_id": hold_id})
    if row is None:
        Hold.objects.get(pk=hold_id)
        return False
    notify(team_id=row[0], event="credits")
    return True


@transaction.atomic
def refund(*, hold_id: UUID, amount: int, actor: User | None, reason: str, key: str) -> Entry:
    """Give back credits of a settled hold, in all never more than were charged.

    Raises AmountRefused above that, KeyReused when `key` was used for something else.
    """
    _check(amount)
    hold = Hold.objects.get(pk=hold_id)
    _lock(hold.account_id)
    actor_id = actor.pk if actor else None
    if _find_entry(hold.account_id, key) is None:
        left = _refundable(hold)
        if amount > left:
            raise AmountRefused(f"At most {left:,} credits of this charge can be refunded.")
    entry, is_new = _credit(
        team_id=hold.account_id,
        kind=EntryKind.REFUND,
        amount=amount,
        actor_id=actor_id,
        note=reason,
        key=key,
        hold_id=hold_id,
    )
    if is_new:
        _record(entry, Action.CREDITS_REFUNDED)
    return entry


def _credit(
    *,
    team_id: int,
    kind: EntryKind,
    amount: int,
    actor_id: int | None,
    note: str,
    key: str,
    reference: str = "",
    hold_id: UUID | None = None,
) -> tuple[Entry, bool]:
    """Add an entry, or find the one that the same request made before; the flag says whether it is new.

    Call it inside the transaction that also records it.
    """
    _check(amount)
    _lock(team_id)
    known = _find_entry(team_id, key)
    if known is not None:
        if (known.kind, known.amount, known.hold_id) != (kind, amount, hold_id):
            raise KeyReused("This was already sent with another amount.")
        return known, False
    params: dict[str, Any] = {
        "team_id": team_id,
        "kind": kind.value,
        "amount": amount,
        "hold_id": hold_id,
        "actor_id": actor_id,
        "reference": reference,
        "note": _cut(note),
        "key": key,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CREDIT, params)
        (pk,) = cursor.fetchone()
    notify(team_id=team_id, event="credits")
    return Entry.objects.get(pk=pk), True


def _lock(team_id: int) -> None:
    """Wait for the account, so that the next statement sees what whoever had it before has written.

    A team without an account gets it here, with its first credits.
    """
    CreditAccount.objects.bulk_create([CreditAccount(team_id=team_id)], ignore_conflicts=True)
    CreditAccount.objects.select_for_update().get(pk=team_id)


def _find_entry(team_id: int, key: str) -> Entry | None:
    return Entry.objects.filter(account_id=team_id, key=key).first()


def _refundable(hold: Hold) -> int:
    refunds = hold.entries.filter(kind=EntryKind.REFUND).values_list("amount", flat=True)
    return hold.settled_amount - sum(refunds)


def _recognise_hold(*, team_id: int, hold_id: UUID, amount: int) -> None:
    """Accept a hold that exists as asked for; raise what explains that it was not made."""
    hold = Hold.objects.filter(pk=hold_id).first()
    if hold is None:
        account = CreditAccount.objects.filter(pk=team_id).first()
        raise InsufficientCredits(missing=max(1, amount - (account.available if account else 0)))
    if (hold.account_id, hold.amount) != (team_id, amount):
        raise KeyReused("These credits are already held for something else.")


def _record(entry: Entry, action: Action) -> None:
    record(
        action=action,
        team_id=entry.account_id,
        actor_id=entry.actor_id,
        subject=f"entry {entry.pk}",
        data={"amount": entry.amount, "reference": entry.reference, "note": entry.note},
    )


def _check(amount: int) -> None:
    if type(amount) is not int or not 1 <= amount <= MOST:
        raise AmountRefused(f"The amount must be a whole number from 1 to {MOST:,}.")


def _cut(note: str) -> str:
    return note[:NOTE_LENGTH]


def _row(sql: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
