"""The embedded PostgreSQL: its whole life, over the binaries of one package and nothing else of it."""

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from studio.runtime.home import make_private_dir
from studio.runtime.lifeline import tied_to_parent
from studio.runtime.place import Place, PostgresError

MAJOR = "18"
NAME = "atelier"
_LINUX = platform.system() == "Linux"
_LOG_LIMIT = 5_000_000
_READY_SECONDS = 300  # recovery after a crash may read a lot of log
_STOP_SECONDS = 30


class EmbeddedPostgres:
    """One PostgreSQL server for one home, reached over a unix socket that only its owner can open.

    `durable=False` trades crash safety for speed and is for tests only.
    """

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._place = Place(home)
        self._durable = durable
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """Where the data is."""
        return self._place.data

    @property
    def socket_dir(self) -> Path:
        """Where the socket is."""
        return self._place.sockets

    @property
    def log_file(self) -> Path:
        """Where the server writes what it has to say."""
        return self._place.log

    def dsn(self) -> str:
        """Return the address of the database, good for libpq and for DATABASE_URL."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.socket_dir))}"

    def database_parameters(self) -> dict[str, Any]:
        """Return Django's connection dictionary; starts nothing."""
        engine = "django.db.backends.postgresql"
        return {"ENGINE": engine, "NAME": NAME, "USER": NAME, "PASSWORD": "", "HOST": str(self.socket_dir), "PORT": ""}

    def start(self) -> None:
        """Make what is missing, run the server and return once it answers. Call it from the main thread."""
        self.prepare()
        self.spawn()
        self.ensure_ready()

    def prepare(self) -> None:
        """Make folders and database if they are missing, and end a server that outlived its supervisor."""
        self._refuse_other_major()
        self._place.make_folders()
        self._end_leftover()
        if not self.data_dir.exists():
            self._create()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Run the server without waiting for it; it stops cleanly when this process dies."""
        program = self._place.binaries() / "postgres"
        with self._open_log() as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own arguments only
                [program, "-D", self.data_dir, *self._options()],
                cwd=self.data_dir,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C must not reach it before web and worker are done
                preexec_fn=tied_to_parent(signal.SIGINT),  # noqa: PLW1509  # started from the main thread
                umask=0o077,
                **self._place.account.popen_arguments(),
            )
        return self.process

    def ensure_ready(self) -> None:
        """Wait until the server answers; raise with its last words if it ends instead."""
        deadline = time.monotonic() + _READY_SECONDS
        while not self.is_ready():
            if self.process is None or self.process.poll() is not None:
                raise PostgresError(f"PostgreSQL did not start.\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL did not answer within {_READY_SECONDS} s.\n{self.last_words()}")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """Tell whether a server on this data, ours or another process's, takes connections."""
        lines = self._pid_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self._is_server(int(lines[0]))

    def stop(self) -> None:
        """End the server: clients are cut off, the data is left clean."""
        if self.process is None:
            return
        for signal_number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.send_signal(signal_number)
                self.process.wait(seconds)
                break
        self.process = None

    def last_words(self) -> str:
        """Return the end of the server's log."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-12:])

    def _refuse_other_major(self) -> None:
        version = self.data_dir / "PG_VERSION"
        if not version.exists():
            return
        major = version.read_text().strip()
        if major != MAJOR:
            raise PostgresError(
                f"{self.data_dir} was made by PostgreSQL {major}, and this Atelier runs PostgreSQL {MAJOR}. "
                f"Nothing was changed. Dump it with PostgreSQL {major} and restore it into a new home."
            )

    def _create(self) -> None:
        """Make the cluster aside and move it into place, so that a crash never leaves half of one."""
        draft = self.data_dir.with_name("data.new")
        if draft.exists():
            shutil.rmtree(draft)
        make_private_dir(draft)
        self._place.account.own(draft)
        options = ["--username", NAME, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"]
        ctype = "C.UTF-8" if _LINUX else "UTF-8"
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={ctype}"]
        options += [] if self._durable else ["--no-sync"]
        self._run("initdb", "-D", draft, "--no-instructions", *options)
        self._run("postgres", "--single", "-D", draft, "postgres", sql=f"CREATE DATABASE {NAME}\n")
        draft.rename(self.data_dir)

    def _run(self, program: str, *arguments: str | Path, sql: str = "") -> None:
        """Run one of the programs to its end."""
        done = subprocess.run(  # noqa: S603  # our own arguments only
            [self._place.binaries() / program, *arguments],
            cwd="/",
            env=_environment(),
            input=sql,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,
            preexec_fn=tied_to_parent(signal.SIGKILL),
            **self._place.account.popen_arguments(),
        )
        if done.returncode != 0 or "ERROR:" in done.stdout:
            raise PostgresError(f"{program} failed in {self._place.base}.\n{done.stdout.strip()}")

    def _options(self) -> list[str]:
        safe = "on" if self._durable else "off"
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self.socket_dir}"',
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "128MB",
            "fsync": safe,
            "synchronous_commit": safe,
            "full_page_writes": safe,
            "log_min_messages": "log",
            "log_checkpoints": "off",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _open_log(self) -> Any:
        path = self.log_file
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.old"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "ab")

    def _pid_lines(self) -> list[str]:
        """Return the lines of the server's pid file; the first is its process, the eighth its state."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []
        return lines if lines and lines[0].strip().isdigit() else []

    def _is_server(self, pid: int) -> bool:
        """Tell whether `pid` is a server on this data: after a restart the number may be anybody's."""
        return str(self.data_dir) in _command_line(pid)

    def _end_leftover(self) -> None:
        """Stop a server whose supervisor is gone; the caller holds the lock of the home, so it is nobody's."""
        lines = self._pid_lines()
        if not lines:
            return
        pid = int(lines[0])
        if not self._is_server(pid):
            if _command_line(pid):  # the number is another program's now, which PostgreSQL could take for a server
                (self.data_dir / "postmaster.pid").unlink()
            return
        for signal_number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if not self._is_server(pid):
                    return
                time.sleep(0.02)


def _environment() -> dict[str, str]:
    """Return a clean environment: a PGDATA or PGHOST of the caller must not decide anything here."""
    return {"PATH": os.defpath, "LC_ALL": "C"}


def _command_line(pid: int) -> list[str]:
    """Return the arguments of a process, or nothing if there is none."""
    if _LINUX:
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(errors="surrogateescape").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    found = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607  # the system's ps
    return found.stdout.split()
