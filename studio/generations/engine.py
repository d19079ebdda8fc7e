"""What a worker process has once: an event loop with one HTTP client, the leases it holds, and a gate for CPU work.

Celery's threads wait here without a database connection, so hundreds of calls in flight cost almost nothing.
"""

import asyncio
import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from celery.signals import worker_shutting_down
from django.conf import settings
from django.db import Error, close_old_connections, connection

from studio.generations.claiming import Claim, renew
from studio.providers.adapters.transport import ProviderClient

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Engine:
    """One per worker process; `engine()` makes it at first use, after any fork."""

    def __init__(self) -> None:
        self.worker = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.cpu = threading.BoundedSemaphore(os.cpu_count() or 1)
        self._held: set[Claim] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread(self._loop.run_forever, "calls")
        self.client: ProviderClient = self.submit(self._make_client()).result()
        self._thread(self._renew_for_ever, "leases")

    def submit(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keep the claim's lease fresh meanwhile."""
        with self._lock:
            self._held.add(claim)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(claim)

    def is_holding(self, claim: Claim) -> bool:
        """Whether a thread of this process works under this claim."""
        with self._lock:
            return claim in self._held

    @staticmethod
    async def _make_client() -> ProviderClient:
        return ProviderClient()

    @staticmethod
    def _thread(target: Callable[[], None], name: str) -> None:
        threading.Thread(target=target, name=f"engine-{name}", daemon=True).start()

    def _renew_for_ever(self) -> None:
        pause = threading.Event()
        while not pause.wait(settings.LEASE_RENEWAL_SECONDS):
            with self._lock:
                held = list(self._held)
            if held:
                self._renew(held)

    @staticmethod
    def _renew(held: list[Claim]) -> None:
        try:
            renew(held)
        except Error as error:
            # The next turn tries again; a lease that runs out meanwhile fences this process off, which is right.
            logger.warning("Leases could not be renewed: %s", error)
        finally:
            close_old_connections()


_making = threading.Lock()


def engine() -> Engine:
    """Return this process's engine; of threads that ask for it first at the same moment, only one makes it."""
    with _making:
        return _the_engine()


@cache
def _the_engine() -> Engine:
    return Engine()


def let_go_of_database() -> None:
    """Give this thread's connection back before a wait: a pool that threads sit on is a pool that starves."""
    connection.close()


_stopping = threading.Event()


def is_stopping() -> bool:
    """Whether this worker has been told to stop: it finishes what it sent and takes nothing new."""
    return _stopping.is_set()


@worker_shutting_down.connect
def _note_shutdown(**_: object) -> None:
    _stopping.set()
