"""The audit trail."""

from django.conf import settings
from django.db import models

from studio.audit.actions import Action


class AuditEvent(models.Model):
    """One line of the trail; the database refuses to change or delete it."""

    team = models.ForeignKey("teams.Team", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    action = models.CharField(max_length=40, choices=Action.choices)
    subject = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-id"], name="auditevent_team_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}".strip()
