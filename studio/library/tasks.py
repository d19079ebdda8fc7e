"""Celery's side of the library: one call each, no rule. The messages carry an id at most, may be lost or come twice."""

import logging
from typing import Final

import psycopg
from celery import shared_task
from kombu.exceptions import OperationalError

from studio.library import binning_upkeep, bulk, upkeep, word_upkeep

logger = logging.getLogger(__name__)

_PREVIEWS_AT_ONCE: Final = 20
# A bell that nobody heard in this time is stale: the sweep rings again.
_BELL_SECONDS: Final = 60


@shared_task(name="studio.library.tasks.make_previews")
def make_previews() -> None:
    """Make some of the previews that are missing."""
    upkeep.make_missing_previews(_PREVIEWS_AT_ONCE)


@shared_task(name="studio.library.tasks.sweep_orphans")
def sweep_orphans() -> None:
    """Look at the next stretches of the store for files that belong to nobody."""
    upkeep.sweep_orphans()


@shared_task(name="studio.library.tasks.run_bulk")
def run_bulk(bulk_id: int) -> None:
    """Work on an act on many pictures for a turn, then let others have theirs."""
    if bulk.work(bulk_id):
        ring_bulk(bulk_id)


@shared_task(name="studio.library.tasks.sweep_bulk")
def sweep_bulk() -> None:
    """Ring again for every act that nobody works on."""
    for bulk_id in bulk.unfinished():
        ring_bulk(bulk_id)


@shared_task(name="studio.library.tasks.keep_rules")
def keep_rules() -> None:
    """Purge what was long enough in the bin, bin what the rule for drafts says, and forget lost words and old acts."""
    binning_upkeep.purge_expired()
    word_upkeep.forget_words()
    binning_upkeep.bin_old_drafts()
    bulk.forget_old()


def ring_bulk(bulk_id: int) -> None:
    """Tell the upkeep of an act; a broker that is away is no loss, the sweep rings again."""
    try:
        run_bulk.apply_async(args=[bulk_id], expires=_BELL_SECONDS, retry=False, declare=())
    except (OperationalError, psycopg.Error) as error:
        logger.warning("The broker does not answer (%s); the sweep will ring again.", error)
