"""Waits in the main thread for signals and ended children, without waking up in between."""

import select
import signal
import socket
from types import FrameType
from typing import Self

_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Watch:
    """Counts the requests to stop and lets the main loop sleep until something happens."""

    def __init__(self) -> None:
        self.stops = 0
        self._ear, self._bell = socket.socketpair()

    def __enter__(self) -> Self:
        """Install the handlers; they stay until the process ends, so that a late Ctrl-C cannot tear a clean end."""
        for end in (self._ear, self._bell):
            end.setblocking(False)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for number in _STOP:
            signal.signal(number, self._count)
        signal.signal(signal.SIGCHLD, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        signal.set_wakeup_fd(-1)
        self._ear.close()
        self._bell.close()

    def wait(self, seconds: float | None) -> None:
        """Sleep until a signal comes, a child ends or the time is over (None: without end)."""
        ready, _, _ = select.select([self._ear], [], [], seconds)
        if ready:
            self._ear.recv(4096)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        """Do nothing: that there is a handler is what rings the bell."""
