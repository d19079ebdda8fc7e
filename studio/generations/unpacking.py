"""From what a provider sent to pictures whose files are stored. No row is written here."""

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings

from studio.generations import delivery
from studio.generations.delivery import Missing, Picture
from studio.generations.engine import Engine, is_stopping
from studio.generations.models import Attempt
from studio.generations.spec import GenerationSpec
from studio.generations.spool import forget, spool_path
from studio.library import files
from studio.library.errors import StoreDown
from studio.library.models import Source
from studio.library.provenance import packet_for
from studio.library.store import BadImage, check_image, put_image
from studio.providers.adapters.base import Answer, ImageResult, ReceivedImage
from studio.providers.adapters.errors import ProviderError

logger = logging.getLogger(__name__)

# How often and how long pictures that have arrived wait for a store that does not answer; they are in the spool.
STORE_PAUSE = 2.0
STORE_PATIENCE = 3600.0
# The addresses in a result that is older than this may have expired by now.
FRESH: Final = timedelta(minutes=5)

STORAGE_FAILED = Missing("storage", "The picture could not be stored. Storage may be full; tell your admin.")
STORE_AWAY = Missing("storage", "The place where pictures are kept did not answer for too long; tell your admin.")


def store_patiently(worker: Engine, attempt: Attempt, result: ImageResult) -> list[Picture | Missing]:
    """Store the pictures of a result, again and again while the store is away; the lease is kept meanwhile."""
    give_up = time.monotonic() + STORE_PATIENCE
    while True:
        pictures = _store_all(worker, attempt, result)
        if STORE_AWAY not in pictures or not _store_is_back(give_up):
            return pictures


def is_stale(attempt: Attempt) -> bool:
    """Whether the addresses in a job's result may have expired."""
    return attempt.polled_at is not None and attempt.now - attempt.polled_at > FRESH


def _store_is_back(give_up: float) -> bool:
    """Wait until the store answers; False when patience ends. A worker that stops leaves the rest to another."""
    while time.monotonic() < give_up:
        if is_stopping():
            raise StoreDown
        time.sleep(STORE_PAUSE)
        try:
            files.sizes_of(["originals/probe"])
        except StoreDown:
            logger.warning("The store does not answer; pictures that have arrived wait for it.")
        else:
            return True
    return False


def _store_all(worker: Engine, attempt: Attempt, result: ImageResult) -> list[Picture | Missing]:
    images = dict(enumerate(result.images[: attempt.images]))
    # The gate is for CPU work: a slow place elsewhere must not hold up what others deliver.
    fetches = {
        index: _fetch(worker, attempt, index, image.url)
        for index, image in images.items()
        if image.data is None and image.url
    }
    pictures: dict[int, Picture | Missing] = {}
    for index, image in images.items():
        if index in fetches:
            pictures[index] = _store_fetched(worker, attempt, index, image, fetches)
        else:
            with worker.cpu:
                pictures[index] = _store(attempt, index, image, image.data)
    return [pictures[index] for index in images]


def _store(attempt: Attempt, index: int, image: ReceivedImage, data: bytes | None) -> Picture | Missing:
    """Check one received picture and write its files; one bad picture does not harm the others of its call."""
    if data is None:
        return Missing("bad_image", image.reason)
    try:
        checked = check_image(data)
    except BadImage as error:
        return Missing("bad_image", str(error))
    key = delivery.file_key(attempt, index)
    generation = attempt.generation
    source = Source.EDITED if GenerationSpec.from_json(generation.spec).is_edit else Source.GENERATED
    packet = packet_for(source=source, model_title=generation.model.title)
    try:
        put_image(team_id=generation.team_id, file_key=key, checked=checked, data=data, packet=packet)
    except StoreDown:
        return STORE_AWAY
    except OSError:
        logger.exception("Picture %s of attempt %s could not be stored.", index, attempt.pk)
        return STORAGE_FAILED
    return Picture(file_key=key, checked=checked, revised_prompt=image.revised_prompt or "")


def _fetch(worker: Engine, attempt: Attempt, index: int, url: str) -> Future[Answer]:
    fetching = worker.client.fetch(
        url,
        deadline=settings.CALL_DEADLINE,
        spool=_picture_path(attempt, index),
        private_hosts=settings.PRIVATE_HOSTS,
    )
    return worker.submit(fetching)


def _store_fetched(
    worker: Engine, attempt: Attempt, index: int, image: ReceivedImage, fetches: Mapping[int, Future[Answer]]
) -> Picture | Missing:
    try:
        spooled = fetches[index].result()
        with worker.cpu:
            return _store(attempt, index, image, spooled.read())
    except ProviderError as error:
        return Missing("bad_image", error.designer_message)
    finally:
        forget(_picture_path(attempt, index))


def _picture_path(attempt: Attempt, index: int) -> Path:
    return spool_path(attempt.token, f"{index}.picture")
