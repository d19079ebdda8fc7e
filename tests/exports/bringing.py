"""Bringing archives in, as tests do it."""

import io
import json
from pathlib import Path
from typing import Any

from django.core.management import call_command

NOTHING = {"dry_run": False, "imported": 0, "already": 0, "missing": 0, "refused": 0, "left_out": 0}


def bring(path: Path, *arguments: str, team: str = "studio-b") -> tuple[dict[str, Any], list[tuple[str, str]], int]:
    """Run the command; return its sums, what it refused, and its exit code."""
    out, code = io.StringIO(), 0
    try:
        call_command("import_library", team, str(path), "--json", *arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    *refused, sums = [json.loads(line) for line in out.getvalue().splitlines()]
    return sums, [(one["refused"], one["why"]) for one in refused], code
