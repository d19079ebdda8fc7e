"""`python -m studio run`: everything of one installation as one foreground command."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from studio.runtime.children import Child, describe_status, kill, now, spawn_python
from studio.runtime.console import complain, say
from studio.runtime.health import is_healthy
from studio.runtime.home import AlreadyRunningError, Lock, home_dir, make_home
from studio.runtime.place import PostgresError
from studio.runtime.postgres import EmbeddedPostgres
from studio.runtime.static import COLLECT, StaticFiles
from studio.runtime.watch import Watch
from studio.runtime.web import listen

STOPPED = 0
FAILED = 1
BAD_SETTING = 2
STOPPED_AT_ONCE = 130
_TRIES = 4
_KILL_MARGIN = 5.0


class StartError(RuntimeError):
    """The start cannot go on; the message says why, unless a child has said it already."""

    def __init__(self, message: str = "", status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


class StopRequested(Exception):  # a wish, not an error
    """Somebody asked to stop while the start was under way."""


@dataclass(frozen=True)
class Plan:
    """What the supervisor has to know of the settings, read by Django in a child process."""

    host: str
    port: int
    base_url: str
    stop_grace: float
    embedded: bool

    @classmethod
    def read(cls) -> Self:
        """Let a child read and check every setting; what is wrong it has printed itself."""
        child = spawn_python(["-m", "studio", "settings"], capture=True)
        output, _ = child.communicate()
        if child.returncode != 0:
            raise StartError(status=child.returncode if child.returncode > 0 else FAILED)
        return cls(**json.loads(output))

    @property
    def shown_host(self) -> str:
        """The host as it stands in an address."""
        return f"[{self.host}]" if ":" in self.host else self.host


def run() -> int:
    """Run everything until told to stop; return the exit status."""
    home = home_dir(os.environ)
    try:
        plan = Plan.read()
        make_home(home)
        with Lock(home), _bind(plan) as bound, Watch() as watch:
            return Supervisor(home, plan, bound, watch).run()
    except (StartError, PostgresError, AlreadyRunningError) as error:
        if str(error):
            complain(str(error))
        return error.status if isinstance(error, StartError) else FAILED


def _bind(plan: Plan) -> socket.socket:
    try:
        return listen(plan.host, plan.port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartError(f"HOST={plan.host} PORT={plan.port} cannot be used: {reason}.") from error


class Supervisor:
    """Starts the parts in order, starts again what ends, and stops all in reverse."""

    def __init__(self, home: Path, plan: Plan, bound: socket.socket, watch: Watch) -> None:
        self._home = home
        self._plan = plan
        self._bound = bound
        self._watch = watch
        self._postgres = EmbeddedPostgres(home)
        self._database = Child("PostgreSQL", self._postgres.spawn)
        self._web = Child("web", self._spawn_web)
        self._others = [Child(role, partial(self._spawn, role)) for role in ("worker", "scheduler")]

    def run(self) -> int:
        """Run until told to stop; whatever happens, no process is left."""
        try:
            self._start()
            self._supervise()
        except StopRequested:
            say("Stopping before the start was over.")
        finally:
            self._end()
        return STOPPED_AT_ONCE if self._watch.stops > 1 else STOPPED

    def _start(self) -> None:
        if self._plan.embedded:
            say(f"Database: {self._postgres.data_dir}")
            self._postgres.prepare()
            self._database.tend(now())
            self._wait_for_database()
        static = StaticFiles(self._home)
        collect = None if static.are_fresh() else spawn_python(COLLECT)  # beside the migrations: it needs no database
        try:
            self._step("manage.py", "migrate", "--noinput", "--verbosity=0")
            self._step("manage.py", "prepare")
            if collect is not None:
                self._finish(collect, COLLECT)
                static.mark_fresh()
        finally:
            if collect is not None:
                kill(collect)

    def _wait_for_database(self) -> None:
        while not self._postgres.is_ready():
            if not self._database.is_running:
                raise PostgresError(f"PostgreSQL did not start.\n{self._postgres.last_words()}")
            self._pause(0.02)

    def _step(self, *arguments: str) -> None:
        process = spawn_python(arguments)
        try:
            self._finish(process, arguments)
        finally:
            kill(process)

    def _finish(self, process: subprocess.Popen[bytes], arguments: Sequence[str]) -> None:
        """Wait until a step of the start has ended well."""
        while process.poll() is None:
            self._pause(None)
        if process.returncode != 0:
            raise StartError(f"{' '.join(arguments[:2])} failed ({describe_status(process.returncode)}).")

    def _pause(self, seconds: float | None) -> None:
        self._watch.wait(seconds)
        if self._watch.stops:
            raise StopRequested

    def _supervise(self) -> None:
        """Keep everything running; sleeps without waking up unless something ends."""
        children = [self._web, *self._others]
        if self._plan.embedded:
            children.insert(0, self._database)
        ready = False
        while not self._watch.stops:
            pauses = [due for child in children if (due := child.tend(now())) is not None]
            if not ready:
                self._give_up_on_broken(children)
                ready = self._announce_if_healthy()
                pauses += [] if ready else [now() + 0.1]
            self._watch.wait(max(min(pauses) - now(), 0) if pauses else None)

    def _give_up_on_broken(self, children: Sequence[Child]) -> None:
        """Stop trying if a part has never come up: what it printed says why."""
        for child in children:
            if child.ends_in_a_row >= _TRIES:
                raise StartError(f"{child.name} does not start.")

    def _announce_if_healthy(self) -> bool:
        if not is_healthy(self._plan.host, self._plan.port, self._plan.base_url):
            return False
        say(f"Atelier is ready at http://{self._plan.shown_host}:{self._plan.port}")
        return True

    def _spawn(self, role: str, *arguments: str, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        return spawn_python(["-m", "studio", role, *arguments], keep=keep)

    def _spawn_web(self) -> subprocess.Popen[bytes]:
        """Run the web on the socket we hold, so that a restart refuses nobody and no other program gets the port."""
        descriptor = self._bound.fileno()
        return self._spawn("web", f"--socket={descriptor}", keep=[descriptor])

    def _end(self) -> None:
        """Stop web, worker and scheduler, give running work its time, then stop the database."""
        self._bound.close()
        children = [self._web, *self._others]
        try:
            self._end_gently(children)
        finally:
            for child in children:
                child.kill()
            self._postgres.stop()

    def _end_gently(self, children: Sequence[Child]) -> None:
        running = [child for child in children if child.is_running]
        for child in running:
            child.terminate()
        if running and self._watch.stops == 1:
            grace = f"{self._plan.stop_grace:g} s"
            say(f"Stopping. Running work has up to {grace} to finish; Ctrl-C again stops at once.")
        deadline = now() + self._plan.stop_grace + _KILL_MARGIN
        while any(child.is_running for child in running) and self._watch.stops < 2 and now() < deadline:
            due = self._database.tend(now()) if self._plan.embedded else None
            self._watch.wait(max(min(deadline, due or deadline) - now(), 0))
