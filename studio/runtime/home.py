"""The folder that holds everything of one installation."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]


class AlreadyRunningError(RuntimeError):
    """Another process holds the lock of this home."""


def home_dir(environ: Mapping[str, str]) -> Path:
    """Return the home of this installation, free of links so that one folder always has one name."""
    given = environ.get("ATELIER_HOME", "").strip()
    return (Path(given).expanduser() if given else ROOT / "var").resolve()


def make_home(home: Path) -> None:
    """Create the home and the folders that hold pictures, replies and keys."""
    for name in ("keys", "media", "spool"):
        make_private_dir(home / name)


def make_private_dir(path: Path) -> None:
    """Create a folder only its owner can open; folders that exist keep the rights they have.

    Missing parents made by root can be passed through, because the database runs as another account.
    """
    through = 0o711 if os.geteuid() == 0 else 0o700
    for parent in reversed(path.parents):
        _mkdir(parent, through)
    _mkdir(path, 0o700)


def _mkdir(path: Path, mode: int) -> None:
    if path.is_dir():
        return
    try:
        path.mkdir(mode)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        path.chmod(mode)  # a wide or narrow umask must not decide


def read_or_create_key(path: Path, make: Callable[[], str]) -> str:
    """Return the key kept in `path`, made at the first call; processes that race all get the same one."""
    if not path.exists():
        make_private_dir(path.parent)
        _publish(path, make())
    return path.read_text().strip()


def _publish(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # a faster process has made the key
            os.link(draft, path)  # whole or not at all
    finally:
        draft.unlink()


class Lock:
    """An exclusive hold on a home; the system lets go of it when the process ends, however it ends."""

    def __init__(self, home: Path) -> None:
        self._path = home / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock or raise `AlreadyRunningError`."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip()
            os.close(descriptor)
            named = f" (process {holder})" if holder else ""
            raise AlreadyRunningError(f"Atelier is already running on {self._path.parent}{named}.") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
