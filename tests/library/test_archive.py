"""Archives are exact: as computed, as sliced, as other programs read them."""

import asyncio
import os
import random
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from studio.core.streaming import BodyFailedError
from studio.library.archive import Member, ZipBody

MADE = datetime(2026, 11, 18, 14, 2, 31, tzinfo=UTC)


def make_member(root: Path, name: str, data: bytes) -> Member:
    """Write a file and describe it."""
    path = f"{len(list(root.iterdir()))}.bin"
    (root / path).write_bytes(data)
    return Member(name, path, len(data), zlib.crc32(data), MADE)


def make_members(root: Path) -> list[Member]:
    """Files of several sizes, one of them longer than a block."""
    random.seed(7)
    sizes = [1, 300, 262_144, 700_001, 77]
    names = ["a-1.png", "größe-2.jpg", "富士山-3.webp", "long-4.png", "e-5.png"]
    return [make_member(root, name, random.randbytes(size)) for name, size in zip(names, sizes, strict=True)]


def read(body: ZipBody, start: int = 0, stop: int | None = None) -> bytes:
    """Collect what the body produces."""

    async def collect() -> bytes:
        stop_at = body.length if stop is None else stop
        parts = [part async for part in body.chunks(start, stop_at)]
        assert all(0 < len(part) <= 262_144 for part in parts)
        return b"".join(parts)

    return asyncio.run(collect())


def skim(body: ZipBody, start: int, stop: int) -> int:
    """Count what the body produces, without keeping it."""

    async def count() -> int:
        return sum([len(part) async for part in body.chunks(start, stop)])

    return asyncio.run(count())


def test_archive_has_the_promised_length_and_every_byte(tmp_path: Path) -> None:
    members = make_members(tmp_path)
    body = ZipBody(members, root=tmp_path)
    data = read(body)
    assert len(data) == body.length
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [member.name for member in members]
        assert archive.read("long-4.png") == (tmp_path / "3.bin").read_bytes()
        info = archive.getinfo("größe-2.jpg")
    assert info.date_time == (2026, 11, 18, 14, 2, 30)
    assert info.compress_type == zipfile.ZIP_STORED
    assert info.external_attr >> 16 == 0o100644


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_archive_is_read_by_unzip(tmp_path: Path) -> None:
    members = make_members(tmp_path)
    (tmp_path / "out.zip").write_bytes(read(ZipBody(members, root=tmp_path)))
    tested = subprocess.run(["unzip", "-t", tmp_path / "out.zip"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "No errors detected" in tested.stdout


def test_every_range_is_the_slice_of_the_whole(tmp_path: Path) -> None:
    body = ZipBody(make_members(tmp_path), root=tmp_path)
    whole = read(body)
    edges = {0, 1, 29, 30, 37, 38, body.length - 1, body.length - 22, body.length}
    edges |= {offset + shift for offset in body._locals for shift in (-1, 0, 1)}
    edges |= {body._at + offset + shift for offset in body._centrals for shift in (-1, 0, 1)}
    picked = sorted(edge for edge in edges if 0 <= edge <= body.length)
    for start in picked:
        for stop in picked:
            if start < stop:
                assert read(body, start, stop) == whole[start:stop], (start, stop)


def test_etag_names_the_list(tmp_path: Path) -> None:
    members = make_members(tmp_path)
    etag = ZipBody(members, root=tmp_path).etag
    assert ZipBody(members, root=tmp_path).etag == etag
    assert ZipBody(members[1:], root=tmp_path).etag != etag
    assert ZipBody([members[1], members[0], *members[2:]], root=tmp_path).etag != etag


def test_empty_archive_is_an_archive(tmp_path: Path) -> None:
    body = ZipBody([], root=tmp_path)
    assert (len(body), body.length) == (0, 22)
    assert zipfile.ZipFile(BytesIO(read(body))).namelist() == []


def test_missing_and_damaged_files_are_named_in_a_note(tmp_path: Path) -> None:
    members = make_members(tmp_path)
    (tmp_path / members[1].path).unlink()
    (tmp_path / members[3].path).write_bytes(b"cut")
    body = ZipBody(members, root=tmp_path)
    with zipfile.ZipFile(BytesIO(read(body))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a-1.png", "富士山-3.webp", "e-5.png", "MISSING.txt"]
        lines = archive.read("MISSING.txt").decode().split("\r\n")
    assert lines[2:4] == ["größe-2.jpg", "long-4.png"]


def test_file_that_vanishes_meanwhile_ends_the_stream(tmp_path: Path) -> None:
    members = make_members(tmp_path)
    body = ZipBody(members, root=tmp_path)
    (tmp_path / members[4].path).unlink()
    with pytest.raises(FileNotFoundError):
        read(body)
    assert len(read(body, 0, 300)) == 300


@pytest.mark.parametrize("size", [10, 800_000])
def test_file_that_changes_its_size_meanwhile_ends_the_stream(tmp_path: Path, size: int) -> None:
    members = make_members(tmp_path)
    body = ZipBody(members, root=tmp_path)
    (tmp_path / members[3].path).write_bytes(bytes(size))
    with pytest.raises(BodyFailedError, match=f"has {size} bytes instead of 700001"):
        read(body)


def make_sparse(root: Path, sizes: Sequence[int]) -> list[Member]:
    """Describe files of zeros that take no room on the disk; their checksums are made up."""
    members = []
    for number, size in enumerate(sizes):
        with (root / f"{number}.bin").open("wb") as file:
            os.truncate(file.fileno(), size)
        members.append(Member(f"sparse-{number}.png", f"{number}.bin", size, number, MADE))
    return members


def read_directory(body: ZipBody, path: Path) -> list[zipfile.ZipInfo]:
    """Read the central directory with the standard library, from an archive whose contents are left out."""
    start = body._at
    with path.open("wb") as file:
        os.truncate(file.fileno(), start)
        file.seek(start)
        file.write(read(body, start, body.length))
    with zipfile.ZipFile(path) as archive:
        return archive.infolist()


def test_archive_beyond_four_gigabytes_uses_64_bit_records(tmp_path: Path) -> None:
    big = 2**32 + 5
    body = ZipBody(make_sparse(tmp_path, [3_000_000_000, 2_000_000_000, big, 10]), root=tmp_path)
    infos = read_directory(body, tmp_path / "out.zip")
    assert [(info.filename, info.file_size, info.header_offset) for info in infos] == [
        (f"sparse-{number}.png", size, body._locals[number])
        for number, size in enumerate([3_000_000_000, 2_000_000_000, big, 10])
    ]
    assert (tmp_path / "out.zip").stat().st_size == body.length
    # The large member's local header carries its size in 64 bits, too.
    local = read(body, body._locals[2], body._locals[2] + 62)
    assert local[18:26] == b"\xff" * 8
    assert local[42:62] == b"\x01\x00\x10\x00" + big.to_bytes(8, "little") * 2
    # And a range far behind the old limit is exact.
    assert skim(body, body._locals[3] - 100_000, body._locals[3] + 50) == 100_050


def test_archive_of_more_than_65535_files_uses_64_bit_records(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"x")
    count = 65_600
    members = (Member(f"p-{number}.png", "one.bin", 1, zlib.crc32(b"x"), MADE) for number in range(count))
    body = ZipBody(members, root=tmp_path)
    infos = read_directory(body, tmp_path / "out.zip")
    assert len(infos) == count
    assert infos[-1].header_offset == body._locals[-1]


def test_years_that_a_zip_cannot_hold_are_moved_to_its_limits(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"x")
    moments = [datetime(1979, 5, 4, tzinfo=UTC), datetime(2200, 5, 4, tzinfo=UTC)]
    members = [Member(f"{moment.year}", "one.bin", 1, zlib.crc32(b"x"), moment) for moment in moments]
    with zipfile.ZipFile(BytesIO(read(ZipBody(members, root=tmp_path)))) as archive:
        assert [info.date_time[0] for info in archive.infolist()] == [1980, 2107]
