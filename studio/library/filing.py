"""What pictures are filed under, and what is filed: for the pages that show and change it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import BigIntegerField, Func, IntegerField, JSONField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from studio.accounts.models import User
from studio.core.keys import read_keys
from studio.library.acts import EMPTYING
from studio.library.finding import MOST_COUNTED, Count
from studio.library.models import Asset, AssetTag, BulkAct, Collection, CollectionItem, Favourite, Tag
from studio.library.sql import HELD
from studio.library.words import fold
from studio.teams.models import Team

_SUGGESTED: Final = 12


@dataclass(frozen=True)
class Filing:
    """Where one picture is kept, and whether the person who looks likes it."""

    tags: Sequence[Tag]
    collections: Sequence[Collection]
    is_favourite: bool


@dataclass(frozen=True)
class Shelf:
    """A collection as pages list it, with how many pictures it and those inside it hold."""

    collection: Collection
    counted: Count
    cover: Asset | None = None
    children: Sequence["Shelf"] = ()
    # Without those inside; the pages that ask count them.
    own: Count | None = None
    # What happens to it in turns at this moment: "deleted".
    being: str = ""


@dataclass(frozen=True)
class TagRow:
    """A tag as the page of tags lists it, with how many pictures have it."""

    tag: Tag
    counted: Count
    # What happens to it in turns at this moment: "merged", "deleted".
    being: str = ""


@dataclass(frozen=True)
class TagPage:
    """Some tags in the order of their names, and the key after which the next ones come."""

    rows: Sequence[TagRow]
    next_after: str | None


@dataclass(frozen=True)
class ShelfPage:
    """Some collections in the order of their names, each with those in it, and what the next ones come after."""

    shelves: Sequence[Shelf]
    next_after: str | None


def filing_of(asset: Asset, user: User) -> Filing:
    """Find where a picture is kept."""
    return Filing(
        tags=list(Tag.objects.filter(asset_tags__asset=asset).order_by("key")),
        collections=list(Collection.objects.filter(items__asset=asset).select_related("parent").order_by("key", "pk")),
        is_favourite=Favourite.objects.filter(user=user, asset=asset).exists(),
    )


def tag_page(team: Team, *, q: str = "", after: str = "", size: int = 60) -> TagPage:
    """List the tags whose names hold `q`, whatever its case and accents."""
    tags = Tag.objects.filter(team=team, key__contains=fold(q).strip(), key__gt=after)
    used = AssetTag.objects.filter(tag=OuterRef("pk"), asset__binned_at=None)
    emptied_by = _emptied_by(BulkAct.objects.emptying_tags(), "tag")
    rows = list(tags.annotate(number=_capped(used), emptied_by=emptied_by).order_by("key")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    listed = [TagRow(tag, Count.of(tag.number), _being(tag.emptied_by)) for tag in rows]
    return TagPage(listed, rows[-1].key if more else None)


def names_like(team: Team, q: str) -> list[str]:
    """Return the names of a few tags that begin with `q`, or hold it."""
    key = fold(q).strip()
    tags = Tag.objects.filter(team=team)
    first = list(tags.filter(key__startswith=key).order_by("key").values_list("name", flat=True)[:_SUGGESTED])
    if len(first) == _SUGGESTED or not key:
        return first
    others = tags.filter(key__contains=key).exclude(key__startswith=key).order_by("key")
    return [*first, *others.values_list("name", flat=True)[: _SUGGESTED - len(first)]]


def find_tag(team: Team, name: str) -> Tag | None:
    """Find the tag of this name, whatever its case and accents."""
    return Tag.objects.filter(team=team, key=fold(" ".join(name.split()))).first()


def shelf_page(team: Team, *, after: str = "", size: int) -> ShelfPage:
    """List collections with their counts, covers and the collections in them, a page of the outer ones at a time."""
    outer = list(_counted(Collection.objects.filter(team=team, parent=None, key__gt=after)).order_by("key")[: size + 1])
    more = len(outer) > size
    outer = outer[:size]
    inner = list(_counted(Collection.objects.filter(parent__in=[one.pk for one in outer])).order_by("key"))
    return ShelfPage(_shelves(outer, inner), outer[-1].key if more else None)


def shelf_of(collection: Collection) -> Shelf:
    """Return one collection with its count, its cover and what is in it."""
    outer = _counted(Collection.objects.filter(pk=collection.pk)).get()
    inner = list(_counted(Collection.objects.filter(parent=collection.pk)).order_by("key"))
    return _shelves([outer], inner)[0]


def own_count(collection: Collection) -> Count:
    """Count the pictures of a collection without those inside it."""
    items = CollectionItem.objects.filter(collection=collection.pk, is_listed=True)
    return Count.of(items[: MOST_COUNTED + 1].count())


def outer_collections(team: Team, *, but: Collection | None = None) -> QuerySet[Collection]:
    """Return those that another one can be put into."""
    found = Collection.objects.filter(team=team, parent=None).order_by("key")
    return found.exclude(pk=but.pk) if but else found


def all_collections(team: Team) -> list[Collection]:
    """List all collections of a team, each followed by those in it."""
    inner: dict[int, list[Collection]] = defaultdict(list)
    outer = []
    for one in Collection.objects.filter(team=team).order_by("key"):
        if one.parent_id is None:
            outer.append(one)
        else:
            inner[one.parent_id].append(one)
    return [each for one in outer for each in (one, *inner[one.pk])]


def items_page(collection: Collection, *, after: str = "", size: int) -> tuple[list[Asset], str | None]:
    """Return some pictures of a collection in its order, and the cursor of the next ones."""
    items = CollectionItem.objects.filter(collection=collection, is_listed=True)
    place = _read_place(after)
    if place:
        position, asset = place
        items = items.filter(Q(position__gt=position) | Q(position=position, asset__gt=asset), position__gte=position)
    rows = list(items.order_by("position", "asset").values_list("position", "asset")[: size + 1])
    shown = rows[:size]
    assets = Asset.objects.for_tiles().in_bulk([pk for _, pk in shown])
    cursor = f"{shown[-1][0]}.{shown[-1][1]}" if len(rows) > size else None
    return [assets[pk] for _, pk in shown], cursor


def _read_place(after: str) -> tuple[int, int] | None:
    """Read a cursor; whatever is none means the first page."""
    position, _, asset = after.partition(".")
    if read_keys([position.removeprefix("-"), asset]) is None:
        return None
    return int(position), int(asset)


def _counted(collections: QuerySet[Collection]) -> QuerySet[Collection]:
    """Add how many pictures each holds, and which one stands for it: the chosen one if it is there, else the first.

    And the act that is emptying it, if any is.
    """
    items = CollectionItem.objects.filter(collection=OuterRef("pk"), is_listed=True)
    chosen = items.filter(asset=OuterRef("cover"))
    first = items.order_by("position", "asset")
    return collections.annotate(
        number=_Held(most=MOST_COUNTED + 1),
        own=_capped(items),
        emptied_by=_emptied_by(BulkAct.objects.emptying_collections(), "collection"),
        face=Coalesce(
            Subquery(chosen.values("asset")[:1]), Subquery(first.values("asset")[:1]), output_field=BigIntegerField()
        ),
    )


class _Held(Func):
    """How many pictures a collection and those inside it hold."""

    template = f"({HELD})"
    output_field = IntegerField()


def _capped(rows: QuerySet[AssetTag] | QuerySet[CollectionItem]) -> Func:
    """Count related rows, and stop where nobody counts any more."""
    some = ArraySubquery(rows.values("pk")[: MOST_COUNTED + 1])
    return Func(some, function="cardinality", output_field=IntegerField())


def _shelves(outer: Sequence[Any], inner: Sequence[Any]) -> list[Shelf]:
    """Put rows of `_counted`, which carry more than their model, into each other; what has no cover borrows one."""
    covers = Asset.objects.for_tiles().in_bulk([one.face for one in (*outer, *inner) if one.face])
    inside: dict[int, list[Shelf]] = defaultdict(list)

    def shelf(one: Any) -> Shelf:
        children = inside[one.pk]
        cover = covers.get(one.face) or next((child.cover for child in children if child.cover), None)
        return Shelf(one, Count.of(one.number), cover, children, Count.of(one.own), _being(one.emptied_by))

    for one in inner:
        inside[one.parent_id].append(shelf(one))
    return [shelf(one) for one in outer]


def _emptied_by(acts: QuerySet[BulkAct], what: str) -> Subquery:
    """Find the kind of act that is about a row as a tag or a collection."""
    key = Func(OuterRef("pk"), function="to_jsonb", output_field=JSONField())
    return Subquery(acts.filter(Q(**{f"value__{what}": key}), team=OuterRef("team")).values("act")[:1])


def _being(act: str | None) -> str:
    return EMPTYING[act].participle if act else ""
