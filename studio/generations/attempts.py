"""What the calls of a generation came to, in words for an admin. Reads no rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.generations.cards import Badge
from studio.generations.models import Attempt, AttemptState
from studio.providers.adapters.errors import ADMIN_MESSAGES

_BADGES: Final[Mapping[AttemptState, Badge]] = {
    AttemptState.PLANNED: Badge("Planned", "", "clock"),
    AttemptState.SENT: Badge("Sent", "busy", "loader-circle"),
    AttemptState.ANSWERED: Badge("Answered", "busy", "loader-circle"),
    AttemptState.ACCEPTED: Badge("Working", "busy", "loader-circle"),
    AttemptState.READY: Badge("Ready", "busy", "loader-circle"),
    AttemptState.CLOSED: Badge("Delivered", "ok", "check"),
    AttemptState.FAILED: Badge("Failed", "bad", "circle-alert"),
    AttemptState.UNKNOWN: Badge("Unknown", "warn", "triangle-alert"),
    AttemptState.CANCELLED: Badge("Cancelled", "", "x"),
}

# What is said to a team of a connection that is not its own, where admins of their own one are told what to do.
_ON_SHARED: Final[Mapping[str, str]] = {
    "unreachable": "The provider could not be reached.",
    "address_refused": "The address of the connection is not allowed.",
    "invalid_request": "The provider did not accept the request.",
    "auth": "The provider rejects the connection’s key.",
    "permission": "The account at the provider may not use this model.",
    "insufficient_funds": "The account at the provider is empty or at its limit.",
    "model_maintenance": "The provider says that the model is under maintenance.",
    "rate_limited": "The provider had too many requests.",
    "quota_used_up": "The account’s allowance at the provider is used up for now.",
}
_OPERATORS: Final = "The operator of this installation looks after this connection."


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of the list.

    A shared connection is the operator's: the provider's words and bills may speak of the account and of other teams.
    """

    attempt: Attempt

    @property
    def badge(self) -> Badge:
        """How far it came."""
        return _BADGES[AttemptState(self.attempt.state)]

    @property
    def facts(self) -> list[str]:
        """What is known of the exchange, as far as it is."""
        attempt = self.attempt
        known = [
            f"{attempt.images} {'image' if attempt.images == 1 else 'images'}",
            f"HTTP {attempt.status_code}" if attempt.status_code else "",
            f"{attempt.latency_ms:,} ms" if attempt.latency_ms is not None else "",
            cost_in_words(attempt.reported),
        ]
        return [fact for fact in known if fact]

    @property
    def is_shared(self) -> bool:
        """Whether it went through a connection of the whole installation."""
        return self.attempt.connection.team_id is None

    @property
    def why(self) -> str:
        """What the kind of its error means; for whoever looks after the connection, also what can be done."""
        kind = self.attempt.error_kind
        told = ADMIN_MESSAGES.get(kind, "")
        if not told or not self.is_shared:
            return told
        return f"{_ON_SHARED.get(kind, told)} {_OPERATORS}"

    @property
    def said(self) -> str:
        """The provider's own words about it."""
        return "" if self.is_shared else self.attempt.provider_message

    @property
    def may_be_billed(self) -> bool:
        """Whether the team may have to pay the provider for nothing."""
        return self.attempt.possible_cost and not self.is_shared


def cost_in_words(reported: Mapping[str, Any]) -> str:
    """What the provider said it cost, in the provider's own unit; empty where it said nothing."""
    cost = reported.get("cost")
    if not isinstance(cost, Mapping):
        return ""
    amount, unit = str(cost.get("amount", "")), cost.get("unit")
    if unit == "usd":
        return f"${amount}"
    return f"{amount} {unit}" if amount and unit in {"tokens", "credits", "cents"} else ""
