"""Homes for the tests of the runtime."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.runtime.processes import new_home


@pytest.fixture
def home() -> Generator[Path]:
    """A home of its own."""
    with new_home() as path:
        yield path
