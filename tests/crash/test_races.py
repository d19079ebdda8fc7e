"""A hundred submits at once against credit for thirty-seven, over real HTTP."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.browser import Browser
from tests.crash.conftest import Install
from tests.crash.installation import Installation
from tests.crash.stage import EMAIL

pytestmark = pytest.mark.crash

CREDIT, SUBMITS = 37, 100
HELD = "SELECT balance, held FROM ledger_creditaccount JOIN teams_team t ON t.id = team_id WHERE t.slug = 'race'"


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
def test_credit_for_37_takes_37_of_100_at_once(install: Install, rounds: int) -> None:
    installation = install()
    browser = installation.open()
    installation.manage("create_team", "Race", "--owner", EMAIL)
    racing = installation.keep(browser.moved_to(installation.url, team="race"))

    for number in range(1, rounds + 1):
        installation.manage("grant_credits", "race", str(CREDIT), "--reason", "race")
        assert race(racing) == Counter({303: CREDIT, 402: SUBMITS - CREDIT})
        assert installation.rows(HELD) == [(CREDIT * number, CREDIT * number)]
        assert generations(installation) == CREDIT * number
    installation.start("worker")
    installation.start("scheduler")
    installation.wait(lambda: installation.rows(HELD) == [(0, 0)], "all to be delivered and charged", patience=120)


def test_one_key_a_hundred_times_at_once_is_one_generation(install: Install) -> None:
    installation = install()
    browser = installation.open()
    browser.filled()
    key = str(uuid.uuid4())

    with ThreadPoolExecutor(SUBMITS) as threads:
        answers = list(threads.map(lambda _: browser.submit("A red kite", key=key), range(SUBMITS)))

    assert Counter(answer.status_code for answer in answers) == Counter({303: SUBMITS})
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert generations(installation) == 1
    assert installation.rows("SELECT amount FROM ledger_hold") == [(1,)]


def race(browser: Browser) -> Counter[int]:
    """Press Generate a hundred times at once and count the answers."""
    browser.filled()
    with ThreadPoolExecutor(SUBMITS) as threads:
        answers = threads.map(browser.submit, [f"A red kite, {uuid.uuid4().hex}" for _ in range(SUBMITS)])
        return Counter(answer.status_code for answer in answers)


def generations(installation: Installation) -> int:
    """Count all submissions."""
    return int(installation.rows("SELECT count(*) FROM generations_generation")[0][0])
