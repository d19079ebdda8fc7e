"""Make the table of Django's database cache, which counts sign-in attempts for all web processes together."""

from django.db import migrations

FORWARD = """
CREATE TABLE atelier_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX atelier_cache_expires ON atelier_cache (expires);
"""

BACKWARD = "DROP TABLE atelier_cache"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
