"""Celery's side of connections."""

from celery import shared_task
from django.conf import settings
from django.template.loader import render_to_string

from studio.accounts.models import User
from studio.core.letters import send_to_each
from studio.providers.adapters.errors import ADMIN_MESSAGES
from studio.providers.models import Connection, PausedModel
from studio.teams.queries import admin_addresses


@shared_task(name="studio.providers.tasks.tell_paused")
def tell_paused(connection_id: int, remote_name: str) -> None:
    """Write to those who can mend it that a connection, or one model of it, is not used for now."""
    connection = Connection.objects.select_related("team").filter(pk=connection_id).first()
    if connection is None:
        return
    paused = PausedModel.objects.filter(connection=connection, remote_name=remote_name).first() if remote_name else None
    kind = paused.kind if paused else connection.paused_kind
    addresses = _addresses(connection)
    if not kind or not addresses:
        return
    context = {
        "connection": connection,
        "remote_name": remote_name,
        "message": ADMIN_MESSAGES[kind],
        "note": paused.note if paused else connection.paused_note,
        "base_url": settings.BASE_URL,
    }
    subject = render_to_string("providers/email/paused_subject.txt", context).strip()
    send_to_each(addresses, subject, render_to_string("providers/email/paused_message.txt", context))


def _addresses(connection: Connection) -> list[str]:
    """The team's admins and owners; for a shared connection, the operators."""
    if connection.team_id is not None:
        return admin_addresses(connection.team_id)
    operators = User.objects.filter(is_active=True, is_staff=True)
    return list(operators.order_by("pk").values_list("email", flat=True))
