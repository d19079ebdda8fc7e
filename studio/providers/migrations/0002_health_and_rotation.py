"""Health of connections, keys that are rotated, and models that a connection may not use."""

import django.db.models.deletion
from django.db import migrations, models

import studio.core.fields


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0001_initial"),
        ("teams", "0002_last_owner"),
    ]

    operations = [
        migrations.CreateModel(
            name="PausedModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("remote_name", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=30)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("since", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="connection",
            name="connection_name_once",
        ),
        migrations.AddField(
            model_name="connection",
            name="earlier_secret",
            field=studio.core.fields.EncryptedTextField(blank=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="failures",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="connection",
            name="hook_secret",
            field=studio.core.fields.EncryptedTextField(blank=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="hook_seen_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="paused_kind",
            field=models.CharField(blank=True, max_length=30),
        ),
        migrations.AddField(
            model_name="connection",
            name="paused_note",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="connection",
            name="removed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="rotated_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="test_report",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="connection",
            name="test_state",
            field=models.CharField(
                blank=True, choices=[("running", "Testing"), ("passed", "Passed"), ("failed", "Failed")], max_length=10
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="tested_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("team", "name"),
                name="connection_name_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            model_name="pausedmodel",
            name="connection",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="paused_models", to="providers.connection"
            ),
        ),
        migrations.AddConstraint(
            model_name="pausedmodel",
            constraint=models.UniqueConstraint(fields=("connection", "remote_name"), name="pausedmodel_once"),
        ),
    ]
