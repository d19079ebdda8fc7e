"""`manage.py sync_catalogue`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.catalogue.errors import CatalogueUnreadable
from studio.catalogue.services import sync_catalogue

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

    def handle(self, *_args: Any, **options: Any) -> None:
        """Sync, and say what changed."""
        try:
            report = sync_catalogue().to_json()
        except CatalogueUnreadable as error:
            raise CommandError(error.message) from error
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for what, slugs in report.items():
            if slugs:
                self.stdout.write(f"{_SAID_AS[what]}: {', '.join(slugs)}.")
