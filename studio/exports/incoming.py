"""A library that comes back from an archive which nobody vouches for.

Every picture is checked as an upload is, and every value of the manifest as a form's would be; no name of the archive
ever becomes the name of a file. A picture is known again by its key, so the same import twice, or once more after it
was cut off anywhere, brings it once. Credits never come along: what something cost elsewhere moves no account here.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from pydantic import ValidationError

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.exports.incoming_rows import PictureRow
from studio.exports.incoming_shelves import Shelves, known_tags
from studio.exports.manifest import JSON_NAME, Manifest, read_manifest
from studio.exports.unzip import Archive, BadArchive
from studio.library import names
from studio.library.errors import BadImage
from studio.library.models import OPENING_LENGTH, Asset, AssetTag, CollectionItem, Favourite, Source
from studio.library.provenance import marks_of, packet_for
from studio.library.sniff import MAX_BYTES, kind_of
from studio.library.store import CheckedImage, check_image, put_image
from studio.library.words import sort_name, vector_of
from studio.live.notify import notify
from studio.teams.models import Team

_AT_ONCE: Final = 20
_TRIES: Final = 3
# Names the files of imported pictures: the same for one key in one team, so a repetition writes the same place.
_SPACE: Final = uuid.UUID("6f0c5be2-6c0e-4c0d-9a53-0d2f4f1a7a11")

# Called with how many pictures of the manifest are done, and how many it says there are.
OnProgress = Callable[[int, int], None]
OnRefused = Callable[[str, str], None]


@dataclass
class Imported:
    """What an import has done so far, in pictures."""

    imported: int = 0
    already: int = 0
    missing: int = 0
    refused: int = 0
    # Tags and collections that could not be made.
    left_out: int = 0

    @property
    def seen(self) -> int:
        """How many lines of the manifest were dealt with."""
        return self.imported + self.already + self.missing + self.refused


@dataclass(frozen=True)
class _Received:
    """The file as received beside a picture."""

    data: bytes = field(repr=False)
    sha256: str
    content_type: str
    crc32: int


@dataclass(frozen=True)
class _Prepared:
    """A picture that was found good, not yet in the library."""

    row: PictureRow
    file_key: uuid.UUID
    checked: CheckedImage
    data: bytes = field(repr=False)
    received: _Received | None

    @property
    def received_sha256(self) -> str:
        """By what an upload is known again."""
        if self.row.source != Source.UPLOADED and self.received is None:
            return ""
        return self.received.sha256 if self.received else self.checked.sha256


class Import:
    """One archive on its way into one team; raises BadArchive, BadManifest."""

    def __init__(self, archive: Archive, *, team: Team, author: User, is_dry: bool = False) -> None:
        self._archive, self._team, self._author, self._is_dry = archive, team, author, is_dry
        found = archive.find(JSON_NAME)
        if found is None:
            raise BadArchive("It has no manifest.json, so it is no export of Atelier.")
        self._manifest: Manifest = _guarded(lambda: read_manifest(archive.text(found)))
        self._shelves = Shelves(self._manifest.tail, team=team, actor=author)
        self._people = _people_of(team)
        # The pictures that stand for collections, by their numbers there and here.
        self._covers: dict[int, int] = {}
        self.done = Imported()

    def run(self, *, on_progress: OnProgress, on_refused: OnRefused) -> Imported:
        """Bring everything in; what is refused is told one by one. Raises StoreDown, and goes on when called again."""
        self._on_refused = on_refused
        if not self._is_dry:
            self._shelves.make()
        self.done.left_out = self._shelves.left_out
        total = self._said_total()
        rows = self._rows()
        while batch := list(islice(rows, _AT_ONCE)):
            self._bring(batch)
            on_progress(self.done.seen, total)
        if not self._is_dry:
            self._finish()
        return self.done

    def _said_total(self) -> int:
        summary = self._manifest.tail.get("summary")
        said = summary.get("pictures") if isinstance(summary, dict) else 0
        return said if isinstance(said, int) and 0 <= said < 2**31 else 0

    def _rows(self) -> Iterator[PictureRow]:
        """Read the manifest's lines; one that cannot be understood costs itself alone."""
        pictures = self._manifest.pictures
        while True:
            raw = _guarded(lambda: next(pictures, None))
            if raw is None:
                return
            try:
                yield PictureRow.model_validate(raw)
            except ValidationError as error:
                where = ".".join(str(part) for part in error.errors()[0]["loc"])
                self._refuse(str(raw.get("id"))[:40], f"its {where} in the manifest cannot be understood")

    def _bring(self, batch: Sequence[PictureRow]) -> None:
        """Read, check and store some pictures; the files first, the rows together."""
        known = self._known(batch)
        fresh = self._fresh(batch, known)
        prepared = [one for row, key in fresh if (one := self._prepared(row, key)) is not None]
        prepared = self._without_twins(prepared)
        if not self._is_dry:
            self._put(prepared)
            self._store(prepared)
        self.done.imported += len(prepared)

    def _known(self, batch: Iterable[PictureRow]) -> dict[uuid.UUID, int]:
        """Return the pictures that are here: imported before, or those that the archive was made of."""
        keys = {_origin(row.key): row.key for row in batch}
        mine = Asset.objects.filter(team=self._team)
        imported = mine.filter(origin__in=keys).values_list("origin", "pk")
        own = mine.filter(file_key__in=keys.values()).unpurged().values_list("file_key", "pk")
        return {**dict(own), **{keys[origin]: pk for origin, pk in imported}}

    def _fresh(self, batch: Sequence[PictureRow], known: Mapping[uuid.UUID, int]) -> list[tuple[PictureRow, uuid.UUID]]:
        """Return the pictures that are new and have a file, each with the key of the file it will be kept in."""
        fresh: dict[uuid.UUID, PictureRow] = {}
        for row in batch:
            if row.key in known or row.key in fresh:
                self.done.already += 1
                self._note_cover(row, known.get(row.key))
            elif row.file is None:
                self.done.missing += 1
            else:
                fresh[row.key] = row
        keys = {row.key: uuid.uuid5(_SPACE, f"{self._team.pk}:{row.key}") for row in fresh.values()}
        # Of a picture that was imported and purged since, the row is left, and its key with it.
        taken = set(Asset.objects.filter(file_key__in=keys.values()).values_list("file_key", flat=True))
        return [(row, uuid.uuid4() if keys[row.key] in taken else keys[row.key]) for row in fresh.values()]

    def _prepared(self, row: PictureRow, file_key: uuid.UUID) -> _Prepared | None:
        """Read and check one picture; None, and told, where it is not good."""
        try:
            data = self._file(row.file or "", row.file_sha256)
            checked = check_image(data)
            received = self._received(row, checked)
        except (BadArchive, BadImage) as error:
            self._refuse(f"image {row.id}", error.message)
            return None
        return _Prepared(row, file_key, checked, data, received)

    def _file(self, name: str, sha256: str | None) -> bytes:
        """Return a file of the archive if it is what the manifest says; raises BadArchive."""
        member = self._archive.find(name)
        if member is None:
            raise BadArchive("Its file is not in the archive.")
        data = self._archive.read(member, most=MAX_BYTES)
        if sha256 and hashlib.sha256(data).hexdigest() != sha256:
            raise BadArchive("Its file is another one than the manifest says.")
        return data

    def _received(self, row: PictureRow, checked: CheckedImage) -> _Received | None:
        """Return the file as received; it is only ever saved again, so it has to be a picture, no more."""
        if row.received is None:
            return None
        data = self._file(row.received.file, row.received.sha256)
        if row.received.sha256 == checked.sha256:
            return None
        proof = check_image(data)
        return _Received(data, proof.sha256, kind_of(data).content_type, proof.crc32)

    def _without_twins(self, prepared: Sequence[_Prepared]) -> list[_Prepared]:
        """Leave out uploads that the library has already, whoever uploaded them: the same file is kept once."""
        uploads = {one.received_sha256 for one in prepared if one.row.source == Source.UPLOADED}
        there = Asset.objects.unpurged().filter(team=self._team, source=Source.UPLOADED, received_sha256__in=uploads)
        known = dict(there.values_list("received_sha256", "pk"))
        kept: list[_Prepared] = []
        seen: set[str] = set()
        for one in prepared:
            sha256 = one.received_sha256 if one.row.source == Source.UPLOADED else ""
            if sha256 and (sha256 in known or sha256 in seen):
                self.done.already += 1
                self._note_cover(one.row, known.get(sha256))
                continue
            seen.add(sha256)
            kept.append(one)
        return kept

    def _put(self, prepared: Iterable[_Prepared]) -> None:
        """Write the files; what a crash leaves of them without rows is written again, or swept away."""
        for one in prepared:
            packet = packet_for(source=one.row.source, model_title=one.row.model.title)
            put_image(team_id=self._team.pk, file_key=one.file_key, checked=one.checked, data=one.data, packet=packet)
            if one.received is not None:
                kind = one.received.content_type
                name = names.received_name(team_id=self._team.pk, file_key=one.file_key, content_type=kind)
                default_storage.save(name, ContentFile(one.received.data))

    def _store(self, prepared: Sequence[_Prepared]) -> None:
        """Write the rows, all of them or none.

        What somebody else brought meanwhile, or a tag or collection that somebody deleted, is tried again without.
        """
        for attempt in range(_TRIES):
            known = self._known([one.row for one in prepared]) if attempt else {}
            left = [one for one in prepared if one.row.key not in known]
            if attempt:
                left = self._without_twins(left)
                self._shelves.forget_deleted()
            try:
                with transaction.atomic():
                    self._write(left)
            except IntegrityError:
                if attempt == _TRIES - 1:
                    raise
            else:
                return

    def _write(self, prepared: Sequence[_Prepared]) -> None:
        assets = Asset.objects.bulk_create(self._asset(one) for one in prepared)
        for asset, one in zip(assets, prepared, strict=True):
            asset.created_at = one.row.made_at  # the moment of the import was set first
        Asset.objects.bulk_update(assets, ["created_at"])
        self._file_away(list(zip(assets, [one.row for one in prepared], strict=True)))

    def _asset(self, one: _Prepared) -> Asset:
        row, checked = one.row, one.checked
        author_id = self._people.get(row.author_email.casefold(), self._author.pk)
        received = one.received
        return Asset(
            team=self._team,
            author_id=author_id,
            source=row.source,
            file_key=one.file_key,
            origin=_origin(row.key),
            sha256=checked.sha256,
            crc32=checked.crc32,
            size=checked.size,
            width=checked.width,
            height=checked.height,
            content_type=checked.content_type,
            has_alpha=checked.has_alpha,
            colour=checked.colour,
            has_thumb=checked.thumbnail is not None,
            prompt=row.prompt,
            revised_prompt=row.revised_prompt,
            title=row.title,
            notes=row.notes,
            file_name=row.file_name,
            status=row.status,
            rating=row.rating,
            marks=marks_of(received.data, received.content_type) if received else list(checked.marks),
            received_sha256=one.received_sha256,
            received_crc32=received.crc32 if received else None,
            received_size=len(received.data) if received else None,
            received_type=received.content_type if received else "",
            binned_at=row.thrown_at,
            binned_by_id=author_id if row.thrown_at else None,
            sort_name=sort_name(row.title or row.prompt[:OPENING_LENGTH] or row.file_name),
            words=vector_of(row.title, row.prompt, row.notes, row.file_name),
            connection_name=row.connection,
            model_slug=row.model.slug,
            model_title=row.model.title,
            spec={**row.settings, "prompt": row.prompt} if row.settings else {},
        )

    def _file_away(self, pairs: Sequence[tuple[Asset, PictureRow]]) -> None:
        """Tag, collect and like as before; statement by statement, for all of them together."""
        AssetTag.objects.bulk_create(
            AssetTag(asset=asset, tag=tag) for asset, row in pairs for tag in known_tags(self._shelves, row.tags)
        )
        CollectionItem.objects.bulk_create(
            CollectionItem(collection_id=pk, asset=asset, position=position, added_by_id=asset.author_id)
            for asset, row in pairs
            for pk, position in self._places(row).items()
        )
        Favourite.objects.bulk_create(
            Favourite(user_id=pk, asset=asset) for asset, row in pairs for pk in self._who(row.favourites)
        )
        for asset, row in pairs:
            self._note_cover(row, asset.pk)

    def _who(self, emails: Iterable[str]) -> set[int]:
        """Return those of these people who are in the team."""
        return {self._people[email.casefold()] for email in emails if email.casefold() in self._people}

    def _places(self, row: PictureRow) -> dict[int, int]:
        known = self._shelves.collections
        return {known[place.id].pk: place.bounded for place in row.collections if place.id in known}

    def _note_cover(self, row: PictureRow, pk: int | None) -> None:
        if pk is not None and row.id in self._shelves.cover_ids:
            self._covers[row.id] = pk

    def _finish(self) -> None:
        self._shelves.set_covers(self._covers)
        if self.done.imported:
            data = {"images": self.done.imported}
            record(action=Action.LIBRARY_IMPORTED, team_id=self._team.pk, actor_id=None, data=data)
            notify(team_id=self._team.pk, event="library")

    def _refuse(self, what: str, why: str) -> None:
        self.done.refused += 1
        self._on_refused(what, why)


def _origin(key: uuid.UUID) -> str:
    return f"atelier:{key}"


def _people_of(team: Team) -> dict[str, int]:
    """Return the team's people by their addresses."""
    return {email.casefold(): pk for email, pk in team.memberships.values_list("user__email", "user")}


def _guarded(read: Callable[[], Any]) -> Any:
    """Read from the manifest; one that nests without end is damaged, too."""
    try:
        return read()
    except RecursionError as error:
        raise BadArchive("Its manifest holds a line that nests too deep.") from error
