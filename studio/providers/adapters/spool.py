"""An answer's body on its way to disk or memory: unpacked in small steps, bounded, complete or not there."""

import os
import threading
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from studio.providers.adapters.address import TooLarge

# Unpacking never makes more than this at once, however hard the answer was packed.
STEP = 256 * 1024


class Garbled(Exception):
    """The body is not what its headers say."""


class Body(ABC):
    """What both have in common. Every method may block; call them in a thread.

    A cancelled caller may discard while its last write still runs in a thread: the lock makes the two take turns.
    """

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._lock = threading.Lock()
        self._unpacker: zlib._Decompress | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make room; done before the request is sent."""

    def expect(self, encoding: str) -> None:
        """Say how the body is packed; raises Garbled for what we did not offer to read."""
        if encoding in {"", "identity"}:
            return
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise Garbled(f"unknown content encoding {encoding[:20]!r}")
        # 32 more than the window size lets zlib tell gzip from deflate by itself.
        self._unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append a few pieces; raises TooLarge or Garbled."""
        with self._lock:
            for chunk in chunks:
                if self._unpacker:
                    self._unpack(self._unpacker, chunk)
                else:
                    self._append(chunk)

    def finish(self) -> None:
        """Check that the body is whole, and keep it."""
        with self._lock:
            if self._unpacker and not self._unpacker.eof:
                raise Garbled("the packed body ends early")
            self._append(b"")
            self._settle()

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind, whatever was reached; later writes do nothing."""

    @abstractmethod
    def content(self) -> Path | bytes:
        """Return the whole body, or where it lies."""

    @abstractmethod
    def _keep(self, data: bytes) -> None: ...

    @abstractmethod
    def _settle(self) -> None: ...

    def _unpack(self, unpacker: "zlib._Decompress", chunk: bytes) -> None:
        try:
            while chunk:
                self._append(unpacker.decompress(chunk, STEP))
                chunk = unpacker.unconsumed_tail
        except zlib.error as error:
            raise Garbled("the packed body is damaged") from error
        if unpacker.unused_data:
            raise Garbled("something follows the packed body")

    def _append(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limit:
            raise TooLarge
        self._keep(data)


class Memory(Body):
    """Keeps a small body in memory."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._data = bytearray()

    def prepare(self) -> None:
        """Nothing has to be made."""

    def discard(self) -> None:
        """Forget it."""
        self._data.clear()

    def content(self) -> bytes:
        """Return the body."""
        return bytes(self._data)

    def _keep(self, data: bytes) -> None:
        self._data += data

    def _settle(self) -> None:
        pass


class Spool(Body):
    """Writes to `<path>.part` and renames when whole."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(limit)
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self._file: BinaryIO | None = None
        self._discarded = False

    def prepare(self) -> None:
        """Make the empty file; done before the request is sent, so that a full disk costs nothing.

        It is opened only when the answer arrives: hundreds of waiting calls would use up the file descriptors.
        """
        with self._lock:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()

    def discard(self) -> None:
        """Leave nothing behind, whatever was reached; later writes do nothing."""
        with self._lock:
            self._discarded = True
            if self._file:
                self._file.close()
                self._file = None
            self._part.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def content(self) -> Path:
        """Return the file that holds the body."""
        return self.path

    def _keep(self, data: bytes) -> None:
        if self._file is None and not self._discarded:
            self._file = self._part.open("wb")
        if self._file:
            self._file.write(data)

    def _settle(self) -> None:
        """Make the file durable under its name."""
        if self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            self._part.replace(self.path)
