"""Archives on their way out, beside nginx that sends a ready ZIP from the disk."""

import io
import os
import random
import shutil
import socket
import statistics
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.fetching import Taken, read_range, take
from tests.bench.figures import Sheet
from tests.bench.meters import cpu_of, watched_memory
from tests.bench.scene import Scene
from tests.crash.browser import Browser, Hidden
from tests.crash.installation import Installation
from tests.crash.processes import Process, run_python, wait_until
from tests.crash.stage import EMAIL, PASSWORD

COUNT, SIZE = 2000, 1_500_000
ROUNDS = 5
MANY = 100_000
SPARSE = 20_000
GIGABYTE = 1e9
# As many pictures as even a busy machine makes before anybody loses patience.
_AT_ONCE = 20_000
_CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 64; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {folder}/ready; }} }}
"""


def measure(scene: Scene, sheet: Sheet) -> None:
    """Send 3 GB of pictures, a hundred thousand small ones, and 30 GB of holes."""
    with scene.installation() as made:
        made.start("scheduler")
        web, url = made.start_web()
        browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
        _beside_nginx(made, browser, web, sheet)
        _many(made, browser, web, sheet)
        _sparse(made, browser, web, sheet)


def _beside_nginx(made: Installation, browser: Browser, web: Process, sheet: Sheet) -> None:
    address, cookie, frozen = _exported(made, browser, COUNT, SIZE, "random")
    sheet.add(f"{COUNT:,} files: list frozen after", frozen, "s")
    ready = made.home / "ready"
    ready.mkdir()
    whole = take(address, cookie=cookie, into=ready / "library.zip")
    assert (whole.status, whole.length) == (200, int(whole.headers.get("content-length", 0))), whole
    with zipfile.ZipFile(ready / "library.zip") as archive:
        assert archive.testzip() is None
    with _nginx(made.home) as (server, base):
        take(f"{base}/library.zip")
        rounds = [(_costed(server, f"{base}/library.zip", ""), _costed(web, address, cookie)) for _ in range(ROUNDS)]
    theirs, ours = zip(*rounds, strict=True)
    sheet.add("nginx, a ready ZIP: rate", _median(t.rate for t, _ in theirs), "MB/s")
    sheet.add("archive: rate", _median(t.rate for t, _ in ours), "MB/s")
    sheet.add("archive: rate to nginx", _median(o[0].rate / t[0].rate for t, o in rounds), "x", least=0.6)
    sheet.add("nginx: CPU", _median(cpu for _, cpu in theirs), "s/GB")
    sheet.add("archive: CPU", _median(cpu for _, cpu in ours), "s/GB")
    sheet.add("archive: CPU to nginx", _median(o[1] / t[1] for t, o in rounds), "x", most=1.3)
    sheet.add("archive: first byte", 1000 * _median(t.first_byte for t, _ in ours), "ms", most=50)
    with watched_memory(web.pid) as memory:
        take(address, cookie=cookie)
    sheet.add("archive: memory added", memory.grown, "MiB PSS", most=10)
    _resume(address, cookie, ready / "library.zip", sheet)


def _resume(address: str, cookie: str, ready: Path, sheet: Sheet) -> None:
    """Ask for parts at random and compare each with the file; count how many were right."""
    chance, length = random.Random(7), ready.stat().st_size
    right = 0
    with ready.open("rb") as file:
        for _ in range(40):
            start = chance.randrange(length)
            stop = min(length, start + chance.choice([1, 100, 70_000, 3_000_000]))
            file.seek(start)
            right += read_range(address, start, stop, cookie=cookie) == file.read(stop - start)
    sheet.add("archive: parts that are exact, of 40", right, "", least=40)


def _many(made: Installation, browser: Browser, web: Process, sheet: Sheet) -> None:
    address, cookie, frozen = _exported(made, browser, MANY, 1000, "sparse")
    sheet.add(f"{MANY:,} files: list frozen after", frozen, "s")
    ranges = [{}, {"Range": "bytes=50000000-50000010"}, {"Range": "bytes=-100"}]
    firsts = [take(address, cookie=cookie, headers=headers) if headers else None for headers in ranges]
    with watched_memory(web.pid) as memory:
        whole = take(address, cookie=cookie)
    sheet.add(f"{MANY:,} files: first byte", 1000 * whole.first_byte, "ms", most=50)
    middle = max(taken.first_byte for taken in firsts if taken)
    sheet.add(f"{MANY:,} files: first byte of a part", 1000 * middle, "ms", most=50)
    sheet.add(f"{MANY:,} files: memory added", memory.grown, "MiB PSS", most=10)
    sheet.add(f"{MANY:,} files: files a second", MANY / whole.seconds, "1/s")


def _sparse(made: Installation, browser: Browser, web: Process, sheet: Sheet) -> None:
    address, cookie, _ = _exported(made, browser, SPARSE, SIZE, "sparse")
    with watched_memory(web.pid) as memory:
        whole = take(address, cookie=cookie)
    length = int(whole.headers["content-length"])
    assert whole.length == length > 30 * GIGABYTE
    with zipfile.ZipFile(io.BufferedReader(_Remote(address, cookie, length))) as archive:
        infos = archive.infolist()
        assert len(infos) == SPARSE + 3
        assert infos[-4].header_offset > 2**32
        assert archive.read(infos[-4]) == bytes(SIZE)
    sheet.add("30 GB: bytes promised and sent", whole.length / GIGABYTE, "GB", least=30)
    sheet.add("30 GB: rate", whole.rate, "MB/s")
    sheet.add("30 GB: first byte", 1000 * whole.first_byte, "ms", most=50)
    sheet.add("30 GB: memory added", memory.grown, "MiB PSS", most=10)


class _Remote(io.RawIOBase):
    """The archive as a file that is read by ranges."""

    def __init__(self, address: str, cookie: str, length: int) -> None:
        self._address, self._cookie, self._length = address, cookie, length
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        return self._at

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # the buffer of BufferedReader
        stop = min(self._length, self._at + len(buffer))
        if stop <= self._at:
            return 0
        data = read_range(self._address, self._at, stop, cookie=self._cookie)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _exported(made: Installation, browser: Browser, count: int, size: int, kind: str) -> tuple[str, str, float]:
    """Make a team with pictures, export all, and return the archive's address, the cookie and how long that took."""
    team = _new_team(made, f"Archive {count}")
    for start in range(0, count, _AT_ONCE):
        some = str(min(_AT_ONCE, count - start))
        filled = run_python(
            "-m", "tests.bench.archive_rows", team, some, str(size), kind, environment=made.environment()
        )
        assert filled.returncode == 0, filled.stdout + filled.stderr
    page = browser._client.get(f"/t/{team}/downloads/new/")
    fields = Hidden(page.text).fields
    began = time.monotonic()
    answer = browser._client.post(f"/t/{team}/downloads/", data=fields)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    key = int(path.rstrip("/").rpartition("/")[2])
    made.wait(lambda: made.rows("SELECT state FROM exports_export WHERE id = %s", key) == [("ready",)], "the export")
    frozen = time.monotonic() - began
    cookie = "; ".join(f"{name}={value}" for name, value in browser._client.cookies.items())
    return str(browser._client.base_url).rstrip("/") + path, cookie, frozen


def _new_team(made: Installation, name: str) -> str:
    slug = made.manage("create_team", name, f"--owner={EMAIL}", "--json")
    return slug.partition('"slug": "')[2].partition('"')[0]


def _costed(process: Process, url: str, cookie: str) -> tuple[Taken, float]:
    """Fetch it and return with it the CPU seconds for a gigabyte."""
    before = cpu_of(process.pid)
    taken = take(url, cookie=cookie)
    return taken, (cpu_of(process.pid) - before) / (taken.length / GIGABYTE)


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


@contextmanager
def _nginx(home: Path) -> Iterator[tuple[Process, str]]:
    """Serve the folder `ready` with the system's nginx."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")  # not on the path of everybody
    assert program, "The bench compares with nginx. Install it with: apt-get install nginx-light"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configuration = home / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=home, port=port))
    home.chmod(0o711)
    server = Process([program, "-c", str(configuration), "-e", str(home / "nginx-error.log")], {}, home / "nginx.log")
    try:
        wait_until(lambda: _listens(port), lambda: f"nginx\n{server.output}")
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
