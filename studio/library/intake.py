"""Uploads: a received file becomes a picture of the library, once.

The file is kept as it came. Where it says more than it shows, or lies on its side, a cleaned copy is what people see
and what goes elsewhere; see `clean.py`.
"""

import logging
import re
import unicodedata
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F

from studio.accounts.models import User
from studio.library import files, names
from studio.library.binning import restore_assets
from studio.library.clean import cleaned
from studio.library.collecting import collect
from studio.library.errors import BadImage, CollectionGone, StorageFull, StoreDown
from studio.library.models import Asset, Collection, Source
from studio.library.provenance import marked, packet_for
from studio.library.services import add_asset
from studio.library.sniff import MAX_BYTES, TOO_HEAVY
from studio.library.store import CheckedImage, check_image, put_image
from studio.library.turns import turn
from studio.live.notify import notify
from studio.teams.models import Team

logger = logging.getLogger(__name__)

FILE_NAME_LENGTH: Final = 255
_SEPARATORS: Final = re.compile(r"[/\\]")


@dataclass(frozen=True)
class Uploaded:
    """What became of a file: a new picture, or one that the library had, perhaps in its bin."""

    asset: Asset
    is_new: bool
    was_restored: bool
    # In the library alone: the collection that it was meant for is going, or gone.
    is_left_out: bool = False


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


def add_upload(
    *, team: Team, actor: User, file: File[Any], file_name: str, collection: Collection | None = None
) -> Uploaded:
    """Add an uploaded file to a team's library; the same file again is the same picture, and leaves its bin.

    With a collection, the picture is filed there too, also one that the library had, unless the collection goes
    meanwhile. Raises BadImage for what is no picture that can be kept, StorageFull, StoreDown, and Unavailable where
    too many wait already. Not inside a transaction: files are written before the row, and removed again when there is
    none.
    """
    uploaded = _take(team, actor, file, clean_file_name(file_name))
    if collection is not None:
        try:
            collect(asset_ids=[uploaded.asset.pk], collection=collection, actor_id=actor.pk)
        except CollectionGone:
            return replace(uploaded, is_left_out=True)
    return uploaded


def _take(team: Team, actor: User, file: File[Any], file_name: str) -> Uploaded:
    if file.size > MAX_BYTES:
        raise BadImage(TOO_HEAVY)
    known = _known(team, _digest_of(file))
    if known is not None:
        return known
    with turn():
        file.seek(0)
        upload = _read(file.read())
        _store(team, upload)
    try:
        with transaction.atomic():
            asset = _add(team, actor, upload, file_name)
            notify(team_id=team.pk, event="library", id=asset.pk)
    except IntegrityError:
        # Somebody uploaded the same file at the same moment, and was a little earlier.
        _forget(team, upload)
        known = _known(team, upload.received.sha256)
        if known is None:
            raise
        return known
    return Uploaded(asset, is_new=True, was_restored=False)


def _digest_of(file: File[Any]) -> str:
    digest = sha256()
    for block in file.chunks():
        digest.update(block)
    return digest.hexdigest()


def clean_file_name(name: str) -> str:
    """Return the last part of a path, without signs that cannot be seen or that turn the reading direction."""
    last = _SEPARATORS.split(name)[-1]
    seen = "".join(char for char in last if unicodedata.category(char)[0] != "C")
    return " ".join(seen.split())[:FILE_NAME_LENGTH]


def _find(team: Team, digest: str) -> Asset | None:
    """Find the picture that this file has become, or that was made here and is the same file.

    Of two, the one that is in the library rather than in its bin.
    """
    kept = Asset.objects.for_team(team).unpurged()
    uploaded = kept.filter(source=Source.UPLOADED, received_sha256=digest).first()
    same = kept.filter(sha256=digest).order_by(F("binned_at").asc(nulls_first=True), "pk").first()
    found = [asset for asset in (uploaded, same) if asset is not None]
    return min(found, key=lambda asset: asset.binned_at is not None, default=None)


def _known(team: Team, digest: str) -> Uploaded | None:
    """Find the picture of a file, out of its bin; None where there is none, or where it was purged at this moment."""
    asset = _find(team, digest)
    if asset is None or asset.binned_at is None:
        return Uploaded(asset, is_new=False, was_restored=False) if asset else None
    restored = bool(restore_assets(team_id=team.pk, asset_ids=[asset.pk]))
    asset.refresh_from_db(fields=["binned_at", "binned_by", "purged_at"])
    if asset.purged_at is not None:
        return None
    if restored:
        notify(team_id=team.pk, event="library", id=asset.pk)
    return Uploaded(asset, is_new=False, was_restored=restored)


def _read(data: bytes) -> _Upload:
    received = check_image(data)
    shown_data = cleaned(data)
    if shown_data is not data:
        shown_data = marked(shown_data, received.content_type, _packet_of(received))
    shown = received if shown_data is data else check_image(shown_data)
    return _Upload(uuid4(), received, data, shown, shown_data)


def _packet_of(received: CheckedImage) -> bytes:
    """Return what the file said of how it was made, so that a label is not lost with the notes around it."""
    return packet_for(source=Source.UPLOADED, model_title="", marks=received.marks)


def _store(team: Team, upload: _Upload) -> None:
    try:
        if upload.is_changed:
            default_storage.save(_received_name(team, upload), ContentFile(upload.received_data))
        put_image(
            team_id=team.pk,
            file_key=upload.file_key,
            checked=upload.shown,
            data=upload.shown_data,
            packet=_packet_of(upload.received),
        )
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
