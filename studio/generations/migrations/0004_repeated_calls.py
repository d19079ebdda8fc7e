"""The name under which a call may be repeated."""

from django.db import migrations, models

FILL = "UPDATE generations_attempt SET call_id = token; SET CONSTRAINTS ALL IMMEDIATE;"


class Migration(migrations.Migration):
    dependencies = [("generations", "0003_remote_jobs")]
    operations = [
        migrations.AddField("attempt", "call_id", models.UUIDField(null=True)),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField("attempt", "call_id", models.UUIDField()),
    ]
