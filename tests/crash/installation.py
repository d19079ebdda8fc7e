"""One Atelier made of real processes, seen from outside: through HTTP, its provider's books, and SQL."""

import json
import shutil
import socket
import tempfile
import uuid
from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

from studio.runtime.health import is_healthy
from tests.crash.brokers import Broker, Pgmq, Redis
from tests.crash.browser import Browser
from tests.crash.processes import PROMISE, Process, run_python, wait_until
from tests.crash.stage import EMAIL, PASSWORD, TEAM, Stage
from tests.emulators.control import EmulatorControl

# Longer than an outage, so that nobody takes over what is still worked on.
PATIENT = {"LEASE_SECONDS": "20", "LEASE_RENEWAL_SECONDS": "1"}
LIVE = frozenset({"queued", "running"})


@dataclass(frozen=True)
class Outcome:
    """What became of one generation: for the team, for the operator, and in the provider's books."""

    state: str
    delivered: int
    charged: int
    attempts: list[str]
    possible_cost: bool
    paid_calls: int


class Installation:
    """A database, a home and the processes of one Atelier; `settings` go to each of them."""

    def __init__(self, stage: Stage, redis: Redis | None = None, *, patient: bool = False, **settings: str) -> None:
        self.stage = stage
        self.emulator: EmulatorControl = stage.emulator
        self.home = Path(tempfile.mkdtemp(prefix="atelier-crash-"))
        self.processes: list[Process] = []
        self.url = ""
        self._settings = settings | (PATIENT if patient else {}) | ({"CELERY_BROKER_URL": redis.url} if redis else {})
        self._name = stage.copy_database()
        self.database: psycopg.Connection[Any] = psycopg.connect(stage.dsn(self._name), autocommit=True)
        self.broker: Broker = redis or Pgmq(self.database)
        self._sockets: list[socket.socket] = []
        self._browsers: list[Browser] = []
        self._numbers = count(1)
        for folder in ("media", "spool"):
            (self.home / folder).mkdir()
        self._use_collected_files()

    def start(self, role: str, *arguments: str, keep: int = -1, **settings: str) -> Process:
        """Start one process."""
        log = self.home / f"{role}-{next(self._numbers)}.log"
        process = Process.of_studio(role, *arguments, environment=self.environment(**settings), log=log, keep=keep)
        self.processes.append(process)
        return process

    def start_web(self, **settings: str) -> tuple[Process, str]:
        """Start a web process on a socket of ours, which nobody else can take; return it with its address."""
        bound = socket.create_server(("127.0.0.1", 0))
        bound.listen(512)
        self._sockets.append(bound)
        port = int(bound.getsockname()[1])
        descriptor = bound.fileno()
        web = self.start("web", "--socket", str(descriptor), keep=descriptor, PORT=str(port), **settings)
        wait_until(
            lambda: not web.is_running or is_healthy("127.0.0.1", port, f"http://127.0.0.1:{port}"),
            lambda: f"the web process\n{web.output}",
        )
        return web, f"http://127.0.0.1:{port}"

    def open(self, *roles: str) -> Browser:
        """Start web and the other roles at once and return somebody signed in."""
        for role in roles:
            self.start(role)
        _, self.url = self.start_web()
        return self.browser_at(self.url).sign_in(EMAIL, PASSWORD)

    def browser_at(self, url: str) -> Browser:
        """Return a browser that nobody has signed in with."""
        return self.keep(Browser(url, TEAM))

    def keep(self, browser: Browser) -> Browser:
        """Close this browser at the end."""
        self._browsers.append(browser)
        return browser

    def environment(self, **settings: str) -> dict[str, str]:
        """Return what a process is told."""
        return self.stage.environment(self.home, self._name, **{**self._settings, **settings})

    def submit(
        self, browser: Browser, *, times: int = 1, n: int = 1, model: str = "gpt-image-2", **fields: str
    ) -> list[int]:
        """Submit prompts that are all different; each must be taken."""
        prompts = [f"A red kite, {uuid.uuid4().hex}" for _ in range(times)]
        browser.filled(n=n, model=model, **fields)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda prompt: browser.submit(prompt, n=n, model=model, **fields), prompts))
        assert [answer.status_code for answer in answers] == [303] * times, self.story()
        found = self.rows("SELECT id FROM generations_generation WHERE prompt = ANY(%s) ORDER BY id", prompts)
        return [row[0] for row in found]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the database."""
        return self.database.execute(sql, values).fetchall()

    def states(self, ids: Collection[int]) -> Counter[str]:
        """Count generations by state."""
        found = self.rows(
            "SELECT state, count(*) FROM generations_generation WHERE id = ANY(%s) GROUP BY state", list(ids)
        )
        return Counter(dict(found))

    def wait_until_sent(self, ids: Collection[int]) -> None:
        """Wait until the provider works on all of them."""
        self.wait(lambda: self._sent(ids) == len(ids), f"{len(ids)} calls to be sent")
        self.wait(lambda: self.emulator.stats()["in_flight"] >= len(ids), f"{len(ids)} calls in flight")

    def _sent(self, ids: Collection[int]) -> int:
        sql = "SELECT count(*) FROM generations_attempt WHERE state = 'sent' AND generation_id = ANY(%s)"
        return int(self.rows(sql, list(ids))[0][0])

    def wait_until_ended(self, ids: Collection[int], *, patience: float = PROMISE) -> None:
        """Wait until none of them is queued or running."""
        self.wait(lambda: not LIVE & self.states(ids).keys(), f"{len(ids)} generations to end", patience=patience)

    def wait(self, condition: Any, what: str, *, patience: float = PROMISE) -> None:
        """Wait for a condition; a failure tells what the processes said."""
        wait_until(condition, lambda: f"{what}\n{self.story()}", patience=patience)

    def story(self) -> str:
        """Return generations by state and the last words of every process."""
        states = self.rows("SELECT state, count(*) FROM generations_generation GROUP BY state")
        logs = [f"--- {process.log.stem}\n{process.output}" for process in self.processes]
        return "\n".join([str(states), *logs])

    def outcome(self, generation: int) -> Outcome:
        """Return what became of one generation."""
        [(state, prompt, charged)] = self.rows(
            "SELECT g.state, g.prompt, coalesce(-sum(e.amount), 0)::int FROM generations_generation g"
            " LEFT JOIN ledger_entry e ON e.hold_id = g.hold_id WHERE g.id = %s GROUP BY g.id",
            generation,
        )
        [(delivered,)] = self.rows("SELECT count(*) FROM library_asset WHERE generation_id = %s", generation)
        attempts = self.rows(
            "SELECT state, possible_cost FROM generations_attempt WHERE generation_id = %s ORDER BY number", generation
        )
        return Outcome(
            state=state,
            delivered=delivered,
            charged=charged,
            attempts=[attempt[0] for attempt in attempts],
            possible_cost=any(attempt[1] for attempt in attempts),
            paid_calls=sum(record["prompt"] == prompt and record["paid"] > 0 for record in self.emulator.requests()),
        )

    def outcomes(self, ids: Iterable[int]) -> Counter[tuple[str, int, int]]:
        """Count generations by state, delivered pictures and charged credits."""
        found = (self.outcome(pk) for pk in ids)
        return Counter((one.state, one.delivered, one.charged) for one in found)

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` and return what it printed."""
        done = run_python("manage.py", *arguments, environment=self.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def audit(self) -> None:
        """Hold the installation to every invariant, and the attempts to the provider's books."""
        done = run_python("manage.py", "audit", "--json", "--files=full", environment=self.environment())
        report = json.loads(done.stdout or "{}")
        broken = [
            invariant for invariant in report.get("invariants", [{"none": done.stderr}]) if not invariant.get("ok")
        ]
        assert (broken, done.returncode) == ([], 0), self.story()
        self._check_books()

    def _check_books(self) -> None:
        """Each paid call belongs to one attempt that was marked as sent before; no attempt was answered twice."""
        attempts = self.rows(
            "SELECT g.prompt, a.request_id FROM generations_attempt a JOIN generations_generation g"
            " ON g.id = a.generation_id JOIN providers_connection c ON c.id = a.connection_id"
            " WHERE a.sent_at IS NOT NULL AND c.protocol = 'openai'"
        )
        prompts = {prompt for prompt, _ in attempts}
        books = [record for record in self.emulator.requests() if record["prompt"] in prompts]
        calls = Counter(record["prompt"] for record in books)
        assert calls <= Counter(prompt for prompt, _ in attempts)
        named = Counter(request_id for _, request_id in attempts if request_id)
        assert named <= Counter(record["id"] for record in books)

    def reconnect(self) -> None:
        """Read on after the database was away."""
        self.database.close()
        self.database = psycopg.connect(self.stage.dsn(self._name), autocommit=True)

    def end_processes(self) -> None:
        """End what still runs; a frozen process, too."""
        for process in self.processes:
            process.kill()

    def close(self) -> None:
        """End and remove everything."""
        self.end_processes()
        for browser in self._browsers:
            browser.close()
        for bound in self._sockets:
            bound.close()
        self.database.close()
        self.stage.drop_database(self._name)
        shutil.rmtree(self.home)

    def _use_collected_files(self) -> None:
        (self.home / "static").symlink_to(self.stage.home / "static")
        shutil.copy(self.stage.home / "static.stamp", self.home)
