"""Pages by key: the cost of a page does not grow with its depth, and new rows shift nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

T = TypeVar("T", bound=Model)


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows, newest first, and where the next ones begin."""

    items: Sequence[T]
    next_before: int | None


def page_of(queryset: QuerySet[T], *, before: int | None, size: int) -> Page[T]:
    """Return the `size` newest rows older than `before`, in one query.

    `before` is a primary key; the queryset's own order is replaced by newest first.
    """
    rows = queryset.order_by("-pk")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    items = list(rows[: size + 1])
    more = len(items) > size
    items = items[:size]
    return Page(items, items[-1].pk if more else None)
