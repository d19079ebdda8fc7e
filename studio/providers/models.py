"""Connections: configured provider accounts."""

from datetime import datetime
from typing import ClassVar, Final, Self

from django.db import models
from django.db.models import Q

from studio.core.fields import EncryptedTextField
from studio.teams.models import Team

SECRETS: Final = ("secret", "earlier_secret", "hook_secret")


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections read like sentences."""

    def kept(self) -> Self:
        """Not removed; a removed one stays as a name in history."""
        return self.filter(removed_at=None)

    def open_to(self, team: Team) -> Self:
        """The team's own, and those shared by the whole installation."""
        return self.kept().filter(Q(team=team) | Q(team=None))

    def without_secrets(self) -> Self:
        """Their secrets stay in the database: nothing is sent with these."""
        return self.defer(*SECRETS)

    def usable(self) -> Self:
        """Switched on, and not paused after an error that needs somebody."""
        return self.kept().filter(enabled=True, paused_kind="")

    def usable_by(self, team: Team) -> Self:
        """What the team may send through now."""
        return self.open_to(team).usable()


class TestState(models.TextChoices):
    """How the last test of a connection went."""

    RUNNING = "running", "Testing"
    PASSED = "passed", "Passed"
    FAILED = "failed", "Failed"


class Connection(models.Model):
    """One provider account: protocol, base URL and encrypted secret; owned by a team or shared."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True, related_name="connections")
    name = models.CharField(max_length=80)
    protocol = models.CharField(max_length=20)
    base_url = models.CharField(max_length=300)
    secret = EncryptedTextField(blank=True)
    # The one before, as long as jobs and webhooks of then may need it.
    earlier_secret = EncryptedTextField(blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    # What the provider signs its webhooks with, where that is not the key itself.
    hook_secret = EncryptedTextField(blank=True)
    hook_seen_at = models.DateTimeField(null=True, blank=True)
    options = models.JSONField(default=dict, blank=True)
    # Generations in flight at once, and pictures asked for within a minute; full means queued.
    max_in_flight = models.PositiveIntegerField(default=1000)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    # An error that somebody has to look after, such as a rejected key: its kind, the provider's words, and since when.
    paused_kind = models.CharField(max_length=30, blank=True)
    paused_note = models.CharField(max_length=500, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    # After a rate limit, and while the circuit is open, nothing is sent before this moment.
    resume_at = models.DateTimeField(null=True, blank=True)
    # Upstream failures in a row; from some number on the circuit is open, and then one call at a time tries again.
    failures = models.PositiveSmallIntegerField(default=0)
    test_state = models.CharField(max_length=10, choices=TestState.choices, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    # What the last test showed: `checked`, `unchecked`, `models`, `latency_ms`, or `error` and `note`.
    test_report = models.JSONField(default=dict, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Connection"]] = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "name"],
                condition=Q(removed_at=None),
                name="connection_name_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(max_in_flight__gte=1), name="connection_lets_one_through"),
            models.CheckConstraint(
                condition=Q(per_minute__isnull=True) | Q(per_minute__gte=1), name="connection_one_a_minute"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ending(self) -> str:
        """The last four characters of the key: enough to tell two apart, too little to use one."""
        return self.secret[-4:] if len(self.secret) >= 12 else ""

    def had_another_key(self, moment: datetime | None) -> bool:
        """Whether the key was replaced after `moment`, and the one of then is still kept."""
        return bool(self.earlier_secret and self.rotated_at and moment and moment <= self.rotated_at)


class PausedModel(models.Model):
    """A model that a connection may not use for now: it is retired, under maintenance or not open to the account."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="paused_models")
    remote_name = models.CharField(max_length=100)
    kind = models.CharField(max_length=30)
    note = models.CharField(max_length=500, blank=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "remote_name"], name="pausedmodel_once")]

    def __str__(self) -> str:
        return f"{self.remote_name}: {self.kind}"
