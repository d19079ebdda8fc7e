"""What a bench run has: a durable PostgreSQL, the provider's emulator as a process of its own, a prepared database."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from studio.runtime.postgres import EmbeddedPostgres
from tests.crash.brokers import Redis
from tests.crash.installation import Installation
from tests.crash.processes import Process, wait_until
from tests.crash.stage import TEAM, Stage
from tests.emulators.control import EmulatorControl

# The tests shorten these; figures are taken with what an installation has.
AS_SHIPPED = {
    "LEASE_SECONDS": "30",
    "LEASE_RENEWAL_SECONDS": "5",
    "SWEEP_SECONDS": "5",
    "CALL_DEADLINE": "300",
    "WORKER_CONCURRENCY": "256",
}


@dataclass(frozen=True)
class Scene:
    """The stage and the process of its database server."""

    stage: Stage
    postgres_pid: int
    folder: Path

    @contextmanager
    def installation(self, *, redis: bool = False, credits: int = 10**9, **settings: str) -> Iterator[Installation]:
        """Make one Atelier with a rich team; ends and removes everything of it."""
        with ExitStack() as ends:
            server = Redis(self.folder) if redis else None
            if server:
                ends.callback(server.stop)
            made = Installation(self.stage, server, patient=False, **{**AS_SHIPPED, **settings})
            ends.callback(made.close)
            made.manage("grant_credits", TEAM, str(credits), "--reason", "bench")
            self.stage.emulator.reset()
            yield made

    @contextmanager
    def connected(self, *emulators: EmulatorControl, **settings: str) -> Iterator[Installation]:
        """Make one Atelier with a shared connection to each of these providers, whose models never end."""
        places = {place for emulator in (self.stage.emulator, *emulators) for place in emulator.places}
        told: dict[str, Any] = {_secret_name(emulator): emulator.key for emulator in emulators} | settings
        with self.installation(PRIVATE_HOSTS=",".join(places), **told) as made:
            for emulator in emulators:
                name, account = emulator.about["name"], emulator.about["account_id"]
                options = [f"--option=account_id={account}"] if account else []
                where = [f"--base-url={emulator.base_url}", f"--secret-env={_secret_name(emulator)}"]
                made.manage("add_connection", "--shared", f"--protocol={name}", f"--name={name}", *where, *options)
            made.database.execute("UPDATE catalogue_imagemodel SET retires_on = NULL")
            yield made


def _secret_name(emulator: EmulatorControl) -> str:
    return f"SECRET_OF_{emulator.about['name'].upper()}"


@contextmanager
def scene() -> Iterator[Scene]:
    """Start database and emulator for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="atelier-bench-"))
    folder.chmod(0o711)  # as root the server runs as another account, which has to get through
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder)
        server = EmbeddedPostgres(folder)
        server.start()
        ends.callback(_remove, server)
        emulator = ends.enter_context(emulator_of("openai", folder))
        stage = Stage(server.dsn(), emulator, folder)
        assert server.process is not None
        yield Scene(stage, server.process.pid, folder)


@contextmanager
def emulator_of(provider: str, folder: Path) -> Iterator[EmulatorControl]:
    """Run the emulator of a provider as a process of its own for the length of the block."""
    command = [sys.executable, "-m", "tests.emulators", provider]
    process = Process(command, dict(os.environ), folder / f"emulator-{provider}.log")
    try:
        wait_until(lambda: "PRIVATE_HOSTS=" in process.output, lambda: f"the emulator\n{process.output}")
        address = urlsplit(process.output.partition("Base URL: ")[2].split()[0])
        yield EmulatorControl(f"http://{address.netloc}")
    finally:
        process.kill()


def _remove(server: EmbeddedPostgres) -> None:
    server.stop()
    if server.data_dir.exists():
        shutil.rmtree(server.data_dir.parent)
