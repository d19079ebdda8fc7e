"""How a generation ends: its state follows its outputs, and its hold is settled in the same transaction."""

from collections.abc import Collection

from django.db import transaction
from django.db.models.functions import Now

from studio.core.crash import crash_point
from studio.generations.models import Generation, GenerationState, OutputState
from studio.ledger.services import settle
from studio.live.notify import notify

UNENDED = (OutputState.WAITING, OutputState.RUNNING)


def end_if_done(generation: Generation) -> bool:
    """End a generation whose outputs have all ended: settle what was delivered and return the rest.

    Call it inside a transaction that has locked the generation's row. Returns whether it has ended now.
    """
    outputs = list(generation.outputs.values_list("state", "credits", "reason"))
    if not generation.is_live or any(state in UNENDED for state, _, _ in outputs):
        return False
    state = final_state([state for state, _, _ in outputs])
    reason = next((reason for _, _, reason in outputs if reason), "")
    Generation.objects.filter(pk=generation.pk).update(
        state=state, reason=reason, ended_at=Now(), lease_expires_at=None, next_try_at=None, worker=""
    )
    crash_point("before_settle")
    if generation.hold_id is not None:
        delivered = sum(price for _, price, _ in outputs)
        came = sum(state == OutputState.DELIVERED for state, _, _ in outputs)
        note = _images(came, generation.n)
        settle(hold_id=generation.hold_id, amount=delivered, actor_id=generation.author_id, note=note)
    transaction.on_commit(lambda: crash_point("after_settle"))
    notify(team_id=generation.team_id, event="generation", id=generation.pk)
    return True


def _images(came: int, wanted: int) -> str:
    """How many came, as the statement says it."""
    what = "image" if wanted == 1 else "images"
    return f"{came} {what}" if came == wanted else f"{came} of {wanted} {what}"


def final_state(outputs: Collection[str]) -> GenerationState:
    """Return the state of a generation whose outputs ended like this.

    An interrupted output outweighs a failed one: somebody may have been paid for it.
    """
    delivered = sum(state == OutputState.DELIVERED for state in outputs)
    if delivered:
        return GenerationState.SUCCEEDED if delivered == len(outputs) else GenerationState.PARTIAL
    if OutputState.INTERRUPTED in outputs:
        return GenerationState.INTERRUPTED
    if OutputState.FAILED in outputs:
        return GenerationState.FAILED
    return GenerationState.CANCELLED
