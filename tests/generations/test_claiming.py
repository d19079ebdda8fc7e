"""Who works on what: fair turns, limits, leases and fences."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from studio.accounts.models import User
from studio.generations import claiming
from studio.generations.claiming import Claim, Fenced, claim_next, fenced, take_over
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, OutputState
from studio.ledger.services import grant, open_account
from studio.providers.models import Connection
from studio.teams.models import Role, Team
from tests.factories import make_member, make_team
from tests.generations.making import submit

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")


def claimed(connection: Connection) -> Claim:
    claim = claim_next(connection_id=connection.pk, worker="worker-1")
    assert claim is not None
    return claim


def lose_lease(claim: Claim) -> None:
    Generation.objects.filter(pk=claim.generation_id).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_claim_next_takes_the_generation_and_plans_its_calls(team: Team, member: User, rehearsal: Connection) -> None:
    generation = submit(team, member, n=10)

    claim = claimed(rehearsal)

    generation.refresh_from_db()
    assert claim == Claim(generation_id=generation.pk, fence=1)
    assert (generation.state, generation.fence, generation.worker) == (GenerationState.RUNNING, 1, "worker-1")
    assert list(generation.attempts.order_by("number").values_list("number", "images", "state", "fence")) == [
        (1, 4, AttemptState.PLANNED, 1),
        (2, 4, AttemptState.PLANNED, 1),
        (3, 2, AttemptState.PLANNED, 1),
    ]
    assert list(generation.outputs.values_list("attempt__number", flat=True)) == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert set(generation.outputs.values_list("state", flat=True)) == {OutputState.RUNNING}


def test_claim_next_tenfold_delivery_takes_it_once(team: Team, member: User, rehearsal: Connection) -> None:
    submit(team, member)

    claims = [claim_next(connection_id=rehearsal.pk, worker="worker-1") for _ in range(10)]

    assert [claim is not None for claim in claims] == [True] + [False] * 9
    assert Attempt.objects.count() == 1


def test_claim_next_takes_turns_between_teams_then_members(
    team: Team, member: User, admin: User, rehearsal: Connection
) -> None:
    second = make_team("Second")
    open_account(team=second)
    grant(team=second, amount=100, reason="to begin with", actor=None, key="start")
    late = make_member(second, Role.MEMBER)
    wanted = [
        submit(team, member),
        submit(team, member),
        submit(team, member),
        submit(team, admin),
        submit(second, late),
        submit(second, late),
    ]

    order = [claimed(rehearsal).generation_id for _ in wanted]

    assert order == [wanted[index].pk for index in (0, 4, 3, 5, 1, 2)]


def test_claim_next_leaves_what_a_full_connection_cannot_take(team: Team, member: User, rehearsal: Connection) -> None:
    Connection.objects.filter(pk=rehearsal.pk).update(max_in_flight=1)
    submit(team, member)
    second = submit(team, member)

    claimed(rehearsal)

    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is None
    second.refresh_from_db()
    assert second.state == GenerationState.QUEUED


def test_claim_next_respects_pictures_per_minute(team: Team, member: User, rehearsal: Connection) -> None:
    Connection.objects.filter(pk=rehearsal.pk).update(per_minute=4)
    submit(team, member, n=4)
    submit(team, member, n=1)
    claimed(rehearsal)
    Attempt.objects.update(state=AttemptState.SENT, sent_at=Now())

    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is None
    Attempt.objects.update(sent_at=Now() - timedelta(seconds=61))
    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is not None


def test_claim_next_counts_pictures_that_are_about_to_be_asked_for(
    team: Team, member: User, rehearsal: Connection
) -> None:
    Connection.objects.filter(pk=rehearsal.pk).update(per_minute=1)
    submit(team, member, n=1)
    submit(team, member, n=1)
    claimed(rehearsal)

    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is None


@pytest.mark.parametrize("change", [{"enabled": False}, {"resume_at": Now() + timedelta(minutes=1)}])
def test_claim_next_leaves_a_paused_connection_alone(
    team: Team, member: User, rehearsal: Connection, change: dict[str, object]
) -> None:
    submit(team, member)
    Connection.objects.filter(pk=rehearsal.pk).update(**change)

    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is None


def test_claim_next_waits_for_the_time_of_a_retry(team: Team, member: User, rehearsal: Connection) -> None:
    generation = submit(team, member)
    Generation.objects.filter(pk=generation.pk).update(next_try_at=Now() + timedelta(minutes=1))

    assert claim_next(connection_id=rehearsal.pk, worker="worker-1") is None
    assert not claiming.has_queued(rehearsal.pk)


def test_claim_next_of_an_unknown_connection_finds_nothing() -> None:
    assert claim_next(connection_id=10**9, worker="worker-1") is None


def test_take_over_needs_a_lease_that_has_run_out(team: Team, member: User, rehearsal: Connection) -> None:
    submit(team, member)
    claim = claimed(rehearsal)

    assert take_over(generation_id=claim.generation_id, worker="worker-2") is None
    lose_lease(claim)
    assert take_over(generation_id=claim.generation_id, worker="worker-2") == Claim(claim.generation_id, 2)
    assert Generation.objects.get().kills == 1


def test_fenced_refuses_the_worker_that_was_overtaken(team: Team, member: User, rehearsal: Connection) -> None:
    submit(team, member)
    claim = claimed(rehearsal)
    lose_lease(claim)
    take_over(generation_id=claim.generation_id, worker="worker-2")

    with pytest.raises(Fenced), fenced(claim):
        pytest.fail("a late worker was let in")


def test_renew_prolongs_only_the_claims_that_are_still_good(team: Team, member: User, rehearsal: Connection) -> None:
    submit(team, member)
    overtaken = claimed(rehearsal)
    lose_lease(overtaken)
    newer = take_over(generation_id=overtaken.generation_id, worker="worker-1")
    assert newer is not None
    lose_lease(newer)

    claiming.renew([overtaken])
    assert Generation.objects.filter(lease_expires_at__lt=Now()).exists()
    claiming.renew([overtaken, newer])
    assert not Generation.objects.filter(lease_expires_at__lt=Now()).exists()


def test_give_back_returns_what_was_not_sent_to_the_queue(team: Team, member: User, rehearsal: Connection) -> None:
    generation = submit(team, member)

    claiming.give_back(claimed(rehearsal))

    generation.refresh_from_db()
    assert (generation.state, generation.lease_expires_at) == (GenerationState.QUEUED, None)
    assert generation.outputs.filter(state=OutputState.WAITING, attempt=None).count() == 2
    assert list(generation.attempts.values_list("state", flat=True)) == [AttemptState.CANCELLED]
    assert claimed(rehearsal) == Claim(generation.pk, 2)
