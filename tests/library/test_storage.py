"""Files are whole or absent, also when the process dies in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage

from studio.library.names import original_name
from studio.library.storage import AtomicFileSystemStorage

NAME = "originals/1/ab/picture.png"
SCRIPT = f"""
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
default_storage.save({NAME!r}, ContentFile(b"x" * 3_000_001))
"""


def write_and_die(media: Path, crash_at: str) -> subprocess.CompletedProcess[bytes]:
    """Save a file in a process of its own that kills itself at a crash point."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.test_settings",
        "ATELIER_HOME": str(media.parent),
        "ATELIER_CRASH_AT": crash_at,
    }
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=False, capture_output=True, timeout=60)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_saved_file_is_whole_and_readable_by_the_group_only(media: Path) -> None:
    assert default_storage.save(NAME, ContentFile(b"first")) == NAME
    assert (media / NAME).read_bytes() == b"first"
    assert (media / NAME).stat().st_mode & 0o777 == 0o640
    assert files_in(media) == ["picture.png"]


def test_same_name_replaces_the_file(media: Path) -> None:
    default_storage.save(NAME, ContentFile(b"first"))
    assert default_storage.save(NAME, ContentFile(b"second, longer")) == NAME
    assert (media / NAME).read_bytes() == b"second, longer"
    assert files_in(media) == ["picture.png"]


def test_reader_of_a_replaced_file_keeps_the_old_one(media: Path) -> None:
    default_storage.save(NAME, ContentFile(b"first"))
    with (media / NAME).open("rb") as old:
        default_storage.save(NAME, ContentFile(b"second"))
        assert old.read() == b"first"


@pytest.mark.parametrize("data", [b"", b"x"])
def test_tiny_file_is_written(media: Path, data: bytes) -> None:
    default_storage.save(NAME, ContentFile(data))
    assert (media / NAME).read_bytes() == data


def test_failed_write_leaves_nothing_and_keeps_the_old_file(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_storage.save(NAME, ContentFile(b"first"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("studio.library.storage.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        default_storage.save(NAME, ContentFile(b"second"))
    assert (media / NAME).read_bytes() == b"first"
    assert files_in(media) == ["picture.png"]


def test_file_and_every_new_folder_are_synced(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr("studio.library.storage.os.fsync", note)
    default_storage.save(NAME, ContentFile(b"first"))
    folders = [path.relative_to(media.parent).as_posix() for path in synced if path.is_dir()]
    assert folders == [".", "media", "media/originals", "media/originals/1", "media/originals/1/ab"]
    assert [path.name.startswith(".picture.png.") for path in synced if not path.is_dir()] == [True]


def test_name_outside_the_folder_is_refused() -> None:
    with pytest.raises(SuspiciousFileOperation):
        AtomicFileSystemStorage().save("../outside.png", ContentFile(b"x"))


@pytest.mark.parametrize("folder", ["", "media/", "media/../other"])
def test_place_of_a_picture_is_what_django_says(tmp_path: Path, folder: str) -> None:
    store = AtomicFileSystemStorage(f"{tmp_path}/{folder}")
    name = original_name(team_id=7, file_key=UUID(int=2**127), content_type="image/png")
    assert store.path(name) == FileSystemStorage.path(store, name)


@pytest.mark.parametrize("name", ["originals/7/80/../../../../../../etc/passwd.png", "../7/80/" + "0" * 36 + ".png"])
def test_name_that_is_almost_a_pictures_is_looked_at(tmp_path: Path, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        AtomicFileSystemStorage(tmp_path).path(name)


def test_death_in_the_middle_of_a_write_leaves_only_a_temporary_file(media: Path) -> None:
    died = write_and_die(media, "mid_write")
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert not (media / NAME).exists()
    [left] = files_in(media)
    assert left.startswith(".picture.png.")
    assert left.endswith(".part")
    assert 0 < (media / NAME).with_name(left).stat().st_size < 3_000_001


def test_death_after_the_write_leaves_the_whole_file(media: Path) -> None:
    died = write_and_die(media, "after_file")
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert files_in(media) == ["picture.png"]
    assert (media / NAME).read_bytes() == b"x" * 3_000_001
