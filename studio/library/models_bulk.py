"""Acts on many pictures at once. Read through `models.py`."""

import uuid
from typing import Final, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from studio.teams.models import Team


class BulkState(models.TextChoices):
    """Where an act on many pictures is."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    UNDOING = "undoing", "Being undone"
    UNDONE = "undone", "Undone"
    CANCELLED = "cancelled", "Cancelled"


LIVE: Final = (BulkState.QUEUED, BulkState.RUNNING, BulkState.UNDOING)


class BulkActQuerySet(models.QuerySet["BulkAct"]):
    """Acts read like sentences."""

    def live(self) -> Self:
        """That go on."""
        return self.filter(state__in=LIVE)

    def emptying_tags(self) -> Self:
        """That take every picture off a tag, which then goes."""
        return self.live().filter(act__in=["merge_tag", "delete_tag"])

    def emptying_collections(self) -> Self:
        """That take every picture out of a collection, which then goes."""
        return self.live().filter(act="delete_collection")


class BulkAct(models.Model):
    """One act on many pictures: what, on which, how far, and what is needed to take it back."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="bulk_acts", db_index=False)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # One of acts.ACTS, and its argument.
    act = models.CharField(max_length=20)
    value = models.JSONField(default=dict, blank=True)
    # A search instead of a list of ids: everything that matched it when it was pressed.
    query = models.CharField(max_length=2000, blank=True)
    # Whose days that search means.
    zone = models.CharField(max_length=60, blank=True)
    # The newest picture of that moment: what is made later never belongs to the act.
    newest = models.BigIntegerField(null=True, blank=True)
    # Made by the form, so that a second press of the same button is the same act.
    key = models.UUIDField(default=uuid.uuid4)
    state = models.CharField(max_length=10, choices=BulkState.choices, default=BulkState.QUEUED)
    # Whether its list stands: from then on nothing joins and nothing leaves.
    is_frozen = models.BooleanField(default=False)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    # Those that the act had nothing to change on.
    skipped = models.PositiveIntegerField(default=0)
    # How far along its list it is, forwards or back: the id of the last picture.
    reached = models.BigIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    # Those that somebody has changed since, which an undo leaves as they are.
    kept = models.PositiveIntegerField(default=0)
    # Why it ended early, in words for the person who started it.
    problem = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = BulkActQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(done__lte=F("total")), name="bulk_done_within_total"),
            models.CheckConstraint(
                condition=Q(skipped__lte=F("done")) & Q(undone__lte=F("done") - F("skipped") - F("kept")),
                name="bulk_undone_within_done",
            ),
            models.UniqueConstraint(fields=["team", "actor", "key"], name="bulk_pressed_once"),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="bulk_by_newest"),
            models.Index(
                fields=["id"],
                condition=Q(state__in=[BulkState.QUEUED, BulkState.RUNNING, BulkState.UNDOING]),
                name="bulk_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"BulkAct {self.pk}"


class BulkItem(models.Model):
    """One picture of an act on many, and what it was like before."""

    bulk = models.ForeignKey(BulkAct, on_delete=models.CASCADE, related_name="items", db_index=False)
    asset = models.ForeignKey("library.Asset", on_delete=models.CASCADE, related_name="+")
    # None: still to do. {}: nothing had to be changed.
    before = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bulk", "asset"], name="bulk_item_once")]

    def __str__(self) -> str:
        return f"BulkItem {self.pk}"
