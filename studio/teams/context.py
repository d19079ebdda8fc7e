"""What every page's template may ask about teams."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from studio.teams.models import Team
from studio.teams.queries import teams_of


def teams_of_user(request: HttpRequest) -> dict[str, Any]:
    """Offer the teams of whoever asks, last used first, as `teams_of_user`: one query, none if unused."""

    def load() -> list[Team]:
        user = getattr(request, "user", None)  # absent where an early middleware answered
        return teams_of(user) if user is not None and user.is_authenticated else []

    return {"teams_of_user": SimpleLazyObject(load)}
