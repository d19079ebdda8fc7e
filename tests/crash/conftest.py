"""Installations of real processes, each with a database of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from studio.runtime.postgres import EmbeddedPostgres
from tests.crash.brokers import Redis
from tests.crash.installation import Installation
from tests.crash.stage import Stage
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator
from tests.runtime.processes import new_home

Install = Callable[..., Installation]


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmulatorControl]:
    """A strict OpenAI on loopback."""
    with running_emulator() as control:
        yield control


@pytest.fixture(scope="session")
def stage(emulator: EmulatorControl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """What all installations are copied from, on a server of its own: whole installations need many connections."""
    with new_home() as home:
        server = EmbeddedPostgres(home, durable=False)
        server.start()
        try:
            yield Stage(server.dsn(), emulator, tmp_path_factory.mktemp("stage"))
        finally:
            server.stop()


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis server of our own."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def calm(emulator: EmulatorControl) -> Iterator[EmulatorControl]:
    """The emulator without faults and memories, and so again for the next test."""
    emulator.reset()
    yield emulator
    emulator.reset()


@pytest.fixture(params=["pgmq", "redis"])
def broker(request: pytest.FixtureRequest) -> str:
    """Each of the brokers."""
    return str(request.param)


@pytest.fixture
def install(stage: Stage, calm: EmulatorControl, request: pytest.FixtureRequest) -> Iterator[Install]:
    """Make installations; each is audited and removed at the end of the test."""
    with ExitStack() as ending:

        def make(broker: str = "pgmq", *, patient: bool = False, **settings: str) -> Installation:
            server = request.getfixturevalue("redis") if broker == "redis" else None
            if server:
                server.empty()
            made = ending.enter_context(closing(Installation(stage, server, patient=patient, **settings)))
            ending.callback(made.audit)
            return made

        yield make


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for what a test needs besides."""
    return tmp_path
