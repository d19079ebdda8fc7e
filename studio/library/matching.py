"""A search as PostgreSQL reads it: one tsquery over the words and tokens of `Asset.search`.

Nothing a person typed reaches the query's grammar: words are cut by `words.py`, and every lexeme is written quoted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from django.utils import timezone

from studio.library.models import MOST_RATING
from studio.library.search import LibrarySearch
from studio.library.words import WORD_LENGTH, Run, fold, runs_of

# Quotation marks of phones and other keyboards do the same as the straight one.
_QUOTES: Final = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\uff02", '"'))
_PART: Final = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
_ONLY_OPERATORS: Final = re.compile(r'[-"\s]*')
# No picture has it.
_NOTHING: Final = "nothing:"
# No picture is older: what is brought in with an earlier date counts as made then.
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER: Final = timedelta(minutes=15)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


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
class Part:
    """One thing that is asked for: a tsquery with `%1$s` and so on where the words stand that may go on."""

    text: str
    open: tuple[str, ...] = ()
    minus: bool = False


@dataclass(frozen=True)
class Reading:
    """A search as PostgreSQL reads it: all of its parts together."""

    team_id: int
    parts: tuple[Part, ...]

    @property
    def whole(self) -> str:
        """The tsquery, with words that may go on as PostgreSQL writes them."""
        texts = []
        for part in self.parts:
            text = part.text
            for number, word in enumerate(part.open, 1):
                text = text.replace(f"%{number}$s", _quoted(f"{self.team_id}/{word}") + ":*")
            texts.append(text.replace("%%", "%"))
        # Words and filters are a team's own already; without any, the team itself says what the index has to read.
        if all(part.minus for part in self.parts):
            texts.insert(0, _quoted(f"team:{self.team_id}"))
        return " & ".join(texts)


class Span(NamedTuple):
    """A time that pictures have a token of."""

    token: str
    begin: datetime
    end: datetime


class _Writer:
    """Writes one part; the words of a team are a team's own lexemes, `7/sea`."""

    def __init__(self, team_id: int) -> None:
        self.team_id = team_id
        self.open: list[str] = []

    def token(self, filed: str) -> str:
        return _quoted(token_of(self.team_id, filed)).replace("%", "%%")

    def word(self, word: str, *, is_open: bool) -> str:
        if not is_open:
            return _quoted(f"{self.team_id}/{word}")
        self.open.append(word)
        return f"%{len(self.open)}$s"

    def any_of(self, tokens: Iterable[str]) -> str:
        return f"({' | '.join(map(self.token, tokens))})"

    def days(self, search: LibrarySearch) -> str:
        """Write the days of a search: first what is long, and of a day that is cut only what that has, hour by hour.

        So most pictures, found or not, are asked for few tokens each.
        """
        whole, cut = [], defaultdict(list)
        for span in sorted(_spans_of(search), key=lambda span: span.begin - span.end):
            if span.end - span.begin < _DAY:
                cut[f"{span.begin:day:%Y%m%d}"].append(span.token)
            else:
                whole.append(self.token(span.token))
        ends = [f"({self.token(day)} & {self.any_of(hours)})" for day, hours in cut.items()]
        return f"({' | '.join([*whole, *ends] or [self.token(_NOTHING)])})"

    def term(self, term: Term, tags: Iterable[int]) -> str:
        found = [self.phrase(term)] if term.runs else []
        found += [self.token(f"tag:{tag}") for tag in tags]
        return f"({' | '.join(found or [self.token(_NOTHING)])})"

    def phrase(self, term: Term) -> str:
        """Write a term's words with their distances."""
        words: list[tuple[str, int]] = []
        for run in term.runs:
            if not run.is_unspaced:
                is_open = term.is_open and run is term.runs[-1]
                words.append((self.word(run.text[:WORD_LENGTH], is_open=is_open), run.place))
            elif run.length == 1:
                # One character of such a script begins every pair that it is the first of.
                words.append((self.word(run.text, is_open=True), run.place))
            else:
                pairs = range(run.length - 1)
                words += [(self.word(run.text[at : at + 2], is_open=False), run.place + at) for at in pairs]
        text, last = words[0]
        for word, place in words[1:]:
            text += f" <{place - last}> {word}"
            last = place
        return f"({text})" if len(words) > 1 else text


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
    parts = [Part(writer.any_of(some)) for some in _tokens(search, user_id, collections)]
    if search.since or search.until:
        parts.append(Part(writer.days(search)))
    if search.alpha is False:
        parts.append(Part("!" + writer.token("alpha:1"), minus=True))
    terms = terms_of(search.q)
    # Signs between words say nothing; signs alone ask for what is called so.
    for term in [term for term in terms if term.runs or tags_of.get(term.text)] or terms:
        writer = _Writer(team_id)
        text = writer.term(term, tags_of.get(term.text, ()))
        parts.append(Part("!" + text if term.is_minus else text, tuple(writer.open), term.is_minus))
    return Reading(team_id, tuple(parts))


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


def _spans_of(search: LibrarySearch) -> Iterator[Span]:
    """Yield few spans that fill the days of a search.

    They are UTC's years, months, weeks and days; where days begin at another moment in the search's zone, hours and
    quarters of hours stand at both ends.
    """
    # There are no pictures after the next year. A day more on both sides is enough for every zone.
    end = datetime(timezone.now().year + 2, 1, 1, tzinfo=UTC)
    since = max(search.since or date.min, _FIRST.date() - _DAY)
    until = min(search.until or date.max, end.date())
    at, end = max(_begin(since, search.zone), _FIRST), min(_begin(until + _DAY, search.zone), end)
    while at < end:
        span = next(span for span in _spans_from(at, end) if span.end <= end)
        yield span
        at = span.end


def _begin(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins: at a quarter of an hour in every zone, but for two in the 1970s."""
    moment = datetime.combine(day, time.min, zone).astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0)


def _spans_from(at: datetime, end: datetime) -> Iterator[Span]:
    """Yield the spans that begin at a moment, the longest first."""
    if at.hour == at.minute == 0:
        month = _next_month(at)
        if at.day == at.month == 1:
            yield Span(f"{at:year:%Y}", at, at.replace(year=at.year + 1))
        if at.day == 1:
            yield Span(f"{at:month:%Y%m}", at, month)
        # A week that ran into a month which is wanted as a whole would have it cut into weeks.
        if at.weekday() == 0 and (at + _WEEK <= month or _next_month(month) > end):
            yield Span(f"{at:week:%G%V}", at, at + _WEEK)
        yield Span(f"{at:day:%Y%m%d}", at, at + _DAY)
    if at.minute == 0:
        yield Span(f"{at:hour:%Y%m%d%H}", at, at + _HOUR)
    yield Span(f"{at:quarter:%Y%m%d%H}{at.minute // 15}", at, at + _QUARTER)


def _next_month(day: datetime) -> datetime:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def token_of(team_id: int, filed: str) -> str:
    """Return the lexeme of a filter, a team's own as its words are: `7:status:approved` (migration 0003)."""
    return f"{team_id}:{filed}"


def _quoted(lexeme: str) -> str:
    """Quote a lexeme whatever it holds."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
