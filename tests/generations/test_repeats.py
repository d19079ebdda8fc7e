"""A call that may have been taken is repeated under its name: it holds up nothing, and keeps its name."""

from pathlib import Path

import pytest
from django.db.models.functions import Now

from studio.accounts.models import User
from studio.generations import failing, recovery
from studio.generations.claiming import Claim, claim_next, give_back, take_over
from studio.generations.delivery import conclude, mark_sent
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState, OutputState, Preview
from studio.generations.previewing import show_previews
from studio.generations.recovery import recover
from studio.providers.adapters.base import Preview as Unfinished
from studio.providers.adapters.errors import OutcomeUnknown
from studio.providers.adapters.rehearsal import RehearsalAdapter
from studio.providers.health import MOST_FAILURES
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.generations.making import submit

pytestmark = pytest.mark.usefixtures("rehearsal", "credits")

LOST = OutcomeUnknown("The line broke.")


@pytest.fixture
def knows_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rehearsal know calls by their name."""
    monkeypatch.setattr(RehearsalAdapter, "resends", True)


def claimed(connection: Connection) -> Claim:
    Generation.objects.update(next_try_at=None)
    claim = claim_next(connection_id=connection.pk, worker="worker")
    assert claim is not None
    return claim


def doubtful(team: Team, member: User, connection: Connection) -> tuple[Claim, Attempt]:
    """A call whose outcome is unknown, written down twice as after a lost confirmation."""
    submit(team, member, n=1)
    claim = claimed(connection)
    [attempt] = mark_sent(claim)
    failing.fail(claim, attempt, LOST)
    failing.fail(claim, attempt, LOST)
    conclude(claim)
    return claim, attempt


@pytest.mark.usefixtures("knows_repeats")
def test_failure_that_is_written_down_twice_is_one(team: Team, member: User, rehearsal: Connection) -> None:
    _, attempt = doubtful(team, member, rehearsal)

    assert [(a.number, a.state) for a in Attempt.objects.order_by("number")] == [
        (1, AttemptState.FAILED),
        (2, AttemptState.PLANNED),
    ]
    assert Attempt.objects.get(number=2).call_id == attempt.call_id
    rehearsal.refresh_from_db()
    assert rehearsal.failures == 1


@pytest.mark.usefixtures("knows_repeats")
@pytest.mark.parametrize("limit", [{"per_minute": 1}, {"failures": MOST_FAILURES}])
def test_planned_repeat_does_not_shut_its_own_connection(
    team: Team, member: User, rehearsal: Connection, limit: dict[str, int]
) -> None:
    doubtful(team, member, rehearsal)
    Attempt.objects.filter(number=1).update(sent_at=Now() - recovery.REMEMBERED / 20)
    Connection.objects.update(resume_at=None, **limit)

    [repeat] = mark_sent(claimed(rehearsal))
    assert (repeat.number, repeat.state) == (2, AttemptState.SENT)


@pytest.mark.usefixtures("knows_repeats")
def test_repeat_keeps_its_name_through_a_stop(team: Team, member: User, rehearsal: Connection) -> None:
    _, attempt = doubtful(team, member, rehearsal)
    Connection.objects.update(resume_at=None)

    give_back(claimed(rehearsal))
    assert Generation.objects.get().state == GenerationState.QUEUED
    [repeat] = mark_sent(claimed(rehearsal))
    assert repeat.call_id == attempt.call_id
    assert Attempt.objects.count() == 2


def test_previews_end_with_an_output_whose_outcome_is_unknown(team: Team, member: User, rehearsal: Connection) -> None:
    submit(team, member, n=1)
    [attempt] = mark_sent(claimed(rehearsal))
    Preview.objects.create(output=attempt.outputs.get(), number=1, data=b"unfinished")
    Generation.objects.update(lease_expires_at=Now() - recovery.REMEMBERED)
    claim = take_over(generation_id=attempt.generation_id, worker="another")
    assert claim is not None

    recover(claim)
    assert attempt.outputs.get().state == OutputState.INTERRUPTED
    assert not Preview.objects.exists()
    conclude(claim)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'event: x\ndata: {"a": 1}\n\n', "text/event-stream"), (b'{"data": []}', None)],
)
def test_spooled_stream_is_known_by_its_beginning(tmp_path: Path, body: bytes, kind: str | None) -> None:
    path = tmp_path / "answer"
    path.write_bytes(body)
    assert recovery._headers_of(path).get("content-type") == kind


def test_only_so_many_previews_of_one_call_are_looked_at(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[object] = []

    class Threads:
        def submit(self, *work: object) -> "Threads":
            submitted.append(work)
            return self

        def add_done_callback(self, done: object) -> None:
            assert callable(done)
            done(self)

    class Flood:
        def feed(self, data: bytes) -> list[Unfinished]:
            return [Unfinished(index, data) for index in range(1000)]

    monkeypatch.setattr("studio.generations.previewing._threads", Threads())
    submit(team, member, n=1)
    [attempt] = mark_sent(claimed(rehearsal))
    take = show_previews(None, attempt, Flood())  # type: ignore[arg-type]  # the worker is not asked
    assert take is not None
    take(b"picture")
    take(b"picture")
    assert len(submitted) == 3
