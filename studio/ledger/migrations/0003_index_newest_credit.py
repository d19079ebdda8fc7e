"""Find the last top-up or grant of a busy account without reading its charges."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]
    operations = [
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                fields=["account", "-id"], condition=Q(kind__in=["top_up", "grant"]), name="entry_newest_credit"
            ),
        )
    ]
