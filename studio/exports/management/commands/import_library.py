"""`manage.py import_library TEAM PATH`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.accounts.models import User
from studio.core.errors import StudioError
from studio.core.terminal import Progress, terminal_of
from studio.exports.incoming import Import, Imported
from studio.exports.unzip import Archive
from studio.teams.models import Role, Team


class Command(BaseCommand):
    """Brings an archive of export_library into a team; cut off anywhere, the same call goes on."""

    help = (
        "Bring the pictures of an archive, with what is known about them, into a team's library. A picture that is "
        "there already is left as it is, so it may be run again. Exit 1 where pictures were refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("team", help="the team's address part, such as halden-co")
        parser.add_argument("path", type=Path, help="an archive of export_library, or one downloaded in the library")
        parser.add_argument(
            "--author", default="", help="whose pictures they become where their author is not in the team: an e-mail"
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything and change nothing")
        parser.add_argument("--json", action="store_true", help="print each refusal and the sums as lines of JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, and say what came of it."""
        self._is_json = options["json"]
        self._progress = Progress(terminal_of(self.stderr))
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']!r}.")
        author = _author(team, options["author"])
        with _opened(options["path"]) as file:
            done = self._import(file, team, author, is_dry=options["dry_run"])
        self._sum_up(done, is_dry=options["dry_run"])
        if done.refused:
            sys.exit(1)

    def _import(self, file: IO[bytes], team: Team, author: User, *, is_dry: bool) -> Imported:
        try:
            work = Import(Archive(file), team=team, author=author, is_dry=is_dry)
            return work.run(on_progress=self._went_on, on_refused=self._refused)
        except StudioError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{error.strerror}. What was imported so far stays; run this again to go on.") from error
        finally:
            self._progress.end()

    def _went_on(self, done: int, total: int) -> None:
        self._progress.say(f"{done:,} of {total:,} images" if total >= done else f"{done:,} images")

    def _refused(self, what: str, why: str) -> None:
        self._progress.end()
        shown = what.encode("utf-8", "backslashreplace").decode()
        if self._is_json:
            self.stdout.write(json.dumps({"refused": shown, "why": why}))
        else:
            self.stdout.write(f"REFUSED  {shown}: {why}")

    def _sum_up(self, done: Imported, *, is_dry: bool) -> None:
        if self._is_json:
            self.stdout.write(json.dumps({"dry_run": is_dry, **asdict(done)}))
            return
        verb = "would be imported" if is_dry else "imported"
        self.stdout.write(
            f"{done.imported:,} images {verb}, {done.already:,} there already, {done.missing:,} without a file in the "
            f"archive, {done.refused:,} refused."
        )
        if done.left_out:
            self.stdout.write(f"{done.left_out:,} tags and collections could not be made and were left out.")


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error


def _author(team: Team, email: str) -> User:
    """Return the person named, who must be in the team; without a name its first owner."""
    people = team.memberships.select_related("user").order_by("pk")
    found = people.filter(user__email__iexact=email) if email else people.filter(role=Role.OWNER)
    member = found.first()
    if member is None:
        raise CommandError(f"There is nobody with the address {email!r} in {team.name}.")
    return member.user
