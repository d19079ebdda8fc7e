"""Jobs at providers, with processes that die between the call and the picture: one paid call, and it is delivered."""

import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final

import pytest

from tests.crash.browser import Browser
from tests.crash.installation import Installation, Outcome
from tests.crash.processes import Process, run_python
from tests.crash.stage import Stage
from tests.emulators.control import EmulatorControl
from tests.generations.providers import JOBS, MODELS, all_emulators

pytestmark = pytest.mark.crash

DELIVERED: Final = Outcome("succeeded", 1, 0, ["closed"], possible_cost=False, paid_calls=1)
LOST: Final = Outcome("interrupted", 0, 0, ["unknown"], possible_cost=True, paid_calls=1)
UNSENT: Final = replace(LOST, paid_calls=0)
WORKER_POINTS: Final = ("before_send", "after_send", "after_answer", "after_accept", "after_store")
SCHEDULER_POINTS: Final = ("after_poll", "after_ready")
# What the usual suite tries; the campaign tries everything.
FEW: Final = {
    ("before_send", "apiframe"),
    ("after_send", "apiframe"),
    ("after_send", "pixapi"),
    ("after_accept", "aigateway"),
    ("after_store", "pixapi"),
    ("after_poll", "aigateway"),
    ("after_ready", "apiframe"),
}


def every(points: tuple[str, ...]) -> list[object]:
    """Return each point with each protocol; most of them are for the campaign."""
    pairs = [(point, protocol) for point in points for protocol in JOBS]
    return [pytest.param(*pair, marks=[] if pair in FEW else pytest.mark.soak) for pair in pairs]


class House:
    """One installation with a connection to each provider of jobs; the web process lives on."""

    def __init__(self, installation: Installation, emulators: dict[str, EmulatorControl]) -> None:
        self.installation = installation
        self._emulators = emulators
        for name, emulator in emulators.items():
            self._connect(name, emulator)
        # The tests outlive the models.
        installation.database.execute("UPDATE catalogue_imagemodel SET retires_on = NULL, announced_end = NULL")
        self.browser: Browser = installation.open()

    def _connect(self, name: str, emulator: EmulatorControl) -> None:
        command = ["add_connection", "--shared", f"--protocol={name}", f"--name={name}", "--secret-env=EMULATOR_KEY"]
        done = run_python(
            "manage.py",
            *command,
            f"--base-url={emulator.base_url}",
            environment=self.installation.environment() | {"EMULATOR_KEY": emulator.key},
        )
        assert done.returncode == 0, done.stderr

    def use(self, protocol: str) -> EmulatorControl:
        """Turn to one provider, which has forgotten what was before."""
        emulator = self.installation.emulator = self._emulators[protocol]
        emulator.reset()
        emulator.set(**JOBS[protocol] | {"job_seconds": 0})
        return emulator

    def submit(self, protocol: str, *, times: int = 1) -> list[int]:
        """Submit generations of one picture each."""
        quality = "standard" if protocol == "aigateway" else "low"
        return self.installation.submit(self.browser, times=times, model=MODELS[protocol], quality=quality)

    def outcome(self, generation: int) -> Outcome:
        """Return what became of a generation, its charge being right."""
        found = self.installation.outcome(generation)
        [(price,)] = self.installation.rows("SELECT unit_price FROM generations_generation WHERE id = %s", generation)
        assert found.charged == price * found.delivered > 0 or found.charged == found.delivered == 0
        return replace(found, charged=0)

    def wait_until_accepted(self, ids: list[int]) -> None:
        """Wait until the provider has named a job for each, and no worker is needed any more."""
        sql = (
            "SELECT count(*) FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id"
            " WHERE a.state = 'accepted' AND g.lease_expires_at IS NULL AND g.id = ANY(%s)"
        )
        self.installation.wait(lambda: self.installation.rows(sql, ids) == [(len(ids),)], "jobs to be accepted")

    def end(self, *processes: Process) -> None:
        """End what a test has started, and hold the installation to its invariants."""
        for process in processes:
            process.kill()
        self.installation.audit()


@pytest.fixture(scope="module")
def house(stage: Stage) -> Iterator[House]:
    with all_emulators(tuple(JOBS)) as emulators:
        places = ",".join(sorted(place for emulator in emulators.values() for place in emulator.places))
        with closing(Installation(stage, PRIVATE_HOSTS=places)) as installation:
            yield House(installation, emulators)


def expected(point: str, protocol: str) -> Outcome:
    """Return what must become of it: only Apiframe knows a call again, so only there it is made again."""
    if protocol == "apiframe":
        return DELIVERED
    return {"before_send": UNSENT, "after_send": LOST}.get(point, DELIVERED)


@pytest.mark.parametrize(("point", "protocol"), every(WORKER_POINTS))
def test_worker_dies_and_another_goes_on(house: House, point: str, protocol: str) -> None:
    house.use(protocol)
    scheduler = house.installation.start("scheduler")
    dying = house.installation.start("worker", ATELIER_CRASH_AT=point)

    [generation] = house.submit(protocol)
    assert dying.wait() == -signal.SIGKILL
    other = house.installation.start("worker")
    house.installation.wait_until_ended([generation])

    assert house.outcome(generation) == expected(point, protocol)
    house.end(scheduler, other)


@pytest.mark.parametrize(("point", "protocol"), every(SCHEDULER_POINTS))
def test_scheduler_dies_and_another_goes_on(house: House, point: str, protocol: str) -> None:
    house.use(protocol)
    worker = house.installation.start("worker")
    dying = house.installation.start("scheduler", ATELIER_CRASH_AT=point)

    [generation] = house.submit(protocol)
    assert dying.wait() == -signal.SIGKILL
    if point == "after_poll":
        # What it had learned is lost with it. Nobody else asks while it might still live; that time passes now.
        due = "UPDATE generations_attempt SET poll_at = now() WHERE generation_id = %s AND poll_at > now() RETURNING 1"
        assert house.installation.rows(due, generation) == [(1,)]
    other = house.installation.start("scheduler")
    house.installation.wait_until_ended([generation])

    assert house.outcome(generation) == DELIVERED
    house.end(worker, other)


def test_scheduler_dead_then_two_at_once_ask_for_each_job_once(house: House) -> None:
    emulator = house.use("pixapi")
    worker = house.installation.start("worker")
    waiting = house.submit("pixapi", times=12)
    house.wait_until_accepted(waiting)

    schedulers = [house.installation.start("scheduler") for _ in range(2)]
    house.installation.wait_until_ended(waiting)

    assert [house.outcome(generation) for generation in waiting] == [DELIVERED] * 12
    assert [job["polls"] for job in emulator.jobs()] == [1] * 12
    house.end(worker, *schedulers)
