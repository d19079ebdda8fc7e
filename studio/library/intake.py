"""Uploads: a received file becomes a picture of the library, once.

The file is kept as it came. Where it says more than it shows, or lies on its side, a cleaned copy is what people see
and what goes elsewhere; see `clean.py`.
"""

import logging
import re
import threading
import unicodedata
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from studio.accounts.models import User
from studio.library import files, names
from studio.library.binning import restore_assets
from studio.library.clean import cleaned
from studio.library.errors import StorageFull, StoreDown
from studio.library.models import Asset, Source
from studio.library.services import add_asset
from studio.library.store import CheckedImage, check_image, put_image
from studio.live.notify import notify
from studio.teams.models import Team

logger = logging.getLogger(__name__)

FILE_NAME_LENGTH: Final = 255
# Decoding needs a core and up to 12 bytes per pixel each: more at once would only take longer and need more memory.
_decoding: Final = threading.Semaphore(2)
_SEPARATORS: Final = re.compile(r"[/\\]")


@dataclass(frozen=True)
class Uploaded:
    """What became of a file: a new picture, or one that the library had, perhaps in its bin."""

    asset: Asset
    is_new: bool
    was_restored: bool


@dataclass(frozen=True)
class _Upload:
    """A checked file and what is shown of it; the same bytes where nothing had to be changed."""

    file_key: UUID
    received: CheckedImage
    received_data: bytes
    shown: CheckedImage
    shown_data: bytes

    @property
    def is_changed(self) -> bool:
        return self.shown_data is not self.received_data


def add_upload(*, team: Team, actor: User, data: bytes, file_name: str) -> Uploaded:
    """Add an uploaded file to a team's library; the same file again is the same picture, and leaves its bin.

    Raises BadImage for what is no picture that can be kept, StorageFull, StoreDown. Not inside a transaction: files
    are written before the row, and removed again when there is none.
    """
    known = _find(team, sha256(data).hexdigest())
    if known is not None:
        return _known(team, known)
    with _decoding:
        upload = _read(data)
    _store(team, upload)
    try:
        with transaction.atomic():
            asset = _add(team, actor, upload, clean_file_name(file_name))
            notify(team_id=team.pk, event="library", id=asset.pk)
    except IntegrityError:
        # Somebody uploaded the same file at the same moment, and was a little earlier.
        _forget(team, upload)
        known = _find(team, upload.received.sha256)
        if known is None:
            raise
        return _known(team, known)
    return Uploaded(asset, is_new=True, was_restored=False)


def clean_file_name(name: str) -> str:
    """Return the last part of a path, without signs that cannot be seen or that turn the reading direction."""
    last = _SEPARATORS.split(name)[-1]
    seen = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    return " ".join(seen.split())[:FILE_NAME_LENGTH]


def _find(team: Team, digest: str) -> Asset | None:
    """Find the picture that this file has become, or that was made here and is the same file."""
    kept = Asset.objects.for_team(team).unpurged()
    uploaded = kept.filter(source=Source.UPLOADED, received_sha256=digest).first()
    return uploaded or kept.filter(sha256=digest).order_by("pk").first()


def _known(team: Team, asset: Asset) -> Uploaded:
    restored = bool(asset.binned_at and restore_assets(team_id=team.pk, asset_ids=[asset.pk]))
    if restored:
        asset.refresh_from_db(fields=["binned_at", "binned_by"])
        notify(team_id=team.pk, event="library", id=asset.pk)
    return Uploaded(asset, is_new=False, was_restored=restored)


def _read(data: bytes) -> _Upload:
    received = check_image(data)
    shown_data = cleaned(data)
    shown = received if shown_data is data else check_image(shown_data)
    return _Upload(uuid4(), received, data, shown, shown_data)


def _store(team: Team, upload: _Upload) -> None:
    try:
        if upload.is_changed:
            default_storage.save(_received_name(team, upload), ContentFile(upload.received_data))
        put_image(team_id=team.pk, file_key=upload.file_key, checked=upload.shown, data=upload.shown_data)
    except StoreDown:
        raise
    except OSError as error:
        logger.exception("An upload of %s bytes could not be stored.", upload.received.size)
        _forget(team, upload)
        raise StorageFull from error


def _forget(team: Team, upload: _Upload) -> None:
    """Remove what was written; what a store that fails keeps is removed by its sweep."""
    kind = upload.shown.content_type
    written = [
        names.original_name(team_id=team.pk, file_key=upload.file_key, content_type=kind),
        names.thumb_name(team_id=team.pk, file_key=upload.file_key),
        _received_name(team, upload),
    ]
    try:
        files.delete(written)
    except OSError:
        logger.exception("Files of an upload that was not added are left to the sweep.")


def _received_name(team: Team, upload: _Upload) -> str:
    kind = upload.received.content_type
    return names.received_name(team_id=team.pk, file_key=upload.file_key, content_type=kind)


def _add(team: Team, actor: User, upload: _Upload, file_name: str) -> Asset:
    return add_asset(
        team_id=team.pk,
        author_id=actor.pk,
        file_key=upload.file_key,
        checked=upload.shown,
        prompt="",
        revised_prompt="",
        model_slug="",
        model_title="",
        spec={},
        credits=0,
        generation_id=None,
        slot=0,
        source=Source.UPLOADED,
        file_name=file_name,
        received=upload.received if upload.is_changed else None,
    )
