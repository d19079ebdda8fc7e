"""The worker process: Celery with threads, which finishes what it holds within a grace period and then ends."""

import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import Any

from celery import Celery, signals
from celery.exceptions import SecurityWarning

from studio.runtime.console import say


def run_worker(app: Celery, *, name: str, queue: str, concurrency: int, grace: float) -> int:
    """Take work from one queue until TERM or Ctrl-C; return the exit status."""
    # As root the warning about pickle would be shown; only JSON is accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    stop = GracefulStop(grace)
    signals.worker_ready.connect(stop.arm, weak=False)
    signals.worker_shutting_down.connect(stop.begin, weak=False)
    worker = app.Worker(
        hostname=f"{name}@%h",
        pool_cls="threads",
        queues=[queue],
        concurrency=concurrency,
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    sys.stdout.flush()
    return int(worker.exitcode or 0)


class GracefulStop:
    """Bounds how long a stopping worker may take: threads cannot be ended, so the process is."""

    def __init__(self, grace: float) -> None:
        self._grace = grace

    def arm(self, **_: Any) -> None:
        """Let QUIT end the process at once: Celery's own way needs a pool that can kill its jobs, and would hang."""
        signal.signal(signal.SIGQUIT, self._end_now)

    def begin(self, **_: Any) -> None:
        """Start the clock; from now on a second TERM or Ctrl-C ends the process at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end_now)
        clock = threading.Timer(self._grace, self._end_late)
        clock.daemon = True
        clock.start()

    def _end_late(self) -> None:
        say(f"Work is still running after {self._grace:g} s; ending it as interrupted.")
        os._exit(0)

    def _end_now(self, _number: int, _frame: FrameType | None) -> None:
        os._exit(130)
