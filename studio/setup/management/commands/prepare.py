"""Make an installation ready for its first visitor."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from studio.core.errors import StudioError
from studio.setup.services import prepare


class Command(BaseCommand):
    """Run after every migrate; what is there already stays as it is."""

    help = (
        "Sync the catalogue, add the rehearsal connection, and create the first person and team: from "
        "ATELIER_ADMIN_EMAIL and ATELIER_ADMIN_PASSWORD if they are set, else by a one-time link that is printed. "
        "Safe to run again; while nobody has an account, a new run replaces the link."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prepare, and say what a person has to know."""
        try:
            done = prepare()
        except (StudioError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if done.operator_created:
            self.stdout.write(f"Created {done.operator_created} as operator and owner of the first team.")
        if done.warning:
            self.stderr.write(f"ATELIER_ADMIN_PASSWORD is weak, change it after signing in. {done.warning}")
        if done.setup_link:
            self.stdout.write(f"Set up Atelier at {done.setup_link}")
