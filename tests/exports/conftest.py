"""A media folder of its own for each test of exports, and no broker."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from studio.accounts.models import User
from studio.exports import archive, tasks
from studio.teams.models import Role, Team
from tests.factories import make_membership, make_team, make_user

T = TypeVar("T")


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


@pytest.fixture
def one_connection(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let archives read pages through the test's own connection, so that nothing has to be committed."""

    async def here(work: Callable[[], T]) -> T:
        return await sync_to_async(work)()

    monkeypatch.setattr(archive, "in_thread", here)


@pytest.fixture
def target(owner: User, member: User) -> Team:
    """An empty team with the same people; its address is studio-b."""
    team = make_team("Studio B", owner=make_user("zoe@elsewhere.example", name="Zoe"))
    make_membership(team, Role.MEMBER, user=owner)
    make_membership(team, Role.MEMBER, user=member)
    return team
