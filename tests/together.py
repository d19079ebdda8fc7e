"""Doing things at the same moment, as several people do."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections


def at_once(calls: Sequence[Callable[[], object]], *refusals: type[Exception]) -> list[Any]:
    """Make all calls in threads that start together, each on a connection of its own.

    Returns what each returned, or the class of what it raised, if that is one of `refusals`.
    """
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            barrier.wait(timeout=60)
            return call()
        except refusals as error:
            return type(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def is_waited_for() -> bool:
    """Whether somebody waits for the transaction that this thread is in to end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
        )
        [(is_so,)] = cursor.fetchall()
    return bool(is_so)
