"""What becomes of the words of pictures that are purged or named anew: what no other picture has is forgotten."""

import time
from typing import Final

from studio.library.models import FormerWord
from studio.library.sql import rows_of

SECONDS: Final = 10.0
# A team's pictures wait for so long a batch.
_BATCH: Final = 500
_FORGET: Final = "SELECT library_forget_words(%(team)s, %(most)s)"


def forget_words(*, seconds: float = SECONDS) -> int:
    """Forget the words that no picture of their team has any more. Returns how many former ones were looked at.

    Bounded, and may be called as often as one likes; a team whose pictures are just being written has its turn later.
    """
    until, looked_at = time.monotonic() + seconds, 0
    for team_id in FormerWord.objects.order_by("team").values_list("team", flat=True).distinct():
        some = _BATCH
        while some == _BATCH and time.monotonic() < until:
            [(some,)] = rows_of(_FORGET, {"team": team_id, "most": _BATCH})
            looked_at += some
    return looked_at
