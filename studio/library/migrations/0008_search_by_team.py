"""Give every team words of its own in the index, and pictures the day they were made.

A search for the beginning of a word reads every word of the index that begins so. With the team before it (`7/sea`)
these are the team's own, so a search costs what the team is, not what the installation is. `year:`, `month:` and
`day:` (UTC) make a span of time a filter like all others. `part:` cuts the library into 32 even samples: from one of
them a search learns where its matches lie without reading them all.
"""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION library_asset_tokens(a library_asset) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT array_to_tsvector(
        ARRAY[
            CASE WHEN a.binned_at IS NULL THEN 'team:' ELSE 'bin:' END || a.team_id,
            'by:' || a.author_id,
            'status:' || a.status,
            'rating:' || a.rating,
            'source:' || a.source,
            'shape:' || CASE
                WHEN greatest(a.width, a.height) <= 1.05 * least(a.width, a.height) THEN 'square'
                WHEN a.width > a.height THEN 'landscape'
                ELSE 'portrait'
            END,
            'part:' || a.id % 32,
            to_char(a.created_at AT TIME ZONE 'UTC', '"year:"YYYY'),
            to_char(a.created_at AT TIME ZONE 'UTC', '"month:"YYYYMM'),
            to_char(a.created_at AT TIME ZONE 'UTC', '"day:"YYYYMMDD')
        ]
        || CASE WHEN a.model_slug <> '' THEN ARRAY['model:' || a.model_slug] ELSE '{}' END
        || CASE WHEN a.connection_id IS NOT NULL THEN ARRAY['connection:' || a.connection_id] ELSE '{}' END
        || CASE WHEN a.has_alpha THEN ARRAY['alpha:1'] ELSE '{}' END
        || ARRAY(SELECT 'tag:' || tag_id FROM library_assettag WHERE asset_id = a.id)
        || ARRAY(SELECT 'in:' || collection_id FROM library_collectionitem WHERE asset_id = a.id)
        || ARRAY(SELECT 'fav:' || user_id FROM library_favourite WHERE asset_id = a.id)
    )
$$;

CREATE FUNCTION library_words_of_team(words tsvector, team_id bigint) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    -- Words are made of letters, digits and signs, so a quotation mark after a space is always the beginning of one.
    SELECT replace(' ' || words::text, ' ''', ' ''' || team_id || '/')::tsvector
$$;

CREATE OR REPLACE FUNCTION library_asset_refresh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purged_at IS NULL THEN
        NEW.search := library_words_of_team(NEW.words, NEW.team_id) || library_asset_tokens(NEW);
    ELSE
        NEW.search := '';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER library_asset_search ON library_asset;
CREATE TRIGGER library_asset_search BEFORE INSERT OR UPDATE OF
    words, search, author_id, status, rating, source, width, height, model_slug, connection_id, has_alpha, binned_at,
    purged_at, created_at
ON library_asset FOR EACH ROW EXECUTE FUNCTION library_asset_refresh();

-- Read for every row of a window, so it stays in the row; long texts go out of it first.
ALTER TABLE library_asset ALTER COLUMN search SET STORAGE MAIN;

UPDATE library_asset SET search = '';
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0007_note_restoring")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
