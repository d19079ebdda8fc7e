"""Usage records."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from studio.teams.models import Team


class UsageRecord(models.Model):
    """What one output delivered and what it cost. Facts are copied, so a report needs nothing else."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+")
    member = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    generation_id = models.BigIntegerField()
    output_id = models.BigIntegerField(unique=True)
    asset_id = models.BigIntegerField(unique=True)
    model_slug = models.CharField(max_length=60)
    connection_name = models.CharField(max_length=80)
    quality = models.CharField(max_length=20)
    size = models.CharField(max_length=20)
    credits = models.BigIntegerField()
    # What the provider reported for the whole call, unchanged; empty where it reports nothing.
    reported = models.JSONField(default=dict, blank=True)
    estimate_usd = models.DecimalField(max_digits=10, decimal_places=5, null=True, blank=True)
    price_version = models.PositiveIntegerField()
    # How long the call that brought it took; None where that was lost with a worker.
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(credits__gte=0), name="usagerecord_credits_not_negative")]
        indexes = [
            models.Index(fields=["team", "-id"], name="usagerecord_team_newest"),
            # With all that is summed up, so that a report of some time reads nothing else.
            models.Index(
                fields=["team", "created_at"],
                include=["model_slug", "credits", "latency_ms"],
                name="usagerecord_team_time",
            ),
            models.Index(fields=["generation_id"], name="usagerecord_generation"),
        ]

    def __str__(self) -> str:
        return f"{self.model_slug}: {self.credits}"
