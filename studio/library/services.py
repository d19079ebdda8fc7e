"""The library's writes."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from studio.library.models import OPENING_LENGTH, Asset, Source
from studio.library.store import CheckedImage
from studio.library.words import sort_name, vector_of

_REVISED_LENGTH: Final = 32_000


def add_asset(
    *,
    team_id: int,
    author_id: int,
    file_key: UUID,
    checked: CheckedImage,
    prompt: str,
    revised_prompt: str,
    model_slug: str,
    model_title: str,
    spec: Mapping[str, Any],
    credits: int,  # the product's word; the built-in of this name belongs to the interactive prompt
    generation_id: int | None,
    slot: int,
    source: Source = Source.GENERATED,
    connection_id: int | None = None,
    connection_name: str = "",
    file_name: str = "",
    received: CheckedImage | None = None,
) -> Asset:
    """Create the row of a picture whose files `store.put_image` has already written; part of the caller's transaction.

    `received` describes the file as received where what is shown is another one. `revised_prompt` is the provider's
    text and is cut and cleaned to what the database can hold. A second row for the same file, the same slot or the same
    upload raises IntegrityError.
    """
    return Asset.objects.create(
        team_id=team_id,
        author_id=author_id,
        file_key=file_key,
        sha256=checked.sha256,
        crc32=checked.crc32,
        size=checked.size,
        width=checked.width,
        height=checked.height,
        content_type=checked.content_type,
        has_alpha=checked.has_alpha,
        colour=checked.colour,
        has_thumb=checked.thumbnail is not None,
        prompt=prompt,
        revised_prompt=_storable(revised_prompt),
        model_slug=model_slug,
        model_title=model_title,
        spec=dict(spec),
        credits=credits,
        generation_id=generation_id,
        slot=slot,
        source=source,
        connection_id=connection_id,
        connection_name=connection_name,
        file_name=file_name,
        marks=list(received.marks if received else checked.marks),
        received_sha256=(received or checked).sha256 if source == Source.UPLOADED else "",
        received_crc32=received.crc32 if received else None,
        received_size=received.size if received else None,
        received_type=received.content_type if received else "",
        sort_name=sort_name(prompt[:OPENING_LENGTH] or file_name),
        words=vector_of("", prompt, "", file_name),
    )


def _storable(text: str) -> str:
    """Drop what PostgreSQL refuses: NUL, and halves of surrogate pairs."""
    return text[:_REVISED_LENGTH].encode("utf-8", "ignore").decode().replace("\x00", "")
