"""What an emulator looks at in the files it was sent."""

import io

from PIL import Image, UnidentifiedImageError


def sniff(data: bytes) -> str | None:
    """Return the type of a picture by its first bytes."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None


def find_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture, or None when its head cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except UnidentifiedImageError:
        return None


def has_alpha(data: bytes) -> bool:
    """Tell whether a picture can be transparent somewhere."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.has_transparency_data
