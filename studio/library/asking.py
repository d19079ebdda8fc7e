"""What a search needs from the database before it can be asked: the tags its words name, the collections inside one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import BooleanField, F, Func, Q, Value

from studio.accounts.models import User
from studio.library.matching import Reading, Term, reading_of, terms_of
from studio.library.models import Collection, Tag
from studio.library.search import LibrarySearch
from studio.library.words import begins_word
from studio.teams.models import Team

# So many tags are asked for by one word, and by all words of a search together: a tsquery holds 1 MB of them.
_MOST_OF_A_WORD: Final = 500
_MOST_TAGS: Final = 2000


class Matches(Func):
    """Whether a picture is what a tsquery asks for."""

    template = "%(expressions)s::tsquery"
    arg_joiner = " @@ "
    output_field = BooleanField()

    def __init__(self, tsquery: str, **extra: Any) -> None:
        super().__init__(F("search"), Value(tsquery), **extra)


class Has(Matches):
    """The same of pictures that are at hand: no index answers it."""

    template = "ts_match_vq(%(expressions)s::tsquery)"
    arg_joiner = ", "


@dataclass(frozen=True)
class Asked:
    """A search made ready: as PostgreSQL reads it, and the collections it is about, in their order."""

    team_id: int
    reading: Reading
    collections: tuple[int, ...] = ()


def ask(
    team: Team,
    user: User,
    search: LibrarySearch,
    *,
    tags: Sequence[tuple[int, str]] | None = None,
    inside: Sequence[int] | None = None,
) -> Asked:
    """Make the search of one person in one team ready.

    Who knows all `tags` (with their keys), or the collections `inside` the one that is searched, saves a query each.
    """
    terms = terms_of(search.q)
    collections: tuple[int, ...] = ()
    if search.collection is not None:
        collections = (search.collection, *(_inside(team, search.collection) if inside is None else inside))
    named = _named(terms, _tags_like(team, terms) if tags is None else tags)
    reading = reading_of(search, team_id=team.pk, user_id=user.pk, tags_of=named, collections=collections)
    return Asked(team.pk, reading, collections)


def _inside(team: Team, collection: int) -> Sequence[int]:
    inside = Collection.objects.filter(team=team, parent=collection).order_by("key", "pk")
    return list(inside.values_list("pk", flat=True))


def _tags_like(team: Team, terms: Sequence[Term]) -> Sequence[tuple[int, str]]:
    if not terms:
        return ()
    wanted = reduce(or_, (Q(key__contains=term.text) for term in terms))
    return list(Tag.objects.filter(wanted, team=team).order_by("key").values_list("pk", "key"))


def _named(terms: Sequence[Term], tags: Sequence[tuple[int, str]]) -> dict[str, list[int]]:
    """Return the tags of each term: those whose name has a word that begins like it."""
    most = min(_MOST_OF_A_WORD, _MOST_TAGS // max(len(terms), 1))
    return {term.text: [pk for pk, key in tags if begins_word(key, term.text)][:most] for term in terms}
