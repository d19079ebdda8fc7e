"""Credits moved per second on one hot team: through the services, and by the bare statement."""

import json

from tests.bench.figures import Sheet
from tests.bench.scene import Scene
from tests.crash.processes import run_python


def measure(scene: Scene, sheet: Sheet) -> None:
    """Run it in a process that has Django, as the web process has it."""
    with scene.installation() as made:
        done = run_python("-m", "tests.bench.ledger_moves", environment=made.environment(ATELIER_PROCESS="web"))
        assert done.returncode == 0, done.stdout + done.stderr
        rates = json.loads(done.stdout)
        made.manage("audit")
    for move in ("reserve", "settle"):
        bare, ours = rates[f"bare {move}"], rates[move]
        sheet.add(f"{move}: bare statement", bare, "a second")
        sheet.add(f"{move}: service", ours, "a second")
        sheet.add(f"{move}: service against bare statement", ours / bare, "×", least=0.5)
