"""PNG, JPEG and WebP as the parts they are made of: walked, cut and added to without touching a pixel.

`sniff.py` has found the container whole before it is walked here; a part that still runs past the end is cut there.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from studio.library.sniff import JPEG_MARKER

XMP_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\x00"
XMP_PNG: Final = b"XML:com.adobe.xmp"
# The flags of a WebP's head say what follows.
HAS_XMP: Final = 0x04
IS_ANIMATED: Final = 0x02
_HAS_ALPHA: Final = 0x10

_JPEG_BARE: Final = frozenset({0x01, 0xD8, 0xD9})
_JPEG_END: Final = 0xD9
_JPEG_NAMES: Final = {0xD8: "SOI", 0xD9: "EOI", 0xDA: "SOS", 0xFE: "COM", **{0xE0 + n: f"APP{n}" for n in range(16)}}
# What one JPEG segment holds besides its own length.
_JPEG_ROOM: Final = 65_533


@dataclass(frozen=True)
class Part:
    """One segment or chunk: from `start` to `stop`, of which `body` to `body_stop` is what it holds."""

    name: str
    start: int
    body: int
    body_stop: int
    stop: int


@dataclass(frozen=True)
class Edit:
    """Put `bytes` in the place of what stands from `start` to `stop`."""

    start: int
    stop: int
    new: bytes = b""


def parts_of(data: bytes, content_type: str) -> Iterator[Part]:
    """Walk a picture's parts in order, up to and with the one that ends it; what follows is none of its own."""
    return {"image/png": _png_parts, "image/jpeg": _jpeg_parts, "image/webp": _webp_parts}[content_type](data)


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return the bytes with the edits made, which are in order and do not overlap."""
    view = memoryview(data)
    pieces: list[bytes | memoryview] = []
    position = 0
    for edit in edits:
        pieces += [view[position : edit.start], edit.new]
        position = edit.stop
    return b"".join([*pieces, view[position:]])


def with_xmp(data: bytes, content_type: str, xmp: bytes) -> bytes:
    """Return a picture that has no XMP with this packet in it, and its pixels as they were."""
    if content_type == "image/png":
        text = XMP_PNG + bytes(5) + xmp
        place = next(part.stop for part in _png_parts(data) if part.name == "IHDR")
        return edited(data, [Edit(place, place, png_chunk(b"iTXt", text))])
    if content_type == "image/jpeg":
        place = _after_jfif(data)
        return edited(data, [Edit(place, place, jpeg_segment(0xE1, XMP_JPEG + xmp))])
    return _webp_with_xmp(data, xmp)


def png_chunk(name: bytes, body: bytes) -> bytes:
    """Make a PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """Make a JPEG segment; raises ValueError for more than one holds."""
    if len(body) > _JPEG_ROOM:
        raise ValueError(f"A JPEG segment holds at most {_JPEG_ROOM} bytes, not {len(body)}")
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def riff(chunks: Sequence[bytes | memoryview]) -> bytes:
    """Make a WebP of whole chunks."""
    return b"".join([b"RIFF", struct.pack("<I", 4 + sum(map(len, chunks))), b"WEBP", *chunks])


def webp_chunk(name: bytes, body: bytes) -> bytes:
    """Make a WebP chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _png_parts(data: bytes) -> Iterator[Part]:
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        stop = min(position + 12 + length, len(data))
        yield Part(name.decode("latin-1"), position, position + 8, max(position + 8, stop - 4), stop)
        if name == b"IEND":
            return
        position = stop


def _jpeg_parts(data: bytes) -> Iterator[Part]:
    """Walk the segments; what is coded between them is no part."""
    yield Part("SOI", 0, 2, 2, 2)
    position = 2
    while found := JPEG_MARKER.search(data, position):
        marker, start = found[1][0], found.start()
        position = found.end()
        if marker not in _JPEG_BARE:
            length = int.from_bytes(data[position : position + 2], "big")
            position = min(position + max(2, length), len(data))
        yield Part(_JPEG_NAMES.get(marker, f"{marker:02X}"), start, min(start + 4, position), position, position)
        if marker == _JPEG_END:
            return


def _webp_parts(data: bytes) -> Iterator[Part]:
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    position = 12
    while position + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, position)
        stop = min(position + 8 + length + length % 2, end)
        yield Part(name.decode("latin-1"), position, position + 8, min(position + 8 + length, end), stop)
        position = stop


def _after_jfif(data: bytes) -> int:
    """Return where a JPEG's first own segment may stand: JFIF asks to be the very first."""
    parts = iter(_jpeg_parts(data))
    soi, first = next(parts), next(parts)
    return first.stop if first.name == "APP0" else soi.stop


def _webp_with_xmp(data: bytes, xmp: bytes) -> bytes:
    view = memoryview(data)
    parts = list(_webp_parts(data))
    chunks: list[bytes | memoryview] = [view[part.start : part.stop] for part in parts]
    if parts[0].name == "VP8X":
        head = bytearray(chunks[0])
        head[8] |= HAS_XMP
        chunks[0] = bytes(head)
    else:
        chunks.insert(0, _extended_head(data, parts[0]))
    return riff([*chunks, webp_chunk(b"XMP ", xmp)])


def _extended_head(data: bytes, part: Part) -> bytes:
    """Make the head that a plain WebP does without, from the size in its only chunk."""
    body = data[part.body : part.body + 10]
    if part.name == "VP8L":
        bits = int.from_bytes(body[1:5], "little")
        width, height, has_alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    else:
        width = (int.from_bytes(body[6:8], "little") & 0x3FFF) - 1
        height = (int.from_bytes(body[8:10], "little") & 0x3FFF) - 1
        has_alpha = 0
    flags = HAS_XMP | (_HAS_ALPHA if has_alpha else 0)
    size = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return webp_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + size)
