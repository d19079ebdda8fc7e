"""What people say about pictures: status, rating, favourites, title and notes.

The functions for many take ids, change only what is another than asked for, in one statement with the pictures locked
in the order of their ids, and return what was changed with what it was before, which is all that undoing needs. Ids of
other teams and of purged pictures are passed over.
"""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from studio.core.errors import BadInput
from studio.library.models import MOST_RATING, Status
from studio.library.sql import ids_with_chosen, with_chosen

_SET_STATUS: Final = """
    UPDATE library_asset a SET status = %(status)s FROM chosen
    WHERE a.id = chosen.id AND chosen.status <> %(status)s RETURNING a.id, chosen.status
"""
_SET_RATING: Final = """
    UPDATE library_asset a SET rating = %(rating)s FROM chosen
    WHERE a.id = chosen.id AND chosen.rating <> %(rating)s RETURNING a.id, chosen.rating
"""
_FAVOURITE: Final = """
    INSERT INTO library_favourite (user_id, asset_id, created_at) SELECT %(user)s, id, now() FROM chosen
    ON CONFLICT (user_id, asset_id) DO NOTHING RETURNING asset_id
"""
_UNFAVOURITE: Final = """
    DELETE FROM library_favourite f USING chosen
    WHERE f.asset_id = chosen.id AND f.user_id = %(user)s RETURNING f.asset_id
"""


def set_status(*, team_id: int, asset_ids: Sequence[int], status: Status) -> dict[int, Status]:
    """Give pictures a status; returns the changed ones with the status they had."""
    with transaction.atomic():
        changed = with_chosen(_SET_STATUS, team_id=team_id, asset_ids=asset_ids, status=status.value)
    return {pk: Status(before) for pk, before in changed}


def set_rating(*, team_id: int, asset_ids: Sequence[int], rating: int) -> dict[int, int]:
    """Rate pictures, 0 takes the rating away; returns the changed ones with the rating they had."""
    if rating not in range(MOST_RATING + 1):
        raise BadInput(f"A rating is 0 to {MOST_RATING} stars.")
    with transaction.atomic():
        changed = with_chosen(_SET_RATING, team_id=team_id, asset_ids=asset_ids, rating=rating)
    return dict(changed)


def favourite(*, team_id: int, asset_ids: Sequence[int], user_id: int) -> list[int]:
    """Make pictures a person's favourites; returns those that were not."""
    with transaction.atomic():
        return ids_with_chosen(_FAVOURITE, team_id=team_id, asset_ids=asset_ids, user=user_id)


def unfavourite(*, team_id: int, asset_ids: Sequence[int], user_id: int) -> list[int]:
    """Make pictures no favourites of a person's any more; returns those that were."""
    with transaction.atomic():
        return ids_with_chosen(_UNFAVOURITE, team_id=team_id, asset_ids=asset_ids, user=user_id)
