"""The one foreground command, with real processes."""

import contextlib
import http.client
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from studio.runtime.home import ROOT
from tests.runtime.processes import (
    Atelier,
    clean_environment,
    free_port,
    new_home,
    processes_of,
    run_to_end,
    wait_until,
)

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def shared() -> Generator[Atelier]:
    """An Atelier that several tests look at and none of them stops."""
    with new_home() as home:
        running = Atelier(home)
        try:
            running.wait_until_ready()
            yield running
        finally:
            assert running.stop() == 0


@pytest.fixture
def own(home: Path) -> Generator[Atelier]:
    """An Atelier for one test, which may stop it."""
    running = Atelier(home)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def status_of(running: Atelier, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def answers(running: Atelier) -> bool:
    try:
        return status_of(running, "/healthz") == 200
    except OSError:
        return False


def test_ready_line_means_that_pages_are_served(shared: Atelier) -> None:
    assert status_of(shared, "/healthz") == 200
    assert status_of(shared, "/auth/login/") == 200
    assert f"Database: {shared.home}/postgres/data" in shared.lines


def test_second_start_on_the_same_home_says_so(shared: Atelier) -> None:
    second = run_to_end("run", clean_environment(shared.home, PORT=str(free_port())))
    assert second.returncode == 1
    assert second.stderr == f"Atelier is already running on {shared.home} (process {shared.process.pid}).\n"
    assert answers(shared)


def test_port_of_another_program_is_named_before_anything_starts(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run_to_end("run", clean_environment(home, PORT=str(port)))
    assert ended.returncode == 1
    assert ended.stderr == f"HOST=127.0.0.1 PORT={port} cannot be used: Address already in use.\n"
    assert not (home / "postgres").exists()


@pytest.mark.parametrize("role", ["web", "worker", "scheduler", "postgres"])
def test_killed_child_is_started_again(shared: Atelier, role: str) -> None:
    killed = shared.child(role)
    killed.kill()
    wait_until(lambda: shared.has_child(role) and shared.child(role).pid != killed.pid, f"a new {role}")
    wait_until(lambda: answers(shared), "the pages")
    shown = "PostgreSQL" if role == "postgres" else role
    assert f"{shown} ended (SIGKILL); starting it again in 0.2 s." in shared.lines


def test_web_alone_on_a_taken_port_says_so(shared: Atelier) -> None:
    ended = run_to_end("web", clean_environment(shared.home, PORT=str(shared.port)))
    assert ended.returncode == 1
    assert ended.stderr.endswith(f"PORT={shared.port} cannot be used: Address already in use.\n")


def test_health_tells_by_its_status(shared: Atelier) -> None:
    well = run_to_end("health", clean_environment(shared.home, PORT=str(shared.port)))
    ill = run_to_end("health", clean_environment(shared.home, PORT=str(free_port())))
    assert (well.returncode, ill.returncode) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_request_to_stop_ends_everything(own: Atelier, number: signal.Signals) -> None:
    own.process.send_signal(number)
    assert own.wait_for_end() == 0
    assert processes_of(own.home) == []
    assert "Stopping. Running work has up to 90 s to finish; Ctrl-C again stops at once." in own.lines
    log = (own.home / "postgres" / "postgres.log").read_text()
    assert log.splitlines()[-1].endswith("database system is shut down")


def test_second_request_does_not_wait_for_work(own: Atelier) -> None:
    own.child("worker").suspend()  # as good as a worker that is busy for hours
    own.process.send_signal(signal.SIGINT)
    own.wait_for("Stopping.")
    own.process.send_signal(signal.SIGINT)
    assert own.wait_for_end() == 130
    assert processes_of(own.home) == []


def test_request_to_stop_during_the_start_ends_everything(home: Path) -> None:
    starting = Atelier(home)
    starting.wait_for("Database: ")
    starting.process.send_signal(signal.SIGTERM)
    assert starting.wait_for_end() == 0
    assert processes_of(home) == []
    assert starting.lines[-1] == "Stopping before the start was over."


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux tells a child that its parent has died")
def test_killed_supervisor_leaves_nothing_and_the_next_start_is_normal(own: Atelier) -> None:
    own.process.kill()
    own.wait_for_end()
    wait_until(lambda: not processes_of(own.home), "everything to end")
    log = (own.home / "postgres" / "postgres.log").read_text()
    assert log.splitlines()[-1].endswith("database system is shut down")
    again = Atelier(own.home)
    try:
        again.wait_until_ready()
    finally:
        assert again.stop() == 0


def test_database_killed_while_it_stops_does_not_keep_it_from_stopping(own: Atelier) -> None:
    own.child("worker").suspend()
    own.process.send_signal(signal.SIGINT)
    own.wait_for("Stopping.")
    killed = own.child("postgres")
    killed.kill()
    wait_until(lambda: own.has_child("postgres") and own.child("postgres").pid != killed.pid, "a new database")
    own.child("worker").resume()
    assert own.wait_for_end() == 0


def test_database_of_another_major_stops_the_start(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    ended = run_to_end("run", clean_environment(home, PORT=str(free_port())))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{data} was made by PostgreSQL 16, and this Atelier runs PostgreSQL 18.")


@pytest.mark.parametrize("role", ["web", "worker", "scheduler"])
def test_single_process_without_its_database_says_so(home: Path, role: str) -> None:
    ended = run_to_end(role, clean_environment(home))
    assert ended.returncode == 1
    assert ended.stderr == (f"The database of {home} does not run. Use `python -m studio run`, or set DATABASE_URL.\n")


@contextlib.contextmanager
def single_process(role: str, environment: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "studio", role]
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_single_processes_work_beside_each_other(shared: Atelier) -> None:
    environment = clean_environment(shared.home, PORT=str(free_port()))
    with single_process("web", environment) as web, single_process("worker", environment) as worker:

        def answers_too() -> bool:
            assert (web.poll(), worker.poll()) == (None, None)
            return run_to_end("health", environment).returncode == 0

        wait_until(answers_too, "the second web process")
    assert (web.returncode, worker.returncode) == (0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATELIER_CRASH_AT", "after_hold"),
        ("ATELIER_STARTING_CREDITS", "-1"),
        ("BASE_URL", "atelier.example.com"),
        ("CELERY_BROKER_URL", "carrier-pigeon://"),
        ("CREDIT_USD", "free"),
        ("DATABASE_URL", "mysql://localhost/atelier"),
        ("EMAIL_URL", "nonsense"),
        ("ENCRYPTION_KEYS", "short"),
        ("HOST", "::"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PRIVATE_HOSTS", "http://10.0.0.1/"),
        ("STOP_GRACE", "soon"),
        ("TRUSTED_PROXIES", "the one in the cellar"),
        ("WORKER_CONCURRENCY", "0"),
    ],
)
def test_bad_setting_is_named_and_nothing_starts(home: Path, name: str, value: str) -> None:
    environment = clean_environment(home, **{"ATELIER_TESTING": "0", "PORT": str(free_port()), name: value})
    ended = run_to_end("run", environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert name in ended.stderr
    assert not (home / "postgres").exists()


def test_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("")
    ended = run_to_end("run", clean_environment(home / "file" / "home"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("ATELIER_HOME cannot be used: ")


def ordinary_python() -> str | None:
    """Return a Python that an unprivileged account can run with the packages of this one."""
    for candidate in (sys.executable, f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        probe = [candidate, "-c", "import django, uvicorn, psycopg, celery"]
        environment = {"PYTHONPATH": packages()}
        if shutil.which(candidate) is None or not os.access(candidate, os.X_OK):
            continue
        try:
            done = subprocess.run(
                probe, env=environment, user=65534, group=65534, extra_groups=[], capture_output=True, check=False
            )
        except PermissionError:
            continue
        if done.returncode == 0:
            return candidate
    return None


def packages() -> str:
    return next(path for path in sys.path if path.endswith("site-packages"))


@pytest.mark.skipif(os.geteuid() != 0, reason="all the other tests run as an ordinary user already")
def test_ordinary_user_runs_it_too(home: Path) -> None:
    python = ordinary_python()
    if python is None:
        pytest.skip("no Python here that an unprivileged account may run")
    os.chown(home, 65534, 65534)
    running = Atelier(home, python=python, user=65534, PYTHONPATH=packages(), PYTHONDONTWRITEBYTECODE="1")
    try:
        running.wait_until_ready()
        owners = {process.uids().real for process in processes_of(home)}
    finally:
        assert running.stop() == 0
    assert owners == {65534}
    assert (home / "postgres" / "data").stat().st_uid == 65534
