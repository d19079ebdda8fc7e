"""A media folder of its own for each test of the library."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Where this test's files are."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"
