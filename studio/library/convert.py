"""A picture in another format or size, for handing over: upright, sRGB, 8 bits, and saying how it was made."""

from io import BytesIO
from typing import Any, Final, NamedTuple

from PIL import Image, PngImagePlugin

from studio.library import pixels
from studio.library.errors import BadImage
from studio.library.models import Asset
from studio.library.provenance import marked, packet_for
from studio.library.sniff import kind_of

# From here on a JPEG keeps every pixel's colour instead of every second one's.
_FINE_QUALITY: Final = 90
TYPES: Final = {"jpeg": "image/jpeg", "webp": "image/webp", "png": "image/png"}
# Where nobody says otherwise.
QUALITY: Final = 85


class Conversion(NamedTuple):
    """A format, and how long the longer side is at most."""

    format: str
    side: int


# What a picture can be taken away as at once, by the name in its address.
CONVERSIONS: Final = {"webp-2048": Conversion("webp", 2048), "jpeg-1200": Conversion("jpeg", 1200)}


def convert(data: bytes, *, asset: Asset, format: str, side: int | None, quality: int) -> bytes:  # noqa: A002  # the word of the form
    """Return the picture as one of `TYPES`, at most `side` on its longer side and never larger than it is.

    Whatever a model made says so, with the model's name. JPEG has no transparency: white takes its place. `quality` is
    1 to 100; a PNG has none. Raises BadImage. CPU work of up to seconds that needs up to 16 bytes per pixel.
    """
    image = pixels.decode(data, kind_of(data))
    upright = pixels.shrink(image, side or max(image.size), fine=True)
    try:
        converted = _ENCODERS[format](upright, quality)
    except pixels.DECODE_ERRORS as error:
        raise BadImage("This picture cannot be converted.") from error
    packet = packet_for(source=asset.source, model_title=asset.model_title, marks=asset.marks)
    return marked(converted, TYPES[format], packet)


def _as_jpeg(image: Image.Image, quality: int) -> bytes:
    sampling = 0 if quality >= _FINE_QUALITY else 2
    return _saved(_on_white(image), "JPEG", quality=quality, subsampling=sampling, optimize=True, progressive=True)


def _as_webp(image: Image.Image, quality: int) -> bytes:
    return _saved(image, "WEBP", quality=quality, method=4)


def _as_png(image: Image.Image, _quality: int) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"sRGB", b"\x00")
    return _saved(image, "PNG", pnginfo=chunks)


_ENCODERS: Final = {"jpeg": _as_jpeg, "webp": _as_webp, "png": _as_png}


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
