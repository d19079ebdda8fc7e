"""One door to the files, the same whichever store is behind it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studio.core.bodies import CHUNK, Body
from studio.library import files
from studio.library.files import StoredFile

pytestmark = pytest.mark.usefixtures("store")

NAME = "originals/1/ab/picture.png"
DATA = bytes(range(256)) * 4096  # four blocks of what is sent at once


def save(name: str = NAME, data: bytes = DATA) -> None:
    assert default_storage.save(name, ContentFile(data)) == name


def bytes_of(body: Body, start: int, stop: int) -> bytes:
    return b"".join(blocks_of(body, start, stop))


def blocks_of(body: Body, start: int, stop: int) -> list[bytes]:
    async def all_of(chunks: AsyncIterator[bytes]) -> list[bytes]:
        return [data async for data in chunks]

    return asyncio.run(all_of(body.chunks(start, stop)))


def test_saved_file_is_read_back() -> None:
    save()
    assert files.read(NAME) == DATA
    assert default_storage.exists(NAME)
    assert default_storage.size(NAME) == len(DATA)


def test_same_name_replaces_the_file() -> None:
    save(data=b"first")
    save(data=b"second, longer")
    assert files.read(NAME) == b"second, longer"
    assert [file.name for file in files.listing()] == [NAME]


@pytest.mark.parametrize("size", [None, len(DATA)])
def test_body_gives_any_part_of_a_file(size: int | None) -> None:
    save()
    body = files.body_of(NAME, size=size)
    assert body.length == len(DATA)
    for start, stop in [
        (0, len(DATA)),
        (0, 1),
        (CHUNK - 1, CHUNK + 1),
        (CHUNK, 2 * CHUNK),
        (5, 5),
        (len(DATA) - 1, len(DATA)),
    ]:
        assert bytes_of(body, start, stop) == DATA[start:stop]


def test_body_comes_in_small_blocks() -> None:
    save()
    assert [len(data) for data in blocks_of(files.body_of(NAME), 10, len(DATA))][-1] <= CHUNK
    assert max(len(data) for data in blocks_of(files.body_of(NAME), 10, len(DATA))) <= CHUNK


def test_missing_file_has_no_body() -> None:
    with pytest.raises(FileNotFoundError):
        files.body_of(NAME)


@pytest.mark.parametrize("there", [None, b"short"], ids=["gone", "of another length"])
def test_file_that_is_not_as_known_breaks_its_body_off(there: bytes | None) -> None:
    if there:
        save(data=there)
    with pytest.raises(FileNotFoundError, match=r"picture\.png"):
        bytes_of(files.body_of(NAME, size=len(DATA)), 0, len(DATA))


def test_missing_file_cannot_be_read() -> None:
    with pytest.raises(FileNotFoundError):
        files.read(NAME)
    with pytest.raises(FileNotFoundError):
        default_storage.size(NAME)
    assert not default_storage.exists(NAME)


def test_file_is_there_with_its_size_only() -> None:
    save(data=b"12345")
    assert files.is_there(NAME, 5)
    assert not files.is_there(NAME, 4)
    assert not files.is_there("originals/1/ab/other.png", 5)


def test_sizes_of_many_are_asked_for_together() -> None:
    for number in range(30):
        save(f"originals/1/ab/{number}.png", b"x" * (number + 1))
    save("originals/1/cd/one.png", b"1")
    wanted = [f"originals/1/ab/{number}.png" for number in range(10, 31)]
    wanted += ["originals/1/cd/one.png", "originals/1/cd/two.png", "thumbs/1/ab/3.webp"]
    expected: dict[str, int | None] = {f"originals/1/ab/{number}.png": number + 1 for number in range(10, 30)}
    expected |= {"originals/1/ab/30.png": None, "originals/1/cd/one.png": 1}
    expected |= {"originals/1/cd/two.png": None, "thumbs/1/ab/3.webp": None}
    assert files.sizes_of(wanted) == expected
    assert files.sizes_of([]) == {}


def test_removal_takes_what_is_named_and_nothing_else() -> None:
    for name in ("a", "b", "c"):
        save(f"originals/1/ab/{name}.png", b"x")
    files.delete([f"originals/1/ab/{name}.png" for name in ("a", "c", "never-was")])
    files.delete([])
    assert [file.name for file in files.listing()] == ["originals/1/ab/b.png"]


def test_moved_file_has_its_new_name_only() -> None:
    save(data=b"moved")
    files.move(NAME, "lost/2026-11-21/originals/1/ab/picture.png")
    assert [file.name for file in files.listing()] == ["lost/2026-11-21/originals/1/ab/picture.png"]
    assert files.read("lost/2026-11-21/originals/1/ab/picture.png") == b"moved"


def test_move_never_replaces_a_file() -> None:
    save("originals/1/ab/a.png", b"a")
    save("originals/1/ab/b.png", b"b")
    with pytest.raises(FileExistsError):
        files.move("originals/1/ab/a.png", "originals/1/ab/b.png")
    assert files.read("originals/1/ab/b.png") == b"b"
    with pytest.raises(FileNotFoundError):
        files.move("originals/1/ab/none.png", "originals/1/ab/c.png")


def test_listing_has_the_order_of_whole_names() -> None:
    # A walk by folders alone would put `a-b` after everything in `a`.
    names = ["x/a-b/1", "x/a/1", "x/a/2", "x/a0/1", "x/b", "y/1", "x10/1"]
    for name in names:
        save(name, name.encode())
    assert [file.name for file in files.listing()] == sorted(names)
    assert [file.name for file in files.listing("x")] == ["x/a-b/1", "x/a/1", "x/a/2", "x/a0/1", "x/b"]
    assert [file.name for file in files.listing("x/a")] == ["x/a/1", "x/a/2"]
    assert [file.name for file in files.listing("x", after="x/a/1")] == ["x/a/2", "x/a0/1", "x/b"]
    assert [file.name for file in files.listing(after="x/a.")] == ["x/a/1", "x/a/2", "x/a0/1", "x/b", "x10/1", "y/1"]
    assert list(files.listing("z")) == []


def test_listing_measures_files() -> None:
    before = time.time()
    save(data=b"12345")
    [(name, size, modified)] = files.listing("originals")
    assert (name, size) == (NAME, 5)
    assert before - 2 <= modified <= time.time() + 2


@pytest.mark.parametrize("name", ["../outside.png", "/etc/passwd", "originals/../../outside.png"])
def test_name_outside_the_store_is_refused(name: str) -> None:
    with pytest.raises(SuspiciousOperation):
        files.read(name)
    with pytest.raises(SuspiciousOperation):
        files.sizes_of([name])
    with pytest.raises(SuspiciousOperation):
        files.delete([name])


class TestFileSystem:
    """What only a folder on disk can hold."""

    @pytest.fixture
    def store(self) -> str:
        return "file system"

    def test_link_is_no_file_and_is_not_followed(self, media: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret").write_bytes(b"secret")
        save(data=b"x")
        (media / "originals" / "link").symlink_to(tmp_path / "outside")
        (media / "originals" / "1" / "ab" / "link.png").symlink_to(tmp_path / "outside" / "secret")
        assert [file.name for file in files.listing()] == [
            "originals/1/ab/link.png",
            NAME,
            "originals/link",
        ]
        assert files.sizes_of(["originals/1/ab/link.png"]) == {"originals/1/ab/link.png": None}

    def test_file_below_a_file_is_not_there(self) -> None:
        save("originals/1", b"x")
        assert files.sizes_of(["originals/1/ab/x.png"]) == {"originals/1/ab/x.png": None}
        assert list(files.listing("originals/1/ab")) == []

    def test_file_that_goes_during_a_walk_is_left_out(self, media: Path) -> None:
        for name in ("a", "b", "c"):
            save(f"originals/1/ab/{name}", b"x")
        walk = files.listing()
        first = next(walk)
        (media / "originals/1/ab/b").unlink()
        assert [first.name, *(file.name for file in walk)] == ["originals/1/ab/a", "originals/1/ab/c"]


def test_stored_file_names_its_parts() -> None:
    assert StoredFile("a", 1, 2.0)._asdict() == {"name": "a", "size": 1, "modified": 2.0}
