"""Where answers wait between the wire and the library, and inputs between the library and the wire."""

import logging
import uuid
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)


def spool_path(token: uuid.UUID, part: str = "answer") -> Path:
    """Return the file for the answer to an attempt, or for another part of it: a picture fetched, an input."""
    return Path(settings.SPOOL_ROOT) / token.hex[:2] / f"{token.hex}.{part}"


def forget_answer(token: uuid.UUID) -> None:
    """Remove an answer that has been dealt with."""
    forget(spool_path(token))


def forget(path: Path) -> None:
    """Remove a file that has been dealt with. What a failing disk does not let go stops no work: the sweep comes."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("A file of the spool could not be removed: %s", error)
