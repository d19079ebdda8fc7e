"""What a long command says while it works: one line that changes, and only where somebody sees it."""

import time
from typing import Final, TextIO, cast

from django.core.management.base import OutputWrapper

_EVERY: Final = 0.2


class Progress:
    """A line on a terminal; says nothing where its stream is a file, a pipe or a log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_seen = stream.isatty()
        self._next = 0.0
        self._width = 0

    def say(self, text: str) -> None:
        """Show where the work is; most calls come too soon after the last and do nothing."""
        if self._is_seen and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._write(text)

    def end(self) -> None:
        """Take the line away, so that what follows stands alone."""
        if self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str) -> None:
        self._stream.write(f"\r{text.ljust(self._width)}")
        self._stream.flush()
        self._width = len(text)


def terminal_of(wrapper: OutputWrapper) -> TextIO:
    """Return the stream behind a command's output, which would end every piece of text with a new line."""
    return cast("TextIO", wrapper._out)  # noqa: SLF001  # Django has no other way to it


def size_of(number: int) -> str:
    """Return a number of bytes for a person: 3.2 GB."""
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
