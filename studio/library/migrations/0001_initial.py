import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("teams", "0002_last_owner"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Asset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assets",
                        to="teams.team",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[("generated", "Generated"), ("edited", "Edited"), ("uploaded", "Uploaded")],
                        default="generated",
                        max_length=10,
                    ),
                ),
                ("file_key", models.UUIDField(unique=True)),
                ("sha256", models.CharField(max_length=64)),
                ("crc32", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("content_type", models.CharField(max_length=20)),
                ("has_alpha", models.BooleanField(default=False)),
                ("colour", models.CharField(blank=True, max_length=7)),
                ("has_thumb", models.BooleanField(default=False)),
                ("has_preview", models.BooleanField(default=False)),
                ("preview_tries", models.PositiveSmallIntegerField(default=0)),
                ("prompt", models.TextField(blank=True)),
                ("revised_prompt", models.TextField(blank=True)),
                ("title", models.CharField(blank=True, max_length=200)),
                ("notes", models.TextField(blank=True, max_length=4000)),
                ("file_name", models.CharField(blank=True, max_length=255)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("shortlisted", "Shortlisted"),
                            ("approved", "Approved"),
                            ("delivered", "Delivered"),
                        ],
                        default="draft",
                        max_length=12,
                    ),
                ),
                ("rating", models.PositiveSmallIntegerField(default=0)),
                (
                    "marks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), blank=True, default=list, size=None
                    ),
                ),
                ("received_sha256", models.CharField(blank=True, max_length=64)),
                ("received_crc32", models.BigIntegerField(blank=True, null=True)),
                ("received_size", models.BigIntegerField(blank=True, null=True)),
                ("received_type", models.CharField(blank=True, max_length=20)),
                ("origin", models.CharField(blank=True, max_length=100)),
                ("binned_at", models.DateTimeField(blank=True, null=True)),
                (
                    "binned_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("restored_at", models.DateTimeField(blank=True, null=True)),
                ("purged_at", models.DateTimeField(blank=True, null=True)),
                ("sort_name", models.CharField(blank=True, db_collation="C", editable=False, max_length=120)),
                ("words", django.contrib.postgres.search.SearchVectorField(default="", editable=False)),
                ("search", django.contrib.postgres.search.SearchVectorField(default="", editable=False)),
                ("connection_id", models.BigIntegerField(blank=True, null=True)),
                ("connection_name", models.CharField(blank=True, max_length=100)),
                ("model_slug", models.CharField(blank=True, max_length=60)),
                ("model_title", models.CharField(blank=True, max_length=80)),
                ("spec", models.JSONField(blank=True, default=dict)),
                ("credits", models.BigIntegerField(default=0)),
                ("generation_id", models.BigIntegerField(blank=True, null=True)),
                ("slot", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="BulkAct",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("act", models.CharField(max_length=20)),
                ("value", models.JSONField(blank=True, default=dict)),
                ("query", models.CharField(blank=True, max_length=2000)),
                ("zone", models.CharField(blank=True, max_length=60)),
                ("newest", models.BigIntegerField(blank=True, null=True)),
                ("key", models.UUIDField(default=uuid.uuid4)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("undoing", "Being undone"),
                            ("undone", "Undone"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("is_frozen", models.BooleanField(default=False)),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("reached", models.BigIntegerField(default=0)),
                ("undone", models.PositiveIntegerField(default=0)),
                ("kept", models.PositiveIntegerField(default=0)),
                ("problem", models.CharField(blank=True, max_length=200)),
                ("lease_expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "actor",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulk_acts",
                        to="teams.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BulkItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("before", models.JSONField(blank=True, null=True)),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="library.asset"
                    ),
                ),
                (
                    "bulk",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="library.bulkact",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Collection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=240)),
                ("description", models.TextField(blank=True, max_length=2000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "cover",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="library.asset",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="children",
                        to="library.collection",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="collections",
                        to="teams.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CollectionItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField()),
                ("is_listed", models.BooleanField(default=True, editable=False)),
                ("added_at", models.DateTimeField(auto_now_add=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="collection_items", to="library.asset"
                    ),
                ),
                (
                    "collection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="items",
                        to="library.collection",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Favourite",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "asset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="favourites", to="library.asset"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LibraryRules",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("bin_days", models.PositiveSmallIntegerField(default=30)),
                ("draft_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "team",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="library_rules", to="teams.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="MadeWith",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=10)),
                ("value", models.CharField(max_length=60)),
                ("label", models.CharField(blank=True, max_length=100)),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_shared", models.BooleanField(default=False)),
                ("name", models.CharField(max_length=80)),
                ("query", models.CharField(blank=True, max_length=2000)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to="teams.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=120)),
                ("hue", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tags",
                        to="teams.team",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FormerWord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("word", models.TextField(db_collation="C")),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.team",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["team", "id"], name="former_word_of_team")]},
        ),
        migrations.CreateModel(
            name="Word",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("word", models.TextField(db_collation="C")),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.team",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["team", "word"], name="word_of_team")]},
        ),
        migrations.CreateModel(
            name="AssetTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "asset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="asset_tags",
                        to="library.asset",
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="asset_tags", to="library.tag"
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(condition=models.Q(("binned_at", None)), fields=["team", "-id"], name="asset_by_newest"),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("binned_at", None)), fields=["team", "-rating", "-id"], name="asset_by_rating"
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("binned_at", None)), fields=["team", "sort_name", "id"], name="asset_by_name"
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("binned_at__isnull", False), ("purged_at", None)),
                fields=["team", "-binned_at", "-id"],
                name="asset_in_the_bin",
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("binned_at", None), models.Q(("status", "draft"), _negated=True)),
                fields=["team", "status"],
                name="asset_beyond_draft",
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("binned_at", None), ("source", "uploaded")), fields=["team"], name="asset_uploaded"
            ),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(fields=["team", "sha256"], name="asset_by_hash"),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=["search"], name="asset_search"),
        ),
        migrations.AddIndex(
            model_name="asset",
            index=models.Index(
                condition=models.Q(("has_preview", False), ("preview_tries__lt", 3), ("purged_at", None)),
                fields=["id"],
                name="asset_without_preview",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.UniqueConstraint(fields=("generation_id", "slot"), name="asset_one_per_slot"),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("credits__gte", 0), ("height__gt", 0), ("size__gt", 0), ("width__gt", 0)),
                name="asset_measures_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.UniqueConstraint(
                condition=models.Q(("purged_at", None), ("source", "uploaded")),
                fields=("team", "received_sha256"),
                name="asset_uploaded_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.UniqueConstraint(
                condition=models.Q(("origin", ""), _negated=True), fields=("team", "origin"), name="asset_imported_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(condition=models.Q(("rating__lte", 5)), name="asset_rating_in_range"),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["draft", "shortlisted", "approved", "delivered"])),
                name="asset_known_status",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["generated", "edited", "uploaded"])), name="asset_known_source"
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("purged_at", None), ("binned_at__isnull", False), _connector="OR"),
                name="asset_purged_from_the_bin",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("received_crc32", None), ("received_size", None), ("received_type", "")),
                    models.Q(
                        ("received_crc32__isnull", False),
                        ("received_size__gt", 0),
                        models.Q(("received_type", ""), _negated=True),
                        models.Q(("received_sha256", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="asset_received_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="asset",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_type__in", ["image/png", "image/jpeg", "image/webp"])),
                name="asset_known_type",
            ),
        ),
        migrations.AddIndex(
            model_name="bulkact",
            index=models.Index(fields=["team", "-id"], name="bulk_by_newest"),
        ),
        migrations.AddIndex(
            model_name="bulkact",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running", "undoing"])),
                fields=["id"],
                name="bulk_unfinished",
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkact",
            constraint=models.CheckConstraint(
                condition=models.Q(("done__lte", models.F("total"))), name="bulk_done_within_total"
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("skipped__lte", models.F("done")),
                    (
                        "undone__lte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(models.F("done"), "-", models.F("skipped")),
                            "-",
                            models.F("kept"),
                        ),
                    ),
                ),
                name="bulk_undone_within_done",
            ),
        ),
        migrations.AddConstraint(
            model_name="bulkact",
            constraint=models.UniqueConstraint(fields=("team", "actor", "key"), name="bulk_pressed_once"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("bulk", "asset"), name="bulk_item_once"),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.UniqueConstraint(
                fields=("team", "parent", "key"), name="collection_once_per_place", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.CheckConstraint(
                condition=models.Q(("key", ""), _negated=True), name="collection_is_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="collection",
            constraint=models.CheckConstraint(
                condition=models.Q(("parent", models.F("id")), _negated=True), name="collection_not_in_itself"
            ),
        ),
        migrations.AddIndex(
            model_name="collectionitem",
            index=models.Index(
                condition=models.Q(("is_listed", True)),
                fields=["collection", "position", "asset"],
                name="item_by_position",
            ),
        ),
        migrations.AddConstraint(
            model_name="collectionitem",
            constraint=models.UniqueConstraint(fields=("collection", "asset"), name="asset_once_per_collection"),
        ),
        migrations.AddConstraint(
            model_name="favourite",
            constraint=models.UniqueConstraint(fields=("user", "asset"), name="favourite_once"),
        ),
        migrations.AddConstraint(
            model_name="libraryrules",
            constraint=models.CheckConstraint(
                condition=models.Q(("bin_days__gte", 1), ("bin_days__lte", 365)), name="rules_bin_days"
            ),
        ),
        migrations.AddConstraint(
            model_name="libraryrules",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("draft_days", None), models.Q(("draft_days__gte", 7), ("draft_days__lte", 3650)), _connector="OR"
                ),
                name="rules_draft_days",
            ),
        ),
        migrations.AddConstraint(
            model_name="madewith",
            constraint=models.UniqueConstraint(fields=("team", "kind", "value"), name="made_with_once"),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("team", "user", "name"), name="view_once_per_person"),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.UniqueConstraint(fields=("team", "key"), name="tag_once_per_team"),
        ),
        migrations.AddConstraint(
            model_name="tag",
            constraint=models.CheckConstraint(
                condition=models.Q(("hue__lte", 6), models.Q(("key", ""), _negated=True)), name="tag_is_named"
            ),
        ),
        migrations.AddConstraint(
            model_name="assettag",
            constraint=models.UniqueConstraint(fields=("asset", "tag"), name="asset_tagged_once"),
        ),
    ]
