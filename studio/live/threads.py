"""Short synchronous work for a process that otherwise never blocks."""

from collections.abc import Callable
from typing import TypeVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run work in a thread of its own, which leaves no database connection behind."""

    def closing() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    async with ThreadSensitiveContext():
        return await sync_to_async(closing)()
