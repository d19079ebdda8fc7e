"""Processes of Atelier, each started and ended by itself and never by its name."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from studio.runtime.home import ROOT
from studio.runtime.lifeline import tied_to_parent

# The promise: within a minute after a restart every generation has ended or runs.
PROMISE = 60.0
# A frozen or dead test machine ends the wait; a slow one does not.
PATIENCE = 120.0


def wait_until(condition: Callable[[], bool], what: Callable[[], str], *, patience: float = PATIENCE) -> None:
    """Return once the condition holds; fail with what is known by then after `patience`."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"Still waiting after {patience:g} s: {what()}")
        time.sleep(0.05)


class Process:
    """One child that writes to a file of its own and dies with the tests."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, *, keep: Sequence[int] = ()
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=keep,
                start_new_session=True,
                preexec_fn=tied_to_parent(signal.SIGKILL),  # noqa: PLW1509  # started from the main thread
            )

    @classmethod
    def of_studio(cls, role: str, *arguments: str, environment: Mapping[str, str], log: Path, keep: int = -1) -> Self:
        """Start `python -m studio <role>`."""
        command = [sys.executable, "-m", "studio", role, *arguments]
        return cls(command, environment, log, keep=() if keep < 0 else (keep,))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether it runs, or is frozen."""
        return self._child.poll() is None

    @property
    def output(self) -> str:
        """What it has written so far, and how it ended."""
        said = "\n".join(line[:300] for line in self.log.read_text(errors="replace").splitlines()[-40:])
        return f"{said}\n(exit status {self._child.poll()})"

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._child.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Return the exit status, negative for a signal."""
        wait_until(lambda: not self.is_running, lambda: f"the end of {self.log.stem}\n{self.output}", patience=patience)
        return int(self._child.returncode)

    def has_ended_after(self, number: signal.Signals) -> bool:
        """Send the signal once more unless it has ended; tell whether it has."""
        if self.is_running:
            self.send(number)
            # Sent more often than it waits for its broker at a time, a signal would not be looked at.
            time.sleep(0.5)
        return not self.is_running

    def kill(self) -> None:
        """End it now, with everything it has started."""
        if self.is_running:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


def run_python(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run this Python to its end, from the project's folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
