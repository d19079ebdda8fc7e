"""Archives as they come back: read from a file that nobody vouches for, a hundred thousand names in a few megabytes.

Only what our own archives are is taken: stored entries, one disk, no encryption. Of each entry is kept where its record
stands in the directory, sorted by a hash of its name; everything else is read again, and checked, when it is wanted.
"""

import io
import struct
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO, Final, NamedTuple, cast

from studio.core.errors import BadInput

# Clear limits, far above what a library has.
MOST_FILES: Final = 3_000_000
MOST_NAME: Final = 2000
# No line of a manifest is longer, and nor is what stands after its pictures.
MOST_LINE: Final = 8 * 1024 * 1024
MOST_TAIL: Final = 64 * 1024 * 1024

_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_END: Final = struct.Struct("<4s4H2IH")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64: Final = struct.Struct("<4sIQI")
_MAX_16: Final = 0xFFFF
_MAX_32: Final = 0xFFFF_FFFF
_ENCRYPTED: Final = 0x0001
_STORED: Final = 0
_BITS: Final = 64
_BLOCK: Final = 1024 * 1024


class BadArchive(BadInput):
    """A file that is no archive, or none that can be trusted to be read."""

    code = "bad_archive"
    title = "That archive cannot be read"


class Member(NamedTuple):
    """A file of the archive: where its record stands, what it measures, and where its header begins."""

    name: bytes
    size: int
    crc32: int
    offset: int


class _End(NamedTuple):
    files: int
    size: int
    offset: int


class Archive:
    """The files of an archive by their names; raises BadArchive where it is not as it should be."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._length = file.seek(0, io.SEEK_END)
        self._end = _read_end(file, self._length)
        if self._end.offset + self._end.size > self._length or self._end.files > MOST_FILES:
            raise BadArchive("Its directory is damaged, or longer than any library's.")
        self._index = sorted(self._records())
        self._refuse_twins()

    def __len__(self) -> int:
        """The number of files inside."""
        return len(self._index)

    def find(self, name: str) -> Member | None:
        """Find the file of exactly this name."""
        wanted = name.encode("utf-8", "surrogatepass")
        at = bisect_left(self._index, _hash(wanted) << _BITS)
        while at < len(self._index) and self._index[at] >> _BITS == _hash(wanted):
            member = self._record(self._index[at] & (1 << _BITS) - 1)
            if member.name == wanted:
                return member
            at += 1
        return None

    def read(self, member: Member, *, most: int) -> bytes:
        """Return a whole file of at most so many bytes, whose checksum is right."""
        if member.size > most:
            raise BadArchive(f"It has {member.size:,} bytes, and {most:,} are the most.")
        start = self._begin(member)
        self._file.seek(start)
        data = self._file.read(member.size)
        if len(data) != member.size or zlib.crc32(data) != member.crc32:
            raise BadArchive("Its bytes are not what the archive says of them.")
        return data

    def text(self, member: Member) -> IO[bytes]:
        """Return a file to be read line by line, once its checksum was found right."""
        start = self._begin(member)
        self._file.seek(start)
        left, crc32 = member.size, 0
        while left:
            data = self._file.read(min(_BLOCK, left))
            if not data:
                break
            left, crc32 = left - len(data), zlib.crc32(data, crc32)
        if left or crc32 != member.crc32:
            raise BadArchive("Its manifest is damaged.")
        return cast("IO[bytes]", TextFile(self._file, start, member.size))

    def _begin(self, member: Member) -> int:
        """Return where the bytes of a file begin, if its own header agrees with the directory."""
        self._file.seek(member.offset)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise BadArchive("It ends before one of its files begins.")
        signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(header)
        name = self._file.read(name_length)
        if signature != b"PK\x03\x04" or name != member.name or method != _STORED or flags & _ENCRYPTED:
            raise BadArchive("A file in it does not begin where its directory says.")
        start = member.offset + _LOCAL.size + name_length + extra_length
        if start + member.size > self._end.offset:
            raise BadArchive("A file in it reaches into its directory.")
        return int(start)

    def _records(self) -> Iterator[int]:
        """Walk the directory; each record becomes one number: the hash of its name, then where it stands."""
        at, room = self._end.offset, self._end.offset
        for _ in range(self._end.files):
            member = self._record(at)
            room -= member.size
            if room < 0:
                raise BadArchive("Its files are larger than itself, so some lie over others.")
            yield _hash(member.name) << _BITS | at
            at = self._after
        if at != self._end.offset + self._end.size:
            raise BadArchive("Its directory is not as long as it says.")

    def _record(self, at: int) -> Member:
        """Read one record of the directory, and note where the next one begins."""
        if at + _CENTRAL.size > self._end.offset + self._end.size:
            raise BadArchive("Its directory ends in the middle.")
        self._file.seek(at)
        fields = _CENTRAL.unpack(self._file.read(_CENTRAL.size))
        signature, flags, method, crc32, stored, size = fields[0], fields[3], fields[4], *fields[7:10]
        name_length, extra_length, comment_length, offset = *fields[10:13], fields[16]
        self._after = at + _CENTRAL.size + name_length + extra_length + comment_length
        if signature != b"PK\x01\x02" or not 0 < name_length <= MOST_NAME:
            raise BadArchive("Its directory is damaged.")
        if method != _STORED or flags & _ENCRYPTED or stored != size:
            raise BadArchive("It was packed by another program. Only archives as Atelier writes them can be imported.")
        name, extra = self._file.read(name_length), self._file.read(extra_length)
        size, offset = _wide(extra, size, offset)
        return Member(name, size, crc32, offset)

    def _refuse_twins(self) -> None:
        """Two files of one name could be read as either."""
        for first, second in zip(self._index, self._index[1:], strict=False):
            if first >> _BITS == second >> _BITS:
                places = [number & (1 << _BITS) - 1 for number in (first, second)]
                one, other = (self._record(place) for place in places)
                if one.name == other.name:
                    raise BadArchive("Two files in it have the same name.")


class TextFile(io.RawIOBase):
    """A part of a file that is read by lines, none of which may be so long that it fills the memory."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readline(self, size: int | None = -1) -> bytes:  # noqa: ARG002  # a file's signature
        """Return the next line; raises BadArchive if it does not end."""
        self._file.seek(self._start + self._at)
        line = self._file.readline(min(MOST_LINE, self._size - self._at))
        if len(line) == MOST_LINE:
            raise BadArchive("A line of its manifest is longer than any picture's.")
        self._at += len(line)
        return bytes(line)

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002  # a file's signature
        """Return the rest; raises BadArchive if that is too much."""
        if self._size - self._at > MOST_TAIL:
            raise BadArchive("The end of its manifest is longer than any library's.")
        self._file.seek(self._start + self._at)
        data = self._file.read(self._size - self._at)
        self._at += len(data)
        return data

    def tell(self) -> int:
        """Return where the next line begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: ARG002  # a file's signature
        """Go to where a line begins."""
        self._at = offset
        return offset


def _read_end(file: IO[bytes], length: int) -> _End:
    """Find the end of the directory, which has no comment in our archives."""
    if length < _END.size:
        raise BadArchive("It is no ZIP archive, or is not whole.")
    file.seek(length - _END.size)
    signature, disk, first_disk, _, count, size, offset, _ = _END.unpack(file.read(_END.size))
    if signature != b"PK\x05\x06" or disk or first_disk:
        raise BadArchive("It is no ZIP archive, or is not whole.")
    if count != _MAX_16 and _MAX_32 not in (size, offset):
        return _End(count, size, offset)
    return _read_end_64(file, length - _END.size - _LOCATOR_64.size) or _End(count, size, offset)


def _read_end_64(file: IO[bytes], at: int) -> _End | None:
    """Read the wide record, if there is one."""
    if at < 0:
        return None
    file.seek(at)
    signature, _, place, _ = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
    if signature != b"PK\x06\x07":
        return None
    file.seek(min(place, at))
    record = file.read(_END_64.size)
    if len(record) < _END_64.size or not record.startswith(b"PK\x06\x06"):
        raise BadArchive("Its directory is damaged.")
    *_, count, size, offset = _END_64.unpack(record)
    return _End(count, size, offset)


def _wide(extra: bytes, size: int, offset: int) -> tuple[int, int]:
    """Return what stands in the extra field where 32 bits are too few."""
    wanted = [size == _MAX_32, size == _MAX_32, offset == _MAX_32]
    if not any(wanted):
        return size, offset
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1 and length >= 8 * sum(wanted) and at + 4 + length <= len(extra):
            numbers = list(struct.unpack_from(f"<{sum(wanted)}Q", extra, at + 4))
            size = numbers.pop(0) if wanted[0] else size
            stored = numbers.pop(0) if wanted[1] else size
            offset = numbers.pop(0) if wanted[2] else offset
            if stored != size:
                break
            return size, offset
        at += 4 + length
    raise BadArchive("Its directory is damaged.")


def _hash(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")
