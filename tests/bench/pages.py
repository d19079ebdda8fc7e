"""What the studio and the library cost to show."""

import json
import time

from tests.bench.figures import Sheet, percentile
from tests.bench.meters import cpu_of
from tests.bench.scene import Scene
from tests.crash.processes import run_python
from tests.crash.stage import EMAIL, PASSWORD, TEAM

PICTURES = 72
REQUESTS = 60


def measure(scene: Scene, sheet: Sheet) -> None:
    """Fill both pages, then read each over HTTP, and once more in process to count its queries."""
    with scene.installation() as made:
        worker = made.start("worker")
        web, url = made.start_web()
        browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
        made.wait_until_ended(made.submit(browser, times=PICTURES))
        worker.kill()
        addresses = [f"/t/{TEAM}/{page}/" for page in ("studio", "library")]
        counted = run_python("-m", "tests.bench.page_queries", EMAIL, *addresses, environment=made.environment())
        assert counted.returncode == 0, counted.stdout + counted.stderr
        queries = json.loads(counted.stdout)
        for address in addresses:
            page = address.split("/")[-2]
            browser.page(f"{page}/")
            before = cpu_of(web.pid), cpu_of(scene.postgres_pid)
            waits = []
            for _ in range(REQUESTS):
                began = time.monotonic()
                answer = browser.page(f"{page}/")
                waits.append(1000 * (time.monotonic() - began))
                assert answer.status_code == 200, answer.text
            web_cpu, database_cpu = cpu_of(web.pid) - before[0], cpu_of(scene.postgres_pid) - before[1]
            sheet.add(f"{page}: CPU of web", 1000 * web_cpu / REQUESTS, "ms")
            sheet.add(f"{page}: CPU of the database", 1000 * database_cpu / REQUESTS, "ms")
            sheet.add(f"{page}: p95", percentile(waits, 0.95), "ms")
            sheet.add(f"{page}: queries", queries[address], "", most=8 if page == "library" else None)
            sheet.add(f"{page}: size", len(answer.content) / 1024, "KiB")
