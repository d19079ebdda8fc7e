"""Jobs at providers: asked for when they are due, many at once, by one task of the upkeep. No worker waits for one.

What a job has brought is committed with its attempt; a worker then fetches the pictures and delivers them.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from datetime import timedelta
from typing import Final

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
from studio.generations.polling import ROUND_SECONDS, Batch, Told, ask_batch, batch_of, cancel, jobs_of
from studio.generations.results import result_to_json
from studio.live.notify import notify
from studio.providers.adapters.base import ImageResult, JobFailed
from studio.providers.adapters.errors import ProviderError
from studio.providers.gateway import endpoint_of
from studio.providers.health import as_it_counts, note_failure
from studio.providers.models import Connection

BATCH: Final = 500
# So many results are committed together.
READY_AT_ONCE: Final = 50
# Questions for one job grow rarer up to this, in seconds; a provider may want them rarer still.
LONGEST_PAUSE: Final = 10.0
GROWTH: Final = 1.3
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
    batches = [batch_of(attempts) for attempts in _take_due().values()]
    if not batches:
        return
    let_go_of_database()
    worker = engine()
    asking = {worker.submit(ask_batch(worker.client, batch)): batch for batch in batches}
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
    jobs = jobs_of(attempt.connection)
    earliest = (attempt.polled_at or attempt.sent_at or attempt.now) + timedelta(seconds=jobs.pace)
    soon = max(attempt.now, earliest)
    Attempt.objects.filter(pk=attempt.pk, state=AttemptState.ACCEPTED, poll_at__gt=soon).update(poll_at=soon)
    return True


def parked_ones(limit: int) -> list[int]:
    """Return parked generations that a worker should go on with: a job has ended, or outputs may be sent again."""
    parked = Generation.objects.filter(state=GenerationState.RUNNING, lease_expires_at=None)
    ready = parked.filter(attempts__state=AttemptState.READY)
    asked = Connection.objects.usable().exclude(resume_at__gt=Now())
    waiting = parked.filter(outputs__state=OutputState.WAITING, connection__in=asked).exclude(next_try_at__gt=Now())
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
        worker.submit(cancel(worker.client, jobs_of(connection), endpoint_of(connection), attempt)).result()
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


def _write_down(batch: Batch) -> set[int]:
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


def _note_troubles(batch: Batch) -> None:
    """Questions that failed say something about the connection, once however many they were, and nothing about jobs."""
    connection = batch.attempts[0].connection
    troubles = {
        (attempt.via.remote_name, told.kind): told
        for attempt in batch.attempts
        if isinstance(told := batch.told.get(attempt.pk), ProviderError)
    }
    for (remote_name, _), told in troubles.items():
        error = as_it_counts(connection, told)
        pause = timedelta(seconds=error.retry_after or LONGEST_PAUSE)
        with transaction.atomic():
            note_failure(connection_id=connection.pk, remote_name=remote_name, error=error, pause=pause)


def _pause(attempt: Attempt, pace: float, told: Told) -> tuple[float, float]:
    """How many seconds to wait before the next question, and how many the provider insists on."""
    wanted = told.retry_after if isinstance(told, ProviderError) and told.retry_after else 0.0
    return max(pace, min(LONGEST_PAUSE, pace * GROWTH ** min(attempt.polls, 50))), min(wanted, 60.0)


def _ask_later(pauses: Mapping[int, tuple[float, float]]) -> None:
    usual, wanted = [usual for usual, _ in pauses.values()], [wanted for _, wanted in pauses.values()]
    with database.cursor() as cursor:
        cursor.execute(_ASK_LATER, {"ids": [*pauses], "pauses": usual, "wanted": wanted})
