"""From a provider's answer to stored pictures, and from a failure to what the designer reads.

Each function that writes does so in one short transaction under the claim's fence; files are written before it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from studio.catalogue.pricing import AUTO, NotOffered
from studio.catalogue.queries import price_at
from studio.generations.claiming import Claim, Fenced, fenced, put_down
from studio.generations.ending import end_if_done
from studio.generations.models import WITH_TIME, Attempt, AttemptState, Generation, Output, OutputState, Preview
from studio.generations.spec import GenerationSpec
from studio.library.models import Source
from studio.library.services import add_asset
from studio.library.store import CheckedImage
from studio.live.notify import notify
from studio.providers.adapters.base import Answer, ImageResult, JobAccepted
from studio.providers.adapters.errors import OutcomeUnknown
from studio.providers.health import note_success
from studio.usage.services import record_usage


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
    """Commit that the planned calls are about to leave and return them; after a cancel there are none.

    One that is to be repeated waits for its time.
    """
    with fenced(claim) as generation:
        planned = generation.attempts.filter(state=AttemptState.PLANNED)
        if generation.cancel_requested_at is not None:
            cancel_unsent(generation)
            return []
        if generation.next_try_at is None or generation.next_try_at <= timezone.now():
            planned.update(state=AttemptState.SENT, sent_at=Now(), fence=claim.fence)
        # By the fence, not by what was planned: repeated after a commit whose answer was lost, it finds the same calls.
        sent = generation.attempts.filter(state=AttemptState.SENT, fence=claim.fence)
        return list(sent.select_related("connection", "via", "generation__model").order_by("number"))


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
    attempt.latency_ms = answer.elapsed_ms


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
                end_output(output, OutputState.FAILED, picture)
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
        note_success(attempt.connection_id)
        notify(team_id=generation.team_id, event="generation", id=generation.pk)
        notify(team_id=generation.team_id, event="library")
        return end_if_done(generation)


def accept(claim: Claim, attempt: Attempt, job: JobAccepted, *, pace: float) -> None:
    """Commit the id of the provider's job; from here on nobody has to wait for it.

    Raises OutcomeUnknown for an id that belongs to another call already: then nobody knows what became of this one.
    """
    open_ones = (AttemptState.SENT, AttemptState.ANSWERED)
    try:
        with fenced(claim) as generation:
            Attempt.objects.filter(pk=attempt.pk, state__in=open_ones).update(
                state=AttemptState.ACCEPTED,
                remote_id=job.job_id,
                request_id=job.request_id,
                poll_at=Now() + timedelta(seconds=pace),
                possible_cost=False,
            )
            notify(team_id=generation.team_id, event="generation", id=generation.pk)
    except IntegrityError as error:
        raise OutcomeUnknown("The provider named a job that belongs to another call.") from error


def ready_ones(claim: Claim) -> list[Attempt]:
    """Return the attempts whose jobs have ended well and wait for somebody to fetch their pictures."""
    with fenced(claim) as generation:
        ready = generation.attempts.filter(state=AttemptState.READY).annotate(**WITH_TIME)
        return list(ready.select_related("connection", "via", "generation__model").order_by("number"))


def ask_again(claim: Claim, attempt: Attempt) -> None:
    """Have a job asked for again: the addresses of its pictures are so old that they may have expired."""
    with fenced(claim):
        Attempt.objects.filter(pk=attempt.pk, state=AttemptState.READY).update(
            state=AttemptState.ACCEPTED, poll_at=Now(), result=None
        )


def note_uploaded(claim: Claim, attempt: Attempt, addresses: list[str]) -> None:
    """Commit where the references were uploaded to: a repeated call has to be the same, letter by letter."""
    with fenced(claim):
        Attempt.objects.filter(pk=attempt.pk).update(uploaded=addresses)


def show_preview(attempt: Attempt, number: int, data: bytes) -> None:
    """Show an unfinished picture, unless the output has ended or has a later one."""
    with transaction.atomic():
        running = attempt.outputs.filter(state=OutputState.RUNNING).select_for_update(no_key=True)
        output = running.order_by("slot").first()
        if output is None or Preview.objects.filter(output=output, number__gte=number).exists():
            return
        Preview.objects.update_or_create(output=output, defaults={"number": number, "data": data})
        notify(team_id=attempt.generation.team_id, event="generation", id=attempt.generation_id)


def conclude(claim: Claim) -> bool:
    """End the generation, or put it down for what waits for another try or for a job.

    Returns False, having done nothing, where a job has ended well meanwhile: whoever rang for it found the generation
    taken, and would not ring again soon.
    """
    with fenced(claim) as generation:
        if generation.attempts.filter(state=AttemptState.READY).exists():
            return False
        wind_up(generation)
        return True


def wind_up(generation: Generation) -> bool:
    """End or put down a locked generation of which no call is under way. Returns whether it ended."""
    if generation.cancel_requested_at is not None:
        cancel_unsent(generation)
    if end_if_done(generation):
        return True
    put_down(generation)
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
    price, usd, version = _price_of(generation, attempt, spec, result.reported)
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
        source=Source.EDITED if spec.is_edit else Source.GENERATED,
        connection_id=attempt.connection_id,
        connection_name=attempt.connection.name,
    )
    Output.objects.filter(pk=output.pk).update(state=OutputState.DELIVERED, asset=asset, credits=price, ended_at=Now())
    Preview.objects.filter(output=output).delete()
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
        price_version=version,
        latency_ms=attempt.latency_ms,
    )


def _price_of(
    generation: Generation, attempt: Attempt, spec: GenerationSpec, reported: Any
) -> tuple[int, Decimal | None, int]:
    """Return credits and estimated dollars of one picture, and the version of the price they are taken from.

    That is what was quoted, or less: where `auto` came out cheaper, or another connection of the route asks less.
    """
    elsewhere = attempt.via_id != generation.model_id
    model = attempt.via if elsewhere else generation.model
    version = model.price_version if elsewhere else generation.quote["version"]
    quoted_usd = generation.quote.get("usd")
    quoted = (generation.unit_price, None if quoted_usd is None else Decimal(quoted_usd), generation.quote["version"])
    if not elsewhere and AUTO not in {spec.quality, spec.size}:
        return quoted
    # Only what was left to the provider is as it says; what was asked for has the price that was agreed for it.
    quality = str(reported.get("quality", AUTO)) if spec.quality == AUTO else spec.quality
    size = str(reported.get("size", AUTO)) if spec.size == AUTO else spec.size
    try:
        price = price_at(model=model, version=version, quality=quality, size=size)
    except NotOffered:
        return quoted
    return (price.unit, price.usd, version) if price.unit < generation.unit_price else quoted


def end_output(output: Output, state: OutputState, why: Missing) -> None:
    """End one output without a picture."""
    Output.objects.filter(pk=output.pk).update(
        state=state, reason=why.reason[:40], message=why.message[:300], ended_at=Now()
    )
    Preview.objects.filter(output=output).delete()


def cancel_unsent(generation: Generation) -> None:
    """End what has not left, in the transaction that locked the generation."""
    planned = generation.attempts.filter(state=AttemptState.PLANNED)
    unsent = generation.outputs.filter(Q(state=OutputState.WAITING) | Q(attempt__in=planned, state=OutputState.RUNNING))
    unsent.update(state=OutputState.CANCELLED, reason="cancelled", message="Cancelled.", ended_at=Now())
    planned.update(state=AttemptState.CANCELLED, ended_at=Now())
