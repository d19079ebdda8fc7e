"""What an operator takes away: exports that no page shows, with the files as received beside the pictures."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_frozen_lists")]

    operations = [
        migrations.AddField(model_name="export", name="for_operator", field=models.BooleanField(default=False)),
        migrations.AddField(model_name="exportpart", name="extras", field=models.PositiveIntegerField(default=0)),
    ]
