"""Remember by whom and with what a team's pictures were made, so that the filters know what to offer."""

import django.db.models.deletion
from django.db import migrations, models

_USED = """
    INSERT INTO library_madewith (team_id, kind, value, label)
    SELECT DISTINCT ON (team_id, kind, value) team_id, kind, value, label FROM (
        SELECT id, team_id, 'by' AS kind, author_id::text AS value, '' AS label FROM {rows}
        UNION ALL SELECT id, team_id, 'model', model_slug, model_title FROM {rows} WHERE model_slug <> ''
        UNION ALL SELECT id, team_id, 'connection', connection_id::text, connection_name FROM {rows}
            WHERE connection_id IS NOT NULL
    ) AS used ORDER BY team_id, kind, value, id
    ON CONFLICT DO NOTHING;
"""

FORWARD = f"""
CREATE FUNCTION library_note_made_with() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_USED.format(rows="made")}
    RETURN NULL;
END $$;
CREATE TRIGGER library_made_with AFTER INSERT ON library_asset
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION library_note_made_with();
{_USED.format(rows="library_asset")}
"""

BACKWARD = """
DROP TRIGGER library_made_with ON library_asset;
DROP FUNCTION library_note_made_with();
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0009_find_functions"), ("teams", "0002_last_owner")]
    operations = [
        migrations.CreateModel(
            name="MadeWith",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=10)),
                ("value", models.CharField(max_length=60)),
                ("label", models.CharField(blank=True, max_length=100)),
                (
                    "team",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="teams.team",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("team", "kind", "value"), name="made_with_once")],
            },
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
