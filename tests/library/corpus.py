"""Pictures as providers never send them, and things that are no pictures."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin


def picture(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Draw something with structure, so that a cut or a swap would show."""
    gradient = Image.linear_gradient("L").resize(size)
    turned = gradient.transpose(Image.Transpose.ROTATE_180)
    image = Image.merge("RGB", (gradient, turned, Image.radial_gradient("L").resize(size)))
    if mode in {"RGBA", "LA"}:
        image.putalpha(Image.radial_gradient("L").resize(size))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode a picture."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(mode: str = "RGB", size: tuple[int, int] = (96, 64)) -> bytes:
    """A plain PNG."""
    return encoded(picture(mode, size), "PNG")


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk with a right checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """Put a chunk behind the header of a PNG."""
    return data[:33] + chunk(name, content) + data[33:]


def png_bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels; it does hold them, as zeros."""
    rows = zlib.compress(bytes(1 + width) * min(height, 2000), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def webp_bomb(width: int, height: int) -> bytes:
    """A WebP whose canvas is larger than the picture in it."""
    inner = encoded(picture("RGBA", (16, 16)), "WEBP", lossless=True)[12:]
    start = inner.index(b"VP8L")
    header = b"\x10\x00\x00\x00" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + header + inner[start:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_bomb_header(width: int, height: int) -> bytes:
    """A small JPEG whose header promises many pixels."""
    data = bytearray(encoded(picture(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_with_scans(scans: int) -> bytes:
    """A progressive JPEG that repeats its last scan again and again."""
    data = encoded(picture(size=(256, 256)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


def palette_with_key() -> bytes:
    """A palette PNG, one of whose colours is transparent."""
    image = picture().quantize(8)
    return encoded(image, "PNG", transparency=image.getpixel((0, 0)))


def compressed_text_bomb() -> bytes:
    """A PNG with 64 MB of text in 64 KB."""
    return with_chunk(png(), b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(64 * 1024 * 1024), 9))


def profile_bomb() -> bytes:
    """A PNG with a colour profile of 64 MB in 64 KB."""
    return with_chunk(png(), b"iCCP", b"icc\x00\x00" + zlib.compress(bytes(64 * 1024 * 1024), 9))


def jumbf(inside: bytes = b"") -> bytes:
    """The beginning of a C2PA manifest store."""
    label = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x008\x9bq\x03c2pa\x00"
    description = struct.pack(">I4s", 8 + len(label), b"jumd") + label
    return struct.pack(">I4s", 8 + len(description) + len(inside), b"jumb") + description + inside


def with_metadata(secret: str) -> bytes:
    """A PNG and its EXIF, XMP and text, all holding `secret`."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", secret)
    notes.add_itxt("XML:com.adobe.xmp", f"<x>{secret}</x>")
    exif = Image.Exif()
    exif[0x010E] = secret
    return encoded(picture(), "PNG", pnginfo=notes, exif=exif)


def turned_jpeg(orientation: int, size: tuple[int, int] = (96, 64)) -> bytes:
    """A JPEG that says how it was held: red in the corner that is stored first."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 3, size[1] // 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "JPEG", exif=exif, quality=95)


def animated(kind: str) -> bytes:
    """Three frames."""
    frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def with_profile(profile: bytes) -> bytes:
    """A PNG with these bytes as its colour profile."""
    return encoded(picture(), "PNG", icc_profile=profile)


def lab_profile() -> bytes:
    """A true profile, but of another colour space."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
