"""What received bytes are, and whether they are all there: read from the bytes alone, without decoding anything.

Pillow shows a picture whose end is missing as long as its pixels are there, and does not look at most checksums.
A picture that was paid for is either whole or refused, so the containers are walked here first.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio.library.errors import BadImage

MAX_BYTES: Final = 128 * 1024 * 1024

INCOMPLETE: Final = "The picture arrived incomplete."
DAMAGED: Final = "The picture is damaged and cannot be read."
TOO_LARGE: Final = "The picture has more pixels than can be kept here."
TOO_HEAVY: Final = "The picture is larger than 128 MB."

_MAX_PNG_CHUNKS: Final = 200_000
# Every scan of a progressive JPEG passes over all pixels; real ones have about ten.
_MAX_JPEG_SCANS: Final = 100
# A marker that is neither a stuffed byte nor a restart; with fill bytes, the last 0xFF is the one that counts.
JPEG_MARKER: Final = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA
_JPEG_BARE: Final = frozenset({0x01, 0xD8})

_OTHER_KINDS: Final = (
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg[^>]*>\s*)?<svg\b", "a drawing (SVG)"),
    (rb"\s*(<!doctype html|<html\b|<head\b|<body\b)", "a web page"),
    (rb"%PDF-", "a PDF"),
    (rb"GIF8[79]a", "a GIF"),
    (rb"....ftyp(avif|avis|heic|heix|mif1)", "a picture of a format that is not supported"),
    (rb"....ftyp", "a video"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"\s*[\[{]", "data"),
)


@dataclass(frozen=True)
class Kind:
    """A picture format that is kept."""

    pillow: str
    content_type: str
    check: Callable[[bytes], None]


def kind_of(data: bytes) -> Kind:
    """Tell the format from the first bytes; raises BadImage for everything that is not kept here."""
    if not data:
        raise BadImage("The file is empty.")
    if len(data) > MAX_BYTES:
        raise BadImage(TOO_HEAVY)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind("PNG", "image/png", _check_png)
    if data.startswith(b"\xff\xd8\xff"):
        return Kind("JPEG", "image/jpeg", _check_jpeg)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Kind("WEBP", "image/webp", _check_webp)
    raise BadImage(f"What arrived is {_other_kind(data[:2000])}, not a PNG, JPEG or WebP picture.")


def _other_kind(head: bytes) -> str:
    for pattern, words in _OTHER_KINDS:
        if re.match(pattern, head, re.IGNORECASE | re.DOTALL):
            return words
    return "text" if _is_text(head) else "a file of another kind"


def _is_text(head: bytes) -> bool:
    return not any(byte < 9 or 13 < byte < 27 for byte in head)


def _check_png(data: bytes) -> None:
    """Walk the chunks up to IEND and compare every checksum; what follows IEND belongs to nobody."""
    view = memoryview(data)
    position = 8
    for _ in range(_MAX_PNG_CHUNKS):
        if position + 12 > len(data):
            raise BadImage(INCOMPLETE)
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise BadImage(INCOMPLETE)
        if zlib.crc32(view[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise BadImage(DAMAGED)
        if name == b"IEND":
            return
        position = end
    raise BadImage(DAMAGED)


def _check_jpeg(data: bytes) -> None:
    """Walk the segments up to the end marker and count the scans."""
    position, scans = 2, 0
    while found := JPEG_MARKER.search(data, position):
        marker = found[1][0]
        position = found.end()
        if marker == _JPEG_END:
            return
        if marker in _JPEG_BARE:
            continue
        scans += marker == _JPEG_SCAN
        if scans > _MAX_JPEG_SCANS:
            raise BadImage(DAMAGED)
        position += int.from_bytes(data[position : position + 2], "big")
    raise BadImage(INCOMPLETE)


def _check_webp(data: bytes) -> None:
    """Compare the length that the container states with what is there."""
    if 8 + int.from_bytes(data[4:8], "little") > len(data):
        raise BadImage(INCOMPLETE)
