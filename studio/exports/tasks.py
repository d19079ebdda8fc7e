"""Celery's side of exports: one call each, no rule. The messages carry nothing and may be lost or come twice."""

import logging

import psycopg
from celery import shared_task
from kombu.exceptions import OperationalError

from studio.exports import upkeep

logger = logging.getLogger(__name__)


@shared_task(name="studio.exports.tasks.prepare")
def prepare() -> None:
    """Work for a while on the export whose turn it is, and ring again as long as there is one."""
    if upkeep.prepare_next():
        ring()


@shared_task(name="studio.exports.tasks.clear")
def clear() -> None:
    """Remove what is left of exports that are over."""
    upkeep.clear_over()


def ring() -> None:
    """Tell the workers that an export waits; a broker that is away is no loss, the clock rings, too."""
    try:
        prepare.apply_async(retry=False, declare=())
    except (OperationalError, psycopg.Error) as error:
        logger.warning("The broker does not answer (%s); the clock will ring again.", error)
