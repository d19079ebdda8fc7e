"""Pictures as pixels: decoding hostile ones within limits, and making small ones of them."""

import struct
import zlib
from io import BytesIO
from typing import Final

from django.conf import settings
from PIL import ExifTags, Image, ImageCms

from studio.library.errors import BadImage
from studio.library.sniff import DAMAGED, INCOMPLETE, TOO_LARGE, Kind

THUMB_SIDE: Final = 512
PREVIEW_SIDE: Final = 1600

# Everything the decoders have been seen to raise on bytes made to upset them.
DECODE_ERRORS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_MAX_PROFILE: Final = 1024 * 1024
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EIGHT_BIT: Final = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})


def decode(data: bytes, kind: Kind) -> Image.Image:
    """Decode the whole picture, of an animation the first frame; raises BadImage.

    The size that the header states is checked before any pixel is made.
    """
    image = opened(data, kind)
    try:
        image.load()
    except _BOMBS as error:
        raise BadImage(TOO_LARGE) from error
    except DECODE_ERRORS as error:
        raise BadImage(INCOMPLETE if "truncated" in str(error) else DAMAGED) from error
    return image


def opened(data: bytes, kind: Kind) -> Image.Image:
    """Read a picture's head only; raises BadImage."""
    try:
        image = Image.open(BytesIO(data), formats=[kind.pillow])
    except _BOMBS as error:
        raise BadImage(TOO_LARGE) from error
    except DECODE_ERRORS as error:
        raise BadImage(INCOMPLETE if "truncated" in str(error) else DAMAGED) from error
    _check_size(image)
    return image


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """Return what brings the picture upright; None where it is."""
    return _TURNS.get(orientation_of(image))


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) if there is none that can be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODE_ERRORS:
        return 1
    return orientation if orientation in _TURNS else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as people see them."""
    width, height = image.size
    return (height, width) if orientation_of(image) >= 5 else (width, height)


def shrink(image: Image.Image, longest: int, *, fine: bool = False) -> Image.Image:
    """Return the picture as people see it, at most `longest` on its longer side: upright, 8-bit sRGB, no metadata.

    `fine` takes the time that a file to keep is worth.
    """
    profile = image.info.get("icc_profile")
    small = _reduced(_eight_bit(image), longest, fine=fine)
    small = _in_srgb(small, profile if isinstance(profile, bytes) else b"")
    turn = turn_of(image)
    upright = small if turn is None else small.transpose(turn)
    upright.info = {}
    return upright


def average_colour(small: Image.Image) -> str:
    """Return the mean of what is visible, as `#rrggbb`."""
    dot = small.convert("RGBA").resize((1, 1), Image.Resampling.BOX).tobytes()
    return f"#{dot[:3].hex()}" if dot[3] else "#808080"


def is_see_through(small: Image.Image) -> bool:
    """Whether any of it is really transparent, not merely able to be."""
    return small.mode == "RGBA" and small.getchannel("A").getextrema() != (255, 255)


def as_webp(small: Image.Image) -> bytes:
    """Encode quickly and well enough for a screen."""
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=80, method=0)
    return buffer.getvalue()


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise BadImage(DAMAGED)
    if width * height > settings.MAX_PIXELS:
        raise BadImage(TOO_LARGE)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring rare modes to ones that can be averaged."""
    if image.mode in {"I", "I;16", "I;16B"}:
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in _EIGHT_BIT and "transparency" not in image.info:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _reduced(image: Image.Image, longest: int, *, fine: bool) -> Image.Image:
    width, height = image.size
    scale = min(1.0, longest / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if fine:
        return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _in_srgb(small: Image.Image, profile: bytes) -> Image.Image:
    """Convert from the embedded colour profile; a profile that cannot be used is as good as none."""
    mode = "RGBA" if small.mode in {"LA", "RGBA"} else "RGB"
    if profile and len(profile) <= _MAX_PROFILE and small.mode in {"RGB", "CMYK", "L", "RGBA"}:
        try:
            return _converted(small, profile).convert(mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return small.convert(mode)
    return small.convert(mode)


def _converted(small: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    opaque = small.convert("RGB") if small.mode == "RGBA" else small
    converted = ImageCms.profileToProfile(opaque, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        raise ValueError("no conversion was made")
    if small.mode == "RGBA":
        converted.putalpha(small.getchannel("A"))
    return converted
