"""Writing the audit trail."""

from collections.abc import Mapping
from typing import Any

from studio.audit.actions import Action
from studio.audit.models import AuditEvent


def record(
    *,
    action: Action,
    team_id: int | None,
    actor_id: int | None,
    subject: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Add one line; call it inside the transaction of what it tells about."""
    return AuditEvent.objects.create(
        action=action, team_id=team_id, actor_id=actor_id, subject=subject[:200], data=dict(data or {})
    )
