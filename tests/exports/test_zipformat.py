"""ZIP as bytes: what other programs read back, on both sides of the old format's limits."""

import io
import zipfile
import zlib
from datetime import UTC, datetime

import pytest

from studio.exports.zipformat import (
    Entry,
    Placed,
    central_header,
    central_length,
    dos_time,
    end_records,
    local_header,
    local_length,
    pack,
    place,
    unpack,
)

MADE = dos_time(datetime(2026, 11, 18, 14, 2, 31, tzinfo=UTC))
EDGES = [0, 1, 2**32 - 2, 2**32 - 1, 2**32, 2**40]


def entry(name: str, data: bytes) -> Entry:
    return Entry(name.encode(), len(data), zlib.crc32(data), MADE, "originals/1/aa/x.png")


def archive_of(files: dict[str, bytes]) -> bytes:
    """Put files together as an archive."""
    placed = list(place([entry(name, data) for name, data in files.items()], 0))
    body = b"".join(local_header(each.entry) + data for each, data in zip(placed, files.values(), strict=True))
    directory = b"".join(central_header(each) for each in placed)
    return body + directory + end_records(len(placed), size=len(directory), offset=len(body))


def test_archive_is_read_back() -> None:
    files = {"a-1.png": b"x", "größe/富士山-2.jpg": bytes(range(256)) * 9, "empty": b""}
    with zipfile.ZipFile(io.BytesIO(archive_of(files))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files
        assert archive.infolist()[0].date_time == (2026, 11, 18, 14, 2, 30)
        assert archive.infolist()[0].external_attr >> 16 == 0o100644


def test_empty_archive_is_read_back() -> None:
    assert zipfile.ZipFile(io.BytesIO(archive_of({}))).namelist() == []


def test_archive_of_more_than_65535_files_is_read_back() -> None:
    files = {f"{number}": b"" for number in range(65_600)}
    with zipfile.ZipFile(io.BytesIO(archive_of(files))) as archive:
        assert len(archive.namelist()) == 65_600


def test_records_are_unpacked_as_packed() -> None:
    entries = [Entry(f"ö{size}".encode(), size, 2**32 - 1, MADE, f"originals/富/{size}") for size in EDGES]
    assert list(unpack(pack(entries))) == entries
    assert list(unpack(b"")) == []


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("offset", EDGES)
def test_headers_are_as_long_as_promised(size: int, offset: int) -> None:
    made = Entry(b"name.png", size, 7, MADE, "x")
    assert local_length(made) == len(local_header(made)) + size
    assert central_length(Placed(offset, made)) == len(central_header(Placed(offset, made)))


@pytest.mark.parametrize("size", EDGES)
def test_directory_tells_large_sizes_and_far_places(size: int) -> None:
    made = Entry(b"name.png", size, 7, MADE, "x")
    directory = central_header(Placed(size, made))
    # The archive itself is left out: readers find the directory from its end.
    with zipfile.ZipFile(io.BytesIO(directory + end_records(1, size=len(directory), offset=0))) as archive:
        [info] = archive.infolist()
    assert (info.file_size, info.compress_size, info.header_offset) == (size, size, size)


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(1979, 5, 4, tzinfo=UTC), 1980),
        (datetime(2026, 5, 4, tzinfo=UTC), 2026),
        (datetime(2200, 5, 4, tzinfo=UTC), 2107),
    ],
)
def test_years_that_a_zip_cannot_hold_are_moved_to_its_limits(moment: datetime, year: int) -> None:
    assert (dos_time(moment) >> 25) + 1980 == year
