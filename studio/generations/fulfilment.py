"""The worker's half: claim, call, store, deliver, settle; and take over what a dead worker left."""

import logging
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, as_completed, wait
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from studio.core.crash import crash_point
from studio.generations import claiming, delivery, failing, recovery
from studio.generations.claiming import Claim, Fenced
from studio.generations.engine import Engine, engine, is_stopping, let_go_of_database
from studio.generations.models import Attempt
from studio.generations.previewing import show_previews
from studio.generations.requesting import request_of, with_inputs
from studio.generations.results import result_from_json
from studio.generations.spool import forget_answer, spool_path
from studio.generations.unpacking import is_stale, store_patiently
from studio.providers.adapters.base import Answer, HttpRequest, ImageRequest, ImageResult, JobAccepted
from studio.providers.adapters.errors import NotReady, OutcomeUnknown, ProviderError, Unreachable
from studio.providers.gateway import adapter_of, endpoint_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long a finished call waits for a database that is away, before the next owner of the lease carries on.
DATABASE_PATIENCE = 60.0


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
    """Take over a generation whose lease ran out, or go on with one that was parked.

    What was answered is delivered, what nobody knows ends, the rest is sent. One that this process works on itself is
    left alone: only the database was away, and the lease is renewed anyway.
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
        return
    claim = claiming.wake(generation_id=generation_id, worker=worker.worker)
    if claim is not None:
        _work(worker, claim, _send)


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
    left = _persist(lambda: recovery.recover(claim))
    for attempt, answer in left.answered:
        if _deliver_or_fail(worker, claim, attempt, answer):
            return
    if left.to_repeat and _make_calls(worker, claim, left.to_repeat):
        return
    _send(worker, claim)


def _send(worker: Engine, claim: Claim) -> None:
    """Deliver what jobs have brought, send what is planned, take the answers as they come, and end or put it down."""
    if _deliver_ready(worker, claim):
        return
    if is_stopping():
        claiming.give_back(claim)
        return
    attempts = _persist(lambda: delivery.mark_sent(claim))
    crash_point("before_send")
    ended = _make_calls(worker, claim, attempts)
    while not ended and not _persist(lambda: delivery.conclude(claim)):
        ended = _deliver_ready(worker, claim)


def _deliver_ready(worker: Engine, claim: Claim) -> bool:
    """Deliver the jobs that have ended well; returns whether the generation ended with one of them."""
    for attempt in _persist(lambda: delivery.ready_ones(claim)):
        if is_stale(attempt):
            _persist(partial(delivery.ask_again, claim, attempt))
        elif _deliver(worker, claim, attempt, result_from_json(attempt.result)):
            return True
    return False


def _make_calls(worker: Engine, claim: Claim, attempts: Iterable[Attempt]) -> bool:
    """Send the attempts and take the answers as they come; no call is under way any more when it returns or raises.

    Returns whether the generation ended with one of them.
    """
    calls: dict[Future[Answer], Attempt] = {}
    try:
        for attempt in attempts:
            calls[_call(worker, claim, attempt)] = attempt
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


def _call(worker: Engine, claim: Claim, attempt: Attempt) -> Future[Answer]:
    """Send one attempt; what is wrong with the request itself fails the attempt as an answer would."""
    sending = ExitStack()
    try:
        request = sending.enter_context(with_inputs(request_of(attempt), attempt))
        request = _uploaded(worker, claim, attempt, request)
        http_request = _built(worker, attempt, request)
    except ProviderError as error:
        sending.close()
        return _refused(error)
    except (OSError, DatabaseError) as error:
        # Nothing has left: what broke here is no lost call. Teams read why, and no paths or hosts of ours.
        logger.exception("Attempt %s could not be made ready.", attempt.pk)
        sending.close()
        reason = error.strerror or "the disk failed" if isinstance(error, OSError) else "the database did not answer"
        return _refused(NotReady(f"The call could not be made ready: {reason}."))
    call = worker.submit(
        worker.client.send(
            http_request,
            deadline=settings.CALL_DEADLINE,
            spool=spool_path(attempt.token),
            private_hosts=settings.PRIVATE_HOSTS,
            on_sent=_note_sent,
            on_data=show_previews(worker, attempt, adapter_of(attempt.connection).preview_reader(request)),
        )
    )
    call.add_done_callback(lambda _: sending.close())
    return call


def _refused(error: ProviderError) -> Future[Answer]:
    refused: Future[Answer] = Future()
    refused.set_exception(error)
    return refused


def _uploaded(worker: Engine, claim: Claim, attempt: Attempt, request: ImageRequest) -> ImageRequest:
    """Upload the references where the protocol wants addresses, once for all repetitions of the call."""
    uploads = adapter_of(attempt.connection).uploads
    if uploads is None or not request.references or request.uploaded:
        return request
    let_go_of_database()
    endpoint = endpoint_of(attempt.connection)
    asking = [
        worker.submit(
            worker.client.ask(
                uploads.build_upload(endpoint, image),
                deadline=settings.CALL_DEADLINE,
                private_hosts=settings.PRIVATE_HOSTS,
            )
        )
        for image in request.references
    ]
    wait(asking)
    try:
        addresses = [uploads.read_upload(upload.result()) for upload in asking]
    except OutcomeUnknown as error:
        # An upload costs nothing and makes no picture, so it may be repeated.
        raise Unreachable(str(error)) from error
    except ProviderError as error:
        error.sent = False  # whatever it says, no picture was asked for yet
        raise
    _persist(lambda: delivery.note_uploaded(claim, attempt, addresses))
    return replace(request, uploaded=tuple(addresses))


def _built(worker: Engine, attempt: Attempt, request: ImageRequest) -> HttpRequest:
    """Build the call; where it may put megabytes of pictures into text, it waits its turn for that."""
    adapter, endpoint = adapter_of(attempt.connection), endpoint_of(attempt.connection)
    if not request.references:
        return adapter.build_request(endpoint, request)
    let_go_of_database()
    with worker.cpu:
        return adapter.build_request(endpoint, request)


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
    adapter = adapter_of(attempt.connection)
    try:
        with worker.cpu:
            result = adapter.read_answer(request_of(attempt), answer)
        if isinstance(result, JobAccepted):
            _accept(claim, attempt, result)
            return False
    except ProviderError as error:
        _fail(claim, attempt, error)
        return False
    return _deliver(worker, claim, attempt, result)


def _accept(claim: Claim, attempt: Attempt, job: JobAccepted) -> None:
    jobs = adapter_of(attempt.connection).jobs
    if jobs is None:
        raise OutcomeUnknown("The provider answered with a job, and there is no way to ask for it.")
    _persist(lambda: delivery.accept(claim, attempt, job, pace=jobs.pace))
    crash_point("after_accept")
    forget_answer(attempt.token)


def _deliver(worker: Engine, claim: Claim, attempt: Attempt, result: ImageResult) -> bool:
    """Store and deliver the pictures of one call; returns whether the generation ended with them."""
    let_go_of_database()
    pictures = store_patiently(worker, attempt, result)
    crash_point("after_store")
    ended = _persist(lambda: delivery.deliver(claim, attempt, replace(result, images=()), pictures))
    forget_answer(attempt.token)
    return ended


def _fail(claim: Claim, attempt: Attempt, error: ProviderError) -> None:
    _persist(lambda: failing.fail(claim, attempt, error))
    forget_answer(attempt.token)


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
