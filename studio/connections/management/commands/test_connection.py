"""`manage.py test_connection ID|NAME [--team T] [--json]`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.providers.adapters.errors import ADMIN_MESSAGES
from studio.providers.models import Connection, TestState
from studio.providers.testing import run_test


class Command(BaseCommand):
    """Asks a provider whether a connection works."""

    help = (
        "Test a connection by the cheapest call that its provider documents, which costs nothing. "
        "A test that passes ends its pauses. Exit code 1: it does not work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare what the command takes."""
        parser.add_argument("connection", help="its id or its name")
        parser.add_argument(
            "--team", help="the address part of the team that owns it; else a name is looked for everywhere"
        )
        parser.add_argument("--json", action="store_true", help="print what the test showed as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Test it and say what that showed."""
        tested = run_test(_find(options["connection"], options["team"]).pk)
        if tested is None:
            raise CommandError("The connection was changed or removed meanwhile. Test it again.")
        passed = tested.test_state == TestState.PASSED
        if options["json"]:
            facts = {"id": tested.pk, "name": tested.name, "passed": passed, **tested.test_report}
            self.stdout.write(json.dumps(facts))
        elif passed:
            self.stdout.write(_sentences(tested))
        if passed:
            return
        report = tested.test_report
        raise CommandError(f"{tested.name}: {ADMIN_MESSAGES[report['error']]} ({report['note']})")


def _find(wanted: str, team: str | None) -> Connection:
    known = Connection.objects.kept()
    if team is not None:
        known = known.filter(team__slug=team)
    found = list(known.filter(pk=wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else [])
    found = found or list(known.filter(name=wanted))
    if not found:
        raise CommandError(f"There is no connection {wanted!r}.")
    if len(found) > 1:
        raise CommandError(
            f"Several connections are named {wanted!r}: {', '.join(str(each.pk) for each in found)}. Use an id."
        )
    return found[0]


def _sentences(tested: Connection) -> str:
    report = tested.test_report
    said = [f"{tested.name} answered in {report['latency_ms']} ms.", report["checked"], report["unchecked"]]
    return " ".join(sentence for sentence in [*said, report.get("webhooks", "")] if sentence)
