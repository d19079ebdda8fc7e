"""Archives by other hands: every value, picture and byte of them may be meant to do harm."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError

from studio.exports.unzip import MOST_LINE, Archive, BadArchive
from studio.library import files
from studio.library.models import Asset, Collection, CollectionItem, Tag
from studio.teams.models import Team
from tests.exports.bringing import NOTHING, bring
from tests.exports.libraries import small_jpeg
from tests.factories import small_png

pytestmark = pytest.mark.django_db


def picture(number: int, data: bytes, **changes: Any) -> dict[str, Any]:
    """Describe a picture as a manifest does."""
    return {
        "id": number,
        "key": str(uuid4()),
        "file": f"{number}.png",
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "created_at": "2026-03-01T12:00:00+00:00",
        **changes,
    }


def manifest(pictures: list[Any], **tail: Any) -> bytes:
    lines = ",\n".join(one if isinstance(one, str) else json.dumps(one) for one in pictures)
    end = json.dumps({"collections": [], "tags": [], "summary": {"pictures": len(pictures)}, **tail})
    head = '{"format": "atelier-manifest", "version": 1, "team": "x", "export": {},\n"pictures": [\n'
    return f"{head}{lines}\n],\n{end[1:]}\n".encode()


def pack(path: Path, entries: list[tuple[str, bytes]], *, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data in entries:
            made.writestr(name, data)
    return path


@pytest.fixture
def forge(tmp_path: Path) -> Callable[..., Path]:
    """Make an archive of pictures that are described as one likes."""

    def made(pictures: list[Any], data: dict[str, bytes], **tail: Any) -> Path:
        return pack(tmp_path / "forged.zip", [*data.items(), ("manifest.json", manifest(pictures, **tail))])

    return made


GOOD = small_png(1)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "../../etc/passwd"},
        {"key": None},
        {"id": -1},
        {"id": "12; DROP TABLE"},
        {"id": 2**70},
        {"created_at": "yesterday"},
        {"created_at": None},
        {"rating": 6},
        {"rating": "best"},
        {"status": "published"},
        {"source": "stolen"},
        {"title": ["a"]},
        {"tags": "all"},
        {"tags": list(range(3000))},
        {"collections": [{"position": 1}]},
        {"received": {"file": "x"}},
        {"file": 7},
        {"model": "gpt"},
    ],
    ids=lambda changes: "-".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
def test_line_that_makes_no_sense_costs_itself_alone(
    changes: dict[str, Any], target: Team, forge: Callable[..., Path]
) -> None:
    path = forge([picture(1, GOOD, **changes), picture(2, GOOD)], {"1.png": GOOD, "2.png": GOOD})
    sums, [(_, why)], code = bring(path)
    assert sums == {**NOTHING, "imported": 1, "refused": 1}
    assert (why.endswith("in the manifest cannot be understood"), code) == (True, 1)


def test_values_are_cut_to_what_can_be_kept(target: Team, forge: Callable[..., Path]) -> None:
    wild = {
        "title": "T" * 5000 + "\x00",
        "notes": "n\x00" * 5000,
        "prompt": "p" * 100_000,
        "file_name": "../../../etc/passwd\nand more" + "f" * 300,
        "settings": {"a": "\x00"},
        "model": {"slug": "s" * 500, "title": "t" * 500},
        "created_at": "2999-01-01T00:00:00+00:00",
        "connection": "c" * 500,
        "favourites": ["nobody@nowhere.example", "x" * 1000],
        "credits": 10**12,
        "generation": 1,
        "unknown": {"to": ["us"]},
        "collections": [{"id": 5, "position": 10**40}],
        "tags": [1, 1, 2],
    }
    path = forge(
        [picture(1, GOOD, **wild)],
        {"1.png": GOOD},
        tags=[{"id": 1, "name": "Fine"}, {"id": 2, "name": "new\nline"}, {"id": 3}, "tag", {"id": 4, "name": "x" * 99}],
        collections=[
            {"id": 5, "name": "Fine", "description": "d" * 9999, "cover": 1},
            {"id": 6, "name": ""},
            {"id": 7, "name": "Third level", "parent": 8},
            {"id": 8, "name": "Second", "parent": 5},
        ],
    )
    sums, refused, code = bring(path)
    assert (sums, refused, code) == ({**NOTHING, "imported": 1, "left_out": 5}, [], 0)
    asset = Asset.objects.get(team=target)
    assert (len(asset.title), len(asset.notes), len(asset.prompt), len(asset.file_name)) == (200, 4000, 32_000, 255)
    assert (asset.spec, asset.credits, asset.generation_id) == ({}, 0, None)
    assert (len(asset.model_slug), len(asset.model_title), len(asset.connection_name)) == (60, 80, 100)
    assert asset.created_at.year < 2999
    assert [one.name for one in Tag.objects.filter(team=target)] == ["Fine"]
    assert CollectionItem.objects.get(asset=asset).position == 2**62
    assert Collection.objects.get(team=target, name="Fine").cover == asset
    assert set(Collection.objects.filter(team=target).values_list("name", "parent__name")) == {
        ("Fine", None),
        ("Second", "Fine"),
        ("Third level", None),
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "The file is empty."),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "What arrived is a drawing (SVG), not a PNG, JPEG or WebP picture.",
        ),
        (b"<html>", "What arrived is a web page, not a PNG, JPEG or WebP picture."),
        (GOOD[:-20], "The picture arrived incomplete."),
        (GOOD[:60] + b"\x00" + GOOD[61:], "The picture is damaged and cannot be read."),
    ],
    ids=["empty", "drawing", "page", "cut", "damaged"],
)
def test_every_picture_is_checked_like_an_upload(
    data: bytes, why: str, target: Team, forge: Callable[..., Path]
) -> None:
    path = forge([picture(1, data)], {"1.png": data})
    assert bring(path) == ({**NOTHING, "refused": 1}, [("image 1", why)], 1)
    assert not list(files.listing())


def test_picture_with_too_many_pixels_is_refused(target: Team, forge: Callable[..., Path], settings: Any) -> None:
    settings.MAX_PIXELS = 100
    path = forge([picture(1, GOOD)], {"1.png": GOOD})
    assert bring(path)[1] == [("image 1", "The picture has more pixels than can be kept here.")]


def test_file_that_is_not_what_the_manifest_says_is_refused(target: Team, forge: Callable[..., Path]) -> None:
    rows = [
        picture(1, small_png(2)),
        picture(2, GOOD, file="../../outside.png"),
        picture(3, GOOD, file="gone.png"),
        picture(4, GOOD, file=None),
        picture(5, GOOD, received={"file": "5.jpg", "sha256": "0" * 64}),
        picture(6, GOOD, received={"file": "6.html", "sha256": hashlib.sha256(b"<html>").hexdigest()}),
    ]
    held = {"1.png": GOOD, "5.png": GOOD, "5.jpg": small_jpeg(1), "6.png": GOOD, "6.html": b"<html>"}
    sums, refused, _ = bring(forge(rows, held))
    assert sums == {**NOTHING, "missing": 1, "refused": 5}
    assert refused == [
        ("image 1", "Its file is another one than the manifest says."),
        ("image 2", "Its file is not in the archive."),
        ("image 3", "Its file is not in the archive."),
        ("image 5", "Its file is another one than the manifest says."),
        ("image 6", "What arrived is a web page, not a PNG, JPEG or WebP picture."),
    ]


def test_name_that_leads_out_of_the_archive_is_only_a_name(target: Team, tmp_path: Path) -> None:
    name = "../../../outside.png"
    path = pack(tmp_path / "slip.zip", [(name, GOOD), ("manifest.json", manifest([picture(1, GOOD, file=name)]))])
    assert bring(path)[0] == {**NOTHING, "imported": 1}
    stored = [file.name for file in files.listing()]
    assert sorted(stored) == sorted(Asset.objects.get(team=target).file_names[:2])
    assert not list(tmp_path.rglob("outside.png"))


def test_same_key_twice_in_an_archive_is_one_picture(target: Team, forge: Callable[..., Path]) -> None:
    row = picture(1, GOOD)
    assert bring(forge([row, row, {**row, "id": 2}], {"1.png": GOOD}))[0] == {**NOTHING, "imported": 1, "already": 2}


def test_same_upload_under_two_keys_is_one_picture(target: Team, forge: Callable[..., Path]) -> None:
    rows = [picture(number, GOOD, source="uploaded") for number in (1, 2)]
    assert bring(forge(rows, {"1.png": GOOD, "2.png": GOOD}))[0] == {**NOTHING, "imported": 1, "already": 1}


def spoil(path: Path, at: int, data: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(at, io.SEEK_END if at < 0 else io.SEEK_SET)
        file.write(data)
    return path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "It is no ZIP archive, or is not whole."),
        (b"PK\x05\x06", "It is no ZIP archive, or is not whole."),
        (b"not an archive at all " * 50, "It is no ZIP archive, or is not whole."),
        (b"PK\x05\x06" + b"\x00" * 18, "It has no manifest.json, so it is no export of Atelier."),
        (
            b"PK\x05\x06" + b"\x00" * 4 + b"\xfe\xff" * 2 + b"\xff\x00\x00\x00" * 2 + b"\x00\x00",
            "Its directory is damaged",
        ),
    ],
    ids=["empty", "beginning", "text", "no files", "forged end"],
)
def test_what_is_no_archive_is_said(data: bytes, message: str, target: Team, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(CommandError, match=message):
        bring(tmp_path / "x.zip")


def test_archive_of_another_program_is_refused(target: Team, tmp_path: Path) -> None:
    packed = pack(tmp_path / "x.zip", [("manifest.json", manifest([]))], method=zipfile.ZIP_DEFLATED)
    with pytest.raises(CommandError, match="It was packed by another program"):
        bring(packed)


def test_archive_without_a_manifest_is_refused(target: Team, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"It has no manifest\.json"):
        bring(pack(tmp_path / "x.zip", [("1.png", GOOD)]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(target: Team, tmp_path: Path) -> None:
    entries = [("1.png", GOOD), ("1.png", small_png(2)), ("manifest.json", manifest([picture(1, GOOD)]))]
    with pytest.raises(CommandError, match="Two files in it have the same name"):
        bring(pack(tmp_path / "x.zip", entries))


def test_files_that_lie_over_each_other_are_refused(target: Team, tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", [("1.png", GOOD), ("2.png", GOOD), ("manifest.json", manifest([]))])
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    for _ in range(2):  # both records claim most of the archive
        data[at + 20 : at + 28] = (len(data) - 400).to_bytes(4, "little") * 2
        at = data.index(b"PK\x01\x02", at + 4)
    path.write_bytes(data)
    with pytest.raises(CommandError, match="some lie over others"):
        bring(path)


def test_bytes_that_their_checksum_denies_are_refused(target: Team, forge: Callable[..., Path]) -> None:
    path = forge([picture(1, GOOD, file_sha256=None)], {"1.png": GOOD})
    spoil(path, 60, b"\x00\x01\x02")
    assert bring(path)[1] == [("image 1", "Its bytes are not what the archive says of them.")]


def test_manifest_that_is_damaged_is_refused(target: Team, forge: Callable[..., Path]) -> None:
    path = forge([picture(1, GOOD)], {"1.png": GOOD})
    data = path.read_bytes().replace(b'"export": {}', b'"export": []')
    path.write_bytes(data)
    with pytest.raises(CommandError, match="Its manifest is damaged"):
        bring(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{" * 9000], "holds a line that is no JSON"),
        (['{"a":' * 200_000 + "1" + "}" * 200_000], "nests too deep"),
        (["[1]"], "holds a line that is no object"),
        (['{"id": ' + "9" * 10_000 + "}"], "holds a line that is no JSON"),
        (['{"a": "' + "x" * MOST_LINE + '"}'], "longer than any picture's"),
    ],
    ids=["broken", "deep", "list", "huge number", "endless line"],
)
def test_manifest_by_another_hand_cannot_upset_it(
    lines: list[Any], message: str, target: Team, forge: Callable[..., Path]
) -> None:
    with pytest.raises(CommandError, match=message):
        bring(forge(lines, {}))


def test_manifest_with_an_endless_end_is_refused(
    target: Team, forge: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.exports.unzip.MOST_TAIL", 1000)
    with pytest.raises(CommandError, match="longer than any library's"):
        bring(forge([], {}, tags=[{"id": 1, "name": "x" * 2000}]))


def test_path_that_is_not_there_is_said(target: Team, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"none\.zip cannot be read: No such file or directory"):
        bring(tmp_path / "none.zip")
    with pytest.raises(CommandError, match="There is no team 'nobody'"):
        bring(tmp_path / "none.zip", team="nobody")


# The reader


def test_many_names_are_found_in_little_memory(tmp_path: Path) -> None:
    names = [f"folder {number % 7}/naïve-{number}.png" for number in range(3000)]
    path = pack(tmp_path / "x.zip", [(name, name.encode()) for name in names])
    with path.open("rb") as file:
        archive = Archive(file)
        assert len(archive) == 3000
        for name in names[::97]:
            member = archive.find(name)
            assert member is not None
            assert archive.read(member, most=100) == name.encode()
        assert archive.find("folder 0/none.png") is None
        assert archive.find("\udcff") is None
        found = archive.find(names[0])
        assert found is not None
        with pytest.raises(BadArchive, match="and 3 are the most"):
            archive.read(found, most=3)


def test_archive_with_wide_numbers_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w") as made, made.open("a.txt", "w", force_zip64=True) as file:
        file.write(b"wide")
    with zipfile.ZipFile(path, "a") as made:
        for number in range(70_000 - 1):
            made.writestr(f"{number}", b"")
    with path.open("rb") as file:
        archive = Archive(file)
        assert len(archive) == 70_000
        member = archive.find("a.txt")
        assert member is not None
        assert archive.read(member, most=10) == b"wide"
