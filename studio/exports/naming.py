"""What a picture is called inside an archive: by a readable pattern, safe on every system, never twice the same.

No name has to be compared with another one: the last part always begins or ends with the picture's number, set off
from everything else, so two pictures never share a name, wherever they land and however a system folds letters.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.text import slugify

from studio.core.errors import BadInput

DEFAULT: Final = "{collection}/{date}-{slug}-{id}"
# What each token of a pattern stands for, as the form says it.
TOKENS: Final[Mapping[str, str]] = {
    "collection": "the collection, as a folder",
    "date": "day it was made, 2026-11-18",
    "year": "2026",
    "month": "11",
    "slug": "beginning of the title or prompt",
    "id": "the image's number",
    "author": "who made it",
    "model": "the model",
    "status": "draft, approved …",
    "source": "generated, edited, uploaded",
    "number": "place in this download, 00001",
}
MOST_FOLDERS: Final = 6
FOLDER_LENGTH: Final = 60
FILE_LENGTH: Final = 110  # with the ending at most 120
# What most file systems take: 255 bytes; the ending and a mark of ours need some of them.
_MOST_BYTES: Final = 230
_SLUG_LENGTH: Final = 60

_TOKEN: Final = re.compile(r"\{([^{}]*)\}")
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*]')
# Controls, invisible marks that turn the reading direction, halves of pairs, and what is no character at all.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)
# A folder must not be called like a file that may stand beside it.
_LIKE_A_FILE: Final = re.compile(r"\.(png|jpe?g|webp|json|csv|txt)\Z", re.IGNORECASE)


class BadPattern(BadInput):
    """A pattern for file names that cannot be used."""

    code = "bad_pattern"
    title = "That pattern cannot be used"


@dataclass(frozen=True)
class Named:
    """What a name can be made of."""

    id: int
    number: int
    # The collection, with the one it is in before it; nothing for a picture without.
    collection: tuple[str, ...]
    date: str
    text: str
    author: str
    model: str
    status: str
    source: str
    extension: str

    def value(self, token: str) -> str:
        """Return what stands for a token."""
        values = {
            "collection": "-".join(self.collection),
            "year": self.date[:4],
            "month": self.date[5:7],
            "slug": slugify(self.text[:200], allow_unicode=True)[:_SLUG_LENGTH].strip("-_") or "image",
            "id": str(self.id),
            "number": f"{self.number:05}",
        }
        return values[token] if token in values else str(getattr(self, token))


class Pattern:
    """A pattern such as `{collection}/{date}-{slug}-{id}`; raises BadPattern."""

    def __init__(self, text: str) -> None:
        parts = text.strip().split("/")
        if any(not part.strip() for part in parts):
            raise BadPattern("A pattern needs something between its slashes, and after the last one.")
        if len(parts) > MOST_FOLDERS + 1:
            raise BadPattern(f"A pattern may have at most {MOST_FOLDERS} folders.")
        for part in parts:
            _check(part)
        *self._folders, self._file = parts

    def name(self, picture: Named) -> str:
        """Return the name of a picture, folders and ending included."""
        folders: list[str] = []
        for part in self._folders:
            folders += picture.collection if part.strip() == "{collection}" else [_filled(part, picture)]
        clean = [folder for folder in (_folder(text) for text in folders) if folder]
        return "/".join([*clean, f"{_apart_from_devices(self._stem(picture))}.{picture.extension}"])

    def _stem(self, picture: Named) -> str:
        """Return the last part, which begins or ends with the number; it need not be written twice."""
        if self._file == "{id}":
            return str(picture.id)
        if _begins_with_number(self._file):
            return _cut(_clean(_filled(self._file, picture)), FILE_LENGTH, _MOST_BYTES).rstrip(" .")
        number = str(picture.id)
        text, mark = (self._file[:-5], self._file[-5]) if _ends_with_number(self._file) else (self._file, "-")
        room = len(number) + 1
        before = _cut(_clean(_filled(text, picture)), FILE_LENGTH - room, _MOST_BYTES - room)
        return f"{before}{mark}{number}" if before else number


def _check(part: str) -> None:
    unknown = [token for token in _TOKEN.findall(part) if token not in TOKENS]
    if unknown:
        known = ", ".join(f"{{{token}}}" for token in TOKENS)
        raise BadPattern(f"{{{unknown[0][:40]}}} is not known. A pattern may use {known}.")
    plain = _TOKEN.sub("", part)
    if "{" in plain or "}" in plain:
        raise BadPattern("A pattern has a brace that is opened or closed only once.")
    if _FORBIDDEN.search(plain) or plain != _seen(plain):
        raise BadPattern('A pattern may not hold \\ < > : " | ? * or characters that cannot be seen.')
    if part.strip(" .") == "":
        raise BadPattern("A pattern may not have a folder that is called . or ..")


def _begins_with_number(part: str) -> bool:
    return part.startswith(("{id}-", "{id}_", "{id} "))


def _ends_with_number(part: str) -> bool:
    return part.endswith(("-{id}", "_{id}", " {id}"))


def _filled(text: str, picture: Named) -> str:
    return _TOKEN.sub(lambda found: picture.value(found[1]), text)


def _seen(text: str) -> str:
    return "".join(character for character in text if unicodedata.category(character) not in _UNSEEN)


def _clean(text: str) -> str:
    """Return the text as a part of a name: one line, nothing that any system forbids, no dot or space at an end."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return _FORBIDDEN.sub("_", _seen(spaced)).lstrip(" .")


def _cut(text: str, most: int, most_bytes: int) -> str:
    return text[:most].encode()[:most_bytes].decode(errors="ignore")


def _folder(text: str) -> str:
    name = _cut(_clean(text), FOLDER_LENGTH, _MOST_BYTES).rstrip(" .")
    if _LIKE_A_FILE.search(name):
        name = f"{name}_"
    return _apart_from_devices(name)


def _apart_from_devices(name: str) -> str:
    return f"_{name}" if _DEVICES.fullmatch(name) else name
