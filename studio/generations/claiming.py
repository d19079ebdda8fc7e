"""Who works on what: claims with a short lease and a fencing number, and the fair order of the queue.

All times are the database's, so workers on several machines agree.
"""

import math
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from studio.catalogue.capabilities import read_capabilities
from studio.generations.models import (
    REMOTE_STATES,
    Attempt,
    AttemptState,
    Generation,
    GenerationState,
    Output,
    OutputState,
)
from studio.generations.spec import GenerationSpec
from studio.live.notify import notify
from studio.providers.health import is_open
from studio.providers.models import Connection

MOST_PREVIEWS = 3

# Takes the queued generation whose team, then whose member, has the fewest running on this connection; then the
# oldest. Nothing is taken from a connection that is full.
_TAKE_FAIREST = """
    WITH running AS (
        SELECT team_id, author_id FROM generations_generation WHERE connection_id = %(connection)s AND state = 'running'
    ), by_team AS (
        SELECT team_id, count(*) AS n FROM running GROUP BY team_id
    ), by_member AS (
        SELECT team_id, author_id, count(*) AS n FROM running GROUP BY team_id, author_id
    ), fairest AS (
        SELECT g.id FROM generations_generation g
        LEFT JOIN by_team t ON t.team_id = g.team_id
        LEFT JOIN by_member m ON m.team_id = g.team_id AND m.author_id = g.author_id
        WHERE g.connection_id = %(connection)s AND g.state = 'queued' AND coalesce(g.next_try_at <= now(), true)
          AND (SELECT count(*) FROM running) < %(max_in_flight)s
        ORDER BY coalesce(t.n, 0), coalesce(m.n, 0), g.id
        LIMIT 1
    )
    UPDATE generations_generation g
    SET state = 'running', fence = fence + 1, worker = %(worker)s, next_try_at = NULL,
        lease_expires_at = statement_timestamp() + %(lease)s, started_at = coalesce(started_at, statement_timestamp())
    FROM fairest WHERE g.id = fairest.id AND g.state = 'queued'
    RETURNING g.id, g.fence
"""


# One statement for all of a process's claims. The fence says whose lease it is: a thread that was overtaken, even by
# another one of its own process, must not keep the lease of its successor fresh. A generation that was parked meanwhile
# has the same fence and no lease: one given to it now would keep everybody away from what its job brings.
_RENEW = """
    UPDATE generations_generation g
    SET lease_expires_at = statement_timestamp() + make_interval(secs => %(seconds)s)
    FROM unnest(%(ids)s::bigint[], %(fences)s::int[]) AS held(id, fence)
    WHERE g.id = held.id AND g.fence = held.fence AND g.state = 'running' AND g.lease_expires_at IS NOT NULL
"""


_NO_LIMIT = 1000
# One that waits in the queue to be repeated is not about to leave.
_LEASED = Q(generation__state=GenerationState.RUNNING, generation__lease_expires_at__isnull=False)


class Fenced(Exception):
    """Another worker holds this generation by now, or it has ended: write nothing more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write to one generation as long as its fence is this one."""

    generation_id: int
    fence: int


def claim_next(*, connection_id: int, worker: str) -> Claim | None:
    """Claim the queued generation whose turn it is and plan its calls; None if there is none or no room.

    The connection's row is locked for the moment of the choice, so that its limits hold among many workers.
    """
    with transaction.atomic():
        connection = _lock(connection_id)
        if connection is None or not (room := _room(connection)):
            return None
        claim = _take_fairest(connection, worker=worker)
        if claim is not None:
            _plan(claim, room, one_call=is_open(connection))
        return claim


def take_over(*, generation_id: int, worker: str) -> Claim | None:
    """Claim a running generation whose lease has run out because its worker died."""
    with transaction.atomic():
        lost = Generation.objects.filter(
            pk=generation_id, state=GenerationState.RUNNING, lease_expires_at__lt=Now()
        ).update(fence=F("fence") + 1, kills=F("kills") + 1, worker=worker, lease_expires_at=_lease_end())
        if not lost:
            return None
        fence, team_id = Generation.objects.values_list("fence", "team_id").get(pk=generation_id)
        notify(team_id=team_id, event="generation", id=generation_id)
        return Claim(generation_id=generation_id, fence=fence)


def wake(*, generation_id: int, worker: str) -> Claim | None:
    """Claim a parked generation, for what its jobs have brought and for what waits to be sent; None if it is not."""
    with transaction.atomic():
        parked = Generation.objects.filter(pk=generation_id, state=GenerationState.RUNNING, lease_expires_at=None)
        if not parked.update(fence=F("fence") + 1, worker=worker, lease_expires_at=_lease_end()):
            return None
        generation = Generation.objects.get(pk=generation_id)
        claim = Claim(generation_id=generation_id, fence=generation.fence)
        # The generation first and then the connection, as everything does that works on a running one.
        connection = _lock(generation.connection_id) if _is_due(generation) else None
        if connection is not None and (room := _room(connection)):
            _plan(claim, room, one_call=is_open(connection))
        return claim


def renew(claims: Collection[Claim]) -> None:
    """Prolong the leases of everything a worker process holds, in one statement; claims that are lost stay lost."""
    ids, fences = [claim.generation_id for claim in claims], [claim.fence for claim in claims]
    with database.cursor() as cursor:
        cursor.execute(_RENEW, {"seconds": float(settings.LEASE_SECONDS), "ids": ids, "fences": fences})


def newest_claim(generation_id: int) -> Claim | None:
    """Return the claim that holds or last held a generation, whoever has it."""
    fence = Generation.objects.filter(pk=generation_id).values_list("fence", flat=True).first()
    return None if fence is None else Claim(generation_id=generation_id, fence=fence)


def give_back(claim: Claim) -> None:
    """Return a generation to the queue with whatever has not been sent; what was sent stays as it is."""
    with fenced(claim) as generation:
        # A repetition of a call that may have been taken keeps its name, and with it its outputs.
        fresh = Q(state=AttemptState.PLANNED, possible_cost=False)
        planned = Attempt.objects.filter(fresh, generation=generation)
        Output.objects.filter(attempt__in=planned, state=OutputState.RUNNING).update(
            state=OutputState.WAITING, attempt=None
        )
        planned.update(state=AttemptState.CANCELLED, ended_at=Now())
        put_down(generation)


def put_down(generation: Generation) -> None:
    """Let go of a locked generation of which no call is under way: back into the queue, or parked.

    It is parked, running without a worker, while the provider works on a job of it.
    """
    has_jobs = generation.attempts.filter(state__in=REMOTE_STATES).exists()
    state = GenerationState.RUNNING if has_jobs else GenerationState.QUEUED
    Generation.objects.filter(pk=generation.pk).update(state=state, lease_expires_at=None, worker="")
    notify(team_id=generation.team_id, event="generation", id=generation.pk)


@contextmanager
def fenced(claim: Claim) -> Iterator[Generation]:
    """Open a transaction with the claimed generation locked; raises Fenced when the claim is no longer good."""
    with transaction.atomic():
        generation = (
            Generation.objects.select_for_update(no_key=True)
            .filter(pk=claim.generation_id, fence=claim.fence, state=GenerationState.RUNNING)
            .first()
        )
        if generation is None:
            raise Fenced
        yield generation


@contextmanager
def working(generation_id: int) -> Iterator[Generation | None]:
    """Open a transaction with a running generation locked, whoever has it; None if it no longer runs.

    For news of its jobs, which are true whoever works on it.
    """
    with transaction.atomic():
        running = Generation.objects.select_for_update(no_key=True).filter(state=GenerationState.RUNNING)
        yield running.filter(pk=generation_id).first()


def has_queued(connection_id: int) -> bool:
    """Whether something waits on this connection that may start now."""
    due = Q(next_try_at=None) | Q(next_try_at__lte=Now())
    return Generation.objects.filter(due, connection_id=connection_id, state=GenerationState.QUEUED).exists()


def _lock(connection_id: int) -> Connection | None:
    """Return the connection, locked, unless it is switched off or pauses."""
    free = Q(resume_at=None) | Q(resume_at__lte=Now())
    return Connection.objects.select_for_update(no_key=True).usable().filter(free, pk=connection_id).first()


def _room(connection: Connection) -> int:
    """How many pictures the connection may be asked for now."""
    if is_open(connection) and _is_trying(connection):
        return 0
    if connection.per_minute is None:
        return _NO_LIMIT
    return max(0, connection.per_minute - _asked_last_minute(connection))


def _is_trying(connection: Connection) -> bool:
    """Whether a call is under way that will show if the provider is back."""
    under_way = (AttemptState.PLANNED, AttemptState.SENT)
    return Attempt.objects.filter(_LEASED, connection=connection, state__in=under_way).exists()


def _is_due(generation: Generation) -> bool:
    waits = generation.outputs.filter(state=OutputState.WAITING).exists()
    planned = generation.next_try_at
    return waits and generation.cancel_requested_at is None and (planned is None or planned <= timezone.now())


def _asked_last_minute(connection: Connection) -> int:
    # Planned calls leave in a moment: without them, all who claim before the first is sent would find room.
    planned = _LEASED & Q(sent_at=None, state=AttemptState.PLANNED)
    recent = Attempt.objects.filter(planned | Q(sent_at__gt=Now() - timedelta(minutes=1)), connection=connection)
    total: int = recent.aggregate(total=Coalesce(Sum("images"), 0))["total"]
    return total


def _take_fairest(connection: Connection, *, worker: str) -> Claim | None:
    wanted: dict[str, Any] = {
        "connection": connection.pk,
        "max_in_flight": connection.max_in_flight,
        "worker": worker,
        "lease": timedelta(seconds=settings.LEASE_SECONDS),
    }
    with database.cursor() as cursor:
        cursor.execute(_TAKE_FAIREST, wanted)
        row = cursor.fetchone()
    return Claim(*row) if row else None


def _plan(claim: Claim, room: int, *, one_call: bool) -> None:
    """Share the waiting outputs, as far as there is room, among as few calls as model and previews allow.

    With `one_call`, which is to try whether the provider is back, there is one. The others wait for another turn. Says
    that work has begun.
    """
    found = Generation.objects.filter(pk=claim.generation_id).annotate(planned=Count("attempts"))
    named = ("team_id", "connection_id", "via_id", "planned", "spec", "via__capabilities", "connection__options")
    generation = found.values(*named).get()
    outputs = Output.objects.filter(generation=claim.generation_id, state=OutputState.WAITING).order_by("slot")
    waiting = list(outputs.values_list("pk", flat=True)[:room])
    most = _pictures_per_call(generation["connection__options"], generation["via__capabilities"], generation["spec"])
    if one_call:
        waiting = waiting[:most]
    for index in range(math.ceil(len(waiting) / most)):
        share = waiting[index * most : (index + 1) * most]
        token = uuid.uuid4()
        attempt = Attempt.objects.create(
            generation_id=claim.generation_id,
            number=generation["planned"] + 1 + index,
            connection_id=generation["connection_id"],
            via_id=generation["via_id"],
            images=len(share),
            fence=claim.fence,
            token=token,
            call_id=token,
        )
        Output.objects.filter(pk__in=share).update(state=OutputState.RUNNING, attempt=attempt)
    notify(team_id=generation["team_id"], event="generation", id=claim.generation_id)


def _pictures_per_call(options: Mapping[str, Any], capabilities: Mapping[str, Any], spec: Mapping[str, Any]) -> int:
    """How many pictures one call may ask for.

    A stream does not say which of several pictures an unfinished one belongs to, so each is asked for by itself. Not so
    in an edit: the provider would bill the pictures that go along with every call.
    """
    if previews_of(options, capabilities) and not GenerationSpec.from_json(spec).is_edit:
        return 1
    return read_capabilities(capabilities).max_per_call


def previews_of(options: Mapping[str, Any], capabilities: Mapping[str, Any]) -> int:
    """How many unfinished pictures a connection with these options shows of each that is made with a model."""
    wanted = options.get("previews", 0) if capabilities.get("previews") else 0
    return wanted if type(wanted) is int and 0 <= wanted <= MOST_PREVIEWS else 0


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)
