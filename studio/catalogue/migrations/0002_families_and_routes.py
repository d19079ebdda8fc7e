"""Entries that lead to the same model, and the order in which a team asks its connections."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalogue", "0001_initial"),
        ("providers", "0001_initial"),
        ("teams", "0002_last_owner"),
    ]

    operations = [
        migrations.AddField(
            model_name="imagemodel",
            name="announced_end",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="imagemodel",
            name="family",
            field=models.CharField(default="", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="imagemodel",
            name="successor",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.CreateModel(
            name="HiddenModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalogue.imagemodel"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("team", "model"), name="hiddenmodel_once")],
            },
        ),
        migrations.CreateModel(
            name="Route",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="providers.connection"
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="routes", to="catalogue.imagemodel"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="teams.team"),
                ),
                (
                    "via",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalogue.imagemodel"
                    ),
                ),
            ],
            options={
                "ordering": ["team", "model", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("team", "model", "position"), name="route_place_once"),
                    models.UniqueConstraint(fields=("team", "model", "connection"), name="route_connection_once"),
                ],
            },
        ),
    ]
