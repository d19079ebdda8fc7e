"""A picture in another format or size, for handing over: upright, sRGB, 8 bits, and saying how it was made."""

from enum import StrEnum
from io import BytesIO
from typing import Any, Final

from PIL import Image, PngImagePlugin

from studio.library import pixels
from studio.library.containers import with_xmp
from studio.library.models import Asset
from studio.library.provenance import xmp_for
from studio.library.sniff import kind_of

QUALITY: Final = 90
# From here on a JPEG keeps every pixel's colour instead of every second one's.
_FINE_QUALITY: Final = 90
_LONGEST: Final = 65_535


class Format(StrEnum):
    """What pictures are converted to."""

    JPEG = "jpeg"
    WEBP = "webp"
    PNG = "png"

    @property
    def content_type(self) -> str:
        """The media type of what `convert` returns; `names.EXTENSIONS` knows its extension."""
        return f"image/{self.value}"


def convert(data: bytes, *, asset: Asset, format: Format, side: int | None = None, quality: int = QUALITY) -> bytes:
    """Return a picture's file as another one, at most `side` pixels on its longer side and never larger than it is.

    JPEG has no transparency, so the picture is laid on white there. `quality` is 1 to 100; a PNG has none. Raises
    BadImage when the bytes can no longer be read. CPU work of up to seconds that needs up to 16 bytes per pixel:
    callers limit how many run at once.
    """
    whole = pixels.decode(data, kind_of(data))
    image = pixels.shrink(whole, min(side or _LONGEST, _LONGEST), fine=True)
    converted = _ENCODERS[format](image, quality)
    xmp = xmp_for(asset)
    return converted if xmp is None else with_xmp(converted, format.content_type, xmp)


def _as_jpeg(image: Image.Image, quality: int) -> bytes:
    sampling = 0 if quality >= _FINE_QUALITY else 2
    return _saved(_on_white(image), "JPEG", quality=quality, subsampling=sampling, optimize=True, progressive=True)


def _as_webp(image: Image.Image, quality: int) -> bytes:
    return _saved(image, "WEBP", quality=quality, method=4)


def _as_png(image: Image.Image, _quality: int) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\x00")
    return _saved(image, "PNG", pnginfo=chunks)


_ENCODERS: Final = {Format.JPEG: _as_jpeg, Format.WEBP: _as_webp, Format.PNG: _as_png}


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
