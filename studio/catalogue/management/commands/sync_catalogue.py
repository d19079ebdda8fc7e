"""`manage.py sync_catalogue`."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.catalogue.errors import CatalogueUnreadable
from studio.catalogue.services import SyncReport, check_catalogue, sync_catalogue

_SAID_AS = {
    "added": "Added",
    "changed": "Changed",
    "repriced": "New prices",
    "switched_off": "Switched off, no longer in the files",
    "without_price": "Not offered, no price known",
    "unchanged": "Unchanged",
}


class Command(BaseCommand):
    """Takes models and prices over from the shipped files and those in ATELIER_HOME/catalogue."""

    help = "Take models and prices over from the catalogue files; repeating it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("--json", action="store_true", help="print what changed as JSON")
        parser.add_argument(
            "--check", action="store_true", help="write nothing; say what would change, exit 1 if anything would"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Sync, or look what that would do, and say what changed."""
        try:
            report = check_catalogue() if options["check"] else sync_catalogue()
        except CatalogueUnreadable as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json()))
        else:
            self._say(report)
        if options["check"] and not report.changes_nothing:
            sys.exit(1)

    def _say(self, report: SyncReport) -> None:
        for what, slugs in report.to_json().items():
            if slugs:
                self.stdout.write(f"{_SAID_AS[what]}: {', '.join(slugs)}.")
