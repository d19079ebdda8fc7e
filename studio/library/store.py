"""Received bytes become checked pictures, and checked pictures become files. No rows are written here."""

import hashlib
import logging
import zlib
from dataclasses import dataclass, field
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from studio.library import names, pixels
from studio.library.errors import BadImage
from studio.library.models import Asset
from studio.library.provenance import marked, marks_of, packet_for
from studio.library.sniff import kind_of

__all__ = ["BadImage", "CheckedImage", "check_image", "make_preview", "put_image"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckedImage:
    """What one full decode has shown about received bytes; width and height are those of the upright picture."""

    width: int
    height: int
    content_type: str
    extension: str
    has_alpha: bool
    colour: str
    thumbnail: bytes | None = field(repr=False)
    sha256: str
    crc32: int
    size: int
    marks: tuple[str, ...]


def check_image(data: bytes) -> CheckedImage:
    """Decode once and fully, as the check and as the source of the thumbnail; raises BadImage.

    CPU work of tens of milliseconds that needs up to 12 bytes per pixel: callers limit how many run at once.
    """
    kind = kind_of(data)
    kind.check(data)
    image = pixels.decode(data, kind)
    width, height = pixels.upright_size(image)
    look = _look(image)
    return CheckedImage(
        width=width,
        height=height,
        content_type=kind.content_type,
        extension=names.EXTENSIONS[kind.content_type],
        has_alpha=look.has_alpha,
        colour=look.colour,
        thumbnail=look.thumbnail,
        sha256=hashlib.sha256(data).hexdigest(),
        crc32=zlib.crc32(data),
        size=len(data),
        marks=tuple(marks_of(data, kind.content_type)),
    )


def put_image(*, team_id: int, file_key: UUID, checked: CheckedImage, data: bytes, packet: bytes = b"") -> None:
    """Write the bytes as received, then the thumbnail; the same call again writes the same files.

    `packet`, of `provenance.packet_for`, tells what made the picture: the thumbnail carries it.
    Durable when it returns; OSError when the disk refuses. Never inside a transaction.
    """
    original = names.original_name(team_id=team_id, file_key=file_key, content_type=checked.content_type)
    default_storage.save(original, ContentFile(data))
    if checked.thumbnail is not None:
        thumb = marked(checked.thumbnail, names.DERIVED_TYPE, packet)
        default_storage.save(names.thumb_name(team_id=team_id, file_key=file_key), ContentFile(thumb))


def make_preview(asset: Asset) -> None:
    """Write the preview for the asset page, and the thumbnail if it is still missing.

    Raises BadImage when the original can no longer be read, OSError when it is gone or the disk refuses.
    """
    with default_storage.open(asset.original_name) as file:
        data = file.read()
    image = pixels.decode(data, kind_of(data))
    preview = pixels.shrink(image, pixels.PREVIEW_SIDE)
    _save_derived(asset, asset.preview_name, preview)
    if not asset.has_thumb:
        _save_derived(asset, asset.thumb_name, pixels.shrink(preview, pixels.THUMB_SIDE))


def _save_derived(asset: Asset, name: str, small: Image.Image) -> None:
    packet = packet_for(source=asset.source, model_title=asset.model_title, marks=asset.marks)
    default_storage.save(name, ContentFile(marked(pixels.as_webp(small), names.DERIVED_TYPE, packet)))


@dataclass(frozen=True)
class _Look:
    """What the small picture shows."""

    thumbnail: bytes | None
    has_alpha: bool
    colour: str


def _look(image: Image.Image) -> _Look:
    """Make the thumbnail and read colour and transparency off it; a failure costs these, never the picture."""
    try:
        small = pixels.shrink(image, pixels.THUMB_SIDE)
        return _Look(pixels.as_webp(small), pixels.is_see_through(small), pixels.average_colour(small))
    except pixels.DECODE_ERRORS:
        logger.exception("No thumbnail could be made of a %s picture of %s", image.mode, image.size)
        return _Look(None, image.has_transparency_data, "")
