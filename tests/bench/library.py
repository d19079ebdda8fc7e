"""What it costs to find pictures among a million, beside the same among ten thousand."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import psycopg

from tests.bench.figures import Sheet, percentile
from tests.bench.library_rows import fill
from tests.bench.scene import Scene
from tests.crash.stage import EMAIL

# The number of pictures and of teams; a smaller size is for those who work on the bench.
LARGE = int(os.environ.get("BENCH_ASSETS", "1000000"))
FEW, FEW_TEAMS = 10_000, 10
TIMES = 20
LONGEST = 1800
# Milliseconds of each call, by the clock and of CPU.
Waits = Mapping[str, Mapping[str, Sequence[float]]]


def measure(scene: Scene, sheet: Sheet) -> None:
    """Fill two databases of the same shape and ask both the same."""
    few, _ = _asked(scene, FEW, FEW_TEAMS)
    many, queries = _asked(scene, LARGE, LARGE // 1000)
    for name, waits in many.items():
        for kind, shown in (("wall", ""), ("cpu", "CPU, ")):
            p50, p95 = percentile(waits[kind], 0.5), percentile(waits[kind], 0.95)
            sheet.add(f"{name}: {shown}p50", p50, "ms")
            sheet.add(f"{name}: {shown}p95", p95, "ms", most=None if name.startswith(("whole", "write")) else 50)
        # Below a millisecond a ratio is a measure of the machine's noise, and so is most of what the clock says.
        ratio = max(percentile(waits["cpu"], 0.5), 1) / max(percentile(few[name]["cpu"], 0.5), 1)
        # Among ten thousand, nothing of a team is far.
        is_aim = not name.startswith(("count", "far", "whole", "write"))
        sheet.add(f"{name}: CPU against {FEW:,}", ratio, "×", most=1.5 if is_aim else None)
    for query, number in queries.items():
        sheet.add(f"queries of the page: {query}", number, "", most=8)


def _asked(scene: Scene, assets: int, teams: int) -> tuple[Waits, Mapping[str, int]]:
    with scene.installation() as made:
        environment = made.environment()
        with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:
            found = database.execute("SELECT id FROM accounts_user WHERE email = %s", [EMAIL]).fetchone()
            assert found is not None
            fill(database, assets=assets, teams=teams, user=found[0])
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.library_queries", EMAIL, str(TIMES)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(done.stdout.splitlines()[-1])
        return answer["waits"], answer["queries"]
