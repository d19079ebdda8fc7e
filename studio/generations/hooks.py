"""Webhooks: a genuine one says that a job may have ended, so the job is asked for. Nothing in its body is believed."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from studio.generations import jobs
from studio.generations.hook_address import is_secret
from studio.generations.models import HookDelivery
from studio.generations.tasks import ring_for_jobs
from studio.providers.adapters.base import HookRefused
from studio.providers.gateway import adapter_of, endpoint_of
from studio.providers.models import Connection

logger = logging.getLogger(__name__)

_SEEN_EVERY: Final = timedelta(minutes=1)


def find_receiver(connection_id: int, secret: str) -> Connection | None:
    """Return the connection that an address with this secret belongs to, if its protocol sends webhooks."""
    connection = Connection.objects.kept().filter(pk=connection_id).first()
    if connection is None or not is_secret(connection_id, secret) or adapter_of(connection).hooks is None:
        return None
    return connection


def receive(connection: Connection, headers: Mapping[str, str], body: bytes) -> None:
    """Take one webhook. The same one again, and one about a job that nobody knows, has no effect.

    Raises HookRefused unless it is genuine and fresh.
    """
    hooks = adapter_of(connection).hooks
    if hooks is None:
        raise HookRefused("this protocol sends no webhooks")
    news = hooks.read_hook(endpoint_of(connection), headers, body, timezone.now())
    _note_seen(connection)
    digest = hashlib.sha256(news.event_id.encode() or body).hexdigest()
    # Together: a hint that was written down and then lost would not be taken again from the provider's next try.
    with transaction.atomic():
        _, is_new = HookDelivery.objects.get_or_create(connection=connection, digest=digest)
        if is_new and jobs.hasten(connection_id=connection.pk, job_id=news.job_id):
            transaction.on_commit(ring_for_jobs)


def _note_seen(connection: Connection) -> None:
    now = timezone.now()
    long_ago = Q(hook_seen_at=None) | Q(hook_seen_at__lt=now - _SEEN_EVERY)
    Connection.objects.filter(long_ago, pk=connection.pk).update(hook_seen_at=now)
