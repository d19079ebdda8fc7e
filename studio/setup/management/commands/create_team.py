"""Create a team."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.accounts.models import User
from studio.core.errors import StudioError
from studio.ledger.services import MOST
from studio.setup.services import found_team


class Command(BaseCommand):
    """Create a team with its owner and its credit account."""

    help = "Create a team. Its owner must have an account; its address is made from its name."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name and an owner."""
        parser.add_argument("name", help="the team's name, such as 'Halden & Co'")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="address of the person who owns the team")
        parser.add_argument("--credits", type=int, default=0, help="credits to start with (default: 0)")
        parser.add_argument("--json", action="store_true", help="print the team as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Create it, or say in one line why not."""
        owner = User.objects.filter(email=options["owner"].strip().lower(), is_active=True).first()
        if owner is None:
            raise CommandError(f"Nobody with the address {options['owner']} can sign in.")
        if not 0 <= options["credits"] <= MOST:
            raise CommandError(f"--credits must be between 0 and {MOST}.")
        try:
            team = found_team(name=options["name"], owner=owner, credits=options["credits"], actor=None)
        except StudioError as error:
            raise CommandError(error.message) from error
        if options["json"]:
            facts = {"id": team.pk, "slug": team.slug, "name": team.name, "owner": owner.email}
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(f"Created {team.name} at /t/{team.slug}/, owned by {owner.email}.")
