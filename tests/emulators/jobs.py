"""Jobs of emulators: they move by time or by the control door, and can go every wrong way.

Setting `job_seconds`: from the first state to the last; 0 means at once, a negative number means that only
`advance` moves jobs. Faults: `job_fails error=TEXT`, `job_never_ends`, `job_without_result`, `job_goes_backwards`,
`job_unknown_state`, `job_completes_then_fails`, `job_cancelled`, `job_lost_early polls=N` (404 for the first N polls),
`job_lost_late` (404 once it is completed); queued for a poll, `job_swapped` (the record of the first job that is not
asked for); in the first answer `job_without_id`, `job_huge_id`, `job_reused_id`;
`job_hook_first seconds=N` (the first answer takes so long that the webhook may come before it).
A provider puts its own words for the states: queued, running, completed, failed, cancelled.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.faults import Fault
from tests.emulators.orders import Order, Record
from tests.emulators.pictures import Picture

FINAL = frozenset({"completed", "failed", "cancelled"})
USUAL = ("queued", "running", "completed")
STEPS: Mapping[str, tuple[str, ...]] = {
    "job_fails": ("queued", "running", "failed"),
    "job_never_ends": ("queued", "running"),
    "job_goes_backwards": ("queued", "running", "queued", "running", "completed"),
    "job_unknown_state": ("queued", "simmering", "completed"),
    "job_completes_then_fails": ("queued", "running", "completed", "failed"),
    "job_cancelled": ("queued", "cancelled"),
}
NAMES = (
    *STEPS,
    "job_without_result",
    "job_lost_early",
    "job_lost_late",
    "job_swapped",
    "job_without_id",
    "job_huge_id",
    "job_reused_id",
    "job_hook_first",
)


@dataclass
class Job:
    """One accepted order on its way."""

    id: str
    order: Order
    record: Record
    pictures: list[Picture]
    fault: Fault
    hook_url: str = ""
    hook_events: tuple[str, ...] = ("completed", "failed")
    details: dict[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = USUAL
    position: int = 0
    polls: int = 0
    polled_at: float = 0.0
    created_at: float = field(default_factory=time.time)
    completed_at: float | None = None

    @property
    def state(self) -> str:
        """Where the job is, in the words of this module."""
        return self.steps[self.position]

    @property
    def is_lost(self) -> bool:
        """Whether a poll finds nothing at this moment."""
        if self.fault.name == "job_lost_early":
            return self.polls <= self.fault.number("polls", 2)
        return self.fault.name == "job_lost_late" and self.state in FINAL

    @property
    def results(self) -> list[Picture]:
        """What a completed job shows."""
        return [] if self.fault.name == "job_without_result" or self.state != "completed" else self.pictures

    @property
    def error(self) -> str:
        """Why it failed, if it did."""
        wanted = self.fault.parameters.get("error", "the_model_failed").replace("_", " ")
        return wanted if self.state == "failed" else ""


class Jobs:
    """All jobs of one emulator; `moved` is awaited after every change of state."""

    def __init__(self, moved: Callable[[Job], Awaitable[None]]) -> None:
        self._moved = moved
        self._followers: set[asyncio.Task[None]] = set()
        self.forget()

    def forget(self) -> None:
        """Drop every job."""
        for follower in self._followers:
            follower.cancel()
        self.all: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """Store a job; it stands still until it is followed."""
        job.steps = STEPS.get(job.fault.name, USUAL)
        self.all[job.id] = job

    def follow(self, job: Job, seconds: float) -> None:
        """Let time move the job."""
        if seconds >= 0:
            follower = asyncio.create_task(self._follow(job, seconds / (len(job.steps) - 1)))
            self._followers.add(follower)
            follower.add_done_callback(self._followers.discard)

    async def _follow(self, job: Job, pause: float) -> None:
        while job.position + 1 < len(job.steps):
            await asyncio.sleep(pause)
            await self.move(job)

    async def move(self, job: Job) -> None:
        """Take the next step, if there is one."""
        if job.position + 1 >= len(job.steps):
            return
        job.position += 1
        await self._settle(job)

    async def cancel(self, job: Job) -> bool:
        """Cancel a job that has not ended; tell whether it was."""
        if job.state in FINAL:
            return False
        job.steps = (*job.steps[: job.position + 1], "cancelled")
        await self.move(job)
        return True

    async def _settle(self, job: Job) -> None:
        if job.state in FINAL:
            job.completed_at = job.completed_at or time.time()
        if job.state in {"failed", "cancelled"} and job.fault.parameters.get("charged") != "1":
            job.record.paid = 0
        await self._moved(job)
