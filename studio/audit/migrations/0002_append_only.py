"""Let the database refuse to change or delete a line of the audit trail."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER auditevent_append_only BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION atelier_refuse_change();
"""

BACKWARD = """
DROP TRIGGER auditevent_append_only ON audit_auditevent;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("core", "0002_refuse_change")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
