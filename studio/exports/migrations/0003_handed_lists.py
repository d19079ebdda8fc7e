"""What was handed over is kept as lists of numbers, and no longer as the newest number."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

_NOTE = """
    INSERT INTO exports_handedlist (export_id, asset_ids)
    SELECT e.id, array_agg(held ORDER BY held)
    FROM exports_export e JOIN exports_exportpage p ON p.export_id = e.id, unnest(p.asset_ids) AS held
    WHERE e.scope NOT IN ('asset', 'selection') AND e.state <> 'failed' AND NOT e.for_operator
    GROUP BY e.id
"""


class Migration(migrations.Migration):
    dependencies = [("exports", "0002_operators_exports")]

    operations = [
        migrations.CreateModel(
            name="HandedList",
            fields=[
                (
                    "export",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="handed",
                        serialize=False,
                        to="exports.export",
                    ),
                ),
                (
                    "asset_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
            ],
        ),
        migrations.RunSQL(_NOTE, migrations.RunSQL.noop),
        migrations.RemoveField(model_name="export", name="newest"),
    ]
