"""The child processes: how they start, how long a restart waits, how they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from studio.runtime.console import complain
from studio.runtime.home import ROOT
from studio.runtime.lifeline import tied_to_parent

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_STEADY_SECONDS = 30.0


def spawn_python(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
    capture: bool = False,
) -> subprocess.Popen[bytes]:
    """Run this Python with `arguments` from the project's folder; it dies at once with this process.

    `keep` are descriptors the child inherits; `capture` gives its output to the caller instead of the console.
    Call it from the main thread.
    """
    return subprocess.Popen(  # noqa: S603  # our own arguments only
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {}), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else None,
        pass_fds=tuple(keep),
        start_new_session=True,  # Ctrl-C reaches only the supervisor, which decides in which order things end
        preexec_fn=tied_to_parent(signal.SIGKILL),  # noqa: PLW1509  # started from the main thread
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a child and whatever it started, now, and collect it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Child:
    """One process that is meant to run until we stop it, and is started again when it ends by itself."""

    def __init__(self, name: str, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.ends_in_a_row = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._spawn = spawn
        self._due = 0.0
        self._started = 0.0

    @property
    def is_running(self) -> bool:
        """Tell whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def tend(self, now: float) -> float | None:
        """Notice an end, start again if it is time; return when to look again, or None while it runs."""
        if self.is_running:
            return None
        if self.process is not None:
            self._note_end(self.process.returncode, now)
        if now < self._due:
            return self._due
        self._started = now
        self.process = self._spawn()
        return None

    def terminate(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        """End it now."""
        if self.process is not None:
            kill(self.process)

    def _note_end(self, status: int, now: float) -> None:
        self.process = None
        self.ends_in_a_row = 1 if now - self._started > _STEADY_SECONDS else self.ends_in_a_row + 1
        pause = min(_FIRST_PAUSE * 2 ** (self.ends_in_a_row - 1), _LONGEST_PAUSE)
        self._due = now + pause
        complain(f"{self.name} ended ({describe_status(status)}); starting it again in {pause:g} s.")


def describe_status(status: int) -> str:
    """Say how a process ended."""
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def now() -> float:
    """Return the clock all waits here are measured by."""
    return time.monotonic()
