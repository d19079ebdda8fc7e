"""Adding connections with the models they bring, and having them tested by a worker."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from studio.accounts.models import User
from studio.catalogue.services import sync_catalogue
from studio.connections.tasks import test_connection
from studio.providers import testing
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.providers.services import create_connection
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
def begin_test(connection: Connection) -> bool:
    """Have a connection tested by a worker; False if that is under way already."""
    begun = testing.begin(connection)
    if begun:
        # A broker that is away is no error of the page: the test counts as lost after a while.
        transaction.on_commit(lambda: test_connection.delay(connection.pk), robust=True)
    return begun
