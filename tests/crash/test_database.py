"""A database that goes away and comes back while providers work."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from studio.runtime.postgres import EmbeddedPostgres
from tests.crash.conftest import Install
from tests.crash.installation import Installation, Outcome
from tests.crash.stage import Stage
from tests.emulators.control import EmulatorControl
from tests.runtime.processes import new_home

pytestmark = pytest.mark.crash

DONE = Outcome("succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1)


@pytest.fixture
def own_server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that a test may end."""
    with new_home() as home:
        server = EmbeddedPostgres(home)
        server.start()
        yield server
        server.stop()


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_postgres_ends_with_calls_in_flight(
    own_server: EmbeddedPostgres, calm: EmulatorControl, tmp_path: Path, how: str
) -> None:
    stage = Stage(own_server.dsn(), calm, tmp_path)
    with closing(Installation(stage, patient=True)) as installation:
        calm.set(latency=6)
        browser = installation.open("scheduler", "worker")
        sent = installation.submit(browser, times=10)
        installation.wait_until_sent(sent)

        if how == "crash":
            assert own_server.process is not None
            own_server.process.send_signal(signal.SIGQUIT)
            own_server.process.wait(30)
        own_server.stop()
        installation.wait(lambda: calm.stats()["in_flight"] == 0, "answers that nobody can note")
        own_server.start()
        installation.reconnect()
        calm.set(latency=0)
        later = installation.submit(browser, times=3)
        installation.wait_until_ended([*sent, *later])

        assert [installation.outcome(pk) for pk in [*sent, *later]] == [DONE] * 13
        installation.audit()


def test_connections_cut_while_answers_are_delivered(install: Install) -> None:
    installation = install(patient=True)
    installation.emulator.set(latency=3)
    browser = installation.open("scheduler", "worker")
    sent = installation.submit(browser, times=20)
    installation.wait_until_sent(sent)

    installation.wait(lambda: installation.emulator.stats()["in_flight"] < 20, "a first answer")
    for _ in range(10):
        cut_connections(installation)
        time.sleep(0.3)  # long enough for some writes to get through and for others to be hit
    installation.wait_until_ended(sent)

    ended = installation.outcomes(sent)
    # A commit whose answer was cut off may end a call as unknown; it is never sent twice and never charged for nothing.
    assert set(ended) <= {("succeeded", 1, 1), ("interrupted", 0, 0)}
    assert installation.emulator.stats()["requests"] == 20


def test_connections_cut_between_two_submissions(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")
    before = installation.submit(browser, times=3)
    cut_connections(installation)
    after = installation.submit(browser, times=3)
    installation.wait_until_ended([*before, *after])

    assert installation.outcomes([*before, *after]) == Counter({("succeeded", 1, 1): 6})


def cut_connections(installation: Installation) -> int:
    """End every connection to the installation's database but ours; return how many there were."""
    return len(
        installation.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
