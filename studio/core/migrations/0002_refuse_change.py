"""Install the trigger functions that several rooms put on their tables."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION atelier_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION atelier_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""

BACKWARD = """
DROP FUNCTION atelier_refuse_change();
DROP FUNCTION atelier_refuse_delete();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_install_queue")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
