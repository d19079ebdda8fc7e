"""Real pictures for emulators, drawn once per kind."""

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache

from PIL import Image

VARIANTS = 8


@dataclass(frozen=True)
class Kind:
    """Everything that decides how a picture looks; `heavy` weighs as much as a real one: 1.8 MB a megapixel."""

    width: int
    height: int
    format: str = "png"
    transparent: bool = False
    compression: int | None = None
    heavy: bool = False
    variant: int = 0


def draw(kind: Kind) -> bytes:
    """Return the encoded picture."""
    size = (kind.width, kind.height)
    slope = Image.linear_gradient("L").resize(size)
    bands = [slope, slope.transpose(Image.Transpose.FLIP_TOP_BOTTOM), Image.radial_gradient("L").resize(size)]
    bands = bands[kind.variant % 3 :] + bands[: kind.variant % 3]
    if kind.heavy:
        bands = [Image.blend(band, Image.effect_noise(size, 64 + kind.variant), 0.055) for band in bands]
    else:
        bands[0] = bands[0].point([min(255, level + 8 * kind.variant) for level in range(256)])
    image = Image.merge("RGB", bands)
    if kind.transparent:
        image.putalpha(Image.radial_gradient("L").resize(size).point([255 - level for level in range(256)]))
    return encode(image, kind.format, kind.compression)


def encode(image: Image.Image, name: str, compression: int | None = None) -> bytes:
    """Return the picture in one of the three formats."""
    out = io.BytesIO()
    if name == "png":
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, name.upper(), quality=100 if compression is None else max(1, compression))
    return out.getvalue()


@cache
def truncated_jpeg() -> bytes:
    """Return the first half of a JPEG: the header is right, the pixels are missing."""
    whole = draw(Kind(512, 512, "jpeg", compression=90, heavy=True))
    return whole[: len(whole) // 2]


@cache
def bomb(edge: int = 30_000) -> bytes:
    """Return a small PNG that claims and holds `edge` by `edge` pixels of one bit."""
    row = zlib.compressobj(9)
    line = b"\x00" * (1 + (edge + 7) // 8)
    packed = b"".join(row.compress(line) for _ in range(edge)) + row.flush()
    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
