"""What a worker may still write when another has the generation by now."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from studio.accounts.models import User
from studio.generations.claiming import Claim, Fenced, claim_next, take_over
from studio.generations.delivery import mark_answered, mark_sent
from studio.generations.models import Attempt, AttemptState, Generation
from studio.generations.recovery import Left, recover
from studio.providers.adapters.base import Answer
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.generations.making import submit

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")
ANSWER = Answer(200, {}, Path("spooled"), 1, 20)


def sent(team: Team, member: User, connection: Connection) -> tuple[Claim, Attempt]:
    submit(team, member, n=1)
    claim = claim_next(connection_id=connection.pk, worker="worker-1")
    assert claim is not None
    [attempt] = mark_sent(claim)
    return claim, attempt


def test_mark_answered_again_after_a_lost_confirmation_is_the_same(
    team: Team, member: User, rehearsal: Connection
) -> None:
    claim, attempt = sent(team, member, rehearsal)
    mark_answered(claim, attempt, ANSWER)
    mark_answered(claim, attempt, ANSWER)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.status_code, attempt.latency_ms) == (AttemptState.ANSWERED, 200, 20)


def test_mark_answered_after_another_worker_gave_it_up_is_refused(
    team: Team, member: User, rehearsal: Connection
) -> None:
    claim, attempt = sent(team, member, rehearsal)
    Generation.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    successor = take_over(generation_id=claim.generation_id, worker="worker-2")
    assert successor is not None
    assert recover(successor) == Left([], [])
    with pytest.raises(Fenced):
        mark_answered(claim, attempt, ANSWER)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.answered_at) == (AttemptState.UNKNOWN, None)
