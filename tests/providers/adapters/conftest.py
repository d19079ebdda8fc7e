"""An emulator for every test, forgotten between tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator


@pytest.fixture(scope="session")
def running() -> Iterator[EmulatorControl]:
    with running_emulator() as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "answer"
