"""Assets: stored pictures with all that is known about them."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from studio.teams.models import Team


class AssetQuerySet(models.QuerySet["Asset"]):
    """Assets read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team."""
        return self.filter(team=team)


class Asset(models.Model):
    """A stored picture. Carries a snapshot of what made it, so it stays readable after everything else has changed."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="assets")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # Names the files; made before the row, from ids of our own, so a repeated delivery writes the same place.
    file_key = models.UUIDField(unique=True)
    sha256 = models.CharField(max_length=64)
    crc32 = models.BigIntegerField()
    size = models.BigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    content_type = models.CharField(max_length=20)
    has_alpha = models.BooleanField(default=False)
    colour = models.CharField(max_length=7, blank=True)
    has_thumb = models.BooleanField(default=False)
    has_preview = models.BooleanField(default=False)
    prompt = models.TextField(blank=True)
    revised_prompt = models.TextField(blank=True)
    model_slug = models.CharField(max_length=60, blank=True)
    model_title = models.CharField(max_length=80, blank=True)
    spec = models.JSONField(default=dict, blank=True)
    credits = models.BigIntegerField(default=0)
    generation_id = models.BigIntegerField(null=True, blank=True)
    slot = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Asset"]] = AssetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["generation_id", "slot"], name="asset_one_per_slot"),
            models.CheckConstraint(
                condition=Q(size__gt=0, width__gt=0, height__gt=0, credits__gte=0), name="asset_measures_positive"
            ),
            models.CheckConstraint(
                condition=Q(content_type__in=["image/png", "image/jpeg", "image/webp"]), name="asset_known_type"
            ),
        ]
        indexes = [models.Index(fields=["team", "-id"], name="asset_team_newest")]

    def __str__(self) -> str:
        return f"Asset {self.pk}"
