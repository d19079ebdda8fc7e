"""Collects static files when they, or the packages they come from, have changed since the last time."""

import hashlib
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from studio.runtime.home import ROOT

COLLECT = ("manage.py", "collectstatic", "--noinput", "--verbosity=0")


class StaticFiles:
    """The collected static files of one home and the stamp that says what they were made from."""

    def __init__(self, home: Path) -> None:
        self._stamp = home / "static.stamp"
        self._manifest = home / "static" / "staticfiles.json"
        self._print = _fingerprint()

    def are_fresh(self) -> bool:
        """Tell whether nothing needs collecting."""
        return self._manifest.exists() and self._stamp.exists() and self._stamp.read_text() == self._print

    def mark_fresh(self) -> None:
        """Remember what was collected."""
        self._stamp.write_text(self._print)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for line in _sources():
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[str]:
    """Yield a line for each own file and each installed package: admin and the like bring files of their own."""
    folders = [ROOT / "static", *sorted((ROOT / "studio").glob("*/static"))]
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        status = path.stat()
        yield f"{path} {status.st_size} {status.st_mtime_ns}"
    for package in sorted(Path(sysconfig.get_path("purelib")).glob("*.dist-info")):
        yield package.name
