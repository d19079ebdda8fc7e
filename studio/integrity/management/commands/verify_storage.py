"""`manage.py verify_storage`."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from studio.core.terminal import Progress, terminal_of
from studio.integrity.mending import mend
from studio.integrity.stock import Finding, Kind, Stock
from studio.library.errors import StoreDown
from studio.teams.models import Team

_UNABLE: Final = 2


class Command(BaseCommand):
    """Compares the store with the library, in one walk over both; a million files need no more memory than ten."""

    help = (
        "Compare the stored files with the library: missing, orphaned, corrupt, of a wrong type. "
        "Exit 0: all is well or was repaired; 1: something is wrong; 2: the store could not be checked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("--team", default="", help="only this team's files: its address part, such as halden-co")
        parser.add_argument("--full", action="store_true", help="read every file: hashes, and whether it is a picture")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="move files that belong nowhere to lost/<date>/ and have missing thumbnails and previews made again",
        )
        parser.add_argument("--json", action="store_true", help="print each finding and the sums as lines of JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check, say one line for each finding, and end with what is left."""
        self._is_json = options["json"]
        counted: Counter[str] = Counter()
        left = 0
        try:
            for finding, done in self._findings(options):
                counted[finding.kind] += 1
                left += not done
                self._say(finding, done)
        except StoreDown as error:
            raise CommandError(error.message, returncode=_UNABLE) from error
        self._sum_up(counted, left, repaired=options["repair"])
        if left:
            sys.exit(1)

    def _findings(self, options: dict[str, Any]) -> Iterator[tuple[Finding, str]]:
        """Take stock, and mend as it goes; each finding comes with what was done about it."""
        self._progress = Progress(terminal_of(self.stderr))
        self._compared = 0
        stock = Stock(team=_team(options["team"]), full=options["full"], on_progress=self._went_on)
        day = timezone.localdate()
        for finding in stock.findings():
            yield finding, mend(finding, day=day) if options["repair"] else ""

    def _went_on(self, compared: int) -> None:
        self._compared = compared
        self._progress.say(f"{compared:,} files compared")

    def _say(self, finding: Finding, done: str) -> None:
        self._progress.end()
        name = finding.name.encode("utf-8", "backslashreplace").decode()
        if self._is_json:
            facts = {"kind": finding.kind, "file": name, "asset": finding.asset, "detail": finding.detail, "done": done}
            self.stdout.write(json.dumps(facts))
            return
        of = f", image {finding.asset}" if finding.asset is not None else ""
        self.stdout.write(f"{finding.kind.upper()}  {name}{of}: {finding.detail}{f' ({done})' if done else ''}")

    def _sum_up(self, counted: Counter[str], left: int, *, repaired: bool) -> None:
        self._progress.end()
        if self._is_json:
            sums = {kind.value.replace(" ", "_"): counted[kind] for kind in Kind}
            self.stdout.write(json.dumps({"ok": not left, "compared": self._compared, "left": left, **sums}))
            return
        found = ", ".join(f"{counted[kind]:,} {kind}" for kind in Kind)
        self.stdout.write(f"{self._compared:,} files compared: {found}.")
        if repaired and counted.total():
            self.stdout.write(f"{counted.total() - left:,} repaired, {left:,} left.")


def _team(slug: str) -> Team | None:
    if not slug:
        return None
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise CommandError(f"There is no team {slug!r}.", returncode=_UNABLE)
    return team
