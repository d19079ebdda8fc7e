"""The manual order of a collection: places with room between them.

Whoever moves something holds the collection's row, so two people at once both succeed, one after the other, each by
what is there when it is their turn. Moving writes only the places of what moves, and no picture.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from studio.core.errors import BadInput
from studio.library.collecting import GAP, LOCK_COLLECTED, lock_collections
from studio.library.errors import ItemGone
from studio.library.models import Collection, CollectionItem
from studio.library.sql import rows_of, with_chosen

MOST_MOVED: Final = 1000
Side = Literal["before", "after"]
Step = Literal["first", "earlier", "later", "last"]
STEPS: Final[dict[str, Step]] = {"first": "first", "earlier": "earlier", "later": "later", "last": "last"}

_LAY_OUT: Final = """
    UPDATE library_collectionitem i SET position = laid.number * %(gap)s
    FROM (
        SELECT id, row_number() OVER (ORDER BY position, asset_id) AS number
        FROM library_collectionitem WHERE collection_id = %(collection)s
    ) laid
    WHERE i.id = laid.id RETURNING i.id
"""
_PLACE: Final = """
    UPDATE library_collectionitem i SET position = place.position
    FROM chosen JOIN unnest(%(moved)s::bigint[], %(positions)s::bigint[]) AS place (asset_id, position)
        ON place.asset_id = chosen.id
    WHERE i.collection_id = %(collection)s AND i.asset_id = chosen.id RETURNING i.asset_id
"""


class _Gap(NamedTuple):
    """The places on both sides of where something goes; None at the ends."""

    low: int | None
    high: int | None

    def spread(self, number: int) -> list[int] | None:
        """Return so many places inside, evenly spread; None without room for them."""
        if self.high is None:
            return [(self.low or 0) + GAP * count for count in range(1, number + 1)]
        if self.low is None:
            return [self.high - GAP * count for count in range(number, 0, -1)]
        step = (self.high - self.low) // (number + 1)
        return [self.low + step * count for count in range(1, number + 1)] if step else None


def place(*, collection: Collection, asset_ids: Sequence[int], side: Side, anchor: int) -> list[int]:
    """Put pictures of a collection, in the order they have, right before or after another one; returns them in order.

    Raises ItemGone when the other one, or all that should move, were taken out meanwhile.
    """
    if len(asset_ids) > MOST_MOVED:
        raise BadInput(f"At most {MOST_MOVED:,} images are moved at once.")
    if anchor in asset_ids:
        raise BadInput("An image is placed beside another one, not beside itself.")
    with transaction.atomic():
        lock_collections(collection)
        moved = _in_order(collection, asset_ids)
        if not moved:
            raise ItemGone("There is nothing to move: these images are not in the collection any more.")
        _write(collection, moved, side, anchor)
    return moved


def step(*, collection: Collection, asset_id: int, to: Step) -> None:
    """Move one picture of a collection a place on or back, or to one of its ends; at an end it stays where it is."""
    with transaction.atomic():
        lock_collections(collection)
        others = _listed(collection).exclude(asset=asset_id)
        if to == "first":
            target = others.order_by("position", "asset").first()
        elif to == "last":
            target = others.order_by("-position", "-asset").first()
        else:
            target = _beside(_listed(collection), _item(collection, asset_id), "after" if to == "later" else "before")
        if target is not None:
            side: Side = "before" if to in {"first", "earlier"} else "after"
            place(collection=collection, asset_ids=[asset_id], side=side, anchor=target.asset_id)


def _write(collection: Collection, moved: list[int], side: Side, anchor: int) -> None:
    positions = _gap(collection, moved, side, anchor).spread(len(moved))
    if positions is None:
        _lay_out(collection)
        positions = _gap(collection, moved, side, anchor).spread(len(moved))
    with_chosen(
        _PLACE,
        team_id=collection.team_id,
        asset_ids=moved,
        collection=collection.pk,
        moved=moved,
        positions=positions,
    )


def _gap(collection: Collection, moved: Sequence[int], side: Side, anchor: int) -> _Gap:
    """Find the places around where these go, as if they were not there."""
    item = _item(collection, anchor)
    other = _beside(_listed(collection).exclude(asset__in=moved), item, side)
    beyond = other.position if other else None
    return _Gap(item.position, beyond) if side == "after" else _Gap(beyond, item.position)


def _beside(items: QuerySet[CollectionItem], item: CollectionItem, side: Side) -> CollectionItem | None:
    """Find what comes right before or after an item; two in the same place are in the order of their pictures."""
    if side == "after":
        later = Q(position__gt=item.position) | Q(position=item.position, asset__gt=item.asset_id)
        return items.filter(later, position__gte=item.position).order_by("position", "asset").first()
    earlier = Q(position__lt=item.position) | Q(position=item.position, asset__lt=item.asset_id)
    return items.filter(earlier, position__lte=item.position).order_by("-position", "-asset").first()


def _lay_out(collection: Collection) -> None:
    """Make room everywhere; the pictures are locked first, because binning one writes its item too."""
    rows_of(LOCK_COLLECTED, {"collection": collection.pk})
    rows_of(_LAY_OUT, {"collection": collection.pk, "gap": GAP})


def _in_order(collection: Collection, asset_ids: Sequence[int]) -> list[int]:
    items = _listed(collection).filter(asset__in=asset_ids).order_by("position", "asset")
    return list(items.values_list("asset", flat=True))


def _item(collection: Collection, asset_id: int) -> CollectionItem:
    item = _listed(collection).filter(asset=asset_id).first()
    if item is None:
        raise ItemGone("The image was taken out of the collection meanwhile. Load the page again to see its order.")
    return item


def _listed(collection: Collection) -> QuerySet[CollectionItem]:
    return CollectionItem.objects.filter(collection=collection.pk, is_listed=True)
