"""Credits: a team's account, its holds and its append-only entries.

Amounts are whole credits. The database refuses a negative available amount, an edited or deleted entry and a hold
that ends twice; `services.py` is the only code that writes here.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from studio.teams.models import Team


class CreditAccount(models.Model):
    """What a team has: `available = balance - held`, never below 0."""

    team = models.OneToOneField(Team, on_delete=models.PROTECT, primary_key=True, related_name="credit_account")
    balance = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(held__gte=0), name="creditaccount_held_not_negative"),
            models.CheckConstraint(condition=Q(balance__gte=F("held")), name="creditaccount_never_overdrawn"),
        ]

    def __str__(self) -> str:
        return f"{self.balance} credits, {self.held} held"

    @property
    def available(self) -> int:
        """What can still be spent."""
        return self.balance - self.held


class HoldState(models.TextChoices):
    """A hold ends once: settled (charged up to its amount) or released (charged nothing)."""

    OPEN = "open", "Held"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Returned"


class Hold(models.Model):
    """Credits reserved for one generation until it ends."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(CreditAccount, on_delete=models.PROTECT, related_name="holds")
    amount = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=HoldState.choices, default=HoldState.OPEN)
    settled_amount = models.BigIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_amount_positive"),
            models.CheckConstraint(
                condition=(
                    Q(state=HoldState.OPEN, settled_amount=0, ended_at=None)
                    | Q(
                        state=HoldState.SETTLED,
                        settled_amount__gt=0,
                        settled_amount__lte=F("amount"),
                        ended_at__isnull=False,
                    )
                    | Q(state=HoldState.RELEASED, settled_amount=0, ended_at__isnull=False)
                ),
                name="hold_settles_within_amount",
            ),
        ]
        indexes = [models.Index(fields=["account"], condition=Q(state="open"), name="hold_open_by_account")]

    def __str__(self) -> str:
        return f"{self.amount} {self.state}"


class EntryKind(models.TextChoices):
    """Why the balance changed."""

    TOP_UP = "top_up", "Top-up"
    FEE = "fee", "Fee"
    GRANT = "grant", "Grant"
    CHARGE = "charge", "Charge"
    REFUND = "refund", "Refund"
    EXPIRY = "expiry", "Expiry"
    ADJUSTMENT = "adjustment", "Adjustment"


class Entry(models.Model):
    """One line of a team's account: signed amount, the balance after it, who, when, why and from what."""

    account = models.ForeignKey(CreditAccount, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()
    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, null=True, blank=True, related_name="entries")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reference = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)
    # What makes a repeated request harmless: one entry a key and account.
    key = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="entry_once_per_key"),
            models.UniqueConstraint(fields=["hold"], condition=Q(kind="charge"), name="entry_one_charge_per_hold"),
            models.CheckConstraint(condition=Q(balance_after__gte=0), name="entry_balance_not_negative"),
            models.CheckConstraint(
                condition=(
                    Q(kind__in=["top_up", "grant", "refund"], amount__gt=0)
                    | Q(kind__in=["fee", "charge", "expiry"], amount__lt=0)
                    | (Q(kind="adjustment") & ~Q(amount=0))
                ),
                name="entry_sign_follows_kind",
            ),
            models.CheckConstraint(
                condition=Q(hold__isnull=False) | ~Q(kind__in=["charge", "refund"]), name="entry_spend_names_its_hold"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="entry_account_newest"),
            models.Index(
                fields=["account", "-id"], condition=Q(kind__in=["top_up", "grant"]), name="entry_newest_credit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:+}"

    @property
    def returned(self) -> int:
        """What a charge left of its hold."""
        if self.kind != EntryKind.CHARGE or self.hold is None:
            return 0
        return self.hold.amount - self.hold.settled_amount
