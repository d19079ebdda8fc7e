"""Jobs at the provider, webhooks, previews, and where a generation goes."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
UPDATE generations_generation SET via_id = model_id;
UPDATE generations_attempt a SET via_id = g.model_id FROM generations_generation g WHERE g.id = a.generation_id;
-- The checks of the new foreign keys wait for the end otherwise, and nothing may be altered before them.
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0002_families_and_routes"),
        ("generations", "0002_guards"),
        ("providers", "0002_health_and_rotation"),
    ]

    operations = [
        migrations.CreateModel(
            name="HookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(max_length=64)),
                ("received_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="Preview",
            fields=[
                (
                    "output",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="preview",
                        serialize=False,
                        to="generations.output",
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("data", models.BinaryField()),
            ],
        ),
        migrations.AddField(
            model_name="attempt",
            name="poll_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="attempt",
            name="polled_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="attempt",
            name="polls",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="attempt",
            name="remote_id",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="attempt",
            name="result",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="attempt",
            name="uploaded",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name="attempt",
            name="via",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.imagemodel"
            ),
        ),
        migrations.AddField(
            model_name="generation",
            name="via",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.imagemodel"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="attempt",
            name="via",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.imagemodel"
            ),
        ),
        migrations.AlterField(
            model_name="generation",
            name="via",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalogue.imagemodel"
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="state",
            field=models.CharField(
                choices=[
                    ("planned", "Planned"),
                    ("sent", "Sent"),
                    ("answered", "Answered"),
                    ("accepted", "Working"),
                    ("ready", "Ready"),
                    ("closed", "Closed"),
                    ("failed", "Failed"),
                    ("unknown", "Unknown"),
                    ("cancelled", "Cancelled"),
                ],
                default="planned",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(condition=models.Q(("state", "accepted")), fields=["poll_at"], name="attempt_due"),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("remote_id", ""), _negated=True),
                fields=("connection", "remote_id"),
                name="attempt_job_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "accepted"), _negated=True),
                    models.Q(("poll_at__isnull", False), models.Q(("remote_id", ""), _negated=True)),
                    _connector="OR",
                ),
                name="attempt_accepted_is_polled",
            ),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ready"), _negated=True), ("result__isnull", False), _connector="OR"
                ),
                name="attempt_ready_has_result",
            ),
        ),
        migrations.AddField(
            model_name="hookdelivery",
            name="connection",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="providers.connection"
            ),
        ),
        migrations.AddIndex(
            model_name="hookdelivery",
            index=models.Index(fields=["received_at"], name="hookdelivery_age"),
        ),
        migrations.AddConstraint(
            model_name="hookdelivery",
            constraint=models.UniqueConstraint(fields=("connection", "digest"), name="hookdelivery_once"),
        ),
    ]
