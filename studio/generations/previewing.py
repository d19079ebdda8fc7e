"""Unfinished pictures of a call that streams them, shown while it runs. Losing one is no loss."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import DatabaseError

from studio.generations import delivery
from studio.generations.claiming import MOST_PREVIEWS
from studio.generations.engine import Engine, let_go_of_database
from studio.generations.models import Attempt
from studio.library.store import BadImage, check_image
from studio.providers.adapters.base import Preview, PreviewReader
from studio.providers.adapters.transport import OnData

logger = logging.getLogger(__name__)

_threads: Final = ThreadPoolExecutor(2, thread_name_prefix="previews")
# What waits is held in memory, and a server may send as many as it likes: those beyond this are passed over.
_room: Final = threading.BoundedSemaphore(16)


def show_previews(worker: Engine, attempt: Attempt, reader: PreviewReader | None) -> OnData | None:
    """Return what shows the previews in an answer while it arrives; None for a call without any."""
    if reader is None:
        return None

    left = MOST_PREVIEWS

    def take(data: bytes) -> None:
        nonlocal left
        for preview in reader.feed(data):
            if left == 0 or not _room.acquire(blocking=False):
                continue
            left -= 1
            _threads.submit(_show, worker, attempt, preview).add_done_callback(lambda _: _room.release())

    return take


def _show(worker: Engine, attempt: Attempt, preview: Preview) -> None:
    try:
        with worker.cpu:
            thumbnail = check_image(preview.data).thumbnail
        if thumbnail is not None:
            delivery.show_preview(attempt, preview.index + 1, thumbnail)
    except (BadImage, DatabaseError) as error:
        logger.info("A preview of attempt %s is not shown: %s", attempt.pk, error)
    finally:
        let_go_of_database()
