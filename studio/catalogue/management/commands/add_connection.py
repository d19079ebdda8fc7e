"""`manage.py add_connection --team T|--shared --protocol P --base-url URL --secret-env VAR --name N`."""

import json
import os
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from studio.catalogue.services import sync_catalogue
from studio.core.errors import StudioError
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team


class Command(BaseCommand):
    """Adds a provider account, and the models it brings."""

    help = "Add a connection to a provider, for one team or for all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--team", help="the address part of the team that owns it, such as halden-co")
        owner.add_argument("--shared", action="store_true", help="every team may use it")
        parser.add_argument("--protocol", required=True, help="how the provider is spoken to, such as openai")
        parser.add_argument("--name", required=True, help="shown to the team")
        parser.add_argument("--base-url", default="", help="where the provider is; the protocol's own unless given")
        parser.add_argument("--secret-env", default="", help="the environment variable that holds the secret key")
        parser.add_argument("--account-id", help="the account at Cloudflare that the token belongs to")
        parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="may be repeated")
        parser.add_argument("--max-in-flight", type=int, default=1000, help="generations at once, 1000 unless given")
        parser.add_argument("--per-minute", type=int, help="pictures a minute, no limit unless given")
        parser.add_argument("--json", action="store_true", help="print the connection as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Add it, sync the catalogue, and say what there is now."""
        try:
            connection = _add(options)
        except StudioError as error:
            raise CommandError(error.message) from error
        self.stdout.write(json.dumps(_facts(connection)) if options["json"] else _sentence(connection))


@transaction.atomic
def _add(options: Mapping[str, Any]) -> Connection:
    """Add it with its models, or nothing."""
    connection = create_connection(
        team=_team(options["team"]),
        name=options["name"],
        protocol=options["protocol"],
        base_url=options["base_url"],
        secret=_secret(options["secret_env"]),
        options=_options(options["option"], options["account_id"]),
        actor=None,
        max_in_flight=options["max_in_flight"],
        per_minute=options["per_minute"],
    )
    sync_catalogue()
    return connection


def _team(slug: str | None) -> Team | None:
    if slug is None:
        return None
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise CommandError(f"There is no team {slug!r}.")
    return team


def _secret(variable: str) -> str:
    """Read the secret from the environment, so that it never stands in a command line or its history."""
    if not variable:
        return ""
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise CommandError(f"The environment variable {variable} is not set.")
    return secret


def _options(pairs: list[str], account_id: str | None) -> dict[str, str]:
    options = {} if account_id is None else {"account_id": account_id}
    for pair in pairs:
        key, mark, value = pair.partition("=")
        if not mark or not key.strip():
            raise CommandError(f"--option must look like key=value, not {pair!r}.")
        options[key.strip()] = value.strip()
    return options


def _facts(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.pk,
        "name": connection.name,
        "team": connection.team.slug if connection.team else None,
        "protocol": connection.protocol,
        "base_url": connection.base_url,
    }


def _sentence(connection: Connection) -> str:
    whose = f"{connection.team.name} has" if connection.team else "Every team has"
    where = f" at {connection.base_url}" if connection.base_url else ""
    return f"{whose} the connection {connection.name} ({connection.protocol}{where})."
