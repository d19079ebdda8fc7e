"""Asking providers for jobs, many at once. What was told is kept in memory: writing it down is for others."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from django.conf import settings

from studio.generations.models import Attempt
from studio.providers.adapters.base import (
    Answer,
    Endpoint,
    HttpRequest,
    ImageResult,
    JobFailed,
    JobMissing,
    JobNews,
    JobRunning,
    Jobs,
)
from studio.providers.adapters.errors import BadAnswer, JobTimedOut, OutcomeUnknown, ProviderError, Unauthorised
from studio.providers.adapters.text import clean_message
from studio.providers.adapters.transport import ProviderClient
from studio.providers.gateway import adapter_of, endpoint_of
from studio.providers.models import Connection

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
ASK_SECONDS: Final = 10.0
# So long one provider is asked in a turn; the jobs that are left then are the first in the next.
ROUND_SECONDS: Final = 20.0
# From so many due jobs of one connection on, the list call is asked first, a few pages of it.
LIST_FROM: Final = 8
MOST_PAGES: Final = 5
# A job that was just accepted may not be known everywhere yet.
GRACE: Final = timedelta(minutes=1)

Told = JobNews | ProviderError
T = TypeVar("T")


@dataclass
class Batch:
    """The due jobs of one connection, and what there is to know to ask for them."""

    jobs: Jobs
    endpoint: Endpoint
    attempts: list[Attempt]
    told: dict[int, Told] = field(default_factory=dict)


def batch_of(attempts: list[Attempt]) -> Batch:
    """Return due jobs, all of one connection, ready to be asked for."""
    connection = attempts[0].connection
    return Batch(jobs_of(connection), endpoint_of(connection), attempts)


def jobs_of(connection: Connection) -> Jobs:
    """Return how the connection's protocol speaks of jobs."""
    jobs = adapter_of(connection).jobs
    if jobs is None:
        raise LookupError(f"The protocol {connection.protocol} knows no jobs.")
    return jobs


async def ask_batch(client: ProviderClient, batch: Batch) -> None:
    """Ask for the jobs of one connection; those whose turn has not come when the time is over are left out."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def learn(attempt: Attempt) -> None:
        async with gate:
            told = batch.told.get(attempt.pk) or await _ask(client, batch, attempt)
            batch.told[attempt.pk] = told = _as_it_counts(attempt, told)
            if _is_unwanted(attempt, told):
                await cancel(client, batch.jobs, batch.endpoint, attempt)

    with suppress(TimeoutError):
        async with asyncio.timeout(ROUND_SECONDS):
            if len(batch.attempts) >= LIST_FROM:
                await _ask_list(client, batch)
            await asyncio.gather(*(learn(attempt) for attempt in batch.attempts))


async def cancel(client: ProviderClient, jobs: Jobs, endpoint: Endpoint, attempt: Attempt) -> None:
    """Ask the provider once to stop a job, in each way that it may offer; its word on it does not matter here."""
    for request in jobs.build_cancels(endpoint, attempt.remote_id):
        try:
            answer = await _answer(client, request)
        except ProviderError as error:
            logger.info("Job of attempt %s could not be cancelled: %s", attempt.pk, error)
            continue
        if 200 <= answer.status < 300:
            return


def _as_it_counts(attempt: Attempt, told: Told) -> Told:
    """Return what was told, or the end of a job that nobody waits for any longer."""
    _hide_prompt(attempt, told)
    if isinstance(told, JobMissing) and _is_older_than(attempt, GRACE):
        return JobFailed(OutcomeUnknown("The provider no longer knows the job."))
    deadline = timedelta(seconds=settings.JOB_DEADLINE)
    if not isinstance(told, ImageResult | JobFailed) and _is_older_than(attempt, deadline):
        return JobFailed(JobTimedOut(f"The job did not end within {settings.JOB_DEADLINE:g} seconds."))
    return told


def _is_unwanted(attempt: Attempt, told: Told) -> bool:
    """Whether a job still runs that nobody waits for: its time is over, or it was cancelled before it had a name."""
    if isinstance(told, JobFailed):
        return isinstance(told.error, JobTimedOut)
    is_first_question = attempt.polls == 0
    return is_first_question and isinstance(told, JobRunning) and attempt.generation.cancel_requested_at is not None


async def _ask_list(client: ProviderClient, batch: Batch) -> None:
    """Learn of many jobs at once; what the list does not tell is asked for one by one afterwards."""
    wanted = {attempt.remote_id: attempt.pk for attempt in batch.attempts}
    cursor = ""
    for _ in range(MOST_PAGES):
        request = batch.jobs.build_list(batch.endpoint, cursor)
        if request is None:
            return
        try:
            page = await _hear(client, request, batch.jobs.read_list)
        except ProviderError as error:
            logger.info("The list of jobs cannot be read (%s); each is asked for by itself.", error.kind)
            return
        batch.told |= {wanted[job]: news for job, news in page.jobs.items() if job in wanted}
        cursor = page.cursor
        if not cursor or len(batch.told) == len(wanted):
            return


async def _ask(client: ProviderClient, batch: Batch, attempt: Attempt) -> Told:
    """Ask for one job; one that began with an earlier key may be bound to it."""
    told: Told = JobMissing()
    for endpoint in _endpoints(batch.endpoint, attempt):
        try:
            question = batch.jobs.build_poll(endpoint, attempt.remote_id)
            told = await _hear(
                client, question, partial(batch.jobs.read_poll, job_id=attempt.remote_id, n=attempt.images)
            )
        except ProviderError as error:
            told = error
        if not isinstance(told, Unauthorised | JobMissing):
            return told
    return told


def _endpoints(endpoint: Endpoint, attempt: Attempt) -> list[Endpoint]:
    if not attempt.connection.had_another_key(attempt.sent_at):
        return [endpoint]
    return [replace(endpoint, secret=endpoint.earlier_secret), endpoint]


async def _hear(client: ProviderClient, request: HttpRequest, read: Callable[[Answer], T]) -> T:
    """Ask and read the answer; one that our reading breaks at is a bad one, and holds no other job up."""
    answer = await _answer(client, request)
    try:
        return read(answer)
    except ProviderError:
        raise
    except Exception as error:
        logger.exception("An answer about jobs broke its reader.")
        raise BadAnswer("The answer cannot be read.") from error


async def _answer(client: ProviderClient, request: HttpRequest) -> Answer:
    return await client.ask(request, deadline=ASK_SECONDS, private_hosts=settings.PRIVATE_HOSTS)


def _hide_prompt(attempt: Attempt, told: Told) -> None:
    """Take the prompt out of the provider's words: who read them did not know it."""
    error = told.error if isinstance(told, JobFailed) else told
    if isinstance(error, ProviderError):
        error.provider_message = clean_message(error.provider_message, prompt=attempt.generation.prompt)


def _is_older_than(attempt: Attempt, age: timedelta) -> bool:
    return attempt.sent_at is not None and attempt.now - attempt.sent_at > age
