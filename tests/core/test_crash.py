"""Crash points."""

import os
import signal

import pytest
from django.test import override_settings

from studio.core.crash import crash_point


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Every kill that would have happened."""
    happened: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: happened.append(call))
    return happened


@override_settings(TESTING=True, CRASH_AT="after_hold")
def test_only_the_named_point_kills_the_process(kills: list[tuple[int, int]]) -> None:
    crash_point("before_send")
    assert kills == []
    crash_point("after_hold")
    assert kills == [(os.getpid(), signal.SIGKILL)]


@override_settings(TESTING=False, CRASH_AT="after_hold")
def test_nothing_kills_outside_a_test(kills: list[tuple[int, int]]) -> None:
    crash_point("after_hold")
    assert kills == []
