"""What is shown of an uploaded picture: upright, and without what tells about the person who took it.

Wherever it can be, the pixels are not touched: only the parts that hold metadata are left out, and whatever follows
the end. A picture that its metadata turns is turned for good and encoded anew, and of an animation the first frame is
shown. The file as received is kept beside.
"""

from io import BytesIO
from typing import Any, Final

from PIL import Image

from studio.library import pixels
from studio.library.containers import IS_ANIMATED, Edit, Part, edited, parts_of, riff
from studio.library.errors import BadImage
from studio.library.sniff import kind_of

# What a picture needs to look right; everything else in its file is somebody's notes.
_PNG_KEPT: Final = frozenset(
    {"PLTE", "IDAT", "IHDR", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "cICP", "mDCV", "cLLI", "bKGD"}
    | {"hIST", "pHYs"}
)
_JPEG_KEPT_APPS: Final = frozenset({"APP0", "APP14"})
_WEBP_KEPT: Final = frozenset({"VP8 ", "VP8L", "VP8X", "ALPH", "ICCP"})
_ICC: Final = b"ICC_PROFILE\x00"
# Of a WebP's flags only transparency and the colour profile stay true.
_WEBP_FLAGS: Final = 0x10 | 0x20


def cleaned(data: bytes) -> bytes:
    """Return the copy of a checked picture that is shown and sent on: the very same bytes where nothing had to go.

    Raises BadImage where a picture that has to be turned cannot be encoded again.
    """
    kind = kind_of(data)
    image = pixels.opened(data, kind)
    if pixels.orientation_of(image) != 1 or _is_animated_webp(data, kind.content_type):
        return _encoded_anew(pixels.decode(data, kind), kind.pillow)
    return _CUTTERS[kind.content_type](data)


def _is_animated_webp(data: bytes, content_type: str) -> bool:
    if content_type != "image/webp":
        return False
    first = next(parts_of(data, content_type), None)
    return first is not None and first.name == "VP8X" and bool(data[first.body] & IS_ANIMATED)


def _encoded_anew(image: Image.Image, kind: str) -> bytes:
    """Turn the picture upright and encode it as well as its format can; the colour profile goes with it."""
    turn = pixels.turn_of(image)
    upright = image if turn is None else image.transpose(turn)
    profile = image.info.get("icc_profile")
    options: dict[str, Any] = {"icc_profile": profile} if isinstance(profile, bytes) else {}
    if kind == "JPEG":
        options |= {"quality": 95, "subsampling": 0}
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True}
    upright.info = {}
    buffer = BytesIO()
    try:
        upright.save(buffer, kind, **options)
    except pixels.DECODE_ERRORS as error:
        raise BadImage("The picture cannot be turned upright.") from error
    return buffer.getvalue()


def _without(data: bytes, parts: list[Part], gone: list[Part]) -> bytes:
    edits = [Edit(part.start, part.stop) for part in gone]
    end = parts[-1].stop
    if end < len(data):
        edits.append(Edit(end, len(data)))
    return edited(data, edits) if edits else data


def _cut_png(data: bytes) -> bytes:
    parts = list(parts_of(data, "image/png"))
    return _without(data, parts, [part for part in parts if part.name not in _PNG_KEPT])


def _cut_jpeg(data: bytes) -> bytes:
    parts = list(parts_of(data, "image/jpeg"))
    return _without(data, parts, [part for part in parts if _is_note(data, part)])


def _is_note(data: bytes, part: Part) -> bool:
    if part.name == "COM":
        return True
    if part.name == "APP2":
        return not data.startswith(_ICC, part.body)
    return part.name.startswith("APP") and part.name not in _JPEG_KEPT_APPS


def _cut_webp(data: bytes) -> bytes:
    parts = list(parts_of(data, "image/webp"))
    chunks = [_honest(part, data) for part in parts if part.name in _WEBP_KEPT]
    made = riff(chunks)
    return data if made == data else made


def _honest(part: Part, data: bytes) -> bytes:
    """Return the chunk; the head of an extended WebP no longer promises what was left out."""
    chunk = bytearray(data[part.start : part.stop])
    if part.name == "VP8X" and part.body_stop > part.body:
        chunk[8] &= _WEBP_FLAGS
    return bytes(chunk)


_CUTTERS: Final = {"image/png": _cut_png, "image/jpeg": _cut_jpeg, "image/webp": _cut_webp}
