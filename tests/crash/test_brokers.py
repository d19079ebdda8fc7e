"""The broker is only a bell: lost, doubled, forged and silent ones change nothing."""

import base64
import json
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.crash.brokers import Redis
from tests.crash.conftest import Install
from tests.crash.installation import Outcome

pytestmark = pytest.mark.crash

DONE = Outcome("succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1)
FULFIL, RESUME = "studio.generations.tasks.fulfil", "studio.generations.tasks.resume"


def test_broker_emptied_with_thirty_queued(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open("scheduler")
    queued = installation.submit(browser, times=30)

    installation.broker.empty()
    installation.start("worker")
    installation.wait_until_ended(queued)

    assert [installation.outcome(pk) for pk in queued] == [DONE] * 30


def test_broker_emptied_under_a_living_worker(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open("scheduler", "worker")
    first = installation.submit(browser, times=5)

    installation.broker.empty()
    later = installation.submit(browser, times=5)
    installation.wait_until_ended([*first, *later])

    assert [installation.outcome(pk) for pk in [*first, *later]] == [DONE] * 10


def test_every_bell_rings_ten_times(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open()
    queued = installation.submit(browser, times=3)
    assert installation.broker.length() == 3

    installation.broker.multiply(10)
    assert installation.broker.length() == 30
    installation.start("worker")
    installation.start("worker")
    installation.wait_until_ended(queued)
    installation.wait(lambda: installation.broker.length() == 0, "the last bell")

    assert [installation.outcome(pk) for pk in queued] == [DONE] * 3


def test_takeover_rings_ten_times(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open()
    [generation] = installation.submit(browser)
    bell = installation.broker.peek()
    assert installation.start("worker", ATELIER_CRASH_AT="after_answer").wait() < 0
    expired = "SELECT lease_expires_at < now() FROM generations_generation"
    installation.wait(lambda: installation.rows(expired) == [(True,)], "the lease to run out")

    for _ in range(10):
        installation.broker.put(forged(bell, task=RESUME, arguments=[generation]))
    installation.start("worker")
    installation.start("worker")
    installation.wait_until_ended([generation])
    installation.wait(lambda: installation.broker.length() == 0, "the last bell")

    assert installation.outcome(generation) == DONE


def test_forged_messages_harm_nobody(install: Install, broker: str, place: Path) -> None:
    installation = install(broker)
    browser = installation.open()
    [generation] = installation.submit(browser)
    bell = installation.broker.peek()
    installation.broker.empty()
    [(connection,)] = installation.rows("SELECT connection_id FROM generations_generation")
    trap = place / "trap"
    for message in [
        forged(bell, task=FULFIL, arguments=[999_999]),
        forged(bell, task=RESUME, arguments=[999_999]),
        forged(bell, task=FULFIL, arguments=[]),
        forged(bell, task=FULFIL, arguments=["' OR 1=1 --"]),
        forged(bell, task=FULFIL, arguments=[10**30]),
        forged(bell, task=FULFIL, arguments=["x" * 500_000]),
        forged(bell, task="studio.generations.tasks.of_tomorrow", arguments=[1]),
        forged(bell, task="os.system", arguments=[f"touch {trap}"]),
        pickled(bell, trap),
        {**forged(bell, task=FULFIL, arguments=[1]), "body": base64.b64encode(b"no JSON").decode()},
        forged(bell, task=FULFIL, arguments=[connection]),
    ]:
        installation.broker.put(message)

    worker = installation.start("worker")
    installation.wait_until_ended([generation])
    installation.wait(lambda: installation.broker.length() == 0, "the last message")

    assert installation.outcome(generation) == DONE
    assert worker.is_running
    assert not trap.exists()
    [following] = installation.submit(browser)
    installation.wait_until_ended([following])
    assert installation.outcome(following) == DONE


def test_message_that_cannot_be_unpacked_costs_one_worker_at_most(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open()
    [generation] = installation.submit(browser)
    bell = installation.broker.peek()
    installation.broker.empty()
    for broken in ({**bell, "body": "not base64"}, {"no": "envelope"}):
        installation.broker.put(broken)

    installation.start("scheduler")
    workers = [installation.start("worker")]

    def ended_by_a_living_worker() -> bool:
        # What no library can open may end the process, each message once; the supervisor starts it again.
        if not workers[-1].is_running:
            workers.append(installation.start("worker"))
        return installation.states([generation]) == {"succeeded": 1}

    installation.wait(ended_by_a_living_worker, "the picture")
    assert len(workers) <= 3
    assert installation.outcome(generation) == DONE


def test_redis_absent_at_submit_and_back_later(install: Install, redis: Redis) -> None:
    installation = install("redis")
    browser = installation.open("scheduler", "worker")
    [before] = installation.submit(browser)
    installation.wait_until_ended([before])

    redis.stop()
    try:
        queued = installation.submit(browser, times=5)
        assert browser.page("studio/").status_code == 200
        installation.audit()
    finally:
        redis.start()
    installation.wait_until_ended(queued)

    assert [installation.outcome(pk) for pk in queued] == [DONE] * 5


def test_redis_restarts_with_calls_in_flight(install: Install, redis: Redis) -> None:
    installation = install("redis")
    installation.emulator.set(latency=4)
    browser = installation.open("scheduler", "worker")
    sent = installation.submit(browser, times=5)
    installation.wait_until_sent(sent)

    redis.stop()
    redis.start()
    installation.emulator.set(latency=0)
    later = installation.submit(browser, times=5)
    installation.wait_until_ended([*sent, *later])

    assert [installation.outcome(pk) for pk in [*sent, *later]] == [DONE] * 10


def forged(bell: dict[str, Any], *, task: str, arguments: list[Any]) -> dict[str, Any]:
    """Return a message like the bell, for another task and with other arguments."""
    number = str(uuid.uuid4())
    body = base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode()
    return {
        **bell,
        "body": body,
        "headers": {**bell["headers"], "task": task, "id": number, "root_id": number},
        "properties": {**bell["properties"], "correlation_id": number, "delivery_tag": str(uuid.uuid4())},
    }


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how to come back to life."""
        return Path.touch, (self.path,)


def pickled(bell: dict[str, Any], trap: Path) -> dict[str, Any]:
    """Return a message that would run code of its sender where pickle is taken."""
    body = base64.b64encode(pickle.dumps([[Touch(trap)], {}, {}])).decode()
    return {**forged(bell, task=FULFIL, arguments=[]), "body": body, "content-type": "application/x-python-serialize"}
