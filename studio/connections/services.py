"""Adding connections with the models they bring, and having them tested by a worker."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.connections.tasks import test_connection
from studio.generations.models import LIVE_STATES, Attempt, AttemptState
from studio.providers import testing
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.services import create_connection, update_connection
from studio.teams.models import Team

MOST_CONNECTIONS: Final = 100


@transaction.atomic
def add_connection(
    *,
    team: Team,
    protocol: str,
    actor: User,
    name: str,
    base_url: str,
    secret: str,
    options: Mapping[str, Any],
    max_in_flight: int,
    per_minute: int | None,
) -> Connection:
    """Add a connection of the team, bring its models, and have it tested.

    Raises ConnectionRefused, and CatalogueUnreadable where the operator's files are damaged.
    """
    if Connection.objects.kept().filter(team=team).count() >= MOST_CONNECTIONS:
        raise ConnectionRefused(f"A team has at most {MOST_CONNECTIONS} connections. Remove one first.")
    connection = create_connection(
        team=team,
        name=name,
        protocol=protocol,
        base_url=base_url,
        secret=secret,
        options=options,
        max_in_flight=max_in_flight,
        per_minute=per_minute,
        actor=actor,
    )
    sync_catalogue()
    begin_test(connection)
    return connection


@transaction.atomic
def change_connection(*, connection: Connection, actor: User, base_url: str, **facts: Any) -> Connection:
    """Change a connection as `update_connection` does; not its address while calls to the one of now are under way.

    Raises ConnectionRefused.
    """
    before = Connection.objects.values_list("base_url", flat=True).get(pk=connection.pk)
    changed = update_connection(connection=connection, actor=actor, base_url=base_url, **facts)
    if changed.base_url != before:
        refuse_while_calling(changed)
    return changed


def refuse_while_calling(connection: Connection) -> None:
    """Refuse another address as long as calls have not ended: jobs would be asked for, and calls repeated, elsewhere.

    Raises ConnectionRefused.
    """
    under_way = Attempt.objects.filter(connection=connection, ended_at=None, generation__state__in=LIVE_STATES)
    if under_way.exclude(state=AttemptState.PLANNED, possible_cost=False).exists():
        raise ConnectionRefused(
            "Calls to the address of now are under way. Pause this connection until they have ended, or add another.",
            field="base_url",
        )


@transaction.atomic
def begin_test(connection: Connection) -> bool:
    """Have a connection tested by a worker; False if that is under way already."""
    begun = testing.begin(connection)
    if begun:
        # A broker that is away is no error of the page: the test counts as lost after a while.
        transaction.on_commit(lambda: test_connection.delay(connection.pk), robust=True)
    return begun
