"""What a team's account says."""

from dataclasses import dataclass

from django.db.models import QuerySet

from studio.ledger.models import CreditAccount, Entry, EntryKind, Hold, HoldState
from studio.teams.models import Team

# Where an account counts as low: a tenth of what it had after credits last came in.
LOW_SHARE = 10


@dataclass(frozen=True, slots=True)
class Balance:
    """What a team has, what of it is held, and what is left to spend."""

    balance: int
    held: int

    @property
    def available(self) -> int:
        """What can still be spent."""
        return self.balance - self.held


def balance(team: Team) -> Balance:
    """Read the team's account; a team without one has nothing."""
    row = CreditAccount.objects.filter(pk=team.pk).values_list("balance", "held").first()
    return Balance(*row) if row else Balance(0, 0)


def is_low(team: Team, available: int) -> bool:
    """Whether less than a tenth is left of what the team had after the last top-up or grant."""
    arrived = (EntryKind.TOP_UP, EntryKind.GRANT)
    newest = Entry.objects.filter(account_id=team.pk, kind__in=arrived).order_by("-pk")
    full = newest.values_list("balance_after", flat=True).first() or 0
    return available * LOW_SHARE < full or available == 0


def statement(team: Team) -> QuerySet[Entry]:
    """The team's entries with who caused them and the hold they settled; newest first by primary key."""
    return Entry.objects.filter(account_id=team.pk).select_related("actor", "hold").order_by("-pk")


def open_holds(team: Team) -> QuerySet[Hold]:
    """What is held at this moment, newest first."""
    open_now = Hold.objects.filter(account_id=team.pk, state=HoldState.OPEN)
    return open_now.select_related("actor").order_by("-created_at", "pk")
