"""Workers that are killed together, asked to end, frozen or doubled; schedulers that are absent or too many."""

import signal
from collections import Counter

import pytest

from tests.crash.conftest import Install
from tests.crash.installation import Outcome

pytestmark = pytest.mark.crash

DONE = Outcome("succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1)
LOST = Outcome("interrupted", 0, 0, ["unknown"], possible_cost=True, paid_calls=1)


def test_all_workers_killed_at_once_with_twenty_running(install: Install, broker: str) -> None:
    installation = install(broker)
    installation.emulator.set(latency=30)
    browser = installation.open("scheduler", "worker", "worker")
    workers = installation.processes[1:3]
    sent = installation.submit(browser, times=20)
    installation.wait_until_sent(sent)

    for worker in workers:
        worker.kill()
    waiting = installation.submit(browser, times=3)
    installation.audit()
    installation.emulator.set(latency=0)
    installation.start("worker")
    installation.wait_until_ended([*sent, *waiting])

    assert installation.outcomes(sent) == Counter({("interrupted", 0, 0): 20})
    assert all(installation.outcome(pk).possible_cost for pk in sent)
    assert [installation.outcome(pk) for pk in waiting] == [DONE] * 3


def test_term_with_twenty_running_interrupts_none(install: Install, broker: str) -> None:
    installation = install(broker)
    installation.emulator.set(latency=5)
    browser = installation.open("scheduler", "worker")
    worker = installation.processes[1]
    sent = installation.submit(browser, times=20)
    installation.wait_until_sent(sent)

    worker.send(signal.SIGTERM)
    waiting = installation.submit(browser, times=2)
    assert worker.wait() == 0

    assert installation.outcomes(sent) == Counter({("succeeded", 1, 1): 20})
    assert installation.states(waiting) == {"queued": 2}
    installation.start("worker")
    installation.wait_until_ended(waiting)
    assert [installation.outcome(pk) for pk in waiting] == [DONE] * 2


def test_term_past_its_grace_ends_and_loses_nothing(install: Install) -> None:
    installation = install(STOP_GRACE="1")
    installation.emulator.set(latency=20)
    browser = installation.open("scheduler", "worker")
    worker = installation.processes[1]
    sent = installation.submit(browser, times=2)
    installation.wait_until_sent(sent)

    worker.send(signal.SIGTERM)
    assert worker.wait(15) == 0
    installation.start("worker")
    installation.wait_until_ended(sent)

    assert [installation.outcome(pk).state for pk in sent] == ["interrupted"] * 2


@pytest.mark.parametrize(
    "signals", [("SIGTERM", "SIGTERM"), ("SIGTERM", "SIGINT"), ("SIGQUIT",)], ids=["term-term", "term-int", "quit"]
)
def test_second_signal_ends_at_once_and_loses_nothing(install: Install, signals: tuple[str, ...]) -> None:
    installation = install()
    installation.emulator.set(latency=30)
    browser = installation.open("scheduler", "worker")
    worker = installation.processes[1]
    sent = installation.submit(browser, times=5)
    installation.wait_until_sent(sent)

    worker.send(signal.Signals[signals[0]])
    # Two signals of one kind may arrive as one, so an impatient person presses until it ends.
    installation.wait(lambda: worker.has_ended_after(signal.Signals[signals[-1]]), "the end", patience=10)
    assert installation.states(sent) == {"running": 5}
    installation.start("worker")
    installation.wait_until_ended(sent)

    assert installation.outcomes(sent) == Counter({("interrupted", 0, 0): 5})


def test_worker_frozen_past_its_lease_is_fenced(install: Install, broker: str) -> None:
    installation = install(broker)
    installation.emulator.set(latency=6)
    browser = installation.open("scheduler", "worker")
    frozen = installation.processes[1]
    [generation] = installation.submit(browser)
    installation.wait_until_sent([generation])

    frozen.send(signal.SIGSTOP)
    other = installation.start("worker")
    installation.wait_until_ended([generation])
    installation.wait(lambda: installation.outcome(generation).paid_calls == 1, "an answer that nobody reads")
    assert installation.outcome(generation) == LOST
    other.kill()
    installation.emulator.set(latency=0)
    frozen.send(signal.SIGCONT)
    installation.wait(lambda: any(installation.home.glob("spool/*/*.answer")), "the answer that came too late")
    # It may write nothing of that, is not harmed, and takes the next.
    [following] = installation.submit(browser)
    installation.wait_until_ended([following])

    assert installation.outcome(following) == DONE
    assert installation.outcome(generation) == LOST


def test_worker_killed_between_two_calls_of_one_generation(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")
    worker = installation.processes[1]
    [generation] = installation.submit(browser, n=10, model="rehearsal")
    counted = "SELECT count(*) FROM generations_output WHERE state = 'delivered'"
    installation.wait(lambda: installation.rows(counted)[0][0] > 0, "a first picture")

    worker.kill()
    installation.audit()
    installation.start("worker")
    installation.wait_until_ended([generation])

    outcome = installation.outcome(generation)
    assert outcome.state in {"partial", "succeeded"}
    assert 4 <= outcome.delivered == outcome.charged
    assert set(outcome.attempts) <= {"closed", "unknown"}


def test_generation_that_kills_three_workers_is_given_up(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler")
    [generation] = installation.submit(browser)
    for _ in range(3):
        assert installation.start("worker", ATELIER_CRASH_AT="mid_write").wait() == -signal.SIGKILL
    installation.start("worker")
    installation.wait_until_ended([generation])

    assert installation.outcome(generation) == Outcome("failed", 0, 0, ["unknown"], possible_cost=True, paid_calls=1)
    assert installation.rows("SELECT reason FROM generations_output") == [("poison",)]


def test_scheduler_dead_then_two_at_once(install: Install, broker: str) -> None:
    installation = install(broker)
    browser = installation.open("worker")
    worker = installation.processes[0]
    worker.kill()
    waiting = installation.submit(browser, times=10)
    installation.broker.empty()
    installation.start("worker")
    # Without bells and without a scheduler nobody knows; a new submission brings one of them along.
    [latest] = installation.submit(browser)
    installation.wait(lambda: installation.states([*waiting, latest])["succeeded"] > 0, "the bell that rang")

    installation.start("scheduler")
    installation.start("scheduler")
    installation.wait_until_ended([*waiting, latest])

    assert [installation.outcome(pk) for pk in [*waiting, latest]] == [DONE] * 11
