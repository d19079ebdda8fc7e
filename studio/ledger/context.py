"""What every page's template may ask about credits."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from studio.ledger.queries import Balance, balance


def balance_of_team(request: HttpRequest) -> dict[str, Any]:
    """Offer the credits of the page's team as `balance`: one query, none if unused or outside a team."""

    def load() -> Balance | None:
        team = getattr(request, "team", None)
        return balance(team) if team is not None else None

    return {"balance": SimpleLazyObject(load)}
