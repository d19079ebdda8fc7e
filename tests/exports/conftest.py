"""A media folder of its own for each test of exports, and no broker."""

from pathlib import Path

import pytest
from pytest_django import Settings

from studio.exports import tasks


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """Where this test's files are."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture(autouse=True)
def bells(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been rung for."""
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", lambda: rung.append("prepare"))
    return rung
