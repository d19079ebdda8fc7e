"""Real pictures for emulators, drawn once per kind; an edited one shows what it was made from."""

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import pybase64
from PIL import Image, ImageStat

VARIANTS = 8
# References are pasted side by side along the top edge of an edited picture, each this part of its width.
SHARE = 16


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


@dataclass(frozen=True)
class Picture:
    """One encoded picture as it goes out; `spelling` replaces its base64 text."""

    data: bytes
    format: str = "png"
    spelling: str | None = None

    @cached_property
    def text(self) -> str:
        """The picture in base64."""
        return pybase64.b64encode(self.data).decode() if self.spelling is None else self.spelling


def draw(kind: Kind, references: Sequence[bytes] = (), mask: bytes | None = None) -> bytes:
    """Return the encoded picture, made from `references` and, where a mask is opaque, equal to the first of them."""
    image = _plain(kind)
    if references:
        image = _edited(image, references, mask)
    if kind.transparent:
        alpha = Image.radial_gradient("L").resize(image.size).point([255 - level for level in range(256)])
        image.putalpha(alpha)
    return encode(image, kind.format, kind.compression)


def shows(answer: bytes, reference: bytes, place: int = 0) -> bool:
    """Tell whether an edited picture was made from `reference` as its image number `place`."""
    with Image.open(io.BytesIO(answer)) as edited, Image.open(io.BytesIO(reference)) as original:
        edge = edited.width // SHARE
        pasted = edited.convert("RGB").crop((place * edge, 0, (place + 1) * edge, edge))
        wanted = _small(original, edge)
    differences = zip(ImageStat.Stat(pasted).mean, ImageStat.Stat(wanted).mean, strict=True)
    return all(abs(one - other) < 12 for one, other in differences)


def encode(image: Image.Image, name: str, compression: int | None = None) -> bytes:
    """Return the picture in one of the three formats."""
    out = io.BytesIO()
    if name == "png":
        image.save(out, "PNG", compress_level=1)
    else:
        image.save(out, name.upper(), quality=100 if compression is None else max(1, compression))
    return out.getvalue()


def _plain(kind: Kind) -> Image.Image:
    size = (kind.width, kind.height)
    slope = Image.linear_gradient("L").resize(size)
    bands = [slope, slope.transpose(Image.Transpose.FLIP_TOP_BOTTOM), Image.radial_gradient("L").resize(size)]
    bands = bands[kind.variant % 3 :] + bands[: kind.variant % 3]
    if kind.heavy:
        bands = [Image.blend(band, Image.effect_noise(size, 64 + kind.variant), 0.055) for band in bands]
    else:
        bands[0] = bands[0].point([min(255, level + 8 * kind.variant) for level in range(256)])
    return Image.merge("RGB", bands)


def _edited(image: Image.Image, references: Sequence[bytes], mask: bytes | None) -> Image.Image:
    if mask:
        with Image.open(io.BytesIO(references[0])) as first, Image.open(io.BytesIO(mask)) as painted:
            kept = painted.convert("RGBA").getchannel("A").resize(image.size)
            image = Image.composite(first.convert("RGB").resize(image.size), image, kept)
    edge = image.width // SHARE
    for place, reference in enumerate(references):
        with Image.open(io.BytesIO(reference)) as original:
            image.paste(_small(original, edge), (place * edge, 0))
    return image


def _small(original: Image.Image, edge: int) -> Image.Image:
    return original.convert("RGB").resize((edge, edge), Image.Resampling.BOX)


@cache
def spare() -> Picture:
    """Return a small picture that nobody asked for."""
    return Picture(draw(Kind(256, 256, variant=5)))


@cache
def truncated_jpeg() -> bytes:
    """Return the first half of a JPEG: the header is right, the pixels are missing."""
    whole = draw(Kind(512, 512, "jpeg", compression=90, heavy=True))
    return whole[: len(whole) // 2]


@cache
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
