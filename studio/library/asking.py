"""What a search needs from the database before it can be asked: the tags its words name, the collections inside one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, F, Func, Q, Value

from studio.accounts.models import User
from studio.library.matching import Term, terms_of, tsquery_of
from studio.library.models import Collection, Tag
from studio.library.search import LibrarySearch
from studio.teams.models import Team

# A word that begins more tags than this is no word for tags.
_MOST_TAGS = 200


class Matches(Func):
    """Whether a picture is what a tsquery asks for."""

    template = "%(expressions)s::tsquery"
    arg_joiner = " @@ "
    output_field = BooleanField()

    def __init__(self, tsquery: str, **extra: Any) -> None:
        super().__init__(F("search"), Value(tsquery), **extra)


@dataclass(frozen=True)
class Asked:
    """A search made ready: as PostgreSQL reads it, and the collections it is about, in their order."""

    team_id: int
    tsquery: str
    collections: tuple[int, ...] = ()


def ask(team: Team, user: User, search: LibrarySearch) -> Asked:
    """Make the search of one person in one team ready; a query each for words and for a collection."""
    collections = () if search.collection is None else (search.collection, *_inside(team, search.collection))
    tags = _tags_named(team, terms_of(search.q))
    tsquery = tsquery_of(search, team_id=team.pk, user_id=user.pk, tags_of=tags, collections=collections)
    return Asked(team.pk, tsquery, collections)


def _inside(team: Team, collection: int) -> Sequence[int]:
    inside = Collection.objects.filter(team=team, parent=collection).order_by("key", "pk")
    return inside.values_list("pk", flat=True)


def _tags_named(team: Team, terms: Sequence[Term]) -> dict[str, list[int]]:
    """Find the tags whose name has a word that begins like a term, in one query for all terms."""
    if not terms:
        return {}
    wanted = Q()
    for term in terms:
        wanted |= Q(key__startswith=term.text) | Q(key__contains=f" {term.text}")
    named = defaultdict(list)
    for pk, key in Tag.objects.filter(wanted, team=team).order_by("key").values_list("pk", "key")[:_MOST_TAGS]:
        for term in terms:
            if f" {key}".find(f" {term.text}") >= 0:
                named[term.text].append(pk)
    return dict(named)
