"""The worker's half: claim, call, store, deliver, settle; and take over what a dead worker left."""

import logging
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, as_completed, wait
from dataclasses import replace
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError

from studio.core.crash import crash_point
from studio.generations import claiming, delivery, recovery
from studio.generations.claiming import Claim, Fenced
from studio.generations.delivery import Missing, Picture
from studio.generations.engine import Engine, engine, is_stopping, let_go_of_database
from studio.generations.models import Attempt
from studio.generations.spec import GenerationSpec
from studio.generations.spool import forget_answer, spool_path
from studio.library import files
from studio.library.errors import StoreDown
from studio.library.models import Source
from studio.library.provenance import packet_for
from studio.library.store import BadImage, check_image, put_image
from studio.providers.adapters.base import Answer, ImageRequest, ImageResult, JobAccepted, ReceivedImage
from studio.providers.adapters.errors import OutcomeUnknown, ProviderError
from studio.providers.gateway import adapter_of, endpoint_of, user_reference

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long a finished call waits for a database that is away, before the next owner of the lease carries on.
DATABASE_PATIENCE = 60.0

# How often and how long pictures that have arrived wait for a store that does not answer; they are in the spool.
STORE_PAUSE = 2.0
STORE_PATIENCE = 3600.0

STORAGE_FAILED = Missing("storage", "The picture could not be stored. Storage may be full; tell your admin.")
STORE_AWAY = Missing("storage", "The place where pictures are kept did not answer for too long; tell your admin.")


def fulfil_next(connection_id: int) -> bool:
    """Work on the next generation of a connection, to its end or its next pause. Returns whether more are queued."""
    if is_stopping():
        return False
    worker = engine()
    claim = claiming.claim_next(connection_id=connection_id, worker=worker.worker)
    if claim is None:
        return False
    crash_point("after_claim")
    _work(worker, claim, _send)
    return claiming.has_queued(connection_id)


def resume(generation_id: int) -> None:
    """Take over a generation whose lease ran out: deliver what was answered, end what nobody knows, send the rest.

    One that this process works on itself is left alone: only the database was away, and the lease is renewed anyway.
    """
    if is_stopping():
        return
    worker = engine()
    newest = claiming.newest_claim(generation_id)
    if newest is None or worker.is_holding(newest):
        return
    claim = claiming.take_over(generation_id=generation_id, worker=worker.worker)
    if claim is not None:
        _work(worker, claim, _recover)


def _work(worker: Engine, claim: Claim, work: Callable[[Engine, Claim], None]) -> None:
    with worker.holding(claim):
        try:
            work(worker, claim)
        except Fenced:
            logger.info("Generation %s went on elsewhere or has ended.", claim.generation_id)
        finally:
            let_go_of_database()


def _recover(worker: Engine, claim: Claim) -> None:
    """Finish what a dead worker began. A generation from the queue has nothing of the kind: nothing of it was sent."""
    for attempt, answer in _persist(lambda: recovery.recover(claim)):
        if _deliver_or_fail(worker, claim, attempt, answer):
            return
    _send(worker, claim)


def _send(worker: Engine, claim: Claim) -> None:
    """Send what is planned, take the answers as they come, and end the generation or put it back."""
    if is_stopping():
        claiming.give_back(claim)
        return
    attempts = _persist(lambda: delivery.mark_sent(claim))
    crash_point("before_send")
    if not _make_calls(worker, claim, attempts):
        _persist(lambda: delivery.conclude(claim))


def _make_calls(worker: Engine, claim: Claim, attempts: Iterable[Attempt]) -> bool:
    """Send the attempts and take the answers as they come; no call is under way any more when it returns or raises.

    Returns whether the generation ended with one of them.
    """
    calls: dict[Future[Answer], Attempt] = {}
    try:
        for attempt in attempts:
            calls[_call(worker, attempt)] = attempt
        let_go_of_database()
        for call in as_completed(calls):
            if _take_answer(worker, claim, calls[call], call):
                return True
            let_go_of_database()
    except Fenced:
        # Whoever has the generation now has given these calls up; nobody would read what they bring.
        for call in calls:
            call.cancel()
        raise
    finally:
        # What breaks one call must not lose the pictures of the others: their answers reach the spool while the lease
        # is still kept, and the next owner delivers them.
        let_go_of_database()
        wait(calls)
    return False


def _request(attempt: Attempt) -> ImageRequest:
    """Return what one attempt asks the provider for."""
    generation = attempt.generation
    spec = GenerationSpec.from_json(generation.spec)
    return ImageRequest(
        model=generation.model.remote_name,
        prompt=spec.prompt,
        n=attempt.images,
        size=spec.size,
        quality=spec.quality,
        background=spec.background,
        output_format=spec.output_format,
        compression=spec.compression,
        moderation=spec.moderation,
        user_reference=user_reference(generation.author_id),
    )


def _call(worker: Engine, attempt: Attempt) -> Future[Answer]:
    """Send one attempt; what is wrong with the request itself fails the attempt as an answer would."""
    try:
        request = adapter_of(attempt.connection).build_request(endpoint_of(attempt.connection), _request(attempt))
    except ProviderError as error:
        refused: Future[Answer] = Future()
        refused.set_exception(error)
        return refused
    sending = worker.client.send(
        request,
        deadline=settings.CALL_DEADLINE,
        spool=spool_path(attempt.token),
        private_hosts=settings.PRIVATE_HOSTS,
        on_sent=_note_sent,
    )
    return worker.submit(sending)


async def _note_sent() -> None:
    crash_point("after_send")


def _take_answer(worker: Engine, claim: Claim, attempt: Attempt, call: Future[Answer]) -> bool:
    """Deliver one answer; returns whether the generation ended with it."""
    try:
        answer = call.result()
    except ProviderError as error:
        _fail(claim, attempt, error)
        return False
    crash_point("after_answer")
    _persist(lambda: delivery.mark_answered(claim, attempt, answer))
    return _deliver_or_fail(worker, claim, attempt, answer)


def _deliver_or_fail(worker: Engine, claim: Claim, attempt: Attempt, answer: Answer) -> bool:
    let_go_of_database()
    try:
        result, pictures = _unpack_patiently(worker, attempt, answer)
    except ProviderError as error:
        _fail(claim, attempt, error)
        return False
    ended = _persist(lambda: delivery.deliver(claim, attempt, result, pictures))
    forget_answer(attempt.token)
    return ended


def _unpack_patiently(worker: Engine, attempt: Attempt, answer: Answer) -> tuple[ImageResult, list[Picture | Missing]]:
    """Unpack an answer, again and again while the store is away; the lease is kept and nothing else meanwhile."""
    give_up = time.monotonic() + STORE_PATIENCE
    while True:
        result, pictures = _unpack(worker, attempt, answer)
        if STORE_AWAY not in pictures or not _store_is_back(give_up):
            return result, pictures


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


def _unpack(worker: Engine, attempt: Attempt, answer: Answer) -> tuple[ImageResult, list[Picture | Missing]]:
    """Read an answer and store its pictures; what is returned no longer holds their bytes."""
    with worker.cpu:
        result = adapter_of(attempt.connection).read_answer(_request(attempt), answer)
        if isinstance(result, JobAccepted):
            raise OutcomeUnknown("The provider answered with a job.")
        images = dict(enumerate(result.images[: attempt.images]))
        pictures = {
            index: _store(attempt, index, image, image.data) for index, image in images.items() if image.url is None
        }
    # The gate is for CPU work: a slow place elsewhere must not hold up what others deliver.
    fetches = {index: _fetch(worker, attempt, index, image.url) for index, image in images.items() if image.url}
    for index, fetch in fetches.items():
        pictures[index] = _store_fetched(worker, attempt, index, images[index], fetch)
    return replace(result, images=()), [pictures[index] for index in images]


def _fail(claim: Claim, attempt: Attempt, error: ProviderError) -> None:
    _persist(lambda: delivery.fail(claim, attempt, error))
    forget_answer(attempt.token)


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
    packet = packet_for(source=Source.GENERATED, model_title=generation.model.title)
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
        spool=spool_path(attempt.token, index),
        private_hosts=settings.PRIVATE_HOSTS,
    )
    return worker.submit(fetching)


def _store_fetched(
    worker: Engine, attempt: Attempt, index: int, image: ReceivedImage, fetch: Future[Answer]
) -> Picture | Missing:
    try:
        spooled = fetch.result()
        with worker.cpu:
            return _store(attempt, index, image, spooled.read())
    except ProviderError as error:
        return Missing("bad_image", error.designer_message)
    finally:
        spool_path(attempt.token, index).unlink(missing_ok=True)


def _persist(write: Callable[[], T]) -> T:
    """Repeat a write while the database is away; the paid call behind it is never repeated."""
    give_up = time.monotonic() + DATABASE_PATIENCE
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            let_go_of_database()
            if time.monotonic() > give_up or is_stopping():
                raise
            logger.warning("The database does not answer (%s); the write is tried again.", error)
            time.sleep(random.uniform(0.2, 1.0))  # noqa: S311  # spreads load, guards nothing
