"""`manage.py audit`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Max

from studio.integrity.checks import check_each, snapshot
from studio.integrity.files import check_files
from studio.integrity.invariants import Breach
from studio.library.models import Asset


class Command(BaseCommand):
    """Recomputes everything that must hold; safe to run under load, since it only reads one snapshot."""

    help = (
        "Check every invariant of credits, generations, library, exports, teams and files; exit 1 when one is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
        parser.add_argument(
            "--files",
            choices=["quick", "full", "none"],
            default="quick",
            help="quick: every file is there in its size (the default); full: its hash, too; none: leave files out",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check, say one line for each invariant, and end with 1 on a breach."""
        results = {}
        for name, breach in _results(options["files"]):
            results[name] = breach
            if not options["json"]:
                self.stdout.write(_line(name, breach))
        broken = [breach for breach in results.values() if breach is not None]
        if options["json"]:
            self.stdout.write(json.dumps(_report(results)))
        else:
            self.stdout.write(f"{len(broken)} of {len(results)} invariants are broken.")
        if broken:
            sys.exit(1)


def _results(files: str) -> Iterator[tuple[str, Breach | None]]:
    """Everything in the database from one snapshot; then the files, which have none."""
    with snapshot():
        newest = Asset.objects.aggregate(newest=Max("pk"))["newest"] or 0
        yield from check_each()
    if files != "none":
        yield from check_files(full=files == "full", newest=newest)


def _line(name: str, breach: Breach | None) -> str:
    if breach is None:
        return f"ok      {name}"
    return f"BROKEN  {name}: {', '.join(breach.what)}{' and more' if breach.more else ''}"


def _report(results: dict[str, Breach | None]) -> dict[str, Any]:
    return {
        "ok": not any(results.values()),
        "invariants": [
            {
                "name": name,
                "ok": breach is None,
                "breaches": list(breach.what) if breach else [],
                "more": breach.more if breach else False,
            }
            for name, breach in results.items()
        ],
    }
