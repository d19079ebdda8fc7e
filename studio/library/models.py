"""Assets, and through this module everything that the library keeps about them."""

from pathlib import Path
from typing import ClassVar, Final, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Left
from django.utils.text import Truncator

from studio.library import names
from studio.library.models_bulk import BulkAct, BulkItem, BulkState
from studio.library.models_shelves import AssetTag, Collection, CollectionItem, SavedView, Tag
from studio.teams.models import Team

__all__ = [
    "BIN_DAYS",
    "CAPTION_LENGTH",
    "MOST_RATING",
    "OPENING_LENGTH",
    "PREVIEW_TRIES",
    "SQUARE_WITHIN",
    "TYPE_LABELS",
    "Asset",
    "AssetQuerySet",
    "AssetTag",
    "BulkAct",
    "BulkItem",
    "BulkState",
    "Collection",
    "CollectionItem",
    "Favourite",
    "LibraryRules",
    "MadeWith",
    "SavedView",
    "Shape",
    "Source",
    "Status",
    "Tag",
    "Word",
]

TYPE_LABELS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP"}
PREVIEW_TRIES: Final = 3
CAPTION_LENGTH: Final = 120
# As much of a prompt as captions and file names are made of; the whole may be a long read.
OPENING_LENGTH: Final = 200
MOST_RATING: Final = 5
# How long the bin keeps pictures unless the team says otherwise.
BIN_DAYS: Final = 30
# A picture counts as square where its sides differ by no more than this.
SQUARE_WITHIN: Final = 1.05


class Source(models.TextChoices):
    """Where a picture came from."""

    GENERATED = "generated", "Generated"
    EDITED = "edited", "Edited"
    UPLOADED = "uploaded", "Uploaded"


class Status(models.TextChoices):
    """How far a picture has come on its way to the client."""

    DRAFT = "draft", "Draft"
    SHORTLISTED = "shortlisted", "Shortlisted"
    APPROVED = "approved", "Approved"
    DELIVERED = "delivered", "Delivered"


class Shape(models.TextChoices):
    """The shape of the upright picture."""

    SQUARE = "square", "Square"
    LANDSCAPE = "landscape", "Landscape"
    PORTRAIT = "portrait", "Portrait"


class AssetQuerySet(models.QuerySet["Asset"]):
    """Assets read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team, wherever they are kept."""
        return self.filter(team=team)

    def listed(self) -> Self:
        """In the library itself."""
        return self.filter(binned_at=None)

    def binned(self) -> Self:
        """In the bin, from where they can still be restored."""
        return self.filter(binned_at__isnull=False, purged_at=None)

    def unpurged(self) -> Self:
        """Whose files still exist: in the library or in the bin."""
        return self.filter(purged_at=None)

    def for_tiles(self) -> Self:
        """With what a tile shows, and only the opening of the prompt."""
        unshown = ("prompt", "revised_prompt", "spec", "notes", "words", "search")
        return self.defer(*unshown).annotate(opening=Left("prompt", OPENING_LENGTH))

    def without_preview(self) -> Self:
        """Whose preview is still to be made, and not yet given up."""
        return self.filter(has_preview=False, preview_tries__lt=PREVIEW_TRIES, purged_at=None)


class Asset(models.Model):
    """A stored picture. Carries a snapshot of what made it, so it stays readable after everything else has changed."""

    # Lists have indexes of their own, each in the order of a page, so the plain ones of the keys would only cost.
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="assets", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.GENERATED)
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
    title = models.CharField(max_length=200, blank=True)
    notes = models.TextField(max_length=4000, blank=True)
    # What an uploaded file was called.
    file_name = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    rating = models.PositiveSmallIntegerField(default=0)
    # Signs of origin found in the bytes as received; `provenance.py` knows their names.
    marks = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    # An upload is kept as received; if it had to be cleaned or turned, `file_key` names the derived copy that is shown
    # and sent on, and these describe the received file beside it. Empty where both are the same bytes.
    received_sha256 = models.CharField(max_length=64, blank=True)
    received_crc32 = models.BigIntegerField(null=True, blank=True)
    received_size = models.BigIntegerField(null=True, blank=True)
    received_type = models.CharField(max_length=20, blank=True)
    # Where an imported picture came from, so that the same import twice brings it once.
    origin = models.CharField(max_length=100, blank=True)
    binned_at = models.DateTimeField(null=True, blank=True)
    binned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    # Taken out of the bin again: the rule for drafts counts its days from then.
    restored_at = models.DateTimeField(null=True, blank=True)
    # Purged: the files are gone and the texts are emptied; the row stays for ledger, usage and history.
    purged_at = models.DateTimeField(null=True, blank=True)
    # What it sorts by under its name, and what it is found by: both made by `words.py` from the texts.
    sort_name = models.CharField(max_length=120, blank=True, db_collation="C", editable=False)
    words = SearchVectorField(default="", editable=False)
    # The words, and a token for everything that filters ask for; kept by a trigger (migration 0003).
    search = SearchVectorField(default="", editable=False)
    connection_id = models.BigIntegerField(null=True, blank=True)
    connection_name = models.CharField(max_length=100, blank=True)
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
            models.UniqueConstraint(
                fields=["team", "received_sha256"],
                condition=Q(source=Source.UPLOADED, purged_at=None),
                name="asset_uploaded_once",
            ),
            models.UniqueConstraint(fields=["team", "origin"], condition=~Q(origin=""), name="asset_imported_once"),
            models.CheckConstraint(condition=Q(rating__lte=MOST_RATING), name="asset_rating_in_range"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="asset_known_status"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="asset_known_source"),
            models.CheckConstraint(
                condition=Q(purged_at=None) | Q(binned_at__isnull=False), name="asset_purged_from_the_bin"
            ),
            models.CheckConstraint(
                condition=Q(received_size=None, received_crc32=None, received_type="")
                | (
                    Q(received_size__gt=0, received_crc32__isnull=False) & ~Q(received_type="") & ~Q(received_sha256="")
                ),
                name="asset_received_whole",
            ),
            models.CheckConstraint(
                condition=Q(content_type__in=["image/png", "image/jpeg", "image/webp"]), name="asset_known_type"
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], condition=Q(binned_at=None), name="asset_by_newest"),
            models.Index(fields=["team", "-rating", "-id"], condition=Q(binned_at=None), name="asset_by_rating"),
            models.Index(fields=["team", "sort_name", "id"], condition=Q(binned_at=None), name="asset_by_name"),
            models.Index(
                fields=["team", "-binned_at", "-id"],
                condition=Q(binned_at__isnull=False, purged_at=None),
                name="asset_in_the_bin",
            ),
            models.Index(
                fields=["team", "status"], condition=Q(binned_at=None) & ~Q(status="draft"), name="asset_beyond_draft"
            ),
            models.Index(fields=["team"], condition=Q(binned_at=None, source="uploaded"), name="asset_uploaded"),
            models.Index(fields=["team", "sha256"], name="asset_by_hash"),
            GinIndex(fields=["search"], name="asset_search", fastupdate=False),
            models.Index(
                fields=["id"],
                condition=Q(has_preview=False, preview_tries__lt=PREVIEW_TRIES, purged_at=None),
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
        return names.download_name(
            prompt=self.title or self.prompt or Path(self.file_name).stem,
            asset_id=self.pk,
            content_type=self.content_type,
        )

    @property
    def has_received(self) -> bool:
        """Whether the file as received is another one than what is shown."""
        return self.received_size is not None

    @property
    def received_name(self) -> str:
        """Where the file as received is kept, if it is another one than what is shown."""
        return names.received_name(team_id=self.team_id, file_key=self.file_key, content_type=self.received_type)

    @property
    def file_names(self) -> list[str]:
        """Every file that belongs to it."""
        made = [self.original_name, self.thumb_name, self.preview_name]
        return [*made, self.received_name] if self.has_received else made

    @property
    def caption(self) -> str:
        """What it is called: its title, its file name, or the beginning of its prompt."""
        opening: str = self.__dict__["opening"] if "opening" in self.__dict__ else self.prompt[:OPENING_LENGTH]
        text = self.title or opening or self.file_name
        return Truncator(" ".join(text.split())).chars(CAPTION_LENGTH) or f"Image {self.pk}"

    @property
    def shape(self) -> Shape:
        """The shape of the upright picture; the search trigger draws the same lines."""
        if max(self.width, self.height) <= SQUARE_WITHIN * min(self.width, self.height):
            return Shape.SQUARE
        return Shape.LANDSCAPE if self.width > self.height else Shape.PORTRAIT

    @property
    def type_label(self) -> str:
        """The file's type as people call it: PNG, JPEG or WebP."""
        return TYPE_LABELS[self.content_type]


class Favourite(models.Model):
    """A picture that one person likes."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    asset = models.ForeignKey(Asset, on_delete=models.CASCADE, related_name="favourites")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "asset"], name="favourite_once")]

    def __str__(self) -> str:
        return f"Favourite {self.pk}"


class MadeWith(models.Model):
    """A person, model or connection that some picture of a team was made by or with: what its filters offer.

    Kept by a trigger (migration 0004), so that a menu needs no look at the pictures.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    # The filter's name in the address: by, model or connection.
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=60)
    # What a model or connection was called when it was first used; people have their names elsewhere.
    label = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "kind", "value"], name="made_with_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Word(models.Model):
    """A word that pictures of a team have; kept by a trigger (migration 0003), more than once at times."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    word = models.TextField(db_collation="C")

    class Meta:
        indexes = [models.Index(fields=["team", "word"], name="word_of_team")]

    def __str__(self) -> str:
        return self.word


class FormerWord(models.Model):
    """A word that a picture lost: forgotten by the upkeep unless another picture of the team has it."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    word = models.TextField(db_collation="C")

    class Meta:
        indexes = [models.Index(fields=["team", "id"], name="former_word_of_team")]

    def __str__(self) -> str:
        return self.word


class LibraryRules(models.Model):
    """What a team has decided about keeping pictures. A team without a row has the defaults."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="library_rules")
    bin_days = models.PositiveSmallIntegerField(default=BIN_DAYS)
    # Drafts that nobody rated, liked, tagged, collected or named go to the bin after so many days; None: never.
    draft_days = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(bin_days__gte=1, bin_days__lte=365), name="rules_bin_days"),
            models.CheckConstraint(
                condition=Q(draft_days=None) | Q(draft_days__gte=7, draft_days__lte=3650), name="rules_draft_days"
            ),
        ]

    def __str__(self) -> str:
        return f"LibraryRules of team {self.team_id}"
