"""Many jobs at a provider at once: nobody here waits for one of them, and the upkeep asks what has become of them."""

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.bare import cpu_per_picture, fetch_replies
from tests.bench.figures import Sheet, percentile
from tests.bench.meters import Memory, cpu_of, watched_memory
from tests.bench.scene import Scene, emulator_of
from tests.crash.browser import Browser
from tests.crash.installation import Installation
from tests.crash.processes import Process
from tests.crash.stage import EMAIL, PASSWORD
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import VARIANTS

JOBS = 500
# So long all of them are under way; the provider's time is a little more.
STANDING = 15.0
_PATIENCE = 300.0
_MODELS: Mapping[str, str] = {"apiframe": "apiframe-gpt-image-2", "pixapi": "pixapi-gpt-image-2"}
_FIELDS: Mapping[str, Any] = {"background": "", "output_format": ""}
_ROLES = ("scheduler", "worker")
_STEPS = """
    SELECT extract(epoch FROM a.answered_at)::float, extract(epoch FROM g.ended_at)::float
    FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id WHERE g.id = ANY(%s)
"""
_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Watched:
    """What was highest during a run."""

    memory: dict[str, Memory] = field(default_factory=dict)
    connections: int = 0


@dataclass(frozen=True)
class Run:
    """Seconds from the release and from the end of all jobs, questions, and CPU: in cores, and ms of a generation."""

    begun: float
    asked: Mapping[str, int]
    noticed: list[float]
    ended: float
    standing: Mapping[str, float]
    spent: Mapping[str, float]


def measure(scene: Scene, sheet: Sheet) -> None:
    """Once with a provider that lists its jobs, once with one that has to be asked for each."""
    for protocol in _MODELS:
        with (
            emulator_of(protocol, scene.folder) as emulator,
            scene.connected(emulator, WORKER_CONCURRENCY=str(JOBS)) as made,
        ):
            _measure(scene, made, emulator, sheet)


def _measure(scene: Scene, made: Installation, emulator: EmulatorControl, sheet: Sheet) -> None:
    """Submit while the worker is frozen, release it, let all jobs stand for a while, and end them at one moment."""
    processes = {role: made.start(role) for role in _ROLES}
    processes["web"], url = made.start_web()
    pids = {role: process.pid for role, process in processes.items()} | {"database": scene.postgres_pid}
    browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
    scene.stage.emulator.set(heavy=True)
    replies = fetch_replies(scene.stage.emulator)
    emulator.set(heavy=True, job_seconds=0.2)
    made.wait_until_ended(_submit(made, browser, emulator, VARIANTS))
    emulator.set(job_seconds=-1)
    paid = emulator.stats()["paid_pictures"]
    bare = [cpu_per_picture(replies, scene.folder)]
    processes["worker"].send(signal.SIGSTOP)
    ids = _submit(made, browser, emulator, JOBS)
    with _watched(made, {role: process.pid for role, process in processes.items()}) as watched:
        run = _run(made, emulator, processes["worker"], ids, pids)
    bare.append(cpu_per_picture(replies, scene.folder))
    assert made.states(ids) == {"succeeded": JOBS}, made.story()
    assert emulator.stats()["paid_pictures"] - paid == JOBS
    made.audit()
    _report(sheet, emulator.about["name"], run, watched, bare=median(bare))


def _run(
    made: Installation, emulator: EmulatorControl, worker: Process, ids: list[int], pids: Mapping[str, int]
) -> Run:
    cpu = [_cpu(pids)]
    released = time.time()
    worker.send(signal.SIGCONT)
    made.wait(lambda: _under_way(made) == JOBS, f"{JOBS} jobs to be under way", patience=_PATIENCE)
    begun = time.time()
    cpu.append(_cpu(pids))
    calls = [emulator.stats()["calls"]]
    time.sleep(STANDING)
    cpu.append(_cpu(pids))
    calls.append(emulator.stats()["calls"])
    stood = time.time() - begun
    emulator.advance(steps=2)
    over = time.time()
    made.wait_until_ended(ids, patience=_PATIENCE)
    cpu.append(_cpu(pids))
    steps = made.rows(_STEPS, ids)
    return Run(
        begun=begun - released,
        asked={kind: calls[1].get(kind, 0) - calls[0].get(kind, 0) for kind in ("poll", "list")},
        noticed=[ready - over for ready, _ in steps],
        ended=max(ended for _, ended in steps) - over,
        standing={role: (cpu[2][role] - cpu[1][role]) / stood for role in pids},
        spent={role: 1000 * (cpu[3][role] - cpu[0][role]) / JOBS for role in pids},
    )


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {role: cpu_of(pid) for role, pid in pids.items()}


def _under_way(made: Installation) -> int:
    return int(made.rows("SELECT count(*) FROM generations_attempt WHERE state = 'accepted'")[0][0])


def _submit(made: Installation, browser: Browser, emulator: EmulatorControl, times: int) -> list[int]:
    return made.submit(browser, times=times, model=_MODELS[emulator.about["name"]], **_FIELDS)


@contextmanager
def _watched(made: Installation, pids: Mapping[str, int]) -> Iterator[Watched]:
    """Follow the memory of each process and the connections to the database during the block."""
    watched = Watched()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            [(found,)] = made.rows(_CONNECTIONS)
            watched.connections = max(watched.connections, found)

    looking = threading.Thread(target=look, name="connections")
    with ExitStack() as ends:
        watched.memory = {role: ends.enter_context(watched_memory(pid, every=0.5)) for role, pid in pids.items()}
        looking.start()
        try:
            yield watched
        finally:
            ended.set()
            looking.join()


def _report(sheet: Sheet, name: str, run: Run, watched: Watched, *, bare: float) -> None:
    sheet.add(f"{name}: stored and settled, each paid once", JOBS, "generations")
    sheet.add(f"{name}: release → all jobs under way", run.begun, "s")
    sheet.add(f"{name}: questions about one job in {STANDING:g} s", run.asked["poll"] / JOBS, "calls")
    sheet.add(f"{name}: questions for the list in {STANDING:g} s", run.asked["list"], "calls")
    for role, share in run.standing.items():
        sheet.add(f"{name}: CPU while all jobs stand, {role}", 100 * share, "% of a core")
    sheet.add(f"{name}: all jobs end → noticed, p50", percentile(run.noticed, 0.5), "s")
    sheet.add(f"{name}: all jobs end → last one noticed", max(run.noticed), "s")
    sheet.add(f"{name}: all jobs end → last one stored and settled", run.ended, "s")
    sheet.add(f"{name}: most connections to the database", watched.connections, "")
    for role, memory in watched.memory.items():
        sheet.add(f"{name}: memory before, {role}", memory.before, "MiB PSS")
        sheet.add(f"{name}: memory at its peak, {role}", memory.peak_rss, "MiB RSS")
    sheet.add(f"{name}: CPU of a picture in the bare loop", bare, "ms")
    for role, milliseconds in run.spent.items():
        sheet.add(f"{name}: CPU of a generation, {role}", milliseconds, "ms")
