"""The files that an export hands over: originals as they are kept, previews, or pictures converted for it."""

import hashlib
import logging
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studio.exports.facts import Known
from studio.exports.models import Export, What
from studio.library import files, names
from studio.library.convert import QUALITY, TYPES, convert
from studio.library.errors import BadImage
from studio.library.models import Asset
from studio.library.pixels import PREVIEW_SIDE
from studio.library.provenance import marks_in_original, marks_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """One file that can be handed over, and where it is kept."""

    stored: str
    size: int
    crc32: int
    sha256: str
    content_type: str
    marks: Sequence[str]


class Breath(Protocol):
    """Called between two pictures: raises when the work belongs to somebody else by now."""

    def __call__(self) -> None: ...


def files_of(export: Export, pictures: Sequence[Known], *, breathe: Breath) -> Iterator[Made | None]:
    """Return the file of each picture, None where it is missing; never inside a transaction."""
    if export.what == What.ORIGINALS:
        yield from _originals([known.asset for known in pictures])
        return
    for known in pictures:
        breathe()
        yield _preview(export, known.asset) if export.what == What.PREVIEWS else _converted(export, known.asset)


def made_names(export: Export, asset_ids: Iterable[int]) -> list[str]:
    """Return every name under which a file may have been made for these pictures, whether one is there or not."""
    content_type = TYPES[export.format] if export.what == What.CONVERTED else names.DERIVED_TYPE
    return [_made_name(export, pk, content_type) for pk in asset_ids]


def _originals(assets: Sequence[Asset]) -> Iterator[Made | None]:
    found = files.sizes_of([asset.original_name for asset in assets if asset.purged_at is None])
    for asset in assets:
        if found.get(asset.original_name) != asset.size:
            yield None
            continue
        marks = marks_in_original(asset)
        yield Made(asset.original_name, asset.size, asset.crc32, asset.sha256, asset.content_type, marks)


def _preview(export: Export, asset: Asset) -> Made | None:
    """Take the preview as it is kept; where there is none, make one for this export."""
    if asset.has_preview:
        try:
            return _measured(asset.preview_name, files.read(asset.preview_name), names.DERIVED_TYPE)
        except FileNotFoundError:
            logger.warning("The preview of asset %s is missing, so another one is made.", asset.pk)
    return _made(export, asset, kind="webp", side=PREVIEW_SIDE, quality=QUALITY)


def _converted(export: Export, asset: Asset) -> Made | None:
    quality = export.quality or QUALITY
    return _made(export, asset, kind=export.format, side=export.side, quality=quality)


def _made(export: Export, asset: Asset, *, kind: str, side: int | None, quality: int) -> Made | None:
    """Convert one picture and keep the file beside the export; again is the same file again."""
    if asset.purged_at is not None:
        return None
    try:
        data = convert(files.read(asset.original_name), asset=asset, format=kind, side=side, quality=quality)
    except FileNotFoundError:
        return None
    except BadImage:
        logger.exception("Asset %s could not be converted for export %s.", asset.pk, export.pk)
        return None
    name = _made_name(export, asset.pk, TYPES[kind])
    default_storage.save(name, ContentFile(data))
    return _measured(name, data, TYPES[kind])


def _made_name(export: Export, asset_id: int, content_type: str) -> str:
    return f"{export.folder}/{asset_id}.{names.EXTENSIONS[content_type]}"


def _measured(name: str, data: bytes, content_type: str) -> Made:
    marks = marks_of(data, content_type)
    return Made(name, len(data), zlib.crc32(data), hashlib.sha256(data).hexdigest(), content_type, marks)
