"""What a team keeps its pictures under: tags, collections, and searches under a name. Read through `models.py`."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from studio.teams.models import Team


class Tag(models.Model):
    """A word that a team files pictures under."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=60)
    # The name as `words.fold` sees it: two tags of a team never differ by case or accent alone.
    key = models.CharField(max_length=120)
    # One of the closed set of hues in the style sheet, 1 to 6; 0 is plain.
    hue = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "key"], name="tag_once_per_team"),
            models.CheckConstraint(condition=Q(hue__lte=6) & ~Q(key=""), name="tag_is_named"),
        ]

    def __str__(self) -> str:
        return self.name


class AssetTag(models.Model):
    """A picture filed under a tag."""

    asset = models.ForeignKey("library.Asset", on_delete=models.CASCADE, related_name="asset_tags", db_index=False)
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="asset_tags")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asset", "tag"], name="asset_tagged_once")]

    def __str__(self) -> str:
        return f"AssetTag {self.pk}"


class Collection(models.Model):
    """A named set of pictures in an order of its own; may hold other collections, one level deep."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="collections", db_index=False)
    # One level only: a trigger refuses a parent that has a parent, and one of another team.
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=120)
    # As `words.fold` sees it.
    key = models.CharField(max_length=240)
    description = models.TextField(max_length=2000, blank=True)
    cover = models.ForeignKey("library.Asset", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "parent", "key"], nulls_distinct=False, name="collection_once_per_place"
            ),
            models.CheckConstraint(condition=~Q(key=""), name="collection_is_named"),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="collection_not_in_itself"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """A picture's place in a collection."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="items", db_index=False)
    asset = models.ForeignKey("library.Asset", on_delete=models.CASCADE, related_name="collection_items")
    # Rises with the order; there is room between two, and `collecting.py` makes new room where it is used up.
    position = models.BigIntegerField()
    # Kept by a trigger, so that a page of a collection needs no look at the pictures in the bin.
    is_listed = models.BooleanField(default=True, editable=False)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "asset"], name="asset_once_per_collection")]
        indexes = [
            models.Index(
                fields=["collection", "position", "asset"], condition=Q(is_listed=True), name="item_by_position"
            )
        ]

    def __str__(self) -> str:
        return f"CollectionItem {self.pk}"


class SavedView(models.Model):
    """A search with its filters and order under a name: one person's own, or the whole team's."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="saved_views", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    is_shared = models.BooleanField(default=False)
    name = models.CharField(max_length=80)
    # The address without its path, as `search.LibrarySearch.to_query` writes it.
    query = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "user", "name"], name="view_once_per_person")]

    def __str__(self) -> str:
        return self.name
