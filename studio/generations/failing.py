"""What follows from a failed call: another try, another connection, or an end that the designer understands."""

import random
import uuid
from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from studio.catalogue.models import Route
from studio.catalogue.queries import find_step
from studio.catalogue.routing import Step, steps_for
from studio.generations.claiming import Claim, fenced
from studio.generations.delivery import Missing, end_output
from studio.generations.models import Attempt, AttemptState, Generation, Output, OutputState
from studio.generations.requesting import forms_of
from studio.generations.spec import GenerationSpec
from studio.live.notify import notify
from studio.providers.adapters.errors import JobCancelled, OutcomeUnknown, ProviderError
from studio.providers.gateway import adapter_of
from studio.providers.health import as_it_counts, note_failure

MOST_TRIES: Final = 8
# Also where a provider says "now", as with a date that has passed: eight tries in a row would be no pause at all.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# How outputs end other than as failed.
_ENDS: Final = {OutcomeUnknown.kind: OutputState.INTERRUPTED, JobCancelled.kind: OutputState.CANCELLED}


def fail(claim: Claim, attempt: Attempt, error: ProviderError) -> None:
    """Commit a failed call under the claim's fence."""
    with fenced(claim) as generation:
        # A repetition after a lost confirmation finds it written down.
        still_open = (AttemptState.SENT, AttemptState.ANSWERED)
        if Attempt.objects.filter(pk=attempt.pk, state__in=still_open).exists():
            note(generation, attempt, error)


def note(generation: Generation, attempt: Attempt, error: ProviderError) -> None:
    """Write down a failed call of a locked generation, and what becomes of its outputs."""
    error = as_it_counts(attempt.connection, error)
    # Calls that left together are one try.
    failed = generation.attempts.filter(Q(state=AttemptState.FAILED) | Q(pk=attempt.pk))
    tries = failed.values("fence").distinct().count()
    pause = _pause(tries, error)
    ended = generation.cancel_requested_at is not None or tries >= MOST_TRIES
    in_time = not ended and timezone.now() + pause < generation.deadline_at
    repeated = in_time and _is_repeated(attempt, error)
    unknown = error.kind == OutcomeUnknown.kind and not repeated
    Attempt.objects.filter(pk=attempt.pk).update(
        state=AttemptState.UNKNOWN if unknown else AttemptState.FAILED,
        ended_at=Now(),
        error_kind=error.kind,
        status_code=error.status,
        request_id=error.request_id or attempt.request_id,
        provider_message=(error.provider_message or str(error))[:500],
        possible_cost=not repeated and (error.sent or _is_in_doubt(attempt)),
    )
    note_failure(connection_id=attempt.connection_id, remote_name=attempt.via.remote_name, error=error, pause=pause)
    outputs = attempt.outputs.filter(state=OutputState.RUNNING)
    if repeated:
        _plan_again(generation, attempt, outputs, pause)
    elif ended or unknown or not _finds_another_way(generation, attempt, error, pause=pause, in_time=in_time):
        for output in outputs:
            state = _ENDS.get(error.kind, OutputState.FAILED)
            end_output(output, state, Missing(error.kind, error.designer_message))
    else:
        outputs.update(state=OutputState.WAITING, attempt=None)
    notify(team_id=generation.team_id, event="generation", id=generation.pk)


def _is_repeated(attempt: Attempt, error: ProviderError) -> bool:
    """Whether the call has to be sent again as it was, because the provider may have taken it and knows it then."""
    if error.kind == OutcomeUnknown.kind:
        return adapter_of(attempt.connection).resends and not attempt.remote_id
    return error.retryable and _is_in_doubt(attempt)


def _is_in_doubt(attempt: Attempt) -> bool:
    """Whether the call was sent before and nobody knows if it was taken then."""
    return attempt.possible_cost and not attempt.remote_id


def _finds_another_way(
    generation: Generation, attempt: Attempt, error: ProviderError, *, pause: timedelta, in_time: bool
) -> bool:
    """Point the generation at the next way to make the outputs, if there is one that cannot be paid for twice."""
    if _is_in_doubt(attempt):
        return False
    step = _next_step(generation, error)
    if step is not None:
        Generation.objects.filter(pk=generation.pk).update(connection=step.connection, via=step.via, next_try_at=Now())
    elif _has_another_form(generation, attempt, error):
        Generation.objects.filter(pk=generation.pk).update(next_try_at=Greatest("next_try_at", Now()))
    elif error.retryable and in_time:
        Generation.objects.filter(pk=generation.pk).update(next_try_at=Greatest("next_try_at", Now() + pause))
    else:
        return False
    return True


def _plan_again(generation: Generation, attempt: Attempt, outputs: QuerySet[Output], pause: timedelta) -> None:
    """Plan the same call once more, under its own name: the provider knows it and does not work twice."""
    again = Attempt.objects.create(
        generation=generation,
        number=generation.attempts.count() + 1,
        connection_id=attempt.connection_id,
        via_id=attempt.via_id,
        images=attempt.images,
        fence=generation.fence,
        token=uuid.uuid4(),
        call_id=attempt.call_id,
        uploaded=Attempt.objects.values_list("uploaded", flat=True).get(pk=attempt.pk),
        # Until it is answered, what was in doubt still is.
        possible_cost=True,
    )
    outputs.update(attempt=again)
    Generation.objects.filter(pk=generation.pk).update(next_try_at=Greatest("next_try_at", Now() + pause))


def _next_step(generation: Generation, error: ProviderError) -> Step | None:
    """Return the next place of the team's route, after the last that was asked, for a call that provably did nothing.

    What another call of this generation has moved to already is taken up as it is.
    """
    route = Route.objects.filter(team=generation.team_id, model=generation.model_id)
    if not error.moves_on or not route.exists():
        return None
    asked = set(generation.attempts.exclude(state=AttemptState.PLANNED).values_list("connection_id", flat=True))
    steps = steps_for(generation.team, [generation.model])[generation.model_id]
    spec = GenerationSpec.from_json(generation.spec)
    unasked = [step for step in steps if step.connection.pk not in asked]
    return find_step(unasked, generation.model, spec, most=generation.unit_price)


def _has_another_form(generation: Generation, attempt: Attempt, error: ProviderError) -> bool:
    """Whether a call that was refused as invalid may be put in another way that the protocol knows."""
    if error.kind != "invalid_request":
        return False
    refused = generation.attempts.filter(connection=attempt.connection_id, error_kind="invalid_request")
    return refused.values("fence").distinct().count() < forms_of(attempt)


def _pause(tries: int, error: ProviderError) -> timedelta:
    """How long to wait: what the provider asked for, else longer each time; spread, so not all come back at once."""
    longer = min(LONGEST_PAUSE, 2.0 ** max(0, tries - 1))
    seconds = longer if error.retry_after is None else max(SHORTEST_PAUSE, error.retry_after)
    return timedelta(seconds=seconds * random.uniform(1.0, 1.2))  # noqa: S311  # spreads load, guards nothing
