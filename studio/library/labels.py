"""What tags, collections and pictures may be called."""

import unicodedata
from typing import Final, NamedTuple

from studio.library.errors import BadName
from studio.library.words import fold

# Seen by nobody and of no meaning between letters, so two names never differ by them alone.
_UNSEEN: Final = str.maketrans("", "", "\u00ad\u200b\u2060\ufeff")
# They turn the text around them, which makes a name look like another one.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS: Final = frozenset({"Cc", "Zl", "Zp", "Cs", "Cn"})


class Label(NamedTuple):
    """A name as people see it, and as it is compared."""

    name: str
    key: str


def read_label(text: str, *, what: str, longest: int, key_length: int) -> Label:
    """Trim a name and check it; raises BadName in words about `what`.

    `key_length` is how much of the folded name can be stored; some characters fold into many.
    """
    name = read_line(text, what=what, longest=longest)
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        raise BadName(f"{what} needs a name of 1 to {longest} characters.")
    key = fold(name)
    if not key.strip() or len(key) > key_length:
        raise BadName(f"{what} cannot be called that. Use letters, digits or signs.")
    return Label(name, key)


def read_line(text: str, *, what: str, longest: int) -> str:
    """Trim one line of text and check it; it may be empty. Raises BadName."""
    if any(unicodedata.category(char) in _BREAKS or char in _TURNING for char in text.strip()):
        raise BadName(f"{what} is one line: no line breaks, tabs or control characters.")
    line = " ".join(unicodedata.normalize("NFC", text.translate(_UNSEEN)).split())
    if len(line) > longest:
        raise BadName(f"{what} has at most {longest} characters; this has {len(line):,}.")
    return line
