"""Where answers wait between the wire and the library: one file an attempt, whole or absent."""

import uuid
from pathlib import Path

from django.conf import settings


def spool_path(token: uuid.UUID, index: int | None = None) -> Path:
    """Return the file for the answer to an attempt, or for the `index`-th picture that the answer points to."""
    suffix = "answer" if index is None else f"{index}.picture"
    return Path(settings.SPOOL_ROOT) / token.hex[:2] / f"{token.hex}.{suffix}"


def forget_answer(token: uuid.UUID) -> None:
    """Remove an answer that has been dealt with."""
    spool_path(token).unlink(missing_ok=True)
