"""Files that are either whole and durable, or not there."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from studio.core.crash import crash_point
from studio.library.names import ORIGINALS

# Whoever finds such a file may remove it once it is old: its writer died.
TEMPORARY_SUFFIX: Final = ".part"
_BLOCK: Final = 1024 * 1024


class AtomicFileSystemStorage(FileSystemStorage):
    """Files appear under their name complete and on disk, or not at all; the same name again replaces the file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"allow_overwrite": True, **kwargs})

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
