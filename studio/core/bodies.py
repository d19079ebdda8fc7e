"""Bytes on their way out, wherever they lie: on this disk, or with another server.

None of them is read before it is wanted, nor more of it at once than a few threads can hold.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

CHUNK: Final = 256 * 1024
# So much is sent without being read; short enough that its reader is looked after in between.
STRETCH: Final = 8 * 1024 * 1024
# Of small files so many at once: each is an open file.
_MOST_IN_RUN: Final = 64
# Where one byte is in the kernel's memory, so are mostly those that follow: what was read once came in stretches.
_PROBE: Final = 2 * 1024 * 1024

# Reading is short and local; a few threads are enough for any number of slow readers.
_readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="atelier-files")
# What comes over a network keeps its thread waiting, and must not keep those waiting that read from disk.
_remote_readers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="atelier-remote")


class Body(Protocol):
    """Bytes of a known length that can be produced from any position."""

    @property
    def length(self) -> int:
        """The exact number of bytes."""

    def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Produce the bytes from `start` up to but without `stop`, at most 256 KiB at a time."""


class Stretch(NamedTuple):
    """A part of an open file, and the bytes that go before it."""

    before: bytes
    descriptor: int
    start: int
    stop: int


class Run:
    """Stretches to be sent one after another without being read; their files are open until it is closed.

    Small files go together: each picture that is sent empties the processor's caches, so whatever looks after files one
    by one starts cold every time.
    """

    def __init__(self) -> None:
        self.stretches: list[Stretch] = []
        self._files: list[_OpenFile] = []
        self._length = 0

    def __len__(self) -> int:
        """How many bytes it sends."""
        return self._length

    @property
    def is_full(self) -> bool:
        """Whether it is time to send it."""
        return self._length >= STRETCH or len(self.stretches) >= _MOST_IN_RUN

    def new_file(self) -> "_OpenFile":
        """Return a file to be opened, which is closed with the run."""
        self._files.append(_OpenFile())
        return self._files[-1]

    def add(self, file: "_OpenFile", start: int, stop: int, *, before: bytes = b"") -> None:
        """Add a part of an open file."""
        self.stretches.append(Stretch(before, file.descriptor, start, stop))
        self._length += len(before) + stop - start

    def close(self) -> None:
        """Close its files."""
        for file in self._files:
            file.close()


Piece = bytes | Run


@runtime_checkable
class PiecedBody(Body, Protocol):
    """A body that knows which of its bytes lie in files, so that a server which can send those need not read them."""

    def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce the same bytes as `chunks`, in part as runs of files, each until the next piece is asked for."""


class BodyFailedError(Exception):
    """The bytes that the headers promised cannot be produced, so the connection has to break."""


class FileBody:
    """The bytes of one file, at the length it has now; raises FileNotFoundError at once if there is none.

    With `length`, which it must have, the file is not looked at before its bytes are wanted, and raises only then.
    """

    def __init__(self, path: Path | str, *, length: int | None = None) -> None:
        self._path = path
        self._length = Path(path).stat().st_size if length is None else length
        self._must_match = length is not None

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read a part; the file is opened once, so one that is replaced meanwhile is still sent whole."""
        file = _OpenFile()
        try:
            await _in_reader(lambda: self._open(file))
            while start < stop:
                at, size = start, min(CHUNK, stop - start)
                data = await _in_reader(lambda: file.read(size, at))  # noqa: B023  # awaited before the next round
                if not data:
                    raise BodyFailedError(f"{self._path} ends at {start}, before {stop}")
                yield data
                start += len(data)
        finally:
            file.close()

    async def pieces(self, start: int, stop: int) -> AsyncGenerator[Piece, None]:
        """Produce a part as stretches of the open file.

        Opened here and not in a thread, which would take longer than opening does. Bytes that are not in memory are
        read in a thread first, because sending them would stop everybody else until the disk has answered.
        """
        file = _OpenFile()
        try:
            self._open(file)
            while start < stop:
                at, size = start, min(STRETCH, stop - start)
                if not file.is_in_memory(size, at):
                    await _in_reader(lambda: file.read_ahead(size, at))  # noqa: B023  # awaited before the next round
                run = Run()
                run.add(file, start, start + size)
                yield run
                start += size
        finally:
            file.close()

    def join(self, run: Run, start: int, stop: int, *, before: bytes) -> bool:
        """Add a part to a run with others; False if it has to be sent by itself.

        That is what is too long, what would have to be read first, and what is gone: the others go out before it.
        """
        if stop - start > STRETCH:
            return False
        file = run.new_file()
        try:
            self._open(file)
        except FileNotFoundError:
            return False
        if not file.is_in_memory(stop - start, start):
            return False
        run.add(file, start, stop, before=before)
        return True

    def _open(self, file: "_OpenFile") -> None:
        file.open(self._path)
        if self._must_match and file.length != self._length:
            raise FileNotFoundError(f"{self._path} has {file.length} bytes instead of {self._length}")


class _OpenFile:
    """A descriptor that is closed once, whatever happened to its opening."""

    def __init__(self) -> None:
        self.descriptor = -1

    def open(self, path: Path | str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def length(self) -> int:
        return os.fstat(self.descriptor).st_size

    def read(self, size: int, at: int) -> bytes:
        return os.pread(self.descriptor, size, at)

    def is_in_memory(self, size: int, at: int) -> bool:
        """Whether reading would not have to wait, as far as a few bytes tell; False where the kernel does not say."""
        flag = getattr(os, "RWF_NOWAIT", 0)
        probe = [bytearray(1)]
        try:
            return bool(flag) and all(
                os.preadv(self.descriptor, probe, place, flag) for place in range(at, at + size, _PROBE)
            )
        except OSError:
            return False

    def read_ahead(self, size: int, at: int) -> None:
        """Bring a stretch into the kernel's memory."""
        for place in range(at, at + size, CHUNK):
            os.pread(self.descriptor, min(CHUNK, at + size - place), place)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Part(Protocol):
    """A part of something remote that is being read."""

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""

    def close(self) -> None:
        """End the reading, wherever it is."""


class RemoteBody:
    """The bytes of something that another server keeps; `opening` are those that are known already.

    `open_part` is called with the first byte wanted and the one after the last; it and its part may block and raise.
    """

    def __init__(self, open_part: Callable[[int, int], Part], *, length: int, opening: bytes = b"") -> None:
        self._open_part = open_part
        self._length = length
        self._opening = opening

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read a part with one question; hanging up ends the connection to the other server, too."""
        if data := self._opening[start:stop]:
            yield data
            start += len(data)
        if start >= stop:
            return
        part = _OpenPart(self._open_part)
        try:
            await _in_reader(lambda: part.open(start, stop), _remote_readers)
            while start < stop:
                size = min(CHUNK, stop - start)
                data = await _in_reader(lambda: part.read(size), _remote_readers)  # noqa: B023  # awaited at once
                if not data:
                    raise BodyFailedError(f"A remote file ended at {start}, before {stop}")
                yield data
                start += len(data)
        finally:
            part.close()


class _OpenPart:
    """A part that is closed, also if the wait for its opening was given up."""

    def __init__(self, open_part: Callable[[int, int], Part]) -> None:
        self._open_part = open_part
        self._part: Part | None = None

    def open(self, start: int, stop: int) -> None:
        self._part = self._open_part(start, stop)

    def read(self, size: int) -> bytes:
        return self._part.read(size) if self._part else b""

    def close(self) -> None:
        if self._part:
            self._part.close()


async def _in_reader(work: Callable[[], T], readers: ThreadPoolExecutor = _readers) -> T:
    """Run blocking work in a reader's thread; when cancelled, wait for it: its descriptor must outlive the read."""
    running = asyncio.get_running_loop().run_in_executor(readers, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
