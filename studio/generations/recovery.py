"""What a dead worker left: nothing is sent twice, and a picture whose bytes arrived is still delivered."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db.models.functions import Now
from django.utils import timezone

from studio.generations.claiming import Claim, fenced
from studio.generations.models import REMOTE_STATES, Attempt, AttemptState, Generation, Output, OutputState, Preview
from studio.generations.spool import spool_path
from studio.live.notify import notify
from studio.providers.adapters.base import Answer
from studio.providers.gateway import adapter_of

logger = logging.getLogger(__name__)

# A generation that took this many workers down with it is not given to another.
MOST_KILLS = 3
# How long a provider that knows calls by their id is sure to know them; less than it promises.
REMEMBERED = timedelta(hours=20)

UNKNOWN = "The connection to the provider was lost after the request was sent, so nobody knows its outcome. Try again."
POISON = "This generation could not be processed."


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier worker left: answers that can still be delivered, and calls that may safely be made again."""

    answered: list[tuple[Attempt, Answer]]
    to_repeat: list[Attempt]


def recover(claim: Claim) -> Left:
    """Sort out the attempts that an earlier worker left under way.

    Calls that were never sent are taken along under this claim's fence. A call that was sent and has no spooled answer
    is made again where the provider knows a repetition by its id; else it ends unknown and its outputs interrupted.
    Jobs that the provider has accepted stay as they are.
    """
    with fenced(claim) as generation:
        under_way = (AttemptState.SENT, AttemptState.ANSWERED)
        with_context = generation.attempts.select_related("connection", "via", "generation__model")
        left = list(with_context.filter(state__in=under_way).order_by("number"))
        generation.attempts.filter(state=AttemptState.PLANNED).update(fence=claim.fence)
        if generation.kills >= MOST_KILLS:
            _give_up(generation)
            return Left([], [])
        found = [(attempt, _spooled(attempt)) for attempt in left]
        lost = [attempt for attempt, answer in found if answer is None]
        to_repeat = [attempt for attempt in lost if _may_repeat(attempt)]
        for attempt in lost:
            if attempt not in to_repeat:
                _end_unknown(attempt)
        for attempt in to_repeat:
            # Nobody knows if the provider took it the first time.
            attempt.fence, attempt.possible_cost = claim.fence, True
            attempt.save(update_fields=["fence", "possible_cost"])
        if left:
            notify(team_id=generation.team_id, event="generation", id=generation.pk)
        return Left([(attempt, answer) for attempt, answer in found if answer is not None], to_repeat)


def _may_repeat(attempt: Attempt) -> bool:
    """Whether the provider does not work twice for the same call; it remembers calls for a day."""
    sent_at = attempt.sent_at
    recent = sent_at is not None and timezone.now() - sent_at < REMEMBERED
    return attempt.state == AttemptState.SENT and recent and adapter_of(attempt.connection).resends


def _spooled(attempt: Attempt) -> Answer | None:
    """Return the answer in the spool; if its status was lost with the worker, the body tells what it was."""
    path = spool_path(attempt.token)
    if not path.is_file():
        return None
    connection = attempt.connection
    if connection.had_another_key(attempt.sent_at):
        # What the answer says of a key, it says of the one that the call left with.
        connection.secret = connection.earlier_secret
    return Answer(
        status=attempt.status_code or 200,
        headers=_headers_of(path),
        body=path,
        size=path.stat().st_size,
        elapsed_ms=attempt.latency_ms or 0,
        secret=connection.secret,
    )


def _headers_of(path: Path) -> dict[str, str]:
    """The headers died with the worker; that an answer is a stream shows in its first bytes."""
    with path.open("rb") as file:
        is_stream = file.read(6).startswith((b"event:", b"data:", b":"))
    return {"content-type": "text/event-stream"} if is_stream else {}


def _end_unknown(attempt: Attempt) -> None:
    logger.warning("The outcome of attempt %s is unknown; it may have been paid for.", attempt.pk)
    attempt.outputs.filter(state=OutputState.RUNNING).update(
        state=OutputState.INTERRUPTED, reason="outcome_unknown", message=UNKNOWN, ended_at=Now()
    )
    Preview.objects.filter(output__attempt=attempt).exclude(output__state=OutputState.RUNNING).delete()
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.UNKNOWN, error_kind="outcome_unknown", possible_cost=True, ended_at=Now()
    )


def _give_up(generation: Generation) -> None:
    logger.error("Generation %s took %s workers down and is given up.", generation.pk, generation.kills)
    unended = Output.objects.filter(generation=generation, state__in=[OutputState.WAITING, OutputState.RUNNING])
    unended.update(state=OutputState.FAILED, reason="poison", message=POISON, ended_at=Now())
    Preview.objects.filter(output__generation=generation).delete()
    sent = generation.attempts.filter(state__in=[AttemptState.SENT, AttemptState.ANSWERED, *REMOTE_STATES])
    sent.update(state=AttemptState.UNKNOWN, error_kind="poison", possible_cost=True, ended_at=Now())
    generation.attempts.filter(state=AttemptState.PLANNED).update(state=AttemptState.CANCELLED, ended_at=Now())
