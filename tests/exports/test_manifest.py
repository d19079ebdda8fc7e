"""What archives say about their pictures: exact, readable a line at a time, harmless in a spreadsheet."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from studio.exports import manifest
from studio.exports.manifest import BadManifest, Facts, Filed, Handed, read_manifest

FACTS = Facts(
    id=12,
    key="6a1f0d0e-0000-4000-8000-000000000012",
    sha256="a" * 64,
    size=7_912_345,
    content_type="image/png",
    width=1024,
    height=1536,
    has_alpha=True,
    source="generated",
    title="Lighthouse",
    notes="For the cover",
    file_name="",
    prompt="A lighthouse at dusk",
    revised_prompt="A tall lighthouse at dusk",
    model_slug="gpt-image-2",
    model_title="GPT Image 2",
    settings={"quality": "high", "size": "1024x1536"},
    credits=6,
    generation=41,
    slot=1,
    author="Maya Lindqvist",
    created_at="2026-11-18T14:02:31+00:00",
    status="approved",
    rating=4,
    tags=[(5, "fog"), (6, "sea")],
    collections=[Filed(3, 1024, ("Campaigns", "Autumn"))],
)
HANDED = Handed("Campaigns/Autumn/lighthouse-12.png", "a" * 64, 7_912_345, "image/png", ["c2pa"])


def written(*lines: tuple[Facts, Handed]) -> bytes:
    """Write a whole manifest.json."""
    data = manifest.json_head(team="Halden & Co", export={"name": "Autumn", "part": 1})
    for number, (facts, handed) in enumerate(lines):
        data += manifest.json_line(facts, handed, is_first=number == 0)
    collections = [{"id": 3, "parent": None, "name": "Autumn"}]
    tags = [{"id": 5, "name": "fog", "hue": 2}]
    files = sum(handed.name is not None for _, handed in lines)
    return data + manifest.json_tail(collections=collections, tags=tags, files=files, missing=len(lines) - files)


def row_of(facts: Facts, handed: Handed = HANDED) -> dict[str, str]:
    """Read back one line of manifest.csv."""
    text = (manifest.csv_head() + manifest.csv_line(facts, handed)).decode("utf-8-sig")
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    return row


def test_json_is_one_object_with_a_picture_on_each_line() -> None:
    data = written((FACTS, HANDED), (replace(FACTS, id=13), Handed(None)))
    whole = json.loads(data)
    assert (whole["format"], whole["version"], whole["team"]) == ("atelier-manifest", 1, "Halden & Co")
    assert whole["summary"] == {"pictures": 2, "files": 1, "missing": 1}
    assert whole["pictures"][0] == {
        "id": 12,
        "key": "6a1f0d0e-0000-4000-8000-000000000012",
        "file": "Campaigns/Autumn/lighthouse-12.png",
        "missing": False,
        "sha256": "a" * 64,
        "size": 7_912_345,
        "content_type": "image/png",
        "width": 1024,
        "height": 1536,
        "has_alpha": True,
        "file_sha256": "a" * 64,
        "file_size": 7_912_345,
        "file_type": "image/png",
        "marks": ["c2pa"],
        "source": "generated",
        "title": "Lighthouse",
        "notes": "For the cover",
        "file_name": "",
        "prompt": "A lighthouse at dusk",
        "revised_prompt": "A tall lighthouse at dusk",
        "model": {"slug": "gpt-image-2", "title": "GPT Image 2"},
        "settings": {"quality": "high", "size": "1024x1536"},
        "credits": 6,
        "generation": 41,
        "slot": 1,
        "author": "Maya Lindqvist",
        "created_at": "2026-11-18T14:02:31+00:00",
        "status": "approved",
        "rating": 4,
        "tags": [5, 6],
        "tag_names": ["fog", "sea"],
        "collections": [{"id": 3, "position": 1024}],
        "collection_names": ["Campaigns / Autumn"],
    }
    missing = whole["pictures"][1]
    assert (missing["file"], missing["missing"], missing["file_sha256"]) == (None, True, None)
    assert data.count(b"\n") == 6


@pytest.mark.parametrize("text", ["a\nb\r\n", "a\u2028b\u2029c\x85d", '"],\n"', "\ud7ff\U0001f680", "]\n],\n"])
def test_text_never_breaks_a_line(text: str) -> None:
    facts = replace(FACTS, prompt=text, notes=text)
    data = written((facts, HANDED), (facts, HANDED))
    assert [len(part.splitlines()) for part in data.decode().split("\n")[:-1]] == [1] * 6
    assert [picture["prompt"] for picture in read_manifest(io.BytesIO(data)).pictures] == [text, text]


def test_manifest_is_read_one_by_one() -> None:
    found = read_manifest(io.BytesIO(written((FACTS, HANDED), (replace(FACTS, id=13), HANDED))))
    assert found.head["export"] == {"name": "Autumn", "part": 1}
    assert found.tail["tags"] == [{"id": 5, "name": "fog", "hue": 2}]
    assert [picture["id"] for picture in found.pictures] == [12, 13]


def test_manifest_without_pictures_is_read() -> None:
    assert list(read_manifest(io.BytesIO(written())).pictures) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"[]",
        lambda data: data.replace(b'"version": 1', b'"version": 2'),
        lambda data: data.replace(b"atelier-manifest", b"other"),
        lambda data: data[: data.index(b"],\n")],
        lambda data: data[: data.index(b'"summary"')],
        lambda data: data.replace(b'{"id": 12', b'{"id" 12'),
        lambda data: data.replace(b'{"id": 12', b'[{"id": 12'),
        lambda data: data.replace(b'{"id"', b'"id"'),
    ],
)
def test_damaged_manifest_is_refused(damage: Any) -> None:
    with pytest.raises(BadManifest):
        list(read_manifest(io.BytesIO(damage(written((FACTS, HANDED))))).pictures)


def test_csv_has_what_people_look_for() -> None:
    assert row_of(FACTS) == {
        "file": "Campaigns/Autumn/lighthouse-12.png",
        "missing": "no",
        "id": "12",
        "title": "Lighthouse",
        "prompt": "A lighthouse at dusk",
        "revised_prompt": "A tall lighthouse at dusk",
        "model": "GPT Image 2",
        "settings": "quality: high; size: 1024x1536",
        "author": "Maya Lindqvist",
        "date": "2026-11-18T14:02:31+00:00",
        "credits": "6",
        "status": "approved",
        "rating": "4",
        "tags": "fog; sea",
        "collections": "Campaigns / Autumn",
        "source": "generated",
        "notes": "For the cover",
        "original_name": "",
        "width": "1024",
        "height": "1536",
        "size": "7912345",
        "type": "image/png",
        "sha256": "a" * 64,
        "marks": "c2pa",
    }
    assert manifest.csv_head().startswith(b"\xef\xbb\xbffile,missing,id,")


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
    ],
)
def test_cell_that_looks_like_a_formula_is_a_text(cell: str) -> None:
    facts = replace(FACTS, title=cell, prompt=cell, notes=cell, file_name=cell, author=cell, model_title=cell)
    row = row_of(replace(facts, tags=[(1, cell)], collections=[Filed(1, 1, (cell,))], revised_prompt=cell))
    columns = ["title", "prompt", "notes", "original_name", "author", "model", "tags", "collections", "revised_prompt"]
    assert {column: row[column] for column in columns} == dict.fromkeys(columns, f"'{cell}")


@pytest.mark.parametrize("cell", ["a=1", "1-2", "", "'=1", "Ω", "«+»"])
def test_harmless_cell_stays_as_it_is(cell: str) -> None:
    assert row_of(replace(FACTS, title=cell))["title"] == cell


def test_cells_with_quotes_and_lines_are_read_back() -> None:
    text = 'a "quoted", word\nand; another\r\nline'
    assert row_of(replace(FACTS, prompt=text))["prompt"] == text
