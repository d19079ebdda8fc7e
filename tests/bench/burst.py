"""Many generations submitted at once to one worker process."""

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from tests.bench.bare import cpu_per_picture, fetch_replies
from tests.bench.figures import Sheet
from tests.bench.meters import Memory, cpu_of, watched_memory
from tests.bench.scene import Scene
from tests.crash.installation import Installation
from tests.crash.processes import Process
from tests.crash.stage import EMAIL, PASSWORD

CALLS = 500
LATENCY = 15.0
_PATIENCE = 300.0


@dataclass(frozen=True)
class Run:
    """What one burst took; times in seconds after the release, CPU in seconds."""

    sent: float
    answered: float
    ended: float
    most_in_flight: int
    memory: Memory
    cpu: Mapping[str, float]


def measure(scene: Scene, sheet: Sheet) -> None:
    """Submit by HTTP while the worker is frozen, release it, and wait until everything is stored and settled."""
    with scene.installation(WORKER_CONCURRENCY=str(CALLS)) as made:
        processes = {role: made.start(role) for role in ("scheduler", "worker")}
        processes["web"], url = made.start_web()
        browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
        made.emulator.set(heavy=True)
        replies = fetch_replies(made.emulator)
        made.wait_until_ended(made.submit(browser, times=2))
        bare = [cpu_per_picture(replies, scene.folder)]
        made.emulator.set(latency=LATENCY)
        pids = {role: process.pid for role, process in processes.items()} | {"database": scene.postgres_pid}
        before = _cpu(pids)
        processes["worker"].send(signal.SIGSTOP)
        ids = made.submit(browser, times=CALLS)
        submitted = _cpu(pids)
        run = _release(made, processes["worker"], ids, pids)
        bare.append(cpu_per_picture(replies, scene.folder))
        _report(sheet, run, bare=median(bare), before=before, submitted=submitted)
        made.audit()


def _release(made: Installation, worker: Process, ids: list[int], pids: Mapping[str, int]) -> Run:
    most = made.emulator.stats()["most_in_flight"]
    with watched_memory(worker.pid) as memory:
        began = time.time()
        worker.send(signal.SIGCONT)
        made.wait_until_ended(ids, patience=_PATIENCE)
        cpu = _cpu(pids)
    assert made.states(ids) == {"succeeded": len(ids)}, made.story()
    [(sent, answered, ended)] = made.rows(
        "SELECT extract(epoch FROM max(a.sent_at))::float, extract(epoch FROM max(a.answered_at))::float,"
        " extract(epoch FROM max(g.ended_at))::float"
        " FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id WHERE g.id = ANY(%s)",
        ids,
    )
    most = made.emulator.stats()["most_in_flight"]
    return Run(sent - began, answered - began, ended - began, most, memory, cpu)


def _cpu(pids: Mapping[str, int]) -> dict[str, float]:
    return {role: cpu_of(pid) for role, pid in pids.items()}


def _report(
    sheet: Sheet, run: Run, *, bare: float, before: Mapping[str, float], submitted: Mapping[str, float]
) -> None:
    spent = {role: 1000 * (run.cpu[role] - before[role]) / CALLS for role in before}
    total = spent["web"] + spent["worker"] + spent["database"]
    sheet.add("stored and settled", CALLS, "generations")
    sheet.add("most calls in flight at once", run.most_in_flight, "calls")
    sheet.add("release → last call sent", run.sent, "s")
    sheet.add("release → last answer on disk", run.answered, "s")
    sheet.add("release → last one stored and settled", run.ended, "s", most=25)
    sheet.add("worker's memory before", run.memory.before, "MiB PSS")
    sheet.add("worker's memory at its peak", run.memory.peak, "MiB PSS")
    sheet.add("worker's memory at its peak", run.memory.peak_rss, "MiB RSS")
    sheet.add("added per call in flight", run.memory.grown / CALLS, "MiB", most=1)
    sheet.add("CPU of a picture in the bare loop", bare, "ms")
    for role in ("web", "worker", "database"):
        sheet.add(f"CPU of a picture: {role}", spent[role], "ms")
    during = 1000 * (submitted["database"] - before["database"]) / CALLS
    sheet.add("of the database's, while submitting", during, "ms")
    sheet.add("CPU of a picture against the bare loop", total / bare, "×", most=1.6)
    sheet.add("CPU of a picture: scheduler, which makes previews meanwhile", spent["scheduler"], "ms")
