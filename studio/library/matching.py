"""A search as PostgreSQL reads it: one tsquery over the words and tokens of `Asset.search`.

Nothing a person typed reaches the query's grammar: words are cut by `words.py`, and every lexeme is written quoted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from studio.library.models import MOST_RATING
from studio.library.search import LibrarySearch
from studio.library.spans import Span
from studio.library.words import WORD_LENGTH, Run, fold, runs_of

# Quotation marks of phones and other keyboards do the same as the straight one.
_QUOTES: Final = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\uff02", '"'))
_PART: Final = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
_ONLY_OPERATORS: Final = re.compile(r'[-"\s]*')
# Beginnings of words are filed up to so many letters (migration 0003).
_FILED_LETTERS: Final = 3
# No picture has it.
_NOTHING: Final = "nothing:"


@dataclass(frozen=True)
class Term:
    """One word or phrase of a search."""

    text: str
    runs: tuple[Run, ...]
    is_minus: bool
    # Whether its last word may go on: true for what was typed without quotes.
    is_open: bool


def terms_of(q: str) -> list[Term]:
    """Read words, "phrases" and -minus; what is only operators so far asks for nothing yet."""
    terms = []
    for minus, phrase, word in _PART.findall(q.translate(_QUOTES)):
        text = phrase or word
        if not _ONLY_OPERATORS.fullmatch(text):
            folded = " ".join(fold(text).split())
            terms.append(Term(folded, tuple(runs_of(text)), is_minus=bool(minus), is_open=not phrase))
    return list(dict.fromkeys(terms))


@dataclass(frozen=True)
class _Word:
    """A word of a term, its place, and whether it may go on."""

    text: str
    place: int
    is_open: bool


@dataclass(frozen=True)
class Reading:
    """A search as PostgreSQL reads it.

    It finds the pictures of a `time` that `whole` asks for. `asked` is for the index (migration 0005): it may find
    more, and in place of `%1$s` and so on the words stand that begin with one of `starts`.
    """

    whole: str
    time: Span
    asked: str
    starts: tuple[str, ...]


class _Writer:
    """Writes a search in both forms; the words of a team are a team's own lexemes, `7/sea`, and so are beginnings."""

    def __init__(self, team_id: int) -> None:
        self.team_id = team_id
        self.whole: list[str] = []
        self.asked: list[str] = []
        self.starts: list[str] = []

    def filter(self, tokens: Iterable[str], *, is_minus: bool = False) -> None:
        """Ask for pictures with one of the tokens, or without all of them."""
        text = self._any_of(tokens)
        self._add(text, text.replace("%", "%%"), is_minus=is_minus)

    def term(self, term: Term, tags: Iterable[int]) -> None:
        """Ask for a term's words at their distances, or for a tag that is called so."""
        words = list(_words_of(term))
        tokens = [self._token(f"tag:{tag}") for tag in tags]
        whole, asked = list(tokens), list(tokens)
        if words:
            whole.insert(0, self._phrase(words))
        # Without the order of words, more pictures have a phrase, and fewer are without it.
        if words and not (term.is_minus and len(words) > 1):
            asked.insert(0, " & ".join(self._asked(word) for word in words))
        nothing = [self._token(_NOTHING)]
        self._add(f"({' | '.join(whole or nothing)})", f"({' | '.join(asked or nothing)})", is_minus=term.is_minus)

    def reading(self, time: Span) -> Reading:
        """Return what was written, of pictures made in some time."""
        team = [_quoted(f"team:{self.team_id}")]
        asked = [*self.asked]
        if time != Span():
            asked.append(self._any_of(time.tokens() or [_NOTHING]))
        # Words and filters are a team's own already; without any, the team itself says what the index has to read.
        if all(part.startswith("!") for part in asked):
            asked = team + asked
        return Reading(" & ".join(self.whole or team), time, " & ".join(asked), tuple(self.starts))

    def _add(self, whole: str, asked: str, *, is_minus: bool) -> None:
        self.whole.append("!" * is_minus + whole)
        self.asked.append("!" * is_minus + asked)

    def _phrase(self, words: Sequence[_Word]) -> str:
        text, last = "", 0
        for word in words:
            text += f" <{word.place - last}> " if text else ""
            text += _quoted(f"{self.team_id}/{word.text}") + ":*" * word.is_open
            last = word.place
        return f"({text})" if len(words) > 1 else text

    def _asked(self, word: _Word) -> str:
        whole = _quoted(f"{self.team_id}/{word.text}")
        if not word.is_open:
            return whole
        if len(word.text) <= _FILED_LETTERS:
            return f"({whole} | {_quoted(f'{self.team_id}^{word.text}')})"
        self.starts.append(word.text)
        return f"%{len(self.starts)}$s"

    def _any_of(self, tokens: Iterable[str]) -> str:
        return f"({' | '.join(map(self._token, tokens))})"

    def _token(self, filed: str) -> str:
        return _quoted(token_of(self.team_id, filed))


def reading_of(
    search: LibrarySearch,
    *,
    team_id: int,
    user_id: int,
    tags_of: Mapping[str, Iterable[int]],
    collections: Iterable[int],
) -> Reading:
    """Write the search for one team and one person; `tags_of` are the tags that each term's text names.

    Whether a picture is listed is for the statement to ask: what is in the bin still has its words.
    """
    writer = _Writer(team_id)
    for tokens in _tokens(search, user_id, collections):
        writer.filter(tokens)
    if search.alpha is False:
        writer.filter(["alpha:1"], is_minus=True)
    terms = terms_of(search.q)
    # Signs between words say nothing; signs alone ask for what is called so.
    for term in [term for term in terms if term.runs or tags_of.get(term.text)] or terms:
        writer.term(term, tags_of.get(term.text, ()))
    return writer.reading(Span.of_days(search.since, search.until, search.zone))


def _words_of(term: Term) -> Iterator[_Word]:
    for run in term.runs:
        if not run.is_unspaced:
            yield _Word(run.text[:WORD_LENGTH], run.place, is_open=term.is_open and run is term.runs[-1])
        elif run.length == 1:
            # One character of such a script begins every pair that it is the first of.
            yield _Word(run.text, run.place, is_open=True)
        else:
            for at in range(run.length - 1):
                yield _Word(run.text[at : at + 2], run.place + at, is_open=False)


def _tokens(search: LibrarySearch, user_id: int, collections: Iterable[int]) -> Iterator[list[str]]:
    """Yield the filters; of each list one token is enough."""
    named = {"by": search.by, "model": search.model, "connection": search.connection}
    yield from ([f"{name}:{value}"] for name, value in named.items() if value not in (None, ""))
    yield from ([f"tag:{tag}"] for tag in search.tags)
    for name, values in (("status", search.status), ("shape", search.shape), ("source", search.source)):
        if values:
            yield [f"{name}:{value}" for value in values]
    if search.collection is not None:
        yield [f"in:{collection}" for collection in collections]
    if search.alpha:
        yield ["alpha:1"]
    if search.favourite:
        yield [f"fav:{user_id}"]
    if search.rating:
        yield [f"rating:{rating}" for rating in range(search.rating, MOST_RATING + 1)]


def token_of(team_id: int, filed: str) -> str:
    """Return the lexeme of a filter, a team's own as its words are: `7:status:approved` (migration 0003)."""
    return f"{team_id}:{filed}"


def _quoted(lexeme: str) -> str:
    """Quote a lexeme whatever it holds."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
