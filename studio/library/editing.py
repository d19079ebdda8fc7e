"""What people say about pictures: status, rating, favourites, title and notes.

The functions for many take ids, change only what is another than asked for, in one statement with the pictures locked
in the order of their ids, and return what was changed with what it was before, which is all that undoing needs. Ids of
other teams and of purged pictures are passed over.
"""

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from studio.core.errors import BadInput
from studio.library.errors import BadName, InTheBin
from studio.library.labels import read_line
from studio.library.models import MOST_RATING, OPENING_LENGTH, Asset, Status
from studio.library.sql import ids_with_chosen, with_chosen
from studio.library.words import sort_name, vector_of

TITLE_LENGTH: Final = 200
NOTES_LENGTH: Final = 4000

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


def set_title(*, asset: Asset, title: str) -> None:
    """Call a picture by a title of one line; an empty one gives it back the beginning of its prompt."""
    _set_text(asset, "title", read_line(title, what="A title", longest=TITLE_LENGTH))


def set_notes(*, asset: Asset, notes: str) -> None:
    """Write notes on a picture; line breaks are kept."""
    text = "\n".join(line.rstrip() for line in notes.splitlines()).strip()
    if "\x00" in text:
        raise BadName("Notes are text: there is a character in these that cannot be stored.")
    if len(text) > NOTES_LENGTH:
        raise BadName(f"Notes have at most {NOTES_LENGTH:,} characters; these have {len(text):,}.")
    _set_text(asset, "notes", text)


def require_listed(asset: Asset) -> None:
    """Raise InTheBin for a picture that must be restored before it is changed."""
    if asset.binned_at is not None:
        raise InTheBin("This image is in the bin. Restore it to change it.")


def _set_text(asset: Asset, field: str, text: str) -> None:
    """Write one text, and what it is found and sorted by; who writes another text of it meanwhile loses nothing."""
    with transaction.atomic():
        fresh = Asset.objects.select_for_update().get(pk=asset.pk)
        require_listed(fresh)
        setattr(fresh, field, text)
        fresh.words = vector_of(fresh.title, fresh.prompt, fresh.notes, fresh.file_name)
        fresh.sort_name = sort_name(fresh.title or fresh.prompt[:OPENING_LENGTH] or fresh.file_name)
        fresh.save(update_fields=[field, "words", "sort_name"])
    setattr(asset, field, text)
