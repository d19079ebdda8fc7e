"""`manage.py grant_credits TEAM AMOUNT --reason …`."""

import json
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.core.errors import StudioError
from studio.ledger.services import grant
from studio.teams.models import Team


class Command(BaseCommand):
    """Gives credits to a team, with an entry and a line in the audit trail."""

    help = "Give credits to a team."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("team", help="the team's address part, such as halden-co")
        parser.add_argument("amount", type=int, help="whole credits, 1 to 1000000000000")
        parser.add_argument("--reason", required=True, help="shown in the statement")
        parser.add_argument("--key", default="", help="makes a repetition harmless: one grant per team and key")
        parser.add_argument("--json", action="store_true", help="print the entry as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Grant, and say what the team has now."""
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']!r}.")
        if not options["reason"].strip():
            raise CommandError("--reason must not be blank.")
        key = options["key"] or str(uuid.uuid4())
        if len(key) > 70:
            raise CommandError("--key must have at most 70 characters.")
        try:
            entry = grant(
                team=team, amount=options["amount"], reason=options["reason"].strip(), actor=None, key=f"grant:{key}"
            )
        except StudioError as error:
            raise CommandError(error.message) from error
        if options["json"]:
            facts = {"entry": entry.pk, "team": team.slug, "amount": entry.amount, "balance": entry.balance_after}
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(f"{team.name} has {entry.balance_after:,} credits after {entry.amount:,} were granted.")
