"""Texts as search sees them: folded words with their places, and pairs of characters where a script has no spaces.

Both sides of a search come from here, so what is stored and what is asked for are always cut alike.
"""

import re
import unicodedata
from collections import defaultdict
from typing import Final

# PostgreSQL's limits: a place is at most 16,383, a word has at most 256 of them, a vector 1 MB.
_LAST_PLACE: Final = 16_383
_MOST_PLACES: Final = 256
MOST_WORDS: Final = 4000
WORD_LENGTH: Final = 60
_NAME_LENGTH: Final = 120

# Scripts written without spaces between words: Chinese, Japanese, Korean syllables (which inflect), Thai, Lao, Khmer.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
_RUN: Final = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(rf"[{_UNSPACED}]")
_DIGITS: Final = re.compile(r"\d+")


def fold(text: str) -> str:
    """Return the text without differences of case, width and accent."""
    spread = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", "".join(char for char in spread if not unicodedata.combining(char)))


def words_of(text: str) -> list[str]:
    """Cut a text into the words it is found by, in reading order."""
    words: list[str] = []
    for run in _RUN.findall(fold(text)):
        words += _pairs(run) if _IS_UNSPACED.match(run) else [run[:WORD_LENGTH]]
    return words


def vector_of(*texts: str) -> str:
    """Return the words of the texts as PostgreSQL reads a tsvector; a phrase never spans two texts."""
    places: dict[str, list[int]] = defaultdict(list)
    at = 0
    for text in texts:
        for word in words_of(text):
            at += 1
            if len(places) < MOST_WORDS or word in places:
                places[word].append(min(at, _LAST_PLACE))
        at += 1
    return " ".join(f"'{word}':{_joined(where)}" for word, where in places.items())


def sort_name(text: str) -> str:
    """Return what a name is sorted by: folded, and numbers by their size."""
    return _DIGITS.sub(lambda found: found[0].zfill(10), " ".join(fold(text).split()))[:_NAME_LENGTH]


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[start : start + 2] for start in range(len(run) - 1)]


def _joined(where: list[int]) -> str:
    return ",".join(str(place) for place in dict.fromkeys(where[:_MOST_PLACES]))
