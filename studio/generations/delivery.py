"""From a provider's answer to stored pictures, and from a failure to what the designer reads.

Each function that writes does so in one short transaction under the claim's fence; files are written before it.
"""

import logging
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from studio.catalogue.pricing import NotOffered
from studio.catalogue.queries import price_at
from studio.generations.claiming import Claim, Fenced, fenced, requeue
from studio.generations.ending import end_if_done
from studio.generations.models import Attempt, AttemptState, Generation, Output, OutputState
from studio.generations.spec import GenerationSpec
from studio.library.services import add_asset
from studio.library.store import CheckedImage
from studio.live.notify import notify
from studio.providers.adapters.base import Answer, ImageResult
from studio.providers.adapters.errors import ProviderError
from studio.providers.models import Connection
from studio.usage.services import record_usage

logger = logging.getLogger(__name__)

MOST_TRIES = 8
# Also where a provider says "now", as with a date that has passed: eight tries in a row would be no pause at all.
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# A provider that asks for more than this may not silence a whole connection: the generation fails instead.
LONGEST_SLOWDOWN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Picture:
    """One checked picture whose files are on disk."""

    file_key: uuid.UUID
    checked: CheckedImage
    revised_prompt: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """An output that the answer did not fill: the class of the failure and what the designer reads."""

    reason: str
    message: str


NO_IMAGE = Missing("bad_answer", "The provider returned fewer images than asked.")


def file_key(attempt: Attempt, index: int) -> uuid.UUID:
    """Name the files of the `index`-th picture: the same at every repetition, so a crash leaves no second copy."""
    return uuid.uuid5(attempt.token, str(index))


def mark_sent(claim: Claim) -> list[Attempt]:
    """Commit that the planned calls are about to leave and return them; after a cancel there are none."""
    with fenced(claim) as generation:
        planned = generation.attempts.filter(state=AttemptState.PLANNED)
        if generation.cancel_requested_at is not None:
            _cancel_unsent(generation)
            return []
        planned.update(state=AttemptState.SENT, sent_at=Now(), fence=claim.fence)
        # By the fence, not by what was planned: repeated after a commit whose answer was lost, it finds the same calls.
        sent = generation.attempts.filter(state=AttemptState.SENT, fence=claim.fence)
        return list(sent.select_related("connection", "generation__model").order_by("number"))


def mark_answered(claim: Claim, attempt: Attempt, answer: Answer) -> None:
    """Commit that the whole answer is in the spool: from here a crash costs nothing."""
    # One statement without a lock on the generation: whoever takes over at this moment finds the answer in the spool
    # either way. It looks at this row alone, so that it sees what a takeover that it waited for has made of it. A
    # repetition after a lost confirmation finds it marked already.
    still_open = (AttemptState.SENT, AttemptState.ANSWERED)
    marked = Attempt.objects.filter(pk=attempt.pk, fence=claim.fence, state__in=still_open).update(
        state=AttemptState.ANSWERED,
        answered_at=Now(),
        status_code=answer.status,
        latency_ms=answer.elapsed_ms,
    )
    if not marked:
        raise Fenced


def deliver(claim: Claim, attempt: Attempt, result: ImageResult, pictures: Sequence[Picture | Missing]) -> bool:
    """Commit assets, outputs and usage records of one call; surplus pictures are left out.

    With the last output the generation ends and its hold is settled, in the same transaction. Returns whether it did.
    """
    with fenced(claim) as generation:
        spec = GenerationSpec.from_json(generation.spec)
        outputs = attempt.outputs.filter(state=OutputState.RUNNING).order_by("slot")
        for index, output in enumerate(outputs):
            picture = pictures[index] if index < len(pictures) else NO_IMAGE
            if isinstance(picture, Missing):
                _end_output(output, OutputState.FAILED, picture)
            else:
                _deliver_output(
                    generation=generation, spec=spec, output=output, attempt=attempt, result=result, picture=picture
                )
        Attempt.objects.filter(pk=attempt.pk).update(
            state=AttemptState.CLOSED,
            ended_at=Now(),
            request_id=result.request_id,
            reported=dict(result.reported),
            possible_cost=any(isinstance(picture, Missing) for picture in pictures),
        )
        notify(team_id=generation.team_id, event="generation", id=generation.pk)
        return end_if_done(generation)


def fail(claim: Claim, attempt: Attempt, error: ProviderError) -> None:
    """Commit a failed call: its outputs wait for another try where that is safe, and end otherwise."""
    with fenced(claim) as generation:
        unknown = error.kind == "outcome_unknown"
        Attempt.objects.filter(pk=attempt.pk).update(
            state=AttemptState.UNKNOWN if unknown else AttemptState.FAILED,
            ended_at=Now(),
            error_kind=error.kind,
            status_code=error.status,
            request_id=error.request_id,
            provider_message=(error.provider_message or str(error))[:500],
            possible_cost=error.sent,
        )
        # Calls that left together are one try.
        tries = generation.attempts.filter(state=AttemptState.FAILED).values("fence").distinct().count()
        pause = _pause(tries, error)
        if error.kind == "rate_limited":
            _slow_down(attempt.connection_id, min(pause, LONGEST_SLOWDOWN))
        outputs = attempt.outputs.filter(state=OutputState.RUNNING)
        if _may_retry(generation, error, tries, pause):
            outputs.update(state=OutputState.WAITING, attempt=None)
            Generation.objects.filter(pk=generation.pk).update(next_try_at=Greatest("next_try_at", Now() + pause))
        else:
            state = OutputState.INTERRUPTED if unknown else OutputState.FAILED
            for output in outputs:
                _end_output(output, state, Missing(error.kind, error.designer_message))
        notify(team_id=generation.team_id, event="generation", id=generation.pk)


def conclude(claim: Claim) -> bool:
    """End the generation, or put it back into the queue for what waits for another try. Returns whether it ended."""
    with fenced(claim) as generation:
        if generation.cancel_requested_at is not None:
            _cancel_unsent(generation)
        if end_if_done(generation):
            return True
        requeue(generation)
        return False


def _deliver_output(
    *,
    generation: Generation,
    spec: GenerationSpec,
    output: Output,
    attempt: Attempt,
    result: ImageResult,
    picture: Picture,
) -> None:
    price, usd = _price_of(generation, spec, result.reported)
    model = attempt.generation.model  # read with the attempt
    asset = add_asset(
        team_id=generation.team_id,
        author_id=generation.author_id,
        file_key=picture.file_key,
        checked=picture.checked,
        prompt=generation.prompt,
        revised_prompt=picture.revised_prompt,
        model_slug=model.slug,
        model_title=model.title,
        spec=generation.spec,
        credits=price,
        generation_id=generation.pk,
        slot=output.slot,
        connection_id=attempt.connection_id,
        connection_name=attempt.connection.name,
    )
    Output.objects.filter(pk=output.pk).update(state=OutputState.DELIVERED, asset=asset, credits=price, ended_at=Now())
    record_usage(
        team_id=generation.team_id,
        member_id=generation.author_id,
        generation_id=generation.pk,
        output_id=output.pk,
        asset_id=asset.pk,
        model_slug=model.slug,
        connection_name=attempt.connection.name,
        quality=spec.quality,
        size=spec.size,
        credits=price,
        reported=dict(result.reported),
        estimate_usd=usd,
        price_version=generation.quote["version"],
    )


def _price_of(generation: Generation, spec: GenerationSpec, reported: Any) -> tuple[int, Decimal | None]:
    """Return credits and estimated dollars of one picture: what was quoted, or less where `auto` came out cheaper."""
    quoted_usd = generation.quote.get("usd")
    usd = Decimal(quoted_usd) if quoted_usd is not None else None
    if "auto" not in {spec.quality, spec.size}:
        return generation.unit_price, usd
    try:
        price = price_at(
            model=generation.model,
            version=generation.quote["version"],
            quality=str(reported.get("quality", spec.quality)),
            size=str(reported.get("size", spec.size)),
        )
    except NotOffered:
        return generation.unit_price, usd
    return (price.unit, price.usd) if price.unit < generation.unit_price else (generation.unit_price, usd)


def _end_output(output: Output, state: OutputState, why: Missing) -> None:
    Output.objects.filter(pk=output.pk).update(
        state=state, reason=why.reason[:40], message=why.message[:300], ended_at=Now()
    )


def _cancel_unsent(generation: Generation) -> None:
    planned = generation.attempts.filter(state=AttemptState.PLANNED)
    unsent = generation.outputs.filter(Q(state=OutputState.WAITING) | Q(attempt__in=planned, state=OutputState.RUNNING))
    unsent.update(state=OutputState.CANCELLED, reason="cancelled", message="Cancelled.", ended_at=Now())
    planned.update(state=AttemptState.CANCELLED, ended_at=Now())


def _may_retry(generation: Generation, error: ProviderError, tries: int, pause: timedelta) -> bool:
    if not error.retryable or generation.cancel_requested_at is not None or tries >= MOST_TRIES:
        return False
    return timezone.now() + pause < generation.deadline_at


def _pause(tries: int, error: ProviderError) -> timedelta:
    """How long to wait: what the provider asked for, else longer each time; spread, so not all come back at once."""
    longer = min(LONGEST_PAUSE, 2.0 ** max(0, tries - 1))
    seconds = longer if error.retry_after is None else max(SHORTEST_PAUSE, error.retry_after)
    return timedelta(seconds=seconds * random.uniform(1.0, 1.2))  # noqa: S311  # spreads load, guards nothing


def _slow_down(connection_id: int, pause: timedelta) -> None:
    """A rate limit slows the whole connection, not each generation by itself."""
    Connection.objects.filter(pk=connection_id).update(resume_at=Greatest("resume_at", Now() + pause))
