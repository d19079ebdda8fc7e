"""What a worker process has once."""

import threading

import pytest
from django.db import InterfaceError
from pytest_django.fixtures import Settings

from studio.generations import engine as engine_module
from studio.generations.claiming import Claim
from studio.generations.engine import Engine


def test_engine_renews_leases_after_a_broken_connection(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.LEASE_RENEWAL_SECONDS = 0.05
    claim = Claim(generation_id=7, fence=3)
    asked: list[list[Claim]] = []
    again = threading.Event()

    def renew(claims: list[Claim]) -> None:
        asked.append(claims)
        if len(asked) == 1:
            raise InterfaceError("connection already closed")
        again.set()

    monkeypatch.setattr(engine_module, "renew", renew)
    monkeypatch.setattr(engine_module, "close_old_connections", lambda: None)
    worker = Engine()

    with worker.holding(claim):
        assert again.wait(30)
        assert worker.is_holding(claim)

    assert not worker.is_holding(claim)
    assert asked[:2] == [[claim], [claim]]
