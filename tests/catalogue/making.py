"""Makes connections, and use of models, for tests."""

from itertools import count
from typing import Any

from studio.accounts.models import User
from studio.providers.models import Connection
from studio.teams.models import Team
from studio.usage.services import record_usage

_numbers = count(1)


def connect(team: Team | None, name: str, protocol: str = "openai", **fields: Any) -> Connection:
    """Make a connection; shared without a team."""
    return Connection.objects.create(team=team, name=name, protocol=protocol, secret="sk-test", **fields)


def use(team: Team, member: User, slug: str, *, credits: int = 4, latency_ms: int | None = 9_000) -> None:
    """Note one delivered picture; its output is made up, so the test `breaks_invariants`."""
    number = next(_numbers)
    record_usage(
        team_id=team.pk,
        member_id=member.pk,
        generation_id=number,
        output_id=number,
        asset_id=number,
        model_slug=slug,
        connection_name="OpenAI",
        quality="low",
        size="1024x1024",
        credits=credits,
        price_version=1,
        latency_ms=latency_ms,
    )
