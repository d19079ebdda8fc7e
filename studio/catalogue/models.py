"""The catalogue: models as data, with versioned prices."""

from datetime import date
from typing import ClassVar, Final, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from studio.providers.models import Connection
from studio.teams.models import Team

# From so many days before its end on, a model is said to end soon.
SOON_DAYS: Final = 30


class ImageModelQuerySet(models.QuerySet["ImageModel"]):
    """Models read like sentences."""

    def current(self) -> Self:
        """Switched on and not at its end; the last day itself counts as the end."""
        today = timezone.now().date()
        return self.alias(end=Coalesce("announced_end", "retires_on")).filter(
            Q(end=None) | Q(end__gt=today), enabled=True
        )


class ImageModel(models.Model):
    """A provider's model: its id there, what it can do and what it costs. Synced from `data/*.toml`."""

    slug = models.SlugField(max_length=60, unique=True)
    protocol = models.CharField(max_length=20)
    remote_name = models.CharField(max_length=100)
    # What the model is upstream: entries of several protocols that lead to the same one share it.
    family = models.CharField(max_length=60)
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    capabilities = models.JSONField()
    price_version = models.PositiveIntegerField(default=1)
    # The last day: as the files say, and as the provider itself announces it, which counts more.
    retires_on = models.DateField(null=True, blank=True)
    announced_end = models.DateField(null=True, blank=True)
    # The last day that the admins of the teams were told of.
    told_end = models.DateField(null=True, blank=True)
    successor = models.CharField(max_length=60, blank=True)
    enabled = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=100)

    objects: ClassVar[models.Manager["ImageModel"]] = ImageModelQuerySet.as_manager()

    class Meta:
        ordering = ["position", "slug"]
        constraints = [models.UniqueConstraint(fields=["protocol", "remote_name"], name="imagemodel_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def last_day(self) -> date | None:
        """When it ends: as the provider itself announces, else as the files say."""
        return self.announced_end or self.retires_on

    @property
    def days_left(self) -> int | None:
        """For how many days it can still be used, 0 at its end; None where no end is known."""
        return None if self.last_day is None else max(0, (self.last_day - timezone.now().date()).days)

    @property
    def has_ended(self) -> bool:
        """Whether its end has come."""
        return self.days_left == 0

    @property
    def ends_soon(self) -> bool:
        """Whether its end is near enough to warn of it."""
        return self.days_left is not None and 0 < self.days_left <= SOON_DAYS


class Price(models.Model):
    """Credits for one picture of a quality and size; a new version never edits an old one."""

    model = models.ForeignKey(ImageModel, on_delete=models.PROTECT, related_name="prices")
    version = models.PositiveIntegerField()
    quality = models.CharField(max_length=20)
    size = models.CharField(max_length=20)
    credits = models.PositiveIntegerField()
    usd = models.DecimalField(max_digits=10, decimal_places=5, null=True, blank=True)
    estimate = models.BooleanField(default=False)
    source = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "version", "quality", "size"], name="price_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="price_version_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quality} {self.size}: {self.credits}"


class Route(models.Model):
    """Where a team's generations with a model go. The first is asked; the next if that provably did not accept.

    `via` is the entry of the catalogue that says what the model is called there; it is of the same family.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    model = models.ForeignKey(ImageModel, on_delete=models.CASCADE, related_name="routes")
    position = models.PositiveSmallIntegerField()
    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    via = models.ForeignKey(ImageModel, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering = ["team", "model", "position"]
        constraints = [
            models.UniqueConstraint(fields=["team", "model", "position"], name="route_place_once"),
            models.UniqueConstraint(fields=["team", "model", "connection"], name="route_connection_once"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.position}"


class HiddenModel(models.Model):
    """A model that a team's admins took out of their studio."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    model = models.ForeignKey(ImageModel, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "model"], name="hiddenmodel_once")]

    def __str__(self) -> str:
        return f"{self.model}"
