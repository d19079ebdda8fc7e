"""Turns at the CPU inside a web process: whoever decodes pictures while a person waits takes one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from studio.core.errors import Unavailable

# Decoding needs a core and up to 16 bytes per pixel each: more at once would only take longer and need more memory.
_working: Final = threading.Semaphore(2)
# Who works and who waits, out of the 16 requests that a web process takes in: the other pages keep their places.
_waiting: Final = threading.Semaphore(8)
_PATIENCE: Final = 20.0
_BUSY: Final = "Many pictures are being worked on right now. Try again in a few seconds."


@contextmanager
def turn() -> Iterator[None]:
    """Wait for one's turn; raises Unavailable where it will not come soon: each who waits holds a thread."""
    if not _waiting.acquire(blocking=False):
        raise Unavailable(_BUSY)
    try:
        if not _working.acquire(timeout=_PATIENCE):
            raise Unavailable(_BUSY)
        try:
            yield
        finally:
            _working.release()
    finally:
        _waiting.release()
