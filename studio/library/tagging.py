"""Tags: the words a team files its pictures under.

Locks are taken in one order everywhere: tags by id, then pictures by id, then what ties them.
"""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from studio.library.errors import TagGone
from studio.library.models import Tag
from studio.library.sql import ids_with_chosen, rows_of

_ADD: Final = """
    INSERT INTO library_assettag (asset_id, tag_id) SELECT id, %(tag)s FROM chosen
    ON CONFLICT (asset_id, tag_id) DO NOTHING RETURNING asset_id
"""
_REMOVE: Final = """
    DELETE FROM library_assettag t USING chosen
    WHERE t.asset_id = chosen.id AND t.tag_id = %(tag)s RETURNING t.asset_id
"""


def add_tag(*, asset_ids: Sequence[int], tag: Tag) -> list[int]:
    """File pictures of the tag's team under it; returns those that were not."""
    with transaction.atomic():
        _hold(tag)
        return ids_with_chosen(_ADD, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk)


def remove_tag(*, asset_ids: Sequence[int], tag: Tag) -> list[int]:
    """Take a tag from pictures; returns those that had it."""
    with transaction.atomic():
        return ids_with_chosen(_REMOVE, team_id=tag.team_id, asset_ids=asset_ids, tag=tag.pk)


def _hold(tag: Tag) -> None:
    """Keep a tag from being deleted until the transaction ends; raises TagGone when somebody was faster.

    Before any picture is locked, in the order in which a deletion locks.
    """
    if not rows_of("SELECT 1 FROM library_tag WHERE id = %(tag)s FOR KEY SHARE", {"tag": tag.pk}):
        raise TagGone(f"The tag {tag.name} was deleted or merged meanwhile.")
