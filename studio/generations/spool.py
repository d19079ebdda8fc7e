"""Where answers wait between the wire and the library, and inputs between the library and the wire."""

import uuid
from pathlib import Path

from django.conf import settings


def spool_path(token: uuid.UUID, part: str = "answer") -> Path:
    """Return the file for the answer to an attempt, or for another part of it: a picture fetched, an input."""
    return Path(settings.SPOOL_ROOT) / token.hex[:2] / f"{token.hex}.{part}"


def forget_answer(token: uuid.UUID) -> None:
    """Remove an answer that has been dealt with."""
    spool_path(token).unlink(missing_ok=True)
