"""What an Atelier costs that nobody uses: `python -m studio run` as it is."""

import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from studio.runtime.postgres import EmbeddedPostgres
from tests.bench.figures import Sheet
from tests.bench.meters import cpu_of, pss_of
from tests.bench.scene import Scene
from tests.crash.processes import Process, wait_until
from tests.crash.stage import _plain_environment

SECONDS = 20.0
_SETTLE = 8.0
ROLES = ("web", "worker", "scheduler", "postgres")


def measure(scene: Scene, sheet: Sheet) -> None:
    """Let it settle, then watch it for a while."""
    with _everything(scene.folder) as root:
        time.sleep(_SETTLE)
        parts = _parts(root.pid)
        before = {name: cpu_of(pid) for name, pid in parts.items()}
        time.sleep(SECONDS)
        total_cpu = total_memory = 0.0
        for name, pid in parts.items():
            share, memory = 100 * (cpu_of(pid) - before[name]) / SECONDS, pss_of([pid])
            total_cpu, total_memory = total_cpu + share, total_memory + memory
            sheet.add(f"{name}: memory", memory, "MiB PSS")
            sheet.add(f"{name}: CPU", share, "% of a core")
        own = psutil.Process(root.pid).memory_full_info().pss / 1024**2
        sheet.add("supervisor: memory", own, "MiB PSS")
        sheet.add("everything: memory", total_memory + own, "MiB PSS", most=310)
        sheet.add("everything: CPU", total_cpu, "% of a core", most=1)


def _parts(root: int) -> dict[str, int]:
    """Return the supervisor's children by what they are."""
    found = {}
    for child in psutil.Process(root).children():
        command = child.cmdline()
        role = next((role for role in ROLES if role in command or Path(command[0]).name == role), child.name())
        found[role] = child.pid
    return found


@contextmanager
def _everything(folder: Path) -> Iterator[Process]:
    home = Path(tempfile.mkdtemp(prefix="idle-", dir=folder))
    home.chmod(0o711)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**_plain_environment(), "ATELIER_HOME": str(home), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    log = folder / "idle.log"
    process = Process([sys.executable, "-m", "studio", "run"], environment, log)
    try:
        wait_until(lambda: "Atelier is ready" in process.output, lambda: process.output)
        yield process
        process.send(signal.SIGINT)
        process.wait()
    finally:
        process.kill()
        data = EmbeddedPostgres(home).data_dir
        if data.exists():
            shutil.rmtree(data.parent)
