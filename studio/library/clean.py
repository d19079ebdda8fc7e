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
from studio.library.sniff import Kind, kind_of

# What a picture needs to look right; everything else in its file is somebody's notes.
_PNG_KEPT: Final = frozenset(
    {"PLTE", "IDAT", "IHDR", "IEND", "tRNS", "cHRM", "gAMA", "iCCP", "sBIT", "sRGB", "cICP", "mDCV", "cLLI", "bKGD"}
    | {"hIST", "pHYs"}
)
# What decoders need of a JPEG's application segments, by how it begins: density, colour profile, colour transform.
_KEPT_FOR: Final = {"APP0": b"JFIF\x00", "APP2": b"ICC_PROFILE\x00", "APP14": b"Adobe"}
# Where Pillow finds an orientation: in EXIF, and failing that in XMP, which text chunks hold too.
_TURNING: Final = frozenset({"APP1", "eXIf", "iTXt", "tEXt", "zTXt", "EXIF", "XMP "})
# A JPEG loses as little as it can; lossless WebP at its best would take a large picture half a minute.
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True, "method": 1, "quality": 40},
}
_WEBP_KEPT: Final = frozenset({"VP8 ", "VP8L", "VP8X", "ALPH", "ICCP"})
# Of a WebP's flags only transparency and the colour profile stay true.
_WEBP_FLAGS: Final = 0x10 | 0x20


def cleaned(data: bytes) -> bytes:
    """Return the copy of a checked picture that is shown and sent on: the very same bytes where nothing had to go.

    Raises BadImage where a picture that has to be turned cannot be encoded again.
    """
    kind = kind_of(data)
    parts = list(parts_of(data, kind.content_type))
    if _is_animated_webp(data, parts) or (_may_be_turned(parts) and _is_turned(data, kind)):
        return _encoded_anew(pixels.decode(data, kind), kind.pillow)
    return _CUTTERS[kind.content_type](data, parts)


def _may_be_turned(parts: list[Part]) -> bool:
    """Whether it is worth asking: Pillow decodes a whole PNG to learn that it says nothing."""
    return any(part.name in _TURNING for part in parts)


def _is_turned(data: bytes, kind: Kind) -> bool:
    return pixels.orientation_of(pixels.opened(data, kind)) != 1


def _is_animated_webp(data: bytes, parts: list[Part]) -> bool:
    return parts[0].name == "VP8X" and bool(data[parts[0].body] & IS_ANIMATED)


def _encoded_anew(image: Image.Image, kind: str) -> bytes:
    """Turn the picture upright and encode it as well as its format can; the colour profile goes with it."""
    turn = pixels.turn_of(image)
    upright = image if turn is None else image.transpose(turn)
    profile = image.info.get("icc_profile")
    options: dict[str, Any] = {"icc_profile": profile} if isinstance(profile, bytes) else {}
    options |= _OPTIONS[kind]
    if kind == "PNG" and "transparency" in image.info:
        options["transparency"] = image.info["transparency"]
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


def _cut_png(data: bytes, parts: list[Part]) -> bytes:
    return _without(data, parts, [part for part in parts if part.name not in _PNG_KEPT])


def _cut_jpeg(data: bytes, parts: list[Part]) -> bytes:
    return _without(data, parts, [part for part in parts if _is_note(data, part)])


def _is_note(data: bytes, part: Part) -> bool:
    if part.name == "COM":
        return True
    if part.name in _KEPT_FOR:
        return not data.startswith(_KEPT_FOR[part.name], part.body)
    return part.name.startswith("APP")


def _cut_webp(data: bytes, parts: list[Part]) -> bytes:
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
