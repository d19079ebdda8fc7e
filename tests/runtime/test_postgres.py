import os
import platform
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from studio.runtime.home import ROOT
from studio.runtime.place import PostgresError
from studio.runtime.postgres import EmbeddedPostgres
from tests.runtime.processes import new_home, processes_of, wait_until


@pytest.fixture
def server(home: Path) -> Generator[EmbeddedPostgres]:
    """A running server."""
    running = EmbeddedPostgres(home)
    running.start()
    yield running
    running.stop()


def ask(server: EmbeddedPostgres, question: str) -> str:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return str(row[0])


def test_server_has_the_settings_it_promises(server: EmbeddedPostgres) -> None:
    assert ask(server, "SELECT current_user || ' ' || current_database()") == "atelier atelier"
    assert ask(server, "SHOW server_version").split(".")[0] == "18"
    assert ask(server, "SHOW max_connections") == "100"
    assert ask(server, "SHOW shared_buffers") == "128MB"
    assert ask(server, "SHOW fsync") == "on"
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SELECT datlocale FROM pg_database WHERE datname = 'atelier'") == "C.UTF-8"


def test_server_is_closed_to_others(server: EmbeddedPostgres) -> None:
    socket = server.socket_dir / ".s.PGSQL.5432"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (server.data_dir, server.socket_dir, socket)]
    assert modes == [0o700, 0o700, 0o700]
    hosts = [line.split() for line in (server.data_dir / "pg_hba.conf").read_text().splitlines() if line]
    assert {line[-1] for line in hosts if line[0] == "host"} == {"reject"}


def test_database_parameters_start_nothing(home: Path) -> None:
    parameters = EmbeddedPostgres(home).database_parameters()
    assert parameters == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "atelier",
        "USER": "atelier",
        "PASSWORD": "",
        "HOST": str(home / "postgres" / "run"),
        "PORT": "",
    }
    assert list(home.iterdir()) == []


def test_stopped_server_leaves_clean_data_and_no_process(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    assert server.is_ready()
    server.stop()
    assert not server.is_ready()
    assert processes_of(home) == []
    assert server.last_words().splitlines()[-1].endswith("database system is shut down")


def test_killed_server_comes_back_with_its_rows(server: EmbeddedPostgres, home: Path) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not processes_of(home), "the backends to notice")
    server.start()
    assert ask(server, "SELECT number FROM kept") == "7"


def test_server_left_behind_is_ended_and_its_rows_are_there(server: EmbeddedPostgres, home: Path) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    left = server.process
    assert left is not None
    successor = EmbeddedPostgres(home)
    successor.start()
    try:
        assert left.wait() == 0
        assert ask(successor, "SELECT number FROM kept") == "7"
    finally:
        successor.stop()


def test_number_of_a_dead_server_taken_by_another_program_is_no_server(server: EmbeddedPostgres) -> None:
    pid_file = server.data_dir / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    account = server.data_dir.stat()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    os.chown(pid_file, account.st_uid, account.st_gid)
    assert not server.is_ready()
    server.start()
    assert server.is_ready()


def test_data_of_another_major_is_refused_and_left_alone(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError) as refusal:
        EmbeddedPostgres(home).start()
    assert str(refusal.value) == (
        f"{data} was made by PostgreSQL 16, and this Atelier runs PostgreSQL 18. "
        "Nothing was changed. Dump it with PostgreSQL 16 and restore it into a new home."
    )
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_half_made_database_of_a_crash_is_made_anew(home: Path) -> None:
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    try:
        assert ask(server, "SELECT 1") == "1"
        assert not (home / "postgres" / "data.new").exists()
    finally:
        server.stop()


def test_server_that_cannot_start_says_why(server: EmbeddedPostgres) -> None:
    server.stop()
    (server.data_dir / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(PostgresError, match=r"(?s)PostgreSQL did not start.*no_such_setting"):
        server.start()


def test_server_with_a_long_path_is_reached_by_a_short_one() -> None:
    with new_home() as home:
        deep = home / ("a" * 60) / ("b" * 60)
        deep.mkdir(parents=True)
        server = EmbeddedPostgres(deep, durable=False)
        server.start()
        try:
            assert ask(server, "SELECT 1") == "1"
        finally:
            server.stop()
            server.socket_dir.rmdir()


_OWNER = """
import os, sys
from pathlib import Path
from studio.runtime.postgres import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1]), durable=False).start()
os.kill(os.getpid(), int(sys.argv[2]))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux tells a child that its parent has died")
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_end_of_the_starting_process_ends_the_server(home: Path, signal_number: signal.Signals) -> None:
    owner = [sys.executable, "-c", _OWNER, str(home), str(signal_number.value)]
    assert subprocess.run(owner, cwd=ROOT, check=False).returncode == -signal_number
    wait_until(lambda: not processes_of(home), "PostgreSQL to end with its supervisor")
    assert EmbeddedPostgres(home).last_words().splitlines()[-1].endswith("database system is shut down")
