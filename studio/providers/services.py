"""Writing connections."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.providers.adapters.base import Adapter
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.errors import ConnectionRefused
from studio.providers.models import Connection
from studio.teams.models import Team

DEFAULT_PORTS = {"http": 80, "https": 443}


def create_connection(
    *,
    team: Team | None,
    name: str,
    protocol: str,
    actor: User | None,
    base_url: str = "",
    secret: str = "",
    options: Mapping[str, Any] | None = None,
    max_in_flight: int = 1000,
    per_minute: int | None = None,
) -> Connection:
    """Add a connection, owned by `team` or, without one, shared by the whole installation.

    Raises ConnectionRefused for an unknown protocol, a forbidden address, a missing secret or a name taken twice.
    """
    adapter = _adapter(protocol)
    address = (base_url or adapter.default_base_url).rstrip("/")
    if adapter.needs_secret:
        check_base_url(address)
        if not secret.strip():
            raise ConnectionRefused("This connection needs a secret key.")
    if max_in_flight < 1 or (per_minute is not None and per_minute < 1):
        raise ConnectionRefused("The limits must let at least one generation through.")
    try:
        with transaction.atomic():
            connection = Connection.objects.create(
                team=team,
                name=name.strip()[:80],
                protocol=protocol,
                base_url=address,
                secret=secret.strip(),
                options=dict(options or {}),
                max_in_flight=max_in_flight,
                per_minute=per_minute,
            )
            _note(connection, actor)
    except IntegrityError as error:
        raise ConnectionRefused(f"There is a connection named {name!r} already.") from error
    return connection


def check_base_url(address: str) -> None:
    """Refuse an address that is neither https nor one of PRIVATE_HOSTS; where it leads is checked at every call."""
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise ConnectionRefused("The base URL is not an address.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConnectionRefused("The base URL must look like https://api.example.com/v1.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "http" and f"{host}:{port}" not in settings.PRIVATE_HOSTS:
        raise ConnectionRefused(
            "The base URL must be https. Plain http is only for places that the operator lists in PRIVATE_HOSTS."
        )


def _adapter(protocol: str) -> Adapter:
    if protocol not in ADAPTERS:
        raise ConnectionRefused(f"The protocol must be one of {', '.join(sorted(ADAPTERS))}.")
    return ADAPTERS[protocol]


def _note(connection: Connection, actor: User | None) -> None:
    record(
        action=Action.CONNECTION_CREATED,
        team_id=connection.team_id,
        actor_id=actor.pk if actor else None,
        subject=connection.name,
        data={"protocol": connection.protocol, "base_url": connection.base_url},
    )
