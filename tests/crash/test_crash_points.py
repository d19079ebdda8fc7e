"""Every crash point, on both brokers: the process dies there, another goes on, and the books are right."""

import signal
import uuid
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.crash.browser import Browser
from tests.crash.installation import Installation, Outcome
from tests.crash.stage import CREDITS, Stage
from tests.emulators.control import EmulatorControl

pytestmark = pytest.mark.crash

ROUNDS = [0, *(pytest.param(number, marks=pytest.mark.soak) for number in range(1, 6))]

DELIVERED = Outcome("succeeded", 2, 2, ["closed"], possible_cost=False, paid_calls=1)
# The picture of a call that died under way may have been paid for, and is never asked for again.
LOST = Outcome("interrupted", 0, 0, ["unknown"], possible_cost=True, paid_calls=1)
UNSENT = Outcome("interrupted", 0, 0, ["unknown"], possible_cost=True, paid_calls=0)
EXPECTED = {
    "after_claim": DELIVERED,
    "before_send": UNSENT,
    "after_send": LOST,
    "after_answer": DELIVERED,
    "mid_write": DELIVERED,
    "after_file": DELIVERED,
    "before_settle": DELIVERED,
    "after_settle": DELIVERED,
}


class House:
    """One installation for many deaths: web and scheduler live on."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.browser: Browser = installation.open("scheduler")


@pytest.fixture(scope="module", params=["pgmq", "redis"])
def house(request: pytest.FixtureRequest, stage: Stage, emulator: EmulatorControl) -> Iterator[House]:
    """An installation on each broker."""
    emulator.reset()
    redis = request.getfixturevalue("redis") if request.param == "redis" else None
    with closing(Installation(stage, redis)) as installation:
        yield House(installation)


@pytest.mark.parametrize("number", ROUNDS)
@pytest.mark.parametrize("point", EXPECTED)
def test_worker_dies_and_another_goes_on(house: House, point: str, number: int) -> None:
    installation = house.installation
    dying = installation.start("worker", ATELIER_CRASH_AT=point)

    [generation] = installation.submit(house.browser, n=2)
    assert dying.wait() == -signal.SIGKILL
    installation.audit()
    other = installation.start("worker")
    installation.wait_until_ended([generation])

    assert installation.outcome(generation) == EXPECTED[point]
    other.kill()
    installation.audit()


@pytest.mark.parametrize("number", ROUNDS)
def test_web_dies_after_hold_and_nothing_exists(house: House, number: int) -> None:
    installation, key, prompt = house.installation, str(uuid.uuid4()), f"A red kite, {uuid.uuid4().hex}"
    before = credits(installation)
    web, url = installation.start_web(ATELIER_CRASH_AT="after_hold")

    with pytest.raises(httpx.TransportError):
        installation.keep(house.browser.moved_to(url)).submit(prompt, key=key)
    assert web.wait() == -signal.SIGKILL

    assert submitted(installation, key) == []
    assert credits(installation) == before
    again = house.browser.submit(prompt, key=key)
    assert again.status_code == 303
    assert len(submitted(installation, key)) == 1
    worker = installation.start("worker")
    installation.wait_until_ended(submitted(installation, key))
    assert installation.outcome(submitted(installation, key)[0]) == Outcome(
        "succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1
    )
    worker.kill()
    installation.audit()


@pytest.mark.parametrize("number", ROUNDS)
def test_web_dies_before_publish_and_the_sweep_rings(house: House, number: int) -> None:
    installation, key, prompt = house.installation, str(uuid.uuid4()), f"A red kite, {uuid.uuid4().hex}"
    worker = installation.start("worker")
    web, url = installation.start_web(ATELIER_CRASH_AT="before_publish")

    with pytest.raises(httpx.TransportError):
        installation.keep(house.browser.moved_to(url)).submit(prompt, key=key)
    assert web.wait() == -signal.SIGKILL
    # It was committed: the browser that never got an answer asks again and means the same generation.
    assert house.browser.submit(prompt, key=key).status_code == 303
    [generation] = submitted(installation, key)
    installation.wait_until_ended([generation])

    assert submitted(installation, key) == [generation]
    assert installation.rows("SELECT count(*) FROM ledger_hold WHERE note LIKE '1 %%' AND state = 'open'") == [(0,)]
    assert installation.outcome(generation) == Outcome("succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1)
    worker.kill()
    installation.audit()


def credits(installation: Installation) -> tuple[int, int]:
    """Return balance and held of the team."""
    [(balance, held)] = installation.rows("SELECT balance, held FROM ledger_creditaccount")
    assert 0 <= held <= balance <= CREDITS
    return balance, held


def submitted(installation: Installation, key: str) -> list[int]:
    """Return the generations of a submission key."""
    return [row[0] for row in installation.rows("SELECT id FROM generations_generation WHERE key = %s", key)]
