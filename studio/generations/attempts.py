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


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of the list."""

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
    def why(self) -> str:
        """What the kind of its error means for whoever looks after the connection."""
        return ADMIN_MESSAGES.get(self.attempt.error_kind, "")


def cost_in_words(reported: Mapping[str, Any]) -> str:
    """What the provider said it cost, in the provider's own unit; empty where it said nothing."""
    cost = reported.get("cost")
    if not isinstance(cost, Mapping):
        return ""
    amount, unit = str(cost.get("amount", "")), cost.get("unit")
    if unit == "usd":
        return f"${amount}"
    return f"{amount} {unit}" if amount and unit in {"tokens", "credits", "cents"} else ""
