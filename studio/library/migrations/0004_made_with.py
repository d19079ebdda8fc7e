"""Remember by whom and with what a team's pictures were made, so that the filters know what to offer."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION library_note_made_with() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO library_madewith (team_id, kind, value, label)
    SELECT DISTINCT ON (team_id, kind, value) team_id, kind, value, label FROM (
        SELECT id, team_id, 'by' AS kind, author_id::text AS value, '' AS label FROM made
        UNION ALL SELECT id, team_id, 'model', model_slug, model_title FROM made WHERE model_slug <> ''
        UNION ALL SELECT id, team_id, 'connection', connection_id::text, connection_name FROM made
            WHERE connection_id IS NOT NULL
    ) AS used ORDER BY team_id, kind, value, id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER library_made_with AFTER INSERT ON library_asset
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION library_note_made_with();
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0003_search_tokens")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION library_note_made_with CASCADE;")]
