"""Writing connections."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.live.notify import notify
from studio.providers.adapters.address import check_url
from studio.providers.adapters.errors import AddressRefused
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.text import WINDOW, storable_text
from studio.providers.errors import ConnectionRefused
from studio.providers.gateway import adapter_of
from studio.providers.models import Connection
from studio.providers.options import read_options
from studio.teams.models import Team

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_NAME: Final = 80
LONGEST_ADDRESS: Final = 300
LONGEST_SECRET: Final = 4000
MOST: Final = 1_000_000
# Jobs and webhooks of before a rotation may need the earlier secret for so long.
SECRET_KEPT: Final = timedelta(hours=24)


@transaction.atomic
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

    Raises ConnectionRefused for an unknown protocol, a forbidden address, a missing secret, an option that the
    protocol does not know, or a name taken twice.
    """
    if protocol not in ADAPTERS:
        raise ConnectionRefused(f"The protocol must be one of {', '.join(sorted(ADAPTERS))}.")
    connection = Connection(team=team, protocol=protocol)
    take_settings(
        connection,
        name=name,
        base_url=base_url,
        secret=secret,
        options=options or {},
        max_in_flight=max_in_flight,
        per_minute=per_minute,
    )
    _save(connection)
    _note(Action.CONNECTION_CREATED, connection, actor, base_url=connection.base_url)
    return connection


@transaction.atomic
def update_connection(
    *,
    connection: Connection,
    actor: User | None,
    name: str,
    base_url: str,
    secret: str = "",
    options: Mapping[str, Any],
    max_in_flight: int,
    per_minute: int | None,
) -> Connection:
    """Change a connection. Another address asks for the secret anew: the one there is never goes there.

    Raises ConnectionRefused as `create_connection` does.
    """
    connection = _lock(connection)
    before = _facts(connection)
    take_settings(
        connection,
        name=name,
        base_url=base_url,
        secret=secret,
        options=options,
        max_in_flight=max_in_flight,
        per_minute=per_minute,
    )
    _save(connection)
    changed = sorted(name for name, value in _facts(connection).items() if before[name] != value)
    if changed:
        _note(Action.CONNECTION_CHANGED, connection, actor, base_url=connection.base_url, changed=changed)
    return connection


@transaction.atomic
def rotate_secret(*, connection: Connection, secret: str, actor: User | None) -> Connection:
    """Put a new secret in the place of the one there is, which still serves the jobs of before.

    Raises ConnectionRefused.
    """
    connection = _lock(connection)
    _replace_secret(connection, secret)
    _save(connection)
    _note(Action.CONNECTION_KEY_REPLACED, connection, actor)
    return connection


@transaction.atomic
def set_enabled(*, connection: Connection, enabled: bool, actor: User | None) -> None:
    """Use a connection, or leave it alone for now; what was sent comes back all the same."""
    if Connection.objects.kept().filter(pk=connection.pk, enabled=not enabled).update(enabled=enabled):
        action = Action.CONNECTION_RESUMED if enabled else Action.CONNECTION_PAUSED
        _note(action, connection, actor)


@transaction.atomic
def remove_connection(*, connection: Connection, actor: User | None) -> None:
    """Take a connection away for good. History keeps its name; its secret goes when its last job has ended."""
    if Connection.objects.kept().filter(pk=connection.pk).update(removed_at=timezone.now(), enabled=False):
        _note(Action.CONNECTION_REMOVED, connection, actor)


def take_settings(
    connection: Connection,
    *,
    name: str,
    base_url: str,
    secret: str,
    options: Mapping[str, Any],
    max_in_flight: int,
    per_minute: int | None,
) -> None:
    """Put what was asked for into an unsaved connection; raises ConnectionRefused.

    A secret without another address replaces the one there is, none keeps it.
    """
    connection.name = " ".join(storable_text(name, WINDOW).split())
    is_seen = any(sign.isprintable() and sign != " " for sign in connection.name)
    if not is_seen or len(connection.name) > LONGEST_NAME:
        raise ConnectionRefused(f"The name must have 1 to {LONGEST_NAME} characters.", field="name")
    if not 1 <= max_in_flight <= MOST or not (per_minute is None or 1 <= per_minute <= MOST):
        raise ConnectionRefused("The limits must let at least one generation through.")
    connection.max_in_flight, connection.per_minute = max_in_flight, per_minute
    options = read_options(connection.protocol, options)
    if options != connection.options:
        connection.options = options
        _forget_test(connection)
    adapter = adapter_of(connection)
    address = _address(base_url) or adapter.default_base_url
    if not adapter.needs_secret and (address != adapter.default_base_url or secret.strip()):
        raise ConnectionRefused("Practice pictures are drawn on this machine: there is no address and no key to set.")
    if address != connection.base_url:
        _move(connection, address, secret=secret)
    elif secret.strip():
        _replace_secret(connection, secret)


def forget_earlier_secrets() -> int:
    """Empty the secrets that were replaced a day ago. Returns how many."""
    old = Connection.objects.filter(rotated_at__lt=timezone.now() - SECRET_KEPT)
    return old.update(earlier_secret="", rotated_at=None)


def check_base_url(address: str) -> None:
    """Refuse an address that is neither https nor one of PRIVATE_HOSTS; where it leads is checked at every call."""
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise ConnectionRefused("The base URL is not an address.", field="base_url") from error
    named = parts.hostname and all(sign.isalnum() or sign in ".-_:" for sign in parts.hostname)
    plain = named and all(sign.isprintable() and not sign.isspace() for sign in address)
    if parts.scheme not in DEFAULT_PORTS or not plain or parts.username or parts.query or parts.fragment:
        raise ConnectionRefused("The base URL must look like https://api.example.com/v1.", field="base_url")
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    if parts.scheme == "http" and f"{host}:{port}" not in settings.PRIVATE_HOSTS:
        raise ConnectionRefused(
            "The base URL must be https. Plain http is only for places that the operator lists in PRIVATE_HOSTS.",
            field="base_url",
        )
    try:
        check_url(address, settings.PRIVATE_HOSTS)
    except AddressRefused as error:
        raise ConnectionRefused(f"The base URL cannot be used. {error}", field="base_url") from error


def _move(connection: Connection, base_url: str, *, secret: str) -> None:
    """Give an unsaved connection its address and the secret for it; no secret of another address stays behind."""
    if adapter_of(connection).needs_secret:
        check_base_url(base_url)
        if connection.pk and not secret.strip():
            raise ConnectionRefused(
                "Another base URL needs its key: the one that is kept never goes there.", field="secret"
            )
        connection.secret = _secret(secret)
    connection.base_url = base_url
    connection.earlier_secret = connection.hook_secret = ""
    connection.rotated_at = connection.hook_seen_at = None
    _forget_test(connection)


def _replace_secret(connection: Connection, secret: str) -> None:
    """Give an unsaved connection a new secret for the same address and keep the earlier one for a while."""
    fresh = _secret(secret)
    if fresh == connection.secret:
        return
    connection.earlier_secret, connection.secret = connection.secret, fresh
    connection.rotated_at = timezone.now()
    _forget_test(connection)


def _address(base_url: str) -> str:
    address = base_url.strip().rstrip("/")
    if len(address) > LONGEST_ADDRESS:
        raise ConnectionRefused(f"The base URL must have at most {LONGEST_ADDRESS} characters.", field="base_url")
    return address


def _secret(text: str) -> str:
    secret = text.strip()
    if not secret:
        raise ConnectionRefused("This connection needs a secret key.", field="secret")
    if len(secret) > LONGEST_SECRET or not (secret.isascii() and secret.isprintable()):
        raise ConnectionRefused("The key holds characters that no key has, or too many.", field="secret")
    return secret


def _forget_test(connection: Connection) -> None:
    """What a test showed of another address or key says nothing."""
    connection.test_state, connection.tested_at, connection.test_report = "", None, {}


def _save(connection: Connection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError as error:
        raise ConnectionRefused(f"There is a connection named {connection.name!r} already.", field="name") from error


def _lock(connection: Connection) -> Connection:
    """Return the row as it is now, locked; raises ConnectionRefused if it was removed meanwhile."""
    found = Connection.objects.select_for_update(no_key=True).kept().filter(pk=connection.pk).first()
    if found is None:
        raise ConnectionRefused("This connection has been removed.")
    return found


def _facts(connection: Connection) -> dict[str, Any]:
    names = ("name", "base_url", "secret", "options", "max_in_flight", "per_minute")
    return {name: getattr(connection, name) for name in names}


def _note(action: Action, connection: Connection, actor: User | None, **data: Any) -> None:
    record(
        action=action,
        team_id=connection.team_id,
        actor_id=actor.pk if actor else None,
        subject=connection.name,
        data={"protocol": connection.protocol, **data},
    )
    if connection.team_id is not None:
        notify(team_id=connection.team_id, event="connection", id=connection.pk)
