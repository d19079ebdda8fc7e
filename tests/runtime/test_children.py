import subprocess
import sys

import psutil
import pytest

from studio.runtime.children import Child, describe_status, kill, spawn_python


class Spawner:
    """Starts processes that end at once with a status, and counts them."""

    def __init__(self, status: int) -> None:
        self.started = 0
        self._status = status

    def __call__(self) -> subprocess.Popen[bytes]:
        self.started += 1
        process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({self._status})"])
        process.wait()
        return process


def test_child_that_keeps_ending_waits_longer_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    spawner = Spawner(3)
    child = Child("web", spawner)
    due = [child.tend(now) for now in (0.0, 0.0, 1.0, 1.0, 2.0, 2.0)]
    assert due == [None, 0.2, None, 1.4, None, 2.8]
    assert spawner.started == 3
    assert child.ends_in_a_row == 3
    assert capsys.readouterr().err.splitlines() == [
        "web ended (status 3); starting it again in 0.2 s.",
        "web ended (status 3); starting it again in 0.4 s.",
        "web ended (status 3); starting it again in 0.8 s.",
    ]


def test_child_never_waits_longer_than_half_a_minute() -> None:
    child = Child("web", Spawner(1))
    now = 0.0
    pauses = []
    for _ in range(12):
        child.tend(now)
        due = child.tend(now)
        assert due is not None
        pauses.append(due - now)
        now = due
    assert pauses[-1] == 30.0


def test_child_that_ran_well_is_forgiven() -> None:
    child = Child("web", Spawner(1))
    for now in (0.0, 0.0, 1.0, 1.0):
        child.tend(now)
    assert child.ends_in_a_row == 2
    child.tend(2.0)
    child.tend(100.0)
    assert child.ends_in_a_row == 1


def test_kill_also_ends_what_the_child_has_started() -> None:
    code = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    process = spawn_python(["-c", f"{code} print(p.pid, flush=True); time.sleep(600)"], capture=True)
    assert process.stdout is not None
    grandchild = psutil.Process(int(process.stdout.readline()))
    kill(process)
    grandchild.wait(60)
    assert process.returncode == -9
    process.stdout.close()


@pytest.mark.parametrize(("status", "text"), [(0, "status 0"), (3, "status 3"), (-9, "SIGKILL"), (-15, "SIGTERM")])
def test_status_is_said_in_words(status: int, text: str) -> None:
    assert describe_status(status) == text
