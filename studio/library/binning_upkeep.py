"""What the rules of the teams do by themselves: empty bins of what is old, and put forgotten drafts there.

Every function does a bounded amount of work and may be called as often as one likes, by several processes at once.
"""

import time
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from django.db import transaction

from studio.library.binning import purge
from studio.library.models import BIN_DAYS
from studio.library.sql import rows_of
from studio.live.notify import notify

SECONDS: Final = 20.0
_BATCH: Final = 500

# Walks by id, so that what a guard holds is passed and not found again and again.
_EXPIRED: Final = """
    SELECT a.team_id, a.id FROM library_asset a LEFT JOIN library_libraryrules r ON r.team_id = a.team_id
    WHERE a.binned_at IS NOT NULL AND a.purged_at IS NULL AND a.id > %(after)s
      AND a.binned_at < now() - make_interval(days => coalesce(r.bin_days, %(days)s))
    ORDER BY a.id LIMIT %(most)s
"""
# Uploads are left alone: nobody draws them again.
_OLD_DRAFTS: Final = """
    UPDATE library_asset SET binned_at = now(), binned_by_id = NULL WHERE id IN (
        SELECT a.id FROM library_asset a
        WHERE a.team_id = %(team)s AND a.binned_at IS NULL AND a.status = 'draft' AND a.rating = 0
          AND a.title = '' AND a.notes = '' AND a.source <> 'uploaded'
          AND greatest(a.created_at, a.restored_at) < now() - make_interval(days => %(days)s)
          AND NOT EXISTS (SELECT 1 FROM library_assettag t WHERE t.asset_id = a.id)
          AND NOT EXISTS (SELECT 1 FROM library_collectionitem i WHERE i.asset_id = a.id)
          AND NOT EXISTS (SELECT 1 FROM library_collection c WHERE c.cover_id = a.id)
          AND NOT EXISTS (SELECT 1 FROM library_favourite f WHERE f.asset_id = a.id)
        ORDER BY a.id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    ) RETURNING id
"""
_RULES: Final = "SELECT team_id, draft_days FROM library_libraryrules WHERE draft_days IS NOT NULL ORDER BY random()"


def purge_expired(*, seconds: float = SECONDS) -> int:
    """Purge what was in the bin for as long as its team's rules say. Returns how many."""
    until, after, purged = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until:
        rows = rows_of(_EXPIRED, {"after": after, "days": BIN_DAYS, "most": _BATCH})
        if not rows:
            break
        after = rows[-1][1]
        for team_id, some in groupby(sorted(rows), key=lambda row: int(row[0])):
            purged += _purge(team_id, [pk for _, pk in some])
    return purged


def bin_old_drafts(*, seconds: float = SECONDS) -> int:
    """Move drafts that nobody took notice of to the bin, where a team wants that. Returns how many."""
    until, binned = time.monotonic() + seconds, 0
    for team_id, days in rows_of(_RULES, {}):
        some = _BATCH
        while some == _BATCH and time.monotonic() < until:
            some = _bin_some(team_id, days)
            binned += some
    return binned


def _purge(team_id: int, asset_ids: Sequence[int]) -> int:
    return len(purge(team_id=team_id, asset_ids=asset_ids, actor_id=None))


def _bin_some(team_id: int, days: int) -> int:
    with transaction.atomic():
        binned = rows_of(_OLD_DRAFTS, {"team": team_id, "days": days, "most": _BATCH})
        if binned:
            notify(team_id=team_id, event="library")
    return len(binned)
