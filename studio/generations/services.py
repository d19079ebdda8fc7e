"""The web's half: start, cancel and retry generations."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.catalogue.models import ImageModel
from studio.catalogue.pricing import NotOffered, Quote, quote
from studio.catalogue.queries import Offer, find_offer, find_step
from studio.catalogue.routing import Step
from studio.core.crash import crash_point
from studio.generations.delivery import cancel_unsent
from studio.generations.ending import end_if_done
from studio.generations.errors import KeyReused, NothingToRetry, PriceChanged
from studio.generations.inputs import find_inputs, refusals
from studio.generations.models import (
    Generation,
    Output,
    OutputState,
)
from studio.generations.spec import GenerationSpec
from studio.generations.tasks import ring, ring_to_cancel
from studio.ledger.services import reserve
from studio.live.notify import notify
from studio.teams.models import Team


def start_generation(*, team: Team, actor: User, spec: GenerationSpec, key: uuid.UUID, quoted: int) -> Generation:
    """Commit quote, hold, generation, outputs and audit line in one transaction, then ring the worker.

    The same `key` with the same request returns the same generation. Raises KeyReused for another request under the
    key, PriceChanged if it costs more than `quoted`, InsufficientCredits and NotOffered.
    """
    return _start(team=team, actor=actor, spec=spec, key=key, quoted=quoted, retry_of=None)


def retry_rest(*, generation: Generation, actor: User, key: uuid.UUID) -> Generation:
    """Start a new generation of the outputs that `generation` missed, at today's price up to the price of then.

    Raises NothingToRetry besides what `start_generation` raises.
    """
    missing = generation.n - generation.outputs.filter(state=OutputState.DELIVERED).count()
    if generation.is_live or not missing:
        raise NothingToRetry
    asked = GenerationSpec.from_json(generation.spec | {"n": missing})
    return _start(
        team=generation.team,
        actor=actor,
        spec=asked,
        key=key,
        quoted=generation.unit_price * missing,
        retry_of=generation,
    )


def cancel_generation(*, generation: Generation, actor: User) -> None:
    """End what has not been sent; calls already sent finish, are delivered and charged. Harmless when repeated."""
    with transaction.atomic():
        locked = Generation.objects.select_for_update().get(pk=generation.pk)
        if not locked.is_live or locked.cancel_requested_at is not None:
            return
        Generation.objects.filter(pk=locked.pk).update(cancel_requested_at=Now())
        record(action=Action.GENERATION_CANCELLED, team_id=locked.team_id, actor_id=actor.pk, subject=str(locked.pk))
        if locked.lease_expires_at is None:
            # Nobody works on it: it is queued, or parked while the provider does.
            cancel_unsent(locked)
            end_if_done(locked)
        transaction.on_commit(lambda: ring_to_cancel(locked.pk))
        notify(team_id=locked.team_id, event="generation", id=locked.pk)


def _start(
    *, team: Team, actor: User, spec: GenerationSpec, key: uuid.UUID, quoted: int, retry_of: Generation | None
) -> Generation:
    earlier = _find_submitted(team=team, actor=actor, key=key)
    if earlier is not None:
        return _same_request(earlier, spec)
    offer = find_offer(team, spec.model_slug)
    offer.capabilities.check(spec)
    _check_inputs(team, spec, offer)
    price = quote(model=offer.priced, quality=spec.quality, size=spec.size, n=spec.n)
    if price.total > quoted:
        raise PriceChanged(price)
    step = find_step(offer.steps, offer.model, spec, most=price.unit)
    if step is None:
        raise NotOffered(field="model", message="No connection of your team can do this now.")
    order = _Order(team=team, actor=actor, spec=spec, key=key, model=offer.model, step=step, price=price)
    try:
        with transaction.atomic():
            return _commit(order, retry_of=retry_of)
    except IntegrityError:
        # Two submissions with one key at the same moment: the database lets one through, the other finds it.
        earlier = _find_submitted(team=team, actor=actor, key=key)
        if earlier is None:
            raise
        return _same_request(earlier, spec)


@dataclass(frozen=True, slots=True)
class _Order:
    """One submission that may be committed: what is asked, of whom, and for how much."""

    team: Team
    actor: User
    spec: GenerationSpec
    key: uuid.UUID
    model: ImageModel
    step: Step
    price: Quote


def _check_inputs(team: Team, spec: GenerationSpec, offer: Offer) -> None:
    """Refuse pictures that are not in the team's library, or that the model does not take."""
    inputs = find_inputs(team, spec.references, spec.mask)
    refused = refusals(inputs, offer.capabilities, offer.model.title)
    for name, message in (*inputs.problems.items(), *refused.items()):
        raise NotOffered(field=name, message=message)


def _commit(order: _Order, *, retry_of: Generation | None) -> Generation:
    """Write everything of one submission; the account row is locked last, to be held shortest."""
    team, actor, spec, price = order.team, order.actor, order.spec, order.price
    hold_id = uuid.uuid4() if price.total else None
    generation = Generation.objects.create(
        team=team,
        author=actor,
        model=order.model,
        connection=order.step.connection,
        via=order.step.via,
        hold_id=hold_id,
        retry_of=retry_of,
        prompt=spec.prompt,
        spec=spec.to_json(),
        quote=price.to_json(),
        n=spec.n,
        unit_price=price.unit,
        key=order.key,
        body_hash=spec.fingerprint(),
        deadline_at=timezone.now() + timedelta(seconds=settings.GENERATION_DEADLINE),
    )
    Output.objects.bulk_create([Output(generation=generation, slot=slot) for slot in range(spec.n)])
    record(
        action=Action.GENERATION_STARTED,
        team_id=team.pk,
        actor_id=actor.pk,
        subject=str(generation.pk),
        data={"n": spec.n, "credits": price.total, "model": spec.model_slug},
    )
    if hold_id is not None:
        note = f"{spec.n} × {order.model.title}, {spec.quality}"
        reserve(team_id=team.pk, hold_id=hold_id, amount=price.total, actor_id=actor.pk, note=note)
    crash_point("after_hold")
    notify(team_id=team.pk, event="generation", id=generation.pk)
    transaction.on_commit(lambda: _announce(generation))
    return generation


def _announce(generation: Generation) -> None:
    crash_point("before_publish")
    ring(generation.connection_id)


def _find_submitted(*, team: Team, actor: User, key: uuid.UUID) -> Generation | None:
    return Generation.objects.for_team(team).filter(author=actor, key=key).first()


def _same_request(generation: Generation, spec: GenerationSpec) -> Generation:
    if generation.body_hash != spec.fingerprint():
        raise KeyReused
    return generation
