"""What the filters and the side of the library offer, with counts that stop early: one journey to the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from studio.accounts.models import User
from studio.library.finding import MOST_COUNTED, SPAN, Count
from studio.library.matching import token_of
from studio.library.sql import HELD, rows_of
from studio.teams.models import Team

MOST_OFFERED: Final = 500

_FACETS: Final = """
SELECT
    (SELECT json_agg(json_build_object('value', id, 'label', coalesce(nullif(name, ''), split_part(email, '@', 1)))
        ORDER BY lower(coalesce(nullif(name, ''), email)), id)
     FROM accounts_user WHERE id IN (
        SELECT user_id FROM teams_membership WHERE team_id = %(team)s
        UNION SELECT value::bigint FROM library_madewith WHERE team_id = %(team)s AND kind = 'by'
     )),
    (SELECT json_agg(json_build_object('value', value, 'label', coalesce(nullif(label, ''), value))
        ORDER BY lower(label), value)
     FROM library_madewith WHERE team_id = %(team)s AND kind = 'model'),
    (SELECT json_agg(json_build_object('value', value::bigint, 'label', coalesce(nullif(label, ''), value))
        ORDER BY lower(label), value)
     FROM library_madewith WHERE team_id = %(team)s AND kind = 'connection'),
    (SELECT json_agg(t) FROM (
        SELECT id, name, key, hue FROM library_tag WHERE team_id = %(team)s ORDER BY key LIMIT %(offered)s
     ) AS t),
    (SELECT json_agg(c) FROM (
        SELECT id, name, parent_id, description, (HELD) AS number, (
            SELECT asset_id FROM library_collectionitem
            WHERE collection_id = library_collection.id AND asset_id = cover_id AND is_listed
        ) AS cover_id
        FROM library_collection WHERE team_id = %(team)s ORDER BY key LIMIT %(offered)s
     ) AS c),
    (SELECT json_agg(v) FROM (
        SELECT id, name, query, is_shared, user_id = %(user)s AS is_own FROM library_savedview
        WHERE team_id = %(team)s AND (user_id = %(user)s OR is_shared)
        ORDER BY lower(name), id LIMIT %(offered)s
     ) AS v),
    (SELECT json_build_object(
        'all', (SELECT count(*) FROM (SELECT FROM library_asset
            WHERE team_id = %(team)s AND binned_at IS NULL LIMIT %(most)s) AS found),
        'favourites', library_count(
            %(favourites)s, '(,)', %(favourites)s, %(team)s, %(most)s, %(span)s),
        'shortlisted', (SELECT count(*) FROM (SELECT FROM library_asset
            WHERE team_id = %(team)s AND status = 'shortlisted' AND binned_at IS NULL LIMIT %(most)s) AS found),
        'approved', (SELECT count(*) FROM (SELECT FROM library_asset
            WHERE team_id = %(team)s AND status = 'approved' AND binned_at IS NULL LIMIT %(most)s) AS found),
        'uploads', (SELECT count(*) FROM (SELECT FROM library_asset
            WHERE team_id = %(team)s AND source = 'uploaded' AND binned_at IS NULL LIMIT %(most)s) AS found)
    )),
    (SELECT max(id) FROM library_asset WHERE team_id = %(team)s AND binned_at IS NULL)
""".replace("HELD", HELD)


@dataclass(frozen=True)
class Offer:
    """One value of a filter and what it is called."""

    value: int | str
    label: str


@dataclass(frozen=True)
class TagOffer:
    """A tag of the team."""

    id: int
    name: str
    key: str
    hue: int


@dataclass(frozen=True)
class Branch:
    """A collection, how much is in it and in those inside, and these."""

    id: int
    name: str
    counted: Count
    children: Sequence["Branch"] = ()
    description: str = ""
    cover_id: int | None = None


@dataclass(frozen=True)
class ViewOffer:
    """A saved view of the person, or one that somebody shares with the team."""

    id: int
    name: str
    query: str
    is_shared: bool
    is_own: bool


@dataclass(frozen=True)
class Facets:
    """What a person can choose from in a team's library. The counts are of the whole library, not of a search."""

    members: Sequence[Offer]
    models: Sequence[Offer]
    connections: Sequence[Offer]
    tags: Sequence[TagOffer]
    collections: Sequence[Branch]
    views: Sequence[ViewOffer]
    # Of the places at the side: all, favourites, shortlisted, approved, uploads.
    counts: Mapping[str, Count]
    # The newest picture, up to which "all that match" reaches; 0 for an empty library.
    newest: int
    # Where there are more collections than are offered, not all that are inside one may be among them.
    is_every_collection: bool = True

    def branch(self, collection: int) -> Branch | None:
        """One of the collections, wherever it stands; None where it is not known."""
        every = (each for branch in self.collections for each in (branch, *branch.children))
        return next((each for each in every if each.id == collection), None)

    def around(self, collection: int) -> Branch | None:
        """The collection that one is inside of; None for one that is in none."""
        return next((each for each in self.collections if any(i.id == collection for i in each.children)), None)

    def inside(self, collection: int | None) -> list[int] | None:
        """The collections inside one, in their order; None where they are not known."""
        found = self.branch(collection) if collection is not None and self.is_every_collection else None
        return [child.id for child in found.children] if found else None


def facets(team: Team, user: User) -> Facets:
    """Read all that can be chosen, each list up to MOST_OFFERED."""
    [(members, models, connections, tags, collections, views, counts, newest)] = rows_of(_FACETS, _params(team, user))
    return Facets(
        members=[Offer(**row) for row in members or ()],
        models=[Offer(**row) for row in models or ()],
        connections=[Offer(**row) for row in connections or ()],
        tags=[TagOffer(**row) for row in tags or ()],
        collections=_tree(collections or ()),
        views=[ViewOffer(**row) for row in views or ()],
        counts={name: Count.of(number) for name, number in counts.items()},
        newest=newest or 0,
        is_every_collection=len(collections or ()) < MOST_OFFERED,
    )


def _params(team: Team, user: User) -> Mapping[str, Any]:
    return {
        "team": team.pk,
        "user": user.pk,
        "offered": MOST_OFFERED,
        "most": MOST_COUNTED + 1,
        "span": SPAN,
        "favourites": f"'{token_of(team.pk, f'fav:{user.pk}')}'",
    }


def _tree(rows: Sequence[Mapping[str, Any]]) -> list[Branch]:
    inside: dict[int | None, list[Branch]] = {}
    # Those inside others first, so that each finds its own.
    for row in sorted(rows, key=lambda row: row["parent_id"] is None):
        children = inside.get(row["id"], ())
        inside.setdefault(row["parent_id"], []).append(
            Branch(row["id"], row["name"], Count.of(row["number"]), children, row["description"], row["cover_id"])
        )
    return inside.get(None, [])
