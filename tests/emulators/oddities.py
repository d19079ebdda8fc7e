"""Pictures that are damaged, unusual, or that carry what nobody asked for; each is the last result of its call."""

import struct
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from tests.library import corpus

SCRIPT: Final = "<script>alert('canary-7f3a')</script>"
_MEGABYTE: Final = 1_000_000


def _cut_png() -> bytes:
    whole = corpus.png()
    return whole[: len(whole) // 2]


def _bad_checksum() -> bytes:
    data = bytearray(corpus.png())
    data[len(data) // 2] ^= 1
    return bytes(data)


def _jpeg() -> bytes:
    return corpus.encoded(corpus.picture(), "JPEG")


def _with_place() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SCRIPT
    # GPS: latitude and longitude as degrees, minutes, seconds.
    exif.get_ifd(0x8825).update({1: "N", 2: (55.0, 40.0, 34.0), 3: "E", 4: (12.0, 34.0, 6.0)})
    return corpus.encoded(corpus.picture(), "JPEG", exif=exif)


def _archive_after() -> bytes:
    # The end of an empty ZIP archive: tools that read archives from their end take the whole file for one.
    return _jpeg() + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 0, 0, 0, 0, 0) + SCRIPT.encode()


def _heavy() -> bytes:
    return corpus.with_chunk(corpus.png(), b"prVt", bytes(101 * _MEGABYTE))


DAMAGED: Final[Mapping[str, Callable[[], bytes]]] = {
    "cut_png": _cut_png,
    "bad_checksum": _bad_checksum,
    "no_pixels": lambda: corpus.png_bomb(0, 10),
    "gif_archive": lambda: corpus.encoded(corpus.picture(), "GIF") + _archive_after(),
}
UNUSUAL: Final[Mapping[str, Callable[[], bytes]]] = {
    "one_pixel": lambda: corpus.png(size=(1, 1)),
    "cmyk": lambda: corpus.encoded(corpus.picture("CMYK"), "JPEG"),
    "deep": lambda: corpus.encoded(corpus.picture("L").convert("I;16"), "PNG"),
    "palette": lambda: corpus.png("P"),
    "animated": lambda: corpus.animated("PNG"),
}
LADEN: Final[Mapping[str, Callable[[], bytes]]] = {
    "page_after": lambda: corpus.png() + f"<!doctype html>{SCRIPT}".encode(),
    "archive_after": _archive_after,
    "metadata": lambda: corpus.with_metadata(SCRIPT),
    "place": _with_place,
    "long_text": lambda: corpus.with_chunk(corpus.png(), b"tEXt", b"Comment\x00" + SCRIPT.encode() * 270_000),
}
ODDITIES: Final[Mapping[str, Callable[[], bytes]]] = {**DAMAGED, **UNUSUAL, **LADEN, "heavy_file": _heavy}
