"""Tags and collections of an archive, found in the library by their names or made there."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from django.db.models import QuerySet
from pydantic import ValidationError

from studio.accounts.models import User
from studio.core.errors import StudioError
from studio.exports.incoming_rows import CollectionRow, Row, TagRow
from studio.library.collecting import NAME_LENGTH, create_collection
from studio.library.models import Collection, CollectionItem, Tag
from studio.library.tagging import get_or_create_tag
from studio.library.words import fold
from studio.teams.models import Team

R = TypeVar("R", bound=Row)
M = TypeVar("M", Tag, Collection)

_MOST_ROWS: Final = 10_000


class Shelves:
    """What the numbers of an archive's tables are in this library; what cannot be made is left out and counted."""

    def __init__(self, tail: Mapping[str, Any], *, team: Team, actor: User) -> None:
        self._team, self._actor = team, actor
        self.left_out = 0
        self._tag_rows = self._rows(TagRow, tail.get("tags"))
        self._collection_rows = self._rows(CollectionRow, tail.get("collections"))
        self.tags: dict[int, Tag] = {}
        self.collections: dict[int, Collection] = {}
        # Collections that were made by this import, and the pictures that shall stand for them.
        self.covers: dict[int, int] = {}

    @property
    def cover_ids(self) -> set[int]:
        """The pictures, by their numbers in the archive, that stand for a collection."""
        return {row.cover for row in self._collection_rows if row.cover is not None}

    def make(self) -> None:
        """Find everything, or make it; an import that goes on finds what it made before."""
        for tag in self._tag_rows:
            self._make_tag(tag)
        outer = [row for row in self._collection_rows if row.parent is None]
        inner = [row for row in self._collection_rows if row.parent is not None]
        for row in (*outer, *inner):
            self._make_collection(row)

    def forget_deleted(self) -> None:
        """Leave alone what somebody in the library has deleted since: it is not wanted any more."""
        self.tags = _still_there(Tag.objects.all(), self.tags)
        self.collections = _still_there(Collection.objects.all(), self.collections)

    def _rows(self, kind: type[R], found: Any) -> list[R]:
        rows = []
        for each in found[:_MOST_ROWS] if isinstance(found, list) else []:
            try:
                rows.append(kind.model_validate(each))
            except ValidationError:
                self.left_out += 1
        return rows

    def _make_tag(self, row: TagRow) -> None:
        is_new = not Tag.objects.filter(team=self._team, key=fold(" ".join(row.name.split()))).exists()
        try:
            tag = get_or_create_tag(team=self._team, name=row.name)
        except StudioError:
            self.left_out += 1
            return
        if is_new and row.hue:
            Tag.objects.filter(pk=tag.pk).update(hue=row.hue)
        self.tags[row.id] = tag

    def _make_collection(self, row: CollectionRow) -> None:
        parent = self.collections.get(row.parent) if row.parent is not None else None
        if parent is not None and parent.parent_id is not None:
            parent = None  # forged: nothing nests deeper than once
        name = " ".join(row.name.split())[:NAME_LENGTH]
        found = Collection.objects.filter(team=self._team, parent=parent, key=fold(name)).first()
        try:
            made = found or create_collection(
                team=self._team, actor=self._actor, name=name, description=row.description, parent=parent
            )
        except StudioError:
            self.left_out += 1
            return
        if found is None and row.made_at is not None:
            Collection.objects.filter(pk=made.pk).update(created_at=row.made_at)
        if row.cover is not None and made.cover_id is None:
            self.covers[made.pk] = row.cover
        self.collections[row.id] = made

    def set_covers(self, pictures: Mapping[int, int]) -> None:
        """Let pictures stand for collections that have none yet; `pictures` maps the archive's numbers to ours."""
        for pk, number in self.covers.items():
            asset_id = pictures.get(number)
            if CollectionItem.objects.filter(collection=pk, asset=asset_id, is_listed=True).exists():
                Collection.objects.filter(pk=pk, cover=None).update(cover=asset_id)


def _still_there(rows: QuerySet[M], known: Mapping[int, M]) -> dict[int, M]:
    there = set(rows.filter(pk__in=[each.pk for each in known.values()]).values_list("pk", flat=True))
    return {number: each for number, each in known.items() if each.pk in there}


def known_tags(shelves: Shelves, ids: Iterable[int]) -> list[Tag]:
    """Return each tag once that a picture names and the library has."""
    return list({tag.pk: tag for pk in ids if (tag := shelves.tags.get(pk))}.values())
