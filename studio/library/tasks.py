"""Celery's side of the library: one call each, no rule. The messages carry nothing and may be lost or come twice."""

from typing import Final

from celery import shared_task

from studio.library import upkeep

_PREVIEWS_AT_ONCE: Final = 20
# Rung for every two minutes, this comes round to each of the 256 parts within the hour that the audit grants.
_PARTS_AT_ONCE: Final = 16


@shared_task(name="studio.library.tasks.make_previews")
def make_previews() -> None:
    """Make some of the previews that are missing."""
    upkeep.make_missing_previews(_PREVIEWS_AT_ONCE)


@shared_task(name="studio.library.tasks.sweep_orphans")
def sweep_orphans() -> None:
    """Look at the next parts of the store for files that belong to nobody."""
    for _ in range(_PARTS_AT_ONCE):
        upkeep.sweep_orphans()
