"""Exports: a frozen list of pictures, cut into parts, each of which is an archive that exists only on its way out.

What is stored is a list, never a second copy of the pictures: a page holds up to some hundred of them, with everything
that the archive says about them, so the bytes at any place of any archive need one page and the picture itself.
"""

from collections.abc import Sequence
from typing import Final, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from studio.teams.models import Team

PATTERN_LENGTH: Final = 200


class Scope(models.TextChoices):
    """What a person pointed at."""

    ASSET = "asset", "Image"
    SELECTION = "selection", "Selection"
    COLLECTION = "collection", "Collection"
    SEARCH = "search", "Search"
    LIBRARY = "library", "Library"


class What(models.TextChoices):
    """Which files of the pictures."""

    ORIGINALS = "originals", "Originals"
    PREVIEWS = "previews", "Previews"
    CONVERTED = "converted", "Converted"


class Format(models.TextChoices):
    """What pictures can be converted to."""

    JPEG = "jpeg", "JPEG"
    WEBP = "webp", "WebP"
    PNG = "png", "PNG"


class State(models.TextChoices):
    """Where an export is. That its time is over is told by the time alone."""

    PREPARING = "preparing", "Preparing"
    READY = "ready", "Ready"
    # A file of its list is gone: the list has to be written anew before the next download.
    STALE = "stale", "Changed"
    FAILED = "failed", "Failed"
    REVOKED = "revoked", "Revoked"


KEEPING: Final = (State.PREPARING, State.READY, State.STALE)


class ExportQuerySet(models.QuerySet["Export"]):
    """Exports read like sentences."""

    def for_team(self, team: Team) -> Self:
        """Of one team, as its people see them: what an operator takes away says more than they may know."""
        return self.filter(team=team, for_operator=False)

    def live(self) -> Self:
        """Neither revoked nor failed, and in time: these keep their files."""
        return self.filter(state__in=KEEPING, expires_at__gt=timezone.now())

    def over(self) -> Self:
        """Those that nobody can download any more and whose lists are still there."""
        return self.exclude(state__in=KEEPING, expires_at__gt=timezone.now()).filter(is_cleared=False)

    def preparing(self) -> Self:
        """Whose lists are being written."""
        return self.live().filter(state=State.PREPARING)


class Export(models.Model):
    """One handing-over: which pictures, in which form, until when."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="exports", db_index=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    # The canonical address of the search or the collection; empty for a selection and for the library.
    query = models.CharField(max_length=2000, blank=True)
    what = models.CharField(max_length=10, choices=What.choices, default=What.ORIGINALS)
    # Only of converted pictures; side None keeps the size.
    format = models.CharField(max_length=4, choices=Format.choices, blank=True)
    side = models.PositiveIntegerField(null=True, blank=True)
    quality = models.PositiveSmallIntegerField(null=True, blank=True)
    pattern = models.CharField(max_length=PATTERN_LENGTH)
    # The most that one part may measure; None: everything in one.
    part_bytes = models.BigIntegerField(null=True, blank=True)
    only_new = models.BooleanField(default=False)
    # Made by `export_library`: holds addresses of people and the files as received, so no page ever shows it.
    for_operator = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PREPARING)
    # Pictures of the list, those already looked at, those whose files are gone; and the bytes of all parts.
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    length = models.BigIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    # Who prepares it: whoever raised the number last, until the lease ends.
    run = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    # Failures since the last page; after a few of them it is given up.
    strikes = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    # Its lists and its converted files have been removed.
    is_cleared = models.BooleanField(default=False)

    objects = ExportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("total")), name="export_done_within_total"),
            models.CheckConstraint(condition=Q(missing__lte=F("done")), name="export_missing_within_done"),
            models.CheckConstraint(
                condition=Q(what=What.CONVERTED, format__in=Format.values) | (~Q(what=What.CONVERTED) & Q(format="")),
                name="export_format_if_converted",
            ),
            models.CheckConstraint(
                condition=Q(state=State.REVOKED, revoked_at__isnull=False)
                | (~Q(state=State.REVOKED) & Q(revoked_at=None)),
                name="export_revoked_when",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="export_by_newest"),
            models.Index(fields=["id"], condition=Q(state="preparing"), name="export_preparing"),
            models.Index(fields=["expires_at"], condition=Q(is_cleared=False), name="export_uncleared"),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk}"

    @property
    def files(self) -> int:
        """How many pictures its archives hold."""
        return self.done - self.missing

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.state in KEEPING and self.expires_at <= timezone.now()

    @property
    def is_live(self) -> bool:
        """Whether it can be downloaded, now or once it is prepared."""
        return self.state in KEEPING and self.expires_at > timezone.now()

    @property
    def is_ready(self) -> bool:
        """Whether it can be downloaded now."""
        return self.state == State.READY and self.is_live

    @property
    def folder(self) -> str:
        """Where files that were made for it alone are kept."""
        return f"exports/{self.pk}"

    @property
    def form(self) -> str:
        """Which files it holds, in words."""
        if self.what != What.CONVERTED:
            return self.get_what_display()
        return f"{self.get_format_display()}, {self.side:,} px" if self.side else self.get_format_display()


class ExportPart(models.Model):
    """One archive of an export: how long it is, and what is in it beside the pictures.

    While it is written the numbers grow with each page; they end with `etag`, and count what follows the pages' bytes
    only then. In the archive the pictures come first, then manifest.json, manifest.csv and README.txt, then the
    directory.
    """

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    files = models.PositiveIntegerField(default=0)
    # Files beside the pictures: those as received, for an operator.
    extras = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    # The pictures with their headers, and the pictures' share of the directory.
    local_size = models.BigIntegerField(default=0)
    central_size = models.BigIntegerField(default=0)
    # The manifests: their pages' bytes stand between these two ends.
    json_head = models.BinaryField(default=bytes)
    json_tail = models.BinaryField(default=bytes)
    json_size = models.BigIntegerField(default=0)
    json_crc32 = models.BigIntegerField(default=0)
    csv_head = models.BinaryField(default=bytes)
    csv_size = models.BigIntegerField(default=0)
    csv_crc32 = models.BigIntegerField(default=0)
    readme = models.BinaryField(default=bytes)
    # What its pictures are filed under, for the tables at the manifest's end.
    collection_ids = ArrayField(models.BigIntegerField(), default=list)
    tag_ids = ArrayField(models.BigIntegerField(), default=list)
    # Of everything that was frozen so far; the last one is the tag of the archive.
    digest = models.CharField(max_length=64, blank=True)
    length = models.BigIntegerField(default=0)
    etag = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="exportpart_once")]

    def __str__(self) -> str:
        return f"Part {self.number} of export {self.export_id}"


class ExportPage(models.Model):
    """Some pictures of the list, one after another; filled in order, and then never changed."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="pages", db_index=False)
    # The place of its first picture in the whole list, so a page can be split without moving others.
    first = models.PositiveIntegerField()
    asset_ids = ArrayField(models.BigIntegerField())
    # Empty until it is filled.
    part = models.ForeignKey(ExportPart, on_delete=models.SET_NULL, null=True, blank=True, related_name="pages")
    # Where its first byte stands among the pictures, in the directory, and in the manifests.
    local_offset = models.BigIntegerField(default=0)
    central_offset = models.BigIntegerField(default=0)
    json_offset = models.BigIntegerField(default=0)
    csv_offset = models.BigIntegerField(default=0)
    # One packed record for each picture that is there (`zipformat.py`), and the manifests' lines for all.
    records = models.BinaryField(null=True, blank=True)
    json = models.BinaryField(null=True, blank=True)
    csv = models.BinaryField(null=True, blank=True)
    missing_names = ArrayField(models.CharField(max_length=700), default=list, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "first"], name="exportpage_once")]
        indexes = [
            models.Index(fields=["part", "local_offset", "first"], name="exportpage_by_place"),
            GinIndex(fields=["asset_ids"], name="exportpage_assets", fastupdate=False),
        ]

    def __str__(self) -> str:
        return f"Page {self.first} of export {self.export_id}"


class HandedList(models.Model):
    """Which pictures an export of a search was of (`handed.py`), kept after its pages have been cleared away.

    There is none for what failed, or ended before it could be downloaded, nor where a later one of everything has come.
    """

    export = models.OneToOneField(Export, on_delete=models.CASCADE, primary_key=True, related_name="handed")
    asset_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"Pictures of export {self.export_id}"


def held_by_exports(asset_ids: Sequence[int]) -> set[int]:
    """Return those of these pictures that a live export still holds, in one query."""
    pages = ExportPage.objects.filter(export__in=Export.objects.live(), asset_ids__overlap=list(asset_ids))
    wanted = set(asset_ids)
    return {pk for (ids,) in pages.values_list("asset_ids") for pk in ids if pk in wanted}
