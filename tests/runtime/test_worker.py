import subprocess
import sys

from studio.runtime.home import ROOT

_STOPPING = """
import os, signal, sys, threading
from studio.runtime.worker import GracefulStop
GracefulStop(float(sys.argv[1])).begin()
if sys.argv[2:]:
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
threading.Event().wait(600)
"""


def stop_with(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _STOPPING, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_work_that_outlasts_the_grace_is_ended() -> None:
    ended = stop_with("0.2")
    assert (ended.returncode, ended.stdout) == (0, "Work is still running after 0.2 s; ending it as interrupted.\n")


def test_second_request_ends_the_worker_at_once() -> None:
    for name in ("SIGINT", "SIGTERM"):
        ended = stop_with("600", name)
        assert (ended.returncode, ended.stdout) == (130, "")
