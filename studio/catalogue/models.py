"""The catalogue: models as data, with versioned prices."""

from django.db import models
from django.db.models import Q


class ImageModel(models.Model):
    """A provider's model: its id there, what it can do and what it costs. Synced from `data/*.toml`."""

    slug = models.SlugField(max_length=60, unique=True)
    protocol = models.CharField(max_length=20)
    remote_name = models.CharField(max_length=100)
    title = models.CharField(max_length=80)
    note = models.CharField(max_length=200, blank=True)
    capabilities = models.JSONField()
    price_version = models.PositiveIntegerField(default=1)
    retires_on = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=100)

    class Meta:
        ordering = ["position", "slug"]
        constraints = [models.UniqueConstraint(fields=["protocol", "remote_name"], name="imagemodel_once")]

    def __str__(self) -> str:
        return self.title


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
