"""The scheduler process: rings for upkeep on time and does it, away from the generations."""

import os
import threading
from typing import Any

from celery import Celery, signals
from celery.beat import Scheduler, Service

from studio.runtime.console import complain
from studio.runtime.worker import run_worker

# One of them asks for the jobs at providers as long as there are any.
_THREADS = 3
_NICENESS = 10


def run_scheduler(app: Celery, *, grace: float) -> int:
    """Run the clock and the worker of the upkeep queue in one process; return the exit status."""
    # Upkeep takes what people leave: making previews must not slow the pictures that somebody waits for.
    os.nice(_NICENESS)
    clock = Clock(app)
    signals.worker_ready.connect(clock.begin, weak=False)
    signals.worker_shutting_down.connect(clock.end, weak=False)
    return run_worker(app, name="scheduler", queue="upkeep", concurrency=_THREADS, grace=grace)


class Clock:
    """Celery's beat in a thread of this process, so that no process of its own can outlive this one.

    The schedule is kept in memory: upkeep is due at once after a restart, and no file can break in a crash.
    """

    def __init__(self, app: Celery) -> None:
        self._service = Service(app, scheduler_cls=Scheduler)
        self._ending = threading.Event()

    def begin(self, **_: Any) -> None:
        """Start ticking."""
        threading.Thread(target=self._tick, name="clock", daemon=True).start()

    def end(self, **_: Any) -> None:
        """Stop ticking."""
        self._ending.set()
        self._service.stop()

    def _tick(self) -> None:
        try:
            self._service.start()
        finally:
            if not self._ending.is_set():
                complain("The clock has stopped; ending the scheduler so that it is started again.")
                os._exit(1)
