"""The small print of HTTP downloads: ranges, known copies, file names."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from django.utils.http import parse_etags

# Twenty digits are more than any file has; without an end the parser would work for whoever sends a million.
_ONE_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,20})\s*-\s*([0-9]{0,20})\s*", re.ASCII | re.IGNORECASE)
# Characters that would let a name pretend to be another: they reverse the direction of what follows.
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SEPARATORS: Final = str.maketrans({"/": "_", "\\": "_"})
_LONGEST_NAME: Final = 180


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether a browser that sends this If-None-Match already has what `etag` names (weak comparison)."""
    tags = parse_etags(if_none_match)
    return "*" in tags or etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}


def range_of(headers: Mapping[str, str], length: int, etag: str) -> range | None:
    """Return the part asked for, None for everything, or an empty range if nothing of it exists.

    What cannot be understood, several ranges, and a range of another version all mean everything.
    """
    found = _ONE_RANGE.fullmatch(headers.get("Range", ""))
    condition = headers.get("If-Range", "").strip()
    if found is None or (condition and condition != etag) or (condition and etag.startswith("W/")):
        return None
    first, last = found.groups()
    if first:
        start = int(first)
        stop = int(last) + 1 if last else max(length, start + 1)
        return None if stop <= start else range(start, min(stop, length))
    if last:
        return range(max(length - int(last), 0), length)
    return None


def content_disposition(filename: str, *, inline: bool) -> str:
    """Name a download in any script: plain letters for old programs, UTF-8 for the others (RFC 6266)."""
    name = _safe_name(filename)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'["%\\]', "_", plain).strip()
    plain = f"download{plain}" if plain.startswith(".") else plain or "download"
    kind = "inline" if inline else "attachment"
    described = f'{kind}; filename="{plain}"'
    if plain != name:
        described += f"; filename*=UTF-8''{quote(name, safe='')}"
    return described


def _safe_name(filename: str) -> str:
    kept = (
        character
        for character in filename.translate(_SEPARATORS)
        if unicodedata.category(character) not in {"Cc", "Cs"} and character not in _TURNING
    )
    name = "".join(kept).strip()
    if len(name) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) < 10 else ""
        name = name[: _LONGEST_NAME - len(ending)] + ending
    return name or "download"
