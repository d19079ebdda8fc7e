"""Files that are either whole and durable, or not there."""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from studio.core.bodies import Body, FileBody
from studio.core.crash import crash_point
from studio.library.names import ORIGINALS

# Whoever finds such a file may remove it once it is old: its writer died.
TEMPORARY_SUFFIX: Final = ".part"
_BLOCK: Final = 1024 * 1024
# A picture's name as `names.py` makes it, which leads nowhere but into the store.
_INSIDE: Final = re.compile(r"[a-z]+/[0-9]+/[0-9a-f]{2}/[0-9a-f-]{36}\.[a-z]+")


class StoredFile(NamedTuple):
    """What a listing says about a file; `modified` is in seconds since 1970."""

    name: str
    size: int
    modified: float


class Store(Protocol):
    """What the library asks of a store beyond Django's own interface; `files.py` says what each means."""

    # Whether browsers may fetch files from the store itself, at an address that works for a minute.
    presigns: bool

    def open(self, name: str, mode: str = "rb") -> File[Any]: ...

    def body(self, name: str, size: int | None) -> Body: ...

    def sizes(self, names: Sequence[str]) -> dict[str, int | None]: ...

    def remove(self, names: Sequence[str]) -> None: ...

    def move(self, name: str, target: str) -> None: ...

    def listing(self, folder: str, after: str) -> Iterator[StoredFile]: ...

    def address_of(self, name: str, *, filename: str, content_type: str) -> str: ...


class AtomicFileSystemStorage(FileSystemStorage):
    """Files appear under their name complete and on disk, or not at all; the same name again replaces the file."""

    presigns = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_overwrite": True, **kwargs})

    def path(self, name: str) -> str:
        """Return where a file is, as Django does, but at once where a name is beyond doubt: archives ask often."""
        return f"{self.location}/{name}" if _INSIDE.fullmatch(name) else super().path(name)

    def _save(self, name: str, content: File[Any]) -> str:
        target = Path(self.path(name))
        watched = name.startswith(f"{ORIGINALS}/")
        _make_folder(target.parent)
        temporary = target.with_name(f".{target.name}.{uuid4().hex}{TEMPORARY_SUFFIX}")
        try:
            self._write(temporary, content, watched=watched)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
        if watched:
            crash_point("after_file")
        return name

    def body(self, name: str, size: int | None) -> Body:
        """Return the bytes of a file, which is looked at now or, where its size is known, when they are wanted."""
        return FileBody(self.path(name), length=size)

    def sizes(self, names: Sequence[str]) -> dict[str, int | None]:
        """Measure files; a link is none, because nothing may lead out of the store."""
        return {name: _size_of(Path(self.path(name))) for name in names}

    def remove(self, names: Sequence[str]) -> None:
        """Remove files that may be gone already."""
        for name in names:
            Path(self.path(name)).unlink(missing_ok=True)

    def move(self, name: str, target: str) -> None:
        """Move a file within the store; durable when it returns."""
        source, place = Path(self.path(name)), Path(self.path(target))
        _make_folder(place.parent)
        if os.path.lexists(place):
            raise FileExistsError(target)
        source.rename(place)
        _sync_folder(place.parent)
        _sync_folder(source.parent)

    def listing(self, folder: str, after: str) -> Iterator[StoredFile]:
        """Walk without following links and without holding more than one folder's names at each depth."""
        root = Path(self.path(folder))
        yield from _files_below(root, f"{folder.rstrip('/')}/" if folder else "", after)

    def _write(self, path: Path, content: File[Any], *, watched: bool) -> None:
        mode = self.file_permissions_mode or 0o640
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)  # os.open lets the umask take bits away
            for number, block in enumerate(_blocks(content)):
                _write_all(descriptor, block)
                if watched and number == 0:
                    crash_point("mid_write")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _size_of(path: Path) -> int | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _files_below(folder: Path, prefix: str, after: str) -> Iterator[StoredFile]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((_sort_name(entry), entry) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in found:
        whole = prefix + name
        if name.endswith("/"):
            if whole > after or after.startswith(whole):
                yield from _files_below(Path(entry.path), whole, after)
        elif whole > after and (measured := _measured(entry)):
            yield StoredFile(whole, measured.st_size, measured.st_mtime)


def _sort_name(entry: "os.DirEntry[str]") -> str:
    """Name folders with their slash, so that a walk has the order in which an object store lists whole names."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _measured(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Measure a file; None if it went while the folder was walked."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _blocks(content: File[Any]) -> Iterator[bytes]:
    """Cut the content so that a small file, too, is written in two steps and can be caught half-way."""
    block = min(_BLOCK, max(1, content.size // 2))
    yield from content.chunks(block)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, each of them durable before anything is put into it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
