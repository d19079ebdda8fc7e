"""ZIP as bytes: stored entries of known size and checksum, after PKWARE's APPNOTE 6.3. No files, no rows."""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

CONTENT_TYPE: Final = "application/zip"

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64: Final = struct.Struct("<4sIQI")
_RECORD: Final = struct.Struct("<QIIHH")

_MAX_16: Final = 0xFFFF
_MAX_32: Final = 0xFFFF_FFFF
_UTF8_NAMES: Final = 0x0800
_UNIX: Final = 3 << 8
_FILE_MODE: Final = 0o100644 << 16


class Entry(NamedTuple):
    """A file of an archive: its name inside, what its bytes measure, and where they are kept."""

    name: bytes
    size: int
    crc32: int
    dos_time: int
    # The name in the store; empty for what is kept with the export itself.
    stored: str


class Placed(NamedTuple):
    """An entry and where its local header begins."""

    offset: int
    entry: Entry


def pack(entries: Iterable[Entry]) -> bytes:
    """Keep entries in about a hundred and fifty bytes each."""
    return b"".join(
        _RECORD.pack(entry.size, entry.crc32, entry.dos_time, len(entry.name), len(stored)) + entry.name + stored
        for entry in entries
        for stored in [entry.stored.encode()]
    )


def unpack(records: bytes) -> Iterator[Entry]:
    """Read what `pack` wrote."""
    at = 0
    while at < len(records):
        size, crc32, dos_time, name_length, stored_length = _RECORD.unpack_from(records, at)
        middle = at + _RECORD.size + name_length
        stored = records[middle : middle + stored_length].decode()
        yield Entry(records[at + _RECORD.size : middle], size, crc32, dos_time, stored)
        at = middle + stored_length


def place(entries: Iterable[Entry], offset: int) -> Iterator[Placed]:
    """Say where each entry begins when the first begins at `offset`."""
    for entry in entries:
        yield Placed(offset, entry)
        offset += local_length(entry)


def dos_time(moment: datetime) -> int:
    """Return date and time as MS-DOS kept them, which is what a ZIP holds: from 1980, in steps of two seconds."""
    year = min(max(moment.year, 1980), 2107)
    date = (year - 1980) << 9 | moment.month << 5 | moment.day
    return date << 16 | moment.hour << 11 | moment.minute << 5 | moment.second // 2


def local_length(entry: Entry) -> int:
    """Return how many bytes an entry takes with its local header."""
    return _LOCAL.size + len(entry.name) + (20 if entry.size >= _MAX_32 else 0) + entry.size


def central_length(placed: Placed) -> int:
    """Return how many bytes an entry takes in the directory."""
    numbers = 2 * (placed.entry.size >= _MAX_32) + (placed.offset >= _MAX_32)
    return _CENTRAL.size + len(placed.entry.name) + (4 + 8 * numbers if numbers else 0)


def local_header(entry: Entry) -> bytes:
    """Return what stands before the bytes of an entry."""
    large = entry.size >= _MAX_32
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
    size = _MAX_32 if large else entry.size
    time, date = entry.dos_time & _MAX_16, entry.dos_time >> 16
    version = 45 if large else 20
    lengths = len(entry.name), len(extra)
    head = _LOCAL.pack(b"PK\x03\x04", version, _UTF8_NAMES, 0, time, date, entry.crc32, size, size, *lengths)
    return head + entry.name + extra


def central_header(placed: Placed) -> bytes:
    """Return what the directory says about an entry."""
    offset, entry = placed
    large, far = entry.size >= _MAX_32, offset >= _MAX_32
    fields = [entry.size, entry.size] * large + [offset] * far
    extra = struct.pack(f"<2H{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
    version = 45 if fields else 20
    size = _MAX_32 if large else entry.size
    time, date = entry.dos_time & _MAX_16, entry.dos_time >> 16
    numbers = (entry.crc32, size, size, len(entry.name), len(extra), 0, 0, 0, _FILE_MODE, _MAX_32 if far else offset)
    head = _CENTRAL.pack(b"PK\x01\x02", _UNIX | version, version, _UTF8_NAMES, 0, time, date, *numbers)
    return head + entry.name + extra


def end_records(count: int, *, size: int, offset: int) -> bytes:
    """Return what stands at the very end; the 64-bit records only where the old one cannot hold the numbers."""
    few = min(count, _MAX_16)
    end = _END.pack(b"PK\x05\x06", 0, 0, few, few, min(size, _MAX_32), min(offset, _MAX_32), 0)
    if count < _MAX_16 and size < _MAX_32 and offset < _MAX_32:
        return end
    record = _END_64.pack(b"PK\x06\x06", _END_64.size - 12, _UNIX | 45, 45, 0, 0, count, count, size, offset)
    return record + _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + size, 1) + end
