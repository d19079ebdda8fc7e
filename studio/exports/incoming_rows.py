"""A manifest as somebody else may have written it: every value checked, cut to what can be kept, or left out."""

import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from django.utils import timezone
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from studio.library.models import MOST_RATING, Source, Status

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_MOST_SETTINGS: Final = 20_000
_MOST_POSITION: Final = 2**62
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _text(value: Any, *, most: int) -> Any:
    """Drop what the database refuses, and what is too long; anything but a text stays for the check to refuse."""
    if value is None:
        return ""
    return _UNSTORABLE.sub("", value)[:most] if isinstance(value, str) else value


def _line(value: Any, *, most: int) -> Any:
    """Return a text on one line."""
    return _text(" ".join(value.split()), most=most) if isinstance(value, str) else _text(value, most=most)


def _settings(value: Any) -> dict[str, Any]:
    """Return options that JSON in the database can hold, or none at all."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and len(text) <= _MOST_SETTINGS and "\\u0000" not in text else {}


def _moment(value: datetime) -> datetime:
    """Return a time that can have been; one from the future is now."""
    return min(max(value, _FIRST), timezone.now())


def _position(value: int) -> int:
    return min(max(value, -_MOST_POSITION), _MOST_POSITION)


Number = Annotated[int, Field(ge=0, lt=2**63)]


class Row(BaseModel):
    """Something that a manifest describes."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)


class Model(Row):
    """What made a picture."""

    slug: Annotated[str, BeforeValidator(partial(_line, most=60))] = ""
    title: Annotated[str, BeforeValidator(partial(_line, most=80))] = ""


class Place(Row):
    """Where a picture is in a collection."""

    id: Number
    position: int = 0

    @property
    def bounded(self) -> int:
        """The position, as far as the database can hold one."""
        return _position(self.position)


class ReceivedRow(Row):
    """The file as it was received."""

    file: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PictureRow(Row):
    """A line of a manifest."""

    id: Number
    key: UUID
    file: str | None = None
    file_sha256: str | None = None
    source: Source = Source.GENERATED
    title: Annotated[str, BeforeValidator(partial(_line, most=200))] = ""
    notes: Annotated[str, BeforeValidator(partial(_text, most=4000))] = ""
    file_name: Annotated[str, BeforeValidator(partial(_line, most=255))] = ""
    prompt: Annotated[str, BeforeValidator(partial(_text, most=32_000))] = ""
    revised_prompt: Annotated[str, BeforeValidator(partial(_text, most=32_000))] = ""
    model: Model = Model()
    settings: Annotated[dict[str, Any], BeforeValidator(_settings)] = {}
    created_at: AwareDatetime
    status: Status = Status.DRAFT
    rating: Annotated[int, Field(ge=0, le=MOST_RATING)] = 0
    tags: Annotated[list[Number], Field(max_length=2000)] = []
    collections: Annotated[list[Place], Field(max_length=2000)] = []
    author_email: Annotated[str, BeforeValidator(partial(_line, most=254))] = ""
    favourites: Annotated[list[str], Field(max_length=10_000)] = []
    connection: Annotated[str, BeforeValidator(partial(_line, most=100))] = ""
    binned_at: AwareDatetime | None = None
    received: ReceivedRow | None = None

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return _moment(self.created_at)

    @property
    def thrown_at(self) -> datetime | None:
        """When it was put into the bin, if it was."""
        return _moment(self.binned_at) if self.binned_at else None


class TagRow(Row):
    """A tag of the table at the end."""

    id: Number
    name: str
    hue: Annotated[int, Field(ge=0, le=6)] = 0


class CollectionRow(Row):
    """A collection of the table at the end."""

    id: Number
    parent: Number | None = None
    name: str
    description: Annotated[str, BeforeValidator(partial(_text, most=2000))] = ""
    cover: Number | None = None
    created_at: AwareDatetime | None = None

    @property
    def made_at(self) -> datetime | None:
        """When it was made, if that is said."""
        return _moment(self.created_at) if self.created_at else None
