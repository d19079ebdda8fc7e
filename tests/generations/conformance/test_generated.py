"""Whole generations against answers that nobody wrote: no crash, nothing stuck, no charge for what did not come."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations.models import Attempt, OutputState
from studio.integrity.checks import breaches
from studio.ledger.queries import balance
from studio.providers.adapters.base import Answer
from studio.providers.health import resume
from studio.teams.models import Team
from studio.usage.models import UsageRecord
from tests.emulators.control import EmulatorControl
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.generations.providers import PROTOCOLS, all_emulators, connect, order, poll, work
from tests.providers.adapters.test_all import ANSWERS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]


class Strange:
    """A provider that answers the next requests with what it is given, and at last always with the same."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    async def handle(self, _: Request, wire: Wire) -> None:
        """Answer anything."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        # What a header may hold at all; everything else is a matter for the transport.
        headers = {name: "".join(filter(str.isprintable, value)) for name, value in answer.headers.items()}
        body = answer.read()
        await wire.head(answer.status, headers | {"content-length": str(len(body))})
        await wire.write(body)


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators() as running:
        yield running


def campaign(
    examples: int, protocol: str, emulator: EmulatorControl, team: Team, member: User, config: Settings, home: Path
) -> None:
    """Make generations against generated answers, the books held after each."""
    config.MEDIA_ROOT, config.SPOOL_ROOT = home / "media", home / "spool"
    config.CALL_DEADLINE = 20
    strange = Strange()
    with LoopbackServer(strange.handle) as server:
        config.PRIVATE_HOSTS = emulator.places | {server.place}
        connection = connect(emulator, protocol, team=team)
        connection.base_url = f"{server.url}/v1"
        connection.save()

        @given(answers=st.lists(ANSWERS, min_size=1, max_size=4))
        @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
        def make(answers: list[Answer]) -> None:
            strange.answers = list(answers)
            resume(connection)
            generation = work(order(team, member, protocol), rounds=20)
            if generation.is_live:
                # A job that goes on for ever is given up at its deadline.
                Attempt.objects.filter(generation=generation).update(sent_at=Now() - timedelta(days=1))
                poll()
                generation = work(generation)
            assert not generation.is_live
            came = generation.outputs.filter(state=OutputState.DELIVERED).count()
            assert UsageRecord.objects.filter(generation_id=generation.pk).count() == came
            assert balance(team).held == 0
            assert balance(team).available == 100
            assert [*(home / "spool").glob("*/*")] == []

        make()
    assert breaches() == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_generation_ends_whatever_comes(
    protocol: str,
    emulators: dict[str, EmulatorControl],
    team: Team,
    member: User,
    settings: Settings,
    tmp_path: Path,
) -> None:
    campaign(25, protocol, emulators[protocol], team, member, settings, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_generation_ends_whatever_comes_however_often(
    protocol: str,
    emulators: dict[str, EmulatorControl],
    team: Team,
    member: User,
    settings: Settings,
    tmp_path: Path,
) -> None:
    # 5,000 in all.
    campaign(834, protocol, emulators[protocol], team, member, settings, tmp_path)
