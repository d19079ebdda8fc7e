"""What processes use: CPU seconds and memory, read from the system."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

MEBIBYTE = 1024 * 1024


@dataclass
class Memory:
    """The memory of a process before and at its highest, in MiB; PSS counts shared pages by their share."""

    before: float
    peak: float
    peak_rss: float

    @property
    def grown(self) -> float:
        """How much was added."""
        return self.peak - self.before


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and of everything it has ever started."""
    root = psutil.Process(pid)
    own = root.cpu_times()
    # What has ended is in the children's times of whoever waited for it.
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in root.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system + times.children_user + times.children_system
    return float(seconds)


def pss_of(pids: Iterable[int]) -> float:
    """Return the MiB of these processes and their descendants."""
    total = 0
    for pid in pids:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
    return total / MEBIBYTE


@contextmanager
def watched_memory(pid: int, *, every: float = 0.25) -> Iterator[Memory]:
    """Follow the memory of one process during the block."""
    process = psutil.Process(pid)
    found = Memory(before=pss_of([pid]), peak=0.0, peak_rss=0.0)
    ended = threading.Event()

    def look() -> None:
        full = process.memory_full_info()
        found.peak = max(found.peak, full.pss / MEBIBYTE)
        found.peak_rss = max(found.peak_rss, full.rss / MEBIBYTE)

    def follow() -> None:
        while not ended.wait(every):
            look()

    look()
    follower = threading.Thread(target=follow, name="memory")
    follower.start()
    try:
        yield found
    finally:
        ended.set()
        follower.join()
        look()
