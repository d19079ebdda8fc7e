"""A single large file, sent by the server in front on our word, beside the same server sending it on its own."""

import statistics
from collections.abc import Iterable

from tests.bench.fetching import Taken, take
from tests.bench.figures import Sheet
from tests.bench.scene import Scene
from tests.core.nginx import nginx_before
from tests.crash.installation import Installation
from tests.crash.processes import run_python
from tests.crash.stage import EMAIL, PASSWORD, TEAM
from tests.runtime.processes import free_port

SIZE = 2_000_000_000
ROUNDS = 7
_BESIDE = "server {{ listen 127.0.0.1:{port}; root {media}; sendfile on; tcp_nopush on; }}"


def measure(scene: Scene, sheet: Sheet) -> None:
    """Fetch an original of 2 GB both ways, in turns."""
    with scene.installation(ACCEL_REDIRECT="/_media/") as made:
        _, url = made.start_web()
        name, number = _one_picture(made)
        port, media, folder = free_port(), made.home / "media", made.home / "nginx"
        folder.mkdir()
        beside = _BESIDE.format(port=port, media=media)
        with nginx_before(int(url.rpartition(":")[2]), media=media, folder=folder, beside=beside) as address:
            browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
            cookie = "; ".join(f"{key}={value}" for key, value in browser._client.cookies.items())
            ours = f"{address}/t/{TEAM}/assets/{number}/file/original/"
            theirs = f"http://127.0.0.1:{port}/{name}"
            take(theirs)
            rounds = [(take(theirs), take(ours, cookie=cookie)) for _ in range(ROUNDS)]
    assert {(taken.status, taken.length) for pair in rounds for taken in pair} == {(200, SIZE)}
    sheet.add("nginx, the file: rate", _rate(pair[0] for pair in rounds), "MB/s")
    sheet.add("nginx, on our word: rate", _rate(pair[1] for pair in rounds), "MB/s")
    ratio = statistics.median(ours.rate / theirs.rate for theirs, ours in rounds)
    sheet.add("nginx, on our word: rate to nginx", ratio, "x", least=0.9)
    first = statistics.median(ours.first_byte for _, ours in rounds)
    sheet.add("nginx, on our word: first byte", 1000 * first, "ms", most=50)


def _one_picture(made: Installation) -> tuple[str, int]:
    """Put a file of holes into the library; return its name in the store and its number."""
    arguments = (TEAM, "1", str(SIZE), "sparse")
    filled = run_python("-m", "tests.bench.archive_rows", *arguments, environment=made.environment())
    assert filled.returncode == 0, filled.stdout + filled.stderr
    [(number, team, key)] = made.rows("SELECT id, team_id, file_key FROM library_asset WHERE size = %s", SIZE)
    return f"originals/{team}/{key.hex[:2]}/{key}.png", number


def _rate(taken: Iterable[Taken]) -> float:
    return statistics.median(one.rate for one in taken)
