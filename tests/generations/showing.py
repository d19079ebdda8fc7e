"""Makes generations in any state as rows, for tests of the pages that show them."""

import io
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone
from PIL import Image

from studio.accounts.models import User
from studio.generations.ending import end_if_done
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, Output, OutputState
from studio.library.models import Asset
from studio.library.services import add_asset
from studio.library.store import check_image, put_image
from studio.teams.models import Team
from studio.usage.services import record_usage
from tests.generations.making import submit

ENDS = {
    OutputState.FAILED: ("upstream_transient", "The provider had a fault of its own."),
    OutputState.INTERRUPTED: ("outcome_unknown", "The connection to the provider broke."),
    OutputState.CANCELLED: ("cancelled", "Cancelled."),
}


def show(team: Team, author: User, *outputs: OutputState, message: str = "", **changes: Any) -> Generation:
    """Make a generation whose outputs are in these states; it runs while one of them waits or runs."""
    generation = submit(team, author, n=len(outputs), **changes)
    running = any(state not in {OutputState.WAITING, OutputState.CANCELLED} for state in outputs)
    if running:
        Generation.objects.filter(pk=generation.pk).update(
            state=GenerationState.RUNNING,
            fence=1,
            worker="test",
            started_at=timezone.now(),
            lease_expires_at=timezone.now() + timedelta(seconds=30),
        )
    attempt = _attempt(generation, outputs) if running else None
    for output, state in zip(generation.outputs.order_by("slot"), outputs, strict=True):
        _bring(generation, output, state, attempt, message)
    generation.refresh_from_db()
    end_if_done(generation)
    generation.refresh_from_db()
    return generation


def picture(generation: Generation, slot: int) -> Asset:
    """Store a picture of the wanted size, as a delivery does."""
    width, _, height = generation.spec["size"].partition("x")
    drawn = Image.linear_gradient("L").resize((int(width) // 8, int(height) // 8)).convert("RGB")
    file = io.BytesIO()
    drawn.save(file, "PNG")
    data, key = file.getvalue(), uuid.uuid4()
    checked = check_image(data)
    put_image(team_id=generation.team_id, file_key=key, checked=checked, data=data)
    return add_asset(
        team_id=generation.team_id,
        author_id=generation.author_id,
        file_key=key,
        checked=checked,
        prompt=generation.prompt,
        revised_prompt="",
        model_slug=generation.model.slug,
        model_title=generation.model.title,
        spec=generation.spec,
        credits=generation.unit_price,
        generation_id=generation.pk,
        slot=slot,
    )


def _call_state(outputs: Sequence[OutputState]) -> AttemptState:
    if OutputState.RUNNING in outputs or OutputState.WAITING in outputs:
        return AttemptState.SENT
    if OutputState.DELIVERED in outputs:
        return AttemptState.CLOSED
    return AttemptState.UNKNOWN if OutputState.INTERRUPTED in outputs else AttemptState.FAILED


def _attempt(generation: Generation, outputs: Sequence[OutputState]) -> Attempt:
    now = timezone.now()
    state = _call_state(outputs)
    ended = state != AttemptState.SENT
    return Attempt.objects.create(
        generation=generation,
        number=1,
        connection=generation.connection,
        via=generation.via,
        images=len(outputs),
        state=state,
        possible_cost=state == AttemptState.UNKNOWN,
        fence=1,
        token=uuid.uuid4(),
        call_id=uuid.uuid4(),
        sent_at=now - timedelta(seconds=20),
        latency_ms=20_000 if ended else None,
        ended_at=now if ended else None,
    )


def _bring(generation: Generation, output: Output, state: OutputState, attempt: Attempt | None, message: str) -> None:
    row = Output.objects.filter(pk=output.pk)
    if state == OutputState.DELIVERED:
        asset = picture(generation, output.slot)
        row.update(state=state, asset=asset, credits=generation.unit_price, ended_at=timezone.now(), attempt=attempt)
        record_usage(
            team_id=generation.team_id,
            member_id=generation.author_id,
            generation_id=generation.pk,
            output_id=output.pk,
            asset_id=asset.pk,
            model_slug=generation.model.slug,
            connection_name=generation.connection.name,
            quality=generation.spec["quality"],
            size=generation.spec["size"],
            credits=generation.unit_price,
            reported={},
            estimate_usd=None,
            price_version=generation.quote["version"],
            latency_ms=20_000,
        )
    elif state in ENDS:
        reason, words = ENDS[state]
        row.update(state=state, reason=reason, message=message or words, ended_at=timezone.now(), attempt=attempt)
    elif state == OutputState.RUNNING:
        row.update(state=state, attempt=attempt)
