"""Assets: stored pictures with all that is known about them."""

from typing import ClassVar, Final, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left
from django.utils.text import Truncator

from studio.library import names
from studio.teams.models import Team

TYPE_LABELS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP"}
PREVIEW_TRIES: Final = 3
TITLE_LENGTH: Final = 120
# As much of a prompt as titles and file names are made of; the whole may be a long read.
OPENING_LENGTH: Final = 200


class AssetQuerySet(models.QuerySet["Asset"]):
    """Assets read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team."""
        return self.filter(team=team)

    def for_tiles(self) -> Self:
        """With what a tile shows, and only the opening of the prompt."""
        return self.defer("prompt", "revised_prompt", "spec").annotate(opening=Left("prompt", OPENING_LENGTH))

    def without_preview(self) -> Self:
        """Whose preview is still to be made, and not yet given up."""
        return self.filter(has_preview=False, preview_tries__lt=PREVIEW_TRIES)


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
    # Previews are made later; a picture that defeats it is left alone after a few tries.
    preview_tries = models.PositiveSmallIntegerField(default=0)
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
        indexes = [
            models.Index(fields=["team", "-id"], name="asset_team_newest"),
            models.Index(
                fields=["id"],
                condition=Q(has_preview=False, preview_tries__lt=PREVIEW_TRIES),
                name="asset_without_preview",
            ),
        ]

    def __str__(self) -> str:
        return f"Asset {self.pk}"

    @property
    def original_name(self) -> str:
        """Where the bytes as received are kept."""
        return names.original_name(team_id=self.team_id, file_key=self.file_key, content_type=self.content_type)

    @property
    def thumb_name(self) -> str:
        """Where the grid thumbnail is kept, if there is one."""
        return names.thumb_name(team_id=self.team_id, file_key=self.file_key)

    @property
    def preview_name(self) -> str:
        """Where the preview is kept, if there is one."""
        return names.preview_name(team_id=self.team_id, file_key=self.file_key)

    @property
    def download_name(self) -> str:
        """What the original is called when a person downloads it."""
        return names.download_name(prompt=self.prompt, asset_id=self.pk, content_type=self.content_type)

    @property
    def title(self) -> str:
        """The beginning of the prompt, for tiles and headings; also the text that stands for the picture."""
        opening: str = self.__dict__["opening"] if "opening" in self.__dict__ else self.prompt[:OPENING_LENGTH]
        return Truncator(" ".join(opening.split())).chars(TITLE_LENGTH) or f"Image {self.pk}"

    @property
    def type_label(self) -> str:
        """The file's type as people call it: PNG, JPEG or WebP."""
        return TYPE_LABELS[self.content_type]
