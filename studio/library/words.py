"""Texts as search sees them: folded words with their places, and pairs of characters where a script has no spaces.

Both sides of a search come from here, so what is stored and what is asked for are always cut alike.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# PostgreSQL's limits: a place is at most 16,383, a word has at most 256 of them, a vector 1 MB with its places.
_LAST_PLACE: Final = 16_383
_MOST_PLACES: Final = 256
_MOST_BYTES: Final = 400_000
_BYTES_OF_A_PLACE: Final = 2
MOST_WORDS: Final = 4000
WORD_LENGTH: Final = 60
_NAME_LENGTH: Final = 120
_MOST_DIGITS: Final = 48

# Accents and vowel points sit in these combining classes; in the others are signs that make another letter of it:
# viramas, nuktas, the voicing of kana, the vowels of Thai and Lao.
_ACCENTS: Final = frozenset((*range(10, 37), *range(200, 241)))
# Letters that people without them on the keyboard write in another way, and that Unicode does not take apart.
_PLAIN: Final = str.maketrans({
    "\u0142": "l", "\u00f8": "o", "\u0111": "d", "\u0127": "h", "\u0167": "t", "\u0131": "i", "\u00e6": "ae",
    "\u0153": "oe", "\u00f0": "d", "\u00fe": "th", "\u0640": None,
})  # fmt: skip

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Chinese, Japanese; and Korean, which inflects.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af"
)
# Vowel signs belong to their word, yet are no word characters to `re`.
_MARKS: Final = "".join(chr(point) for point in range(0x300, 0x1E000) if unicodedata.category(chr(point))[0] == "M")
_SIGNS: Final = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_RUN: Final = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}_])[\w{_MARKS}])+|[{_SIGNS}]")
_ASCII_RUN: Final = re.compile(r"[a-z0-9]+")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")
_IS_WORD: Final = re.compile(rf"(?!_)[\w{_MARKS}]")
_DIGITS: Final = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True)
class Run:
    """Characters that stand together, and the place of the first: a word, or a stretch of a script without spaces."""

    text: str
    place: int
    is_unspaced: bool

    @property
    def length(self) -> int:
        """How many places it takes."""
        return len(self.text) if self.is_unspaced else 1


def fold(text: str) -> str:
    """Return the text without differences of case, width and accent."""
    if text.isascii():
        return text.lower()
    text = _without_accents(unicodedata.normalize("NFKD", text)).casefold()
    text = _without_accents(unicodedata.normalize("NFKD", text)).translate(_PLAIN)
    return unicodedata.normalize("NFC", text)


def runs_of(text: str) -> Iterator[Run]:
    """Cut a text into its runs, in reading order."""
    folded = fold(text)
    place = 1
    for found in (_ASCII_RUN if folded.isascii() else _RUN).finditer(folded):
        run = Run(found[0], place, is_unspaced=_IS_UNSPACED.match(found[0]) is not None)
        yield run
        place += run.length


def words_of(text: str) -> list[str]:
    """Cut a text into the words it is found by, in reading order; each takes one place."""
    return [word for run in runs_of(text) for word in _words_of(run)]


def begins_word(folded: str, start: str) -> bool:
    """Whether a word of a folded text begins like this; where a script has no spaces, any character begins one."""
    at = folded.find(start)
    while at > 0 and _IS_WORD.match(folded[at - 1]) and not _IS_UNSPACED.match(start):
        at = folded.find(start, at + 1)
    return at >= 0


def vector_of(*texts: str) -> str:
    """Return the words of the texts as PostgreSQL reads a tsvector; a phrase never spans two texts."""
    places: dict[str, list[int]] = defaultdict(list)
    at = size = 0
    for text in texts:
        for word in words_of(text):
            at += 1
            if word not in places:
                if len(places) == MOST_WORDS or size > _MOST_BYTES:
                    continue
                size += len(word.encode())
            if len(places[word]) < _MOST_PLACES and at <= _LAST_PLACE:
                places[word].append(at)
                size += _BYTES_OF_A_PLACE
        at += 1
    return " ".join(f"'{word}'{_joined(where)}" for word, where in places.items())


def sort_name(text: str) -> str:
    """Return what a name is sorted by: folded, and numbers by their size."""
    return _DIGITS.sub(_by_size, " ".join(fold(text).split()))[:_NAME_LENGTH]


def _by_size(number: re.Match[str]) -> str:
    """Write before the digits how many there are, as a sign that sorts like that and before all letters."""
    digits = number[0].lstrip("0")
    return chr(ord("0") + min(len(digits), _MOST_DIGITS)) + digits


def _without_accents(text: str) -> str:
    return "".join(char for char in text if not _is_accent(char))


def _is_accent(char: str) -> bool:
    """Whether a character only adorns: an accent, a mark of writing direction, a joiner, a choice of look."""
    return (
        unicodedata.combining(char) in _ACCENTS
        or unicodedata.category(char) == "Cf"
        or "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
    )


def _words_of(run: Run) -> list[str]:
    """Pairs, and the last character alone: so each one begins a word of its own, and one alone is found as well."""
    text = run.text
    return [text[start : start + 2] for start in range(len(text))] if run.is_unspaced else [text[:WORD_LENGTH]]


def _joined(where: list[int]) -> str:
    """Past the last place a word is still found, only not in a phrase."""
    return ":" + ",".join(map(str, where)) if where else ""
