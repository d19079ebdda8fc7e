import gzip
import zlib
from pathlib import Path

import pytest

from studio.providers.adapters.address import TooLarge
from studio.providers.adapters.spool import Garbled, Spool

TEXT = b"a body worth packing " * 5000


def spooled(path: Path, encoding: str, *chunks: bytes, limit: int = 1_000_000) -> Spool:
    spool = Spool(path, limit)
    spool.prepare()
    try:
        spool.expect(encoding)
        spool.write(chunks)
        spool.finish()
    except (TooLarge, Garbled):
        spool.discard()
        raise
    return spool


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
    ],
)
def test_body_is_stored_unpacked(tmp_path: Path, encoding: str, packed: bytes) -> None:
    spool = spooled(tmp_path / "answer", encoding, packed[:100], b"", packed[100:])

    assert (spool.size, spool.path.read_bytes()) == (len(TEXT), TEXT)
    assert list(tmp_path.iterdir()) == [spool.path]


def test_nothing_has_its_name_before_it_is_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "answer", 100)
    spool.prepare()
    spool.write([b"half"])

    assert [path.name for path in tmp_path.iterdir()] == ["answer.part"]
    spool.discard()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)[:-9]),
        ("gzip", b""),
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(TEXT) + b"tail"),
        ("deflate", zlib.compress(TEXT)[:50]),
        ("zstd", b""),
        ("gzip, br", b""),
    ],
    ids=["cut", "empty", "other", "tail", "short", "unknown", "several"],
)
def test_damaged_body_is_noticed(tmp_path: Path, encoding: str, packed: bytes) -> None:
    with pytest.raises(Garbled):
        spooled(tmp_path / "answer", encoding, packed)

    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_limit_counts_unpacked_bytes(tmp_path: Path, encoding: str) -> None:
    body = gzip.compress(b" " * 1001) if encoding else b" " * 1001

    with pytest.raises(TooLarge):
        spooled(tmp_path / "answer", encoding, body, limit=1000)


@pytest.mark.parametrize("reached", ["nothing", "prepare", "write", "finish"])
def test_discard_leaves_nothing(tmp_path: Path, reached: str) -> None:
    spool = Spool(tmp_path / "answer", 100)
    steps = {"prepare": spool.prepare, "write": lambda: spool.write([b"x"]), "finish": spool.finish}
    for name, step in steps.items():
        if reached != "nothing":
            step()
        if name == reached:
            break

    spool.discard()

    assert list(tmp_path.iterdir()) == []


def test_write_after_discard_does_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "answer", 100)
    spool.prepare()
    spool.discard()

    spool.write([b"late"])
    spool.finish()

    assert list(tmp_path.iterdir()) == []
