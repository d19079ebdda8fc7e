"""What a dead worker left: nothing is sent twice, and a picture whose bytes arrived is still delivered."""

import logging

from django.db.models.functions import Now

from studio.generations.claiming import Claim, fenced
from studio.generations.models import Attempt, AttemptState, Generation, Output, OutputState
from studio.generations.spool import spool_path
from studio.live.notify import notify
from studio.providers.adapters.base import Answer

logger = logging.getLogger(__name__)

# A generation that took this many workers down with it is not given to another.
MOST_KILLS = 3

UNKNOWN = "The connection to the provider was lost after the request was sent, so nobody knows its outcome. Try again."
POISON = "This generation could not be processed."


def recover(claim: Claim) -> list[tuple[Attempt, Answer]]:
    """Sort out the attempts that an earlier worker left under way and return the answers that can still be delivered.

    Calls that were never sent are taken along under this claim's fence. A call that was sent and has no spooled answer
    ends unknown and its outputs interrupted.
    """
    with fenced(claim) as generation:
        under_way = (AttemptState.SENT, AttemptState.ANSWERED)
        with_context = generation.attempts.select_related("connection", "generation__model")
        left = list(with_context.filter(state__in=under_way).order_by("number"))
        generation.attempts.filter(state=AttemptState.PLANNED).update(fence=claim.fence)
        if generation.kills >= MOST_KILLS:
            _give_up(generation)
            return []
        found = [(attempt, _spooled(attempt)) for attempt in left]
        for attempt, answer in found:
            if answer is None:
                _end_unknown(attempt)
        if left:
            notify(team_id=generation.team_id, event="generation", id=generation.pk)
        return [(attempt, answer) for attempt, answer in found if answer is not None]


def _spooled(attempt: Attempt) -> Answer | None:
    """Return the answer in the spool; if its status was lost with the worker, the body tells what it was."""
    path = spool_path(attempt.token)
    if not path.is_file():
        return None
    return Answer(
        status=attempt.status_code or 200,
        headers={},
        body=path,
        size=path.stat().st_size,
        elapsed_ms=attempt.latency_ms or 0,
        secret=attempt.connection.secret,
    )


def _end_unknown(attempt: Attempt) -> None:
    logger.warning("The outcome of attempt %s is unknown; it may have been paid for.", attempt.pk)
    attempt.outputs.filter(state=OutputState.RUNNING).update(
        state=OutputState.INTERRUPTED, reason="outcome_unknown", message=UNKNOWN, ended_at=Now()
    )
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.UNKNOWN, error_kind="outcome_unknown", possible_cost=True, ended_at=Now()
    )


def _give_up(generation: Generation) -> None:
    logger.error("Generation %s took %s workers down and is given up.", generation.pk, generation.kills)
    unended = Output.objects.filter(generation=generation, state__in=[OutputState.WAITING, OutputState.RUNNING])
    unended.update(state=OutputState.FAILED, reason="poison", message=POISON, ended_at=Now())
    sent = generation.attempts.filter(state__in=[AttemptState.SENT, AttemptState.ANSWERED])
    sent.update(state=AttemptState.UNKNOWN, error_kind="poison", possible_cost=True, ended_at=Now())
    generation.attempts.filter(state=AttemptState.PLANNED).update(state=AttemptState.CANCELLED, ended_at=Now())
