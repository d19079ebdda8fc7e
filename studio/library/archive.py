"""ZIP archives that exist only on their way out: stored, of exactly known length, readable from any byte.

Sizes and checksums come from the rows, so nothing is read before the first byte is sent and the memory stays flat:
one small record for each member, and one block of data at a time. The layout follows PKWARE's APPNOTE 6.3.
"""

import asyncio
import hashlib
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from studio.core.streaming import BodyFailedError, FileBody

CONTENT_TYPE: Final = "application/zip"
NOTE_NAME: Final = "MISSING.txt"

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64: Final = struct.Struct("<4sIQI")
_RECORD: Final = struct.Struct("<QIIH")

_MAX_16: Final = 0xFFFF
_MAX_32: Final = 0xFFFF_FFFF
_UTF8_NAMES: Final = 0x0800
_UNIX: Final = 3 << 8
_FILE_MODE: Final = 0o100644 << 16
_CENTRAL_BLOCK: Final = 500


class Member(NamedTuple):
    """One file of an archive: its name inside, its place below the archive's root, what its bytes must measure."""

    name: str
    path: str
    size: int
    crc32: int
    modified: datetime


class ZipBody:
    """An archive of files below `root`, as a streaming body.

    The list is frozen when it is made; members whose file is gone or damaged by then are named in a note instead. A
    file that goes later, when its turn comes, raises, which breaks the connection: nobody receives an archive that
    looks whole and is not.
    """

    def __init__(self, members: Iterable[Member], *, root: Path) -> None:
        self._root = root
        self._records: list[bytes] = []
        self._locals = array("Q")
        self._centrals = array("Q", [0])
        self._at = 0
        missing = []
        for member in members:
            if _is_there(root / member.path, member.size):
                self._add(_packed(member))
            else:
                missing.append(member.name)
        self._note = _note_about(missing)
        if missing:
            self._add(_packed(_note_member(self._note)))
        self._end = _end_records(len(self._records), size=self._centrals[-1], offset=self._at)

    @property
    def length(self) -> int:
        """The exact number of bytes."""
        return self._at + self._centrals[-1] + len(self._end)

    def __len__(self) -> int:
        """The number of files inside, the note included."""
        return len(self._records)

    @property
    def etag(self) -> str:
        """Names this list of files: the same list gives the same bytes."""
        digest = hashlib.sha256(self._note)
        for record in self._records:
            digest.update(record)
        return digest.hexdigest()

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Produce the bytes from `start` up to but without `stop`."""
        first = max(0, bisect_right(self._locals, start) - 1)
        for index in range(first, len(self._records)):
            at = self._locals[index]
            if at >= stop:
                return
            async for data in self._member(index, start - at, stop - at):
                yield data
        for data in self._directory(start - self._at, stop - self._at):
            yield data
            await asyncio.sleep(0)  # building headers is work: others get their turn in between
        if end := _cut(self._end, start - self._at - self._centrals[-1], stop - self._at - self._centrals[-1]):
            yield end

    def _add(self, record: bytes) -> None:
        entry = _unpacked(record)
        self._centrals.append(self._centrals[-1] + len(_central_header(entry, self._at)))
        self._locals.append(self._at)
        self._records.append(record)
        self._at += len(_local_header(entry)) + entry.size

    async def _member(self, index: int, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Produce a part of one member, counted from its local header."""
        entry = _unpacked(self._records[index])
        header = _local_header(entry)
        if data := _cut(header, start, stop):
            yield data
        start, stop = max(0, start - len(header)), min(entry.size, stop - len(header))
        if start >= stop:
            return
        if not entry.path:
            yield self._note[start:stop]
            return
        async for data in self._file(entry).chunks(start, stop):
            yield data

    def _file(self, entry: "_Entry") -> FileBody:
        file = FileBody(self._root / entry.path)
        if file.length != entry.size:
            raise BodyFailedError(f"{entry.path} has {file.length} bytes instead of {entry.size}")
        return file

    def _directory(self, start: int, stop: int) -> Iterator[bytes]:
        """Produce a part of the central directory, counted from its beginning, some hundred headers at a time."""
        index = max(0, bisect_right(self._centrals, start) - 1)
        while index < len(self._records) and self._centrals[index] < stop:
            upto = min(index + _CENTRAL_BLOCK, len(self._records))
            block = b"".join(
                _central_header(_unpacked(self._records[number]), self._locals[number]) for number in range(index, upto)
            )
            if data := _cut(block, start - self._centrals[index], stop - self._centrals[index]):
                yield data
            index = upto


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _note_about(missing: Sequence[str]) -> bytes:
    lines = [
        "These images belong to this download, but their files are missing or damaged on the server:",
        "",
        *missing,
        "",
        "Tell the person who runs Atelier. All other images are in this archive.",
        "",
    ]
    return "\r\n".join(lines).encode()


class _Entry(NamedTuple):
    """A member as it is kept: everything encoded. Without a path it is the note."""

    size: int
    crc32: int
    dos_time: int
    name: bytes
    path: str


def _note_member(note: bytes) -> Member:
    return Member(NOTE_NAME, "", len(note), zlib.crc32(note), datetime(1980, 1, 1))  # noqa: DTZ001  # ZIP times have no zone


def _packed(member: Member) -> bytes:
    """Keep a member in about a hundred bytes, so that a hundred thousand of them are no burden."""
    name = member.name.encode()
    record = _RECORD.pack(member.size, member.crc32, _dos_time(member.modified), len(name))
    return record + name + member.path.encode()


def _unpacked(record: bytes) -> _Entry:
    size, crc32, dos_time, name_length = _RECORD.unpack_from(record)
    middle = _RECORD.size + name_length
    return _Entry(size, crc32, dos_time, record[_RECORD.size : middle], record[middle:].decode())


def _dos_time(moment: datetime) -> int:
    """Return date and time as MS-DOS kept them, which is what a ZIP holds: from 1980, in steps of two seconds."""
    year = min(max(moment.year, 1980), 2107)
    date = (year - 1980) << 9 | moment.month << 5 | moment.day
    return date << 16 | moment.hour << 11 | moment.minute << 5 | moment.second // 2


def _local_header(entry: _Entry) -> bytes:
    large = entry.size >= _MAX_32
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
    size = _MAX_32 if large else entry.size
    time = entry.dos_time
    return (
        _LOCAL.pack(
            b"PK\x03\x04",
            45 if large else 20,
            _UTF8_NAMES,
            0,
            time & _MAX_16,
            time >> 16,
            entry.crc32,
            size,
            size,
            len(entry.name),
            len(extra),
        )
        + entry.name
        + extra
    )


def _central_header(entry: _Entry, offset: int) -> bytes:
    large, far = entry.size >= _MAX_32, offset >= _MAX_32
    fields = [entry.size, entry.size] * large + [offset] * far
    extra = struct.pack(f"<2H{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
    version = 45 if fields else 20
    size = _MAX_32 if large else entry.size
    time = entry.dos_time
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            _UNIX | version,
            version,
            _UTF8_NAMES,
            0,
            time & _MAX_16,
            time >> 16,
            entry.crc32,
            size,
            size,
            len(entry.name),
            len(extra),
            0,
            0,
            0,
            _FILE_MODE,
            _MAX_32 if far else offset,
        )
        + entry.name
        + extra
    )


def _end_records(count: int, *, size: int, offset: int) -> bytes:
    """Return what stands at the very end; the 64-bit records only where the old one cannot hold the numbers."""
    end = _END.pack(
        b"PK\x05\x06", 0, 0, min(count, _MAX_16), min(count, _MAX_16), min(size, _MAX_32), min(offset, _MAX_32), 0
    )
    if count < _MAX_16 and size < _MAX_32 and offset < _MAX_32:
        return end
    record = _END_64.pack(b"PK\x06\x06", _END_64.size - 12, _UNIX | 45, 45, 0, 0, count, count, size, offset)
    return record + _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + size, 1) + end


def _cut(data: bytes, start: int, stop: int) -> bytes:
    """Return the part of `data` from `start` to `stop`, either of which may lie outside."""
    return data[max(0, start) : max(0, stop)]
