"""What a team's account says."""

from dataclasses import dataclass, field

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from studio.ledger.models import CreditAccount, Entry, EntryKind, Hold, HoldState
from studio.teams.models import Team

# Where an account counts as low: a tenth of what it had after credits last came in.
LOW_SHARE = 10


@dataclass(frozen=True, slots=True)
class Balance:
    """What a team has, what of it is held, and what is left; `full` is what it had when credits last came in."""

    balance: int
    held: int
    full: int = field(default=0, compare=False)

    @property
    def available(self) -> int:
        """What can still be spent."""
        return self.balance - self.held

    @property
    def is_low(self) -> bool:
        """Whether less than a tenth is left of what the team had after the last top-up or grant."""
        return self.available * LOW_SHARE < self.full or self.available == 0


def balance(team: Team) -> Balance:
    """Read the team's account in one query; a team without one has nothing."""
    arrived = Entry.objects.filter(account=OuterRef("pk"), kind__in=(EntryKind.TOP_UP, EntryKind.GRANT))
    full = Coalesce(Subquery(arrived.order_by("-pk").values("balance_after")[:1]), 0)
    row = CreditAccount.objects.filter(pk=team.pk).values_list("balance", "held", full).first()
    return Balance(*row) if row else Balance(0, 0)


def statement(team: Team) -> QuerySet[Entry]:
    """The team's entries with who caused them and the hold they settled; newest first by primary key."""
    return Entry.objects.filter(account_id=team.pk).select_related("actor", "hold").order_by("-pk")


@dataclass(frozen=True, slots=True)
class HeldLine:
    """An open hold as a line of the statement, with what is available after it and all below it."""

    hold: Hold
    available_after: int

    @property
    def change(self) -> int:
        """What it takes from the available credits."""
        return -self.hold.amount


def held_lines(team: Team, now: Balance, *, most: int = 20) -> list[HeldLine]:
    """The newest open holds, running on from the balance as the entries below them do."""
    open_now = Hold.objects.filter(account_id=team.pk, state=HoldState.OPEN).select_related("actor")
    left = now.available
    lines = []
    for hold in open_now.order_by("-created_at", "pk")[:most]:
        lines.append(HeldLine(hold, left))
        left += hold.amount
    return lines
