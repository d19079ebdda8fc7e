"""Celery's side: ids in, one call each, no rule. A bell may be lost or ring twice without harm."""

import logging

import psycopg
from celery import Task, shared_task
from kombu.exceptions import OperationalError

from studio.generations import fulfilment, upkeep

logger = logging.getLogger(__name__)

# A bell of the sweep that nobody heard in this time is stale: the next sweep rings again.
SWEEP_BELL_SECONDS = 15


@shared_task(name="studio.generations.tasks.fulfil")
def fulfil(connection_id: int) -> None:
    """Work on the generation of this connection whose turn it is, if there is one."""
    if fulfilment.fulfil_next(connection_id):
        ring(connection_id)


@shared_task(name="studio.generations.tasks.resume")
def resume(generation_id: int) -> None:
    """Take over a generation whose worker died."""
    fulfilment.resume(generation_id)


@shared_task(name="studio.generations.tasks.sweep")
def sweep() -> None:
    """Do the housekeeping and ring again for whatever nobody picked up."""
    found = upkeep.find_work()
    for connection_id, waiting in found.waiting.items():
        for _ in range(waiting):
            ring(connection_id, expires=SWEEP_BELL_SECONDS)
    for generation_id in found.abandoned:
        _send(resume, generation_id, expires=SWEEP_BELL_SECONDS)
    upkeep.end_expired()


@shared_task(name="studio.generations.tasks.sweep_spool")
def sweep_spool() -> None:
    """Remove answers that nobody will read any more."""
    upkeep.sweep_spool()


def ring(connection_id: int, *, expires: float | None = None) -> None:
    """Tell the workers that this connection has work; a broker that is away is no loss, the sweep rings again."""
    _send(fulfil, connection_id, expires=expires)


def _send(task: Task, argument: int, *, expires: float | None) -> None:
    # Nothing is declared on the way: the queues are there, and making them anew from many threads locks them all out.
    try:
        task.apply_async(args=[argument], expires=expires, retry=False, declare=())
    except (OperationalError, psycopg.Error) as error:
        logger.warning("The broker does not answer (%s); the sweep will ring again.", error)
