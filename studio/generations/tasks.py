"""Celery's side: ids in, one call each, no rule. A bell may be lost or ring twice without harm."""

import logging
import threading
import time

import psycopg
from celery import Task, shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from studio.generations import fulfilment, jobs, upkeep
from studio.generations.engine import let_go_of_database

logger = logging.getLogger(__name__)

# A bell of the sweep that nobody heard in this time is stale: the next sweep rings again.
SWEEP_BELL_SECONDS = 15
# How often due jobs are looked for while there are any.
JOB_TICK = 0.5
_asking = threading.Lock()


@shared_task(name="studio.generations.tasks.fulfil")
def fulfil(connection_id: int) -> None:
    """Work on the generation of this connection whose turn it is, if there is one."""
    if fulfilment.fulfil_next(connection_id):
        ring(connection_id)
    if jobs.has_one_job():
        # The first of them: from here on the upkeep goes on by itself until there is none.
        ring_for_jobs()


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
    for generation_id in found.to_resume:
        _send(resume, generation_id, expires=SWEEP_BELL_SECONDS)
    upkeep.end_expired()
    upkeep.end_removed()
    if jobs.have_jobs():
        ring_for_jobs()


@shared_task(name="studio.generations.tasks.sweep_spool")
def sweep_spool() -> None:
    """Remove what nobody needs any more: answers, the memory of old webhooks, keys."""
    upkeep.sweep_spool()
    upkeep.sweep_hooks()
    upkeep.forget_secrets()


@shared_task(name="studio.generations.tasks.sweep_jobs")
def sweep_jobs() -> None:
    """Ask for jobs as they become due, until the next sweep rings again. Of several at once, one does it."""
    if not _asking.acquire(blocking=False):
        return
    try:
        until = time.monotonic() + settings.SWEEP_SECONDS
        while True:
            for generation_id in jobs.poll_due():
                _send(resume, generation_id, expires=SWEEP_BELL_SECONDS)
            if time.monotonic() > until or not jobs.have_jobs():
                return
            let_go_of_database()
            time.sleep(JOB_TICK)
    finally:
        _asking.release()


@shared_task(name="studio.generations.tasks.cancel_jobs")
def cancel_jobs(generation_id: int) -> None:
    """Stop the jobs of a cancelled generation at the provider."""
    jobs.cancel_jobs(generation_id)


def ring_for_jobs() -> None:
    """Tell the upkeep that a job is due."""
    _send(sweep_jobs, expires=settings.SWEEP_SECONDS + 1)


def ring_to_cancel(generation_id: int) -> None:
    """Tell a worker to stop the jobs of a cancelled generation; a lost bell leaves them to the end they have anyway."""
    _send(cancel_jobs, generation_id, expires=None)


def ring(connection_id: int, *, expires: float | None = None) -> None:
    """Tell the workers that this connection has work; a broker that is away is no loss, the sweep rings again."""
    _send(fulfil, connection_id, expires=expires)


def _send(task: Task, *arguments: int, expires: float | None) -> None:
    # Nothing is declared on the way: the queues are there, and making them anew from many threads locks them all out.
    try:
        task.apply_async(args=arguments, expires=expires, retry=False, declare=())
    except (OperationalError, psycopg.Error) as error:
        logger.warning("The broker does not answer (%s); the sweep will ring again.", error)
