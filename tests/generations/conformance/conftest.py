"""One line to every provider, over emulators that run once for each module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.ledger.services import grant
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.generations.conformance.line import CREDITS, WAYS, Line
from tests.generations.providers import all_emulators, connect


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    """Every provider's emulator, by protocol."""
    with all_emulators() as running:
        yield running


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Which provider, and how it answers; a test that names some of them runs with those."""
    name: str = request.param
    return name


@pytest.fixture
def line(
    emulators: dict[str, EmulatorControl],
    way: str,
    team: Team,
    member: User,
    credits: int,
    settings: Settings,
    tmp_path: Path,
) -> Line:
    """The team's line to that provider, whose jobs end at once."""
    protocol = way.partition("-")[0]
    emulator = emulators[protocol]
    settings.PRIVATE_HOSTS = emulator.places
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SPOOL_ROOT = tmp_path / "spool"
    settings.CALL_DEADLINE = 20
    grant(team=team, amount=CREDITS - credits, reason="for many", actor=None, key="many")
    made = Line(way, emulator, connect(emulator, protocol, team=team), team, member)
    made.renew()
    return made
