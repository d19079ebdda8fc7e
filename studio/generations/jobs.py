"""Jobs at providers: asked for when they are due, many at once, by one task of the upkeep. No worker waits for one.

What a job has brought is committed with its attempt; a worker then fetches the pictures and delivers them.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from studio.core.crash import crash_point
from studio.generations import failing
from studio.generations.claiming import working
from studio.generations.delivery import wind_up
from studio.generations.engine import engine, let_go_of_database
from studio.generations.models import WITH_TIME, Attempt, AttemptState, Generation, GenerationState, OutputState
from studio.generations.results import result_to_json
from studio.live.notify import notify
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
from studio.providers.health import note_failure
from studio.providers.models import Connection

logger = logging.getLogger(__name__)

BATCH: Final = 500
# So many results are committed together.
READY_AT_ONCE: Final = 50
AT_ONCE: Final = 16
ASK_SECONDS: Final = 10.0
# So long one provider is asked in a turn; the jobs that are left then are the first in the next.
ROUND_SECONDS: Final = 20.0
# Questions for one job grow rarer up to this, in seconds; a provider may want them rarer still.
LONGEST_PAUSE: Final = 10.0
GROWTH: Final = 1.3
# From so many due jobs of one connection on, the list call is asked first, a few pages of it.
LIST_FROM: Final = 8
MOST_PAGES: Final = 5
# A job that was just accepted may not be known everywhere yet.
GRACE: Final = timedelta(minutes=1)
# While a question is under way nobody else asks it; a poller that dies leaves it to the next one after this.
ASKING: Final = timedelta(seconds=2 * ROUND_SECONDS)

# Of many hundred jobs most go on: one statement for all of them. A hint that came while the question was under way has
# made a job due sooner, and that counts.
_ASK_LATER: Final = """
    UPDATE generations_attempt a
    SET polls = polls + 1, polled_at = statement_timestamp(),
        poll_at = greatest(
            least(poll_at, statement_timestamp() + make_interval(secs => later.pause)),
            statement_timestamp() + make_interval(secs => later.wanted)
        )
    FROM unnest(%(ids)s::bigint[], %(pauses)s::float8[], %(wanted)s::float8[]) AS later(id, pause, wanted)
    WHERE a.id = later.id AND a.state = 'accepted'
"""
_MAKE_READY: Final = """
    UPDATE generations_attempt a
    SET state = 'ready', result = brought.result::jsonb, answered_at = statement_timestamp(),
        polled_at = statement_timestamp(),
        latency_ms = round(1000 * extract(epoch FROM statement_timestamp() - a.sent_at))
    FROM unnest(%(ids)s::bigint[], %(results)s::text[]) AS brought(id, result)
    WHERE a.id = brought.id AND a.state = 'accepted'
    RETURNING a.generation_id
"""

Told = JobNews | ProviderError
T = TypeVar("T")


@dataclass
class _Batch:
    """The due jobs of one connection, and what there is to know to ask for them."""

    jobs: Jobs
    endpoint: Endpoint
    attempts: list[Attempt]
    told: dict[int, Told] = field(default_factory=dict)


def have_jobs() -> bool:
    """Whether any job is under way."""
    return Attempt.objects.filter(state=AttemptState.ACCEPTED).exists()


def has_one_job() -> bool:
    """Whether exactly one job is under way."""
    return len(Attempt.objects.filter(state=AttemptState.ACCEPTED).values("pk")[:2]) == 1


def poll_due() -> Iterator[int]:
    """Ask for every job that is due, write down what became of it, and yield what a worker should go on with.

    The generations of one connection are told as soon as its provider has answered or its time is over: a slow one
    holds nobody else's pictures up. Several pollers at once share the work.
    """
    batches = [_batch(attempts) for attempts in _take_due().values()]
    if not batches:
        return
    let_go_of_database()
    worker = engine()
    asking = {worker.submit(_ask_batch(worker.client, batch)): batch for batch in batches}
    for asked in as_completed(asking):
        asked.result()
        crash_point("after_poll")
        yield from _write_down(asking[asked])
        let_go_of_database()


def hasten(*, connection_id: int, job_id: str) -> bool:
    """Make a job due because somebody says that it has ended; never sooner than the provider's pace allows.

    Returns whether there is such a job under way.
    """
    attempt = _accepted().filter(connection_id=connection_id, remote_id=job_id).first()
    if attempt is None:
        return False
    jobs = _jobs_of(attempt.connection)
    earliest = (attempt.polled_at or attempt.sent_at or attempt.now) + timedelta(seconds=jobs.pace)
    soon = max(attempt.now, earliest)
    Attempt.objects.filter(pk=attempt.pk, state=AttemptState.ACCEPTED, poll_at__gt=soon).update(poll_at=soon)
    return True


def parked_ones(limit: int) -> list[int]:
    """Return parked generations that a worker should go on with: a job has ended, or outputs may be sent again."""
    parked = Generation.objects.filter(state=GenerationState.RUNNING, lease_expires_at=None)
    ready = parked.filter(attempts__state=AttemptState.READY)
    waiting = parked.filter(outputs__state=OutputState.WAITING).exclude(next_try_at__gt=Now())
    return [*ready.union(waiting).values_list("pk", flat=True)[:limit]]


def cancel_jobs(generation_id: int) -> None:
    """Ask the provider to stop the jobs of a generation that was cancelled, where that is offered.

    The job itself says later whether it was stopped in time.
    """
    attempts = list(_accepted().filter(generation=generation_id))
    let_go_of_database()
    worker = engine()
    for attempt in attempts:
        connection = attempt.connection
        worker.submit(_cancel(worker.client, _jobs_of(connection), endpoint_of(connection), attempt)).result()
    Attempt.objects.filter(pk__in=[attempt.pk for attempt in attempts], state=AttemptState.ACCEPTED).update(
        poll_at=Now() + timedelta(seconds=LONGEST_PAUSE / 2)
    )


def _accepted() -> QuerySet[Attempt]:
    """Attempts with a job under way, each with the database's time."""
    accepted = Attempt.objects.filter(state=AttemptState.ACCEPTED).annotate(**WITH_TIME)
    return accepted.select_related("connection", "via", "generation")


def _take_due() -> Mapping[int, list[Attempt]]:
    """Return the due jobs by connection, and let nobody else ask for them meanwhile."""
    by_connection: dict[int, list[Attempt]] = defaultdict(list)
    with transaction.atomic():
        due = _accepted().filter(poll_at__lte=Now()).order_by("poll_at")
        taken = list(due.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        Attempt.objects.filter(pk__in=[attempt.pk for attempt in taken]).update(polled_at=Now(), poll_at=Now() + ASKING)
    for attempt in taken:
        by_connection[attempt.connection_id].append(attempt)
    return by_connection


def _batch(attempts: list[Attempt]) -> _Batch:
    connection = attempts[0].connection
    return _Batch(_jobs_of(connection), endpoint_of(connection), attempts)


def _jobs_of(connection: Connection) -> Jobs:
    jobs = adapter_of(connection).jobs
    if jobs is None:
        raise LookupError(f"The protocol {connection.protocol} knows no jobs.")
    return jobs


async def _ask_batch(client: ProviderClient, batch: _Batch) -> None:
    """Ask for the jobs of one connection; those whose turn has not come when the time is over are left out."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def learn(attempt: Attempt) -> None:
        async with gate:
            told = batch.told.get(attempt.pk) or await _ask(client, batch, attempt)
            batch.told[attempt.pk] = told = _as_it_counts(attempt, told)
            if _is_unwanted(attempt, told):
                await _cancel(client, batch.jobs, batch.endpoint, attempt)

    with suppress(TimeoutError):
        async with asyncio.timeout(ROUND_SECONDS):
            if len(batch.attempts) >= LIST_FROM:
                await _ask_list(client, batch)
            await asyncio.gather(*(learn(attempt) for attempt in batch.attempts))


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


async def _ask_list(client: ProviderClient, batch: _Batch) -> None:
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


async def _ask(client: ProviderClient, batch: _Batch, attempt: Attempt) -> Told:
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
    rotated_at = attempt.connection.rotated_at
    if not endpoint.earlier_secret or rotated_at is None or attempt.sent_at is None or attempt.sent_at > rotated_at:
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


def _write_down(batch: _Batch) -> set[int]:
    """Commit what became of the jobs; returns the generations that a worker should go on with."""
    unasked: list[int] = []
    pauses: dict[int, tuple[float, float]] = {}
    brought: list[tuple[Attempt, ImageResult]] = []
    ended: list[tuple[Attempt, ProviderError]] = []
    for attempt in batch.attempts:
        told = batch.told.get(attempt.pk)
        if told is None:
            unasked.append(attempt.pk)
        elif isinstance(told, ImageResult):
            brought.append((attempt, told))
        elif isinstance(told, JobFailed):
            ended.append((attempt, told.error))
        else:
            pauses[attempt.pk] = _pause(attempt, batch.jobs.pace, told)
    _ask_later(pauses)
    Attempt.objects.filter(pk__in=unasked, state=AttemptState.ACCEPTED).update(poll_at=Now())
    woken = {attempt.generation_id for attempt, error in ended if _end(attempt, error)}
    for start in range(0, len(brought), READY_AT_ONCE):
        woken |= _make_ready(brought[start : start + READY_AT_ONCE])
    _note_troubles(batch)
    return woken


def _hide_prompt(attempt: Attempt, told: Told) -> None:
    """Take the prompt out of the provider's words: who read them did not know it."""
    error = told.error if isinstance(told, JobFailed) else told
    if isinstance(error, ProviderError):
        error.provider_message = clean_message(error.provider_message, prompt=attempt.generation.prompt)


def _is_older_than(attempt: Attempt, age: timedelta) -> bool:
    return attempt.sent_at is not None and attempt.now - attempt.sent_at > age


def _make_ready(brought: Sequence[tuple[Attempt, ImageResult]]) -> set[int]:
    """Commit what jobs have brought, many in one transaction; returns their generations."""
    generations = Generation.objects.filter(pk__in={attempt.generation_id for attempt, _ in brought})
    with transaction.atomic():
        # In one order, so that two pollers never wait for each other.
        running = generations.filter(state=GenerationState.RUNNING).select_for_update(no_key=True).order_by("pk")
        teams = dict(running.values_list("pk", "team_id"))
        results = {
            attempt.pk: json.dumps(result_to_json(result))
            for attempt, result in brought
            if attempt.generation_id in teams
        }
        with database.cursor() as cursor:
            cursor.execute(_MAKE_READY, {"ids": [*results], "results": [*results.values()]})
            ready = {generation_id for (generation_id,) in cursor.fetchall()}
        for generation_id in ready:
            notify(team_id=teams[generation_id], event="generation", id=generation_id)
    crash_point("after_ready")
    return ready


def _end(attempt: Attempt, error: ProviderError) -> bool:
    """End a job that brings nothing; the generation ends with it, or goes on elsewhere."""
    with working(attempt.generation_id) as generation:
        if generation is None or not _still_accepted(attempt):
            return False
        failing.note(generation, attempt, error)
        if generation.lease_expires_at is None:
            return not wind_up(Generation.objects.get(pk=generation.pk))
        return False


def _still_accepted(attempt: Attempt) -> bool:
    return Attempt.objects.filter(pk=attempt.pk, state=AttemptState.ACCEPTED).exists()


def _note_troubles(batch: _Batch) -> None:
    """Questions that failed say something about the connection, once however many they were, and nothing about jobs."""
    troubles = {
        (attempt.via.remote_name, told.kind): told
        for attempt in batch.attempts
        if isinstance(told := batch.told.get(attempt.pk), ProviderError)
    }
    for (remote_name, _), error in troubles.items():
        pause = timedelta(seconds=error.retry_after or LONGEST_PAUSE)
        with transaction.atomic():
            note_failure(
                connection_id=batch.attempts[0].connection_id, remote_name=remote_name, error=error, pause=pause
            )


def _pause(attempt: Attempt, pace: float, told: Told) -> tuple[float, float]:
    """How many seconds to wait before the next question, and how many the provider insists on."""
    wanted = told.retry_after if isinstance(told, ProviderError) and told.retry_after else 0.0
    return max(pace, min(LONGEST_PAUSE, pace * GROWTH ** min(attempt.polls, 50))), min(wanted, 60.0)


def _ask_later(pauses: Mapping[int, tuple[float, float]]) -> None:
    usual, wanted = [usual for usual, _ in pauses.values()], [wanted for _, wanted in pauses.values()]
    with database.cursor() as cursor:
        cursor.execute(_ASK_LATER, {"ids": [*pauses], "pauses": usual, "wanted": wanted})


async def _cancel(client: ProviderClient, jobs: Jobs, endpoint: Endpoint, attempt: Attempt) -> None:
    """Ask the provider once to stop a job, in each way that it may offer; its word on it does not matter here."""
    for request in jobs.build_cancels(endpoint, attempt.remote_id):
        try:
            answer = await _answer(client, request)
        except ProviderError as error:
            logger.info("Job of attempt %s could not be cancelled: %s", attempt.pk, error)
            continue
        if 200 <= answer.status < 300:
            return
