"""Measures the product's promises and shows them as a table; `--json FILE` keeps them, `--only NAME` takes some."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import acts, archive, burst, delivery, idle, jobs, latency, ledger, library, pages, protocols, scroll
from tests.bench.figures import Figure, Sheet, table
from tests.bench.scene import Scene, scene

MEASUREMENTS: Mapping[str, tuple[str, Callable[[Scene, Sheet], None]]] = {
    "burst": (f"{burst.CALLS} generations of {burst.LATENCY:g} s at once, 2.4 MB replies, one worker", burst.measure),
    "jobs": (f"{jobs.JOBS} jobs at a provider at once, for {jobs.STANDING:g} s", jobs.measure),
    "protocols": (f"{protocols.ROUNDS} pictures of each protocol beside bare calls", protocols.measure),
    "begun-pgmq": (f"Submit → provider, {latency.SUBMITS} submits, queue in PostgreSQL", latency.measure_begun_pgmq),
    "begun-redis": (f"Submit → provider, {latency.SUBMITS} submits, queue in Redis", latency.measure_begun_redis),
    "shown": ("Provider → open page", latency.measure_shown),
    "ledger": ("Credits of one hot team, 8 threads", ledger.measure),
    "pages": (f"Pages with {pages.PICTURES} pictures", pages.measure),
    "archive": (
        f"Archives: {archive.COUNT:,} files of 1.5 MB beside nginx, {archive.MANY:,} files, 30 GB",
        archive.measure,
    ),
    "delivery": (f"An original of {delivery.SIZE / 1e9:g} GB, sent by nginx on our word", delivery.measure),
    "scroll": (f"A browser scrolls through {scroll.PICTURES:,} pictures", scroll.measure),
    "acts": (f"An act on {scroll.PICTURES:,} pictures", acts.measure),
    "library": (f"Finding pictures among {library.LARGE:,}", library.measure),
    "idle": (f"Everything idle for {idle.SECONDS:g} s", idle.measure),
}


def main() -> int:
    """Run the bench; the exit status is 0 even where an aim is missed, because machines differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, metavar="NAME", help=", ".join(MEASUREMENTS))
    chosen = parser.parse_args()
    loads = [os.getloadavg()[0]]
    figures: list[Figure] = []
    with scene() as ready:
        for name in chosen.only or MEASUREMENTS:
            title, measure = MEASUREMENTS[name]
            _say(f"\n{title}")
            sheet = Sheet(title, _say)
            began = time.monotonic()
            measure(ready, sheet)
            figures += sheet.figures
            loads.append(os.getloadavg()[0])
            _say(f"  ({time.monotonic() - began:.0f} s, load of the machine {loads[-1]:.1f})")
    _say(f"\n{table(figures)}\n\nLoad {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores.")
    if chosen.json:
        document = {"cores": os.cpu_count(), "load": loads, "figures": [figure.as_json() for figure in figures]}
        chosen.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
