"""Let the database refuse to change or delete a usage record."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER usagerecord_append_only BEFORE UPDATE OR DELETE ON usage_usagerecord
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_change();
"""

BACKWARD = """
DROP TRIGGER usagerecord_append_only ON usage_usagerecord;
"""


class Migration(migrations.Migration):
    dependencies = [("usage", "0001_initial"), ("core", "0002_refuse_change")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
