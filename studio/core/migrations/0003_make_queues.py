"""Make the queues once, here: whoever rings a bell later only inserts a row and never changes a table."""

from django.db import migrations

FORWARD = """
SELECT pgmq.create('generations');
SELECT pgmq.create('upkeep');
SELECT pgmq.enable_notify_insert('generations', 0);
SELECT pgmq.enable_notify_insert('upkeep', 0);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_refuse_change")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
