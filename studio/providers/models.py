"""Connections: configured provider accounts."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from studio.core.fields import EncryptedTextField
from studio.teams.models import Team


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections read like sentences."""

    def usable_by(self, team: Team) -> Self:
        """Switched on, and the team's own or shared by the whole installation."""
        return self.filter(Q(team=team) | Q(team=None), enabled=True)


class Connection(models.Model):
    """One provider account: protocol, base URL and encrypted secret; owned by a team or shared."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="connections")
    name = models.CharField(max_length=80)
    protocol = models.CharField(max_length=20)
    base_url = models.CharField(max_length=300)
    secret = EncryptedTextField(blank=True)
    options = models.JSONField(default=dict, blank=True)
    # Generations in flight at once, and pictures asked for within a minute; full means queued.
    max_in_flight = models.PositiveIntegerField(default=1000)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    # After a rate limit nothing is sent before this moment.
    resume_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Connection"]] = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "name"], name="connection_name_once", nulls_distinct=False),
            models.CheckConstraint(condition=Q(max_in_flight__gte=1), name="connection_lets_one_through"),
            models.CheckConstraint(
                condition=Q(per_minute__isnull=True) | Q(per_minute__gte=1), name="connection_one_a_minute"
            ),
        ]

    def __str__(self) -> str:
        return self.name
