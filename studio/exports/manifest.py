r"""What an archive says about its pictures: `manifest.json` for programs, `manifest.csv` for people, README.txt.

The JSON, version 1. It is one object in four stretches, so that a million pictures can be written and read with little
memory: every picture stands on a line of its own, and `read_manifest` reads them one by one.

    {"format": "atelier-manifest", "version": 1, "team": "Halden & Co", "export": {…},
    "pictures": [
    {"id": 12, "key": "<uuid>", …},
    {"id": 13, "key": "<uuid>", …}
    ],
    "collections": […], "tags": […], "summary": {"pictures": 2, "files": 2, "missing": 0}}

`export` has name, scope, what, format, side, quality, part, made_at, made_by. A collection has id, parent (an id or
null), name, description, cover (the number of a picture or null) and created_at; a tag has id, name and hue. The tables
hold what the pictures are filed under, with the parents of collections, and for a whole library everything.

A picture has:
    id          its number in the installation it comes from; `cover` and file names refer to it
    key         a UUID, the same in every export and every installation: an import brings a key once
    file        its name in this archive; null where the file is missing
    missing     true where the file was gone or damaged when the list was made
    sha256 size content_type width height has_alpha     of the picture as the library shows it ("original")
    file_sha256 file_size file_type    of the file in this archive: the same for originals; null where it is missing
    marks       the signs of origin in that very file, by the names of studio.library.provenance
    source      generated, edited or uploaded
    title notes file_name prompt revised_prompt      texts; file_name is what an upload was called
    model       {"slug", "title"}, empty texts for uploads
    settings    the options of the generation as they were sent, but for the prompt, which stands above
    credits     what it cost;  generation  number of the generation or null;  slot  its place in it
    author      who made it, by name;  created_at  ISO 8601 with zone
    status      draft, shortlisted, approved or delivered;  rating  0 to 5
    tags        ids, see the table;  tag_names  the same as words
    collections [{"id": 3, "position": 1024}], in the order of positions; collection_names  ["Campaigns / Autumn"]
Only in an operator's export (`export_library`), never in what a person downloads and hands on:
    author_email, favourites (e-mail addresses), connection (its name), binned_at,
    received    {"file", "sha256", "size", "content_type"}: the upload as received, where it is another file
Positions rise in the order of the collection. Readers must ignore names that they do not know.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final

from studio.core.errors import BadInput

JSON_NAME: Final = "manifest.json"
CSV_NAME: Final = "manifest.csv"
README_NAME: Final = "README.txt"
FORMAT: Final = "atelier-manifest"
VERSION: Final = 1

COLUMNS: Final = (
    "file",
    "missing",
    "id",
    "title",
    "prompt",
    "revised_prompt",
    "model",
    "settings",
    "author",
    "date",
    "credits",
    "status",
    "rating",
    "tags",
    "collections",
    "source",
    "notes",
    "original_name",
    "width",
    "height",
    "size",
    "type",
    "sha256",
    "marks",
)
# Spreadsheets run a cell that begins like this, some in full width, too; a quote before it makes it a text again.
_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_BETWEEN: Final = b",\n"


class BadManifest(BadInput):
    """A manifest that cannot be read."""

    code = "bad_manifest"


@dataclass(frozen=True)
class Filed:
    """A picture's place in a collection."""

    id: int
    position: int
    path: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """What the library knows about a picture, whatever file of it is handed over; `extra` only for operators."""

    id: int
    key: str
    sha256: str
    size: int
    content_type: str
    width: int
    height: int
    has_alpha: bool
    source: str
    title: str
    notes: str
    file_name: str
    prompt: str
    revised_prompt: str
    model_slug: str
    model_title: str
    settings: Mapping[str, Any]
    credits: int
    generation: int | None
    slot: int
    author: str
    created_at: str
    status: str
    rating: int
    tags: Sequence[tuple[int, str]]
    collections: Sequence[Filed]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Handed:
    """The file of a picture in an archive; without a name it is missing."""

    name: str | None
    sha256: str = ""
    size: int = 0
    content_type: str = ""
    marks: Sequence[str] = ()


def json_head(*, team: str, export: Mapping[str, Any]) -> bytes:
    """Begin manifest.json; the lines of pictures follow."""
    opening = {"format": FORMAT, "version": VERSION, "team": team, "export": dict(export)}
    return _dump(opening)[:-1].encode() + b',\n"pictures": ['


def json_line(facts: Facts, handed: Handed, *, is_first: bool) -> bytes:
    """Return one picture with what separates it from the one before."""
    return (b"\n" if is_first else _BETWEEN) + _dump(_picture(facts, handed)).encode()


def json_tail(
    *, collections: Sequence[Mapping[str, Any]], tags: Sequence[Mapping[str, Any]], files: int, missing: int
) -> bytes:
    """End manifest.json."""
    summary = {"pictures": files + missing, "files": files, "missing": missing}
    rest = _dump({"collections": list(collections), "tags": list(tags), "summary": summary})
    return b"\n],\n" + rest[1:].encode() + b"\n"


def csv_head() -> bytes:
    """Begin manifest.csv, with the mark by which spreadsheets know UTF-8."""
    return "\ufeff".encode() + _row(COLUMNS)


def csv_line(facts: Facts, handed: Handed) -> bytes:
    """Return one picture."""
    cells: dict[str, object] = {
        "file": handed.name or "",
        "missing": "yes" if handed.name is None else "no",
        "id": facts.id,
        "title": facts.title,
        "prompt": facts.prompt,
        "revised_prompt": facts.revised_prompt,
        "model": facts.model_title or facts.model_slug,
        "settings": "; ".join(f"{name}: {value}" for name, value in facts.settings.items()),
        "author": facts.author,
        "date": facts.created_at,
        "credits": facts.credits,
        "status": facts.status,
        "rating": facts.rating,
        "tags": "; ".join(name for _, name in facts.tags),
        "collections": "; ".join(" / ".join(filed.path) for filed in facts.collections),
        "source": facts.source,
        "notes": facts.notes,
        "original_name": facts.file_name,
        "width": facts.width,
        "height": facts.height,
        "size": handed.size or facts.size,
        "type": handed.content_type or facts.content_type,
        "sha256": handed.sha256 or facts.sha256,
        "marks": "; ".join(handed.marks),
    }
    return _row([cells[column] for column in COLUMNS])


def defused(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_RUNS):
        return f"'{value}"
    return value


def readme(lines: Iterable[str]) -> bytes:
    """Return a text as every system's editor shows it."""
    return "\r\n".join([*lines, ""]).encode()


@dataclass(frozen=True)
class Manifest:
    """A manifest as it is read: its ends at once, its pictures one by one."""

    head: Mapping[str, Any]
    tail: Mapping[str, Any]
    pictures: Iterator[dict[str, Any]]


def read_manifest(file: IO[bytes]) -> Manifest:
    """Read manifest.json from a file that can be read twice; raises BadManifest, also while pictures are read."""
    head = _read_head(file)
    start = file.tell()
    for _ in _lines(file):
        pass
    tail = _load(b"{" + file.read())
    file.seek(start)
    return Manifest(head, tail, (_load(line) for line in _lines(file)))


def _read_head(file: IO[bytes]) -> dict[str, Any]:
    first, second = file.readline(), file.readline()
    if second.strip() != b'"pictures": [':
        raise BadManifest("This is no manifest of Atelier: its second line does not begin the pictures.")
    head = _load(first.rstrip().removesuffix(b",") + b"}")
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise BadManifest("This manifest is of another kind or version. Use an Atelier at least as new as its maker.")
    return head


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Read the lines of pictures up to the end of their list."""
    while line := file.readline():
        if line.strip() == b"],":
            return
        yield line.strip().removesuffix(b",")
    raise BadManifest("This manifest ends before its pictures do, so it was not written to its end.")


def _load(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError as error:
        raise BadManifest("This manifest holds a line that is no JSON.") from error
    if not isinstance(found, dict):
        raise BadManifest("This manifest holds a line that is no object.")
    return found


def _picture(facts: Facts, handed: Handed) -> dict[str, Any]:
    return {
        "id": facts.id,
        "key": facts.key,
        "file": handed.name,
        "missing": handed.name is None,
        "sha256": facts.sha256,
        "size": facts.size,
        "content_type": facts.content_type,
        "width": facts.width,
        "height": facts.height,
        "has_alpha": facts.has_alpha,
        "file_sha256": handed.sha256 or None,
        "file_size": handed.size or None,
        "file_type": handed.content_type or None,
        "marks": list(handed.marks),
        "source": facts.source,
        "title": facts.title,
        "notes": facts.notes,
        "file_name": facts.file_name,
        "prompt": facts.prompt,
        "revised_prompt": facts.revised_prompt,
        "model": {"slug": facts.model_slug, "title": facts.model_title},
        "settings": dict(facts.settings),
        "credits": facts.credits,
        "generation": facts.generation,
        "slot": facts.slot,
        "author": facts.author,
        "created_at": facts.created_at,
        "status": facts.status,
        "rating": facts.rating,
        "tags": [pk for pk, _ in facts.tags],
        "tag_names": [name for _, name in facts.tags],
        "collections": [{"id": filed.id, "position": filed.position} for filed in facts.collections],
        "collection_names": [" / ".join(filed.path) for filed in facts.collections],
        **facts.extra,
    }


def _dump(value: Mapping[str, Any]) -> str:
    """Write JSON on one line; what would break lines in some readers is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def _row(cells: Sequence[object]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow([defused(cell) for cell in cells])
    return buffer.getvalue().encode()
