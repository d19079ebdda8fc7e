"""Names of files: on disk from our own ids alone, in a download from the prompt."""

from typing import Final
from uuid import UUID

from django.utils.text import slugify

ORIGINALS: Final = "originals"
THUMBS: Final = "thumbs"
PREVIEWS: Final = "previews"
RECEIVED: Final = "received"
FOLDERS: Final = (ORIGINALS, THUMBS, PREVIEWS, RECEIVED)
EXTENSIONS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
# Everything that is made from an original is WebP.
DERIVED_TYPE: Final = "image/webp"

_SLUG_LENGTH: Final = 60


def original_name(*, team_id: int, file_key: UUID, content_type: str) -> str:
    """Return where the bytes as received are kept."""
    return _name(ORIGINALS, team_id, file_key, EXTENSIONS[content_type])


def thumb_name(*, team_id: int, file_key: UUID) -> str:
    """Return where the grid thumbnail is kept."""
    return _name(THUMBS, team_id, file_key, EXTENSIONS[DERIVED_TYPE])


def preview_name(*, team_id: int, file_key: UUID) -> str:
    """Return where the picture for the asset page is kept."""
    return _name(PREVIEWS, team_id, file_key, EXTENSIONS[DERIVED_TYPE])


def received_name(*, team_id: int, file_key: UUID, content_type: str) -> str:
    """Return where an uploaded file is kept as received, when it is not what is shown."""
    return _name(RECEIVED, team_id, file_key, EXTENSIONS[content_type])


def download_name(*, prompt: str, asset_id: int, content_type: str) -> str:
    """Return the name a person sees: the beginning of the prompt, the asset's number, the true extension.

    It is unique within the installation, also where case does not count, and safe on every system: letters of any
    script, digits, `-` and `_` only, and the number keeps it clear of the device names of Windows.
    """
    slug = slugify(prompt[:200], allow_unicode=True)[:_SLUG_LENGTH].strip("-_")
    return f"{slug or 'image'}-{asset_id}.{EXTENSIONS[content_type]}"


def _name(folder: str, team_id: int, file_key: UUID, extension: str) -> str:
    return f"{folder}/{team_id}/{file_key.hex[:2]}/{file_key}.{extension}"
