"""Install the queue's SQL (PGMQ): plain PL/pgSQL, no server extension needed."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from pgmq import get_embedded_install_sql


def install_queue(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the schema unless the server already has it."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('pgmq') IS NOT NULL")
        (present,) = cursor.fetchone()
        if not present:
            cursor.execute(get_embedded_install_sql())


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.RunPython(install_queue, migrations.RunPython.noop)]
