"""Starts Atelier as a person would and watches it from outside."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import psutil

from studio.runtime.home import ROOT
from studio.runtime.place import Place

PATIENCE = 120.0


def wait_until(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Return once the condition holds; fail with `what` after a time no healthy machine needs."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"Still waiting after {patience:g} s: {what}")
        time.sleep(0.05)


@contextlib.contextmanager
def new_home() -> Generator[Path]:
    """Yield a home that root's database account can reach, and remove it with its database."""
    home = Path(tempfile.mkdtemp(prefix="atelier-home-")).resolve()
    home.chmod(0o711)
    try:
        yield home
    finally:
        remove_home(home)


def remove_home(home: Path) -> None:
    """Remove a home and the database that may be outside of it."""
    shutil.rmtree(Place(home).base, ignore_errors=True)
    shutil.rmtree(home)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment for one Atelier of its own, with its own embedded database."""
    of_the_tests = {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "ATELIER_PROCESS"}
    kept = {name: value for name, value in os.environ.items() if name not in of_the_tests}
    return {**kept, "ATELIER_HOME": str(home), **settings}


def run_to_end(role: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python -m studio <role>` that is expected to end by itself."""
    command = [sys.executable, "-m", "studio", role]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


class Atelier:
    """One running `python -m studio run`."""

    def __init__(self, home: Path, *, python: str = sys.executable, user: int | None = None, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.lines: list[str] = []
        account: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.process = subprocess.Popen(
            # With its parent: a test run that is killed leaves nothing behind.
            [python, "-m", "studio", "run", "--with-parent"],
            cwd=ROOT,
            env=clean_environment(home, PORT=str(self.port), **settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **account,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        """All it has printed so far."""
        return "\n".join(self.lines)

    def wait_for(self, line: str) -> None:
        """Wait for a line that begins so."""

        def printed() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"It ended with {self.process.returncode}:\n{self.output}")
            return any(text.startswith(line) for text in self.lines)

        wait_until(printed, f"{line!r}")

    def wait_until_ready(self) -> None:
        """Wait for the ready line."""
        self.wait_for(f"Atelier is ready at http://127.0.0.1:{self.port}")

    def wait_for_end(self) -> int:
        """Return the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def child(self, role: str) -> psutil.Process:
        """Return the running process of a role: web, worker, scheduler or postgres."""
        return next(process for process in processes_of(self.home) if _role_of(process) == role)

    def has_child(self, role: str) -> bool:
        """Tell whether the role runs."""
        return any(_role_of(process) == role for process in processes_of(self.home))

    def stop(self) -> int:
        """End it however it stands and make sure nothing stays behind."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.wait_for_end()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            wait_until(lambda: not processes_of(self.home), f"processes of {self.home} to end")


def processes_of(home: Path) -> list[psutil.Process]:
    """Return every living process that belongs to a home."""
    return [process for process in psutil.process_iter() if _belongs(process, home)]


def _belongs(process: psutil.Process, home: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            return False
        if Path(process.cwd()).is_relative_to(Place(home).base):  # PostgreSQL and all it has forked
            return True
        return bool(process.environ().get("ATELIER_HOME") == str(home))
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # gone meanwhile, or not ours
        return False


def _role_of(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    if len(words) > 2 and words[0].endswith("/bin/postgres") and words[1] == "-D":
        return "postgres"
    return words[3] if words[1:3] == ["-m", "studio"] else ""
