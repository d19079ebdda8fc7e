"""`manage.py export_library TEAM PATH`."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.core.errors import StudioError
from studio.core.terminal import Progress, size_of, terminal_of
from studio.exports.outgoing import Job, write_library
from studio.library.models import Collection
from studio.library.words import fold
from studio.teams.models import Role, Team


class Command(BaseCommand):
    """Takes a library away as one archive; cut off anywhere, the same call goes on where it was."""

    help = "Write a team's library to a ZIP archive that import_library brings into any Atelier. Run again to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("team", help="the team's address part, such as halden-co")
        parser.add_argument("path", type=Path, help="the archive to be written; never overwritten")
        parser.add_argument(
            "--collection", default="", help="only this collection with those in it: its number, or its name"
        )
        parser.add_argument(
            "--what", choices=["originals"], default="originals", help="which files; uploads come as received, too"
        )
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Write, and say what there is now."""
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']!r}.")
        path = options["path"].absolute()
        if not path.parent.is_dir():
            raise CommandError(f"There is no folder {path.parent}.")
        job = Job(team, path, _collection(team, options["collection"]))
        progress = Progress(terminal_of(self.stderr))
        owner = team.memberships.filter(role=Role.OWNER).earliest("pk").user
        try:
            written = write_library(job, author=owner, on_progress=lambda *how: progress.say(_said(*how)))
        except StudioError as error:
            raise CommandError(error.message) from error
        finally:
            progress.end()
        written.export.refresh_from_db()
        facts = {
            "path": str(path),
            "bytes": written.length,
            "etag": written.etag,
            "pictures": written.export.total,
            "missing": written.export.missing,
            "resumed_at": written.resumed_at,
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
            return
        self.stdout.write(f"{facts['pictures']:,} images, {size_of(written.length)}, in {path}.")
        if written.export.missing:
            self.stdout.write(f"{written.export.missing:,} of them have no file; the manifest names them.")


def _said(what: str, done: int, total: int) -> str:
    if what == "written":
        return f"{size_of(done)} of {size_of(total)} written"
    return f"{done:,} of {total:,} images measured"


def _collection(team: Team, wanted: str) -> Collection | None:
    if not wanted:
        return None
    found = Collection.objects.filter(team=team)
    by_number = found.filter(pk=int(wanted)) if wanted.isdecimal() and len(wanted) < 19 else found.none()
    matches = list(by_number) or list(found.filter(key=fold(wanted)))
    if not matches:
        raise CommandError(f"There is no collection {wanted!r} in {team.name}.")
    if len(matches) > 1:
        numbers = ", ".join(str(one.pk) for one in matches)
        raise CommandError(f"{len(matches)} collections are called {wanted!r}. Say which by its number: {numbers}.")
    return matches[0]
