"""Give every team filters of its own in the index, as it has words of its own: `7:status:approved` beside `7/sea`.

What a filter then reads is the team's alone, never every approved picture of the installation. The colon keeps filters
apart from words: no beginning of a word is the beginning of one. A picture that is new is in no collection yet, has no
tag and is nobody's favourite, so nothing is looked up for it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION library_own_tokens(a library_asset) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    team text := a.team_id || ':';
    made timestamp := a.created_at AT TIME ZONE 'UTC';
    tokens text[] := ARRAY[
        CASE WHEN a.binned_at IS NULL THEN 'team:' ELSE 'bin:' END || a.team_id,
        team || 'by:' || a.author_id,
        team || 'status:' || a.status,
        team || 'rating:' || a.rating,
        team || 'source:' || a.source,
        team || 'shape:' || CASE
            WHEN greatest(a.width, a.height) <= 1.05 * least(a.width, a.height) THEN 'square'
            WHEN a.width > a.height THEN 'landscape'
            ELSE 'portrait'
        END,
        team || 'part:' || a.id % 32,
        team || to_char(made, '"year:"YYYY'),
        team || to_char(made, '"month:"YYYYMM'),
        team || to_char(made, '"day:"YYYYMMDD')
    ];
BEGIN
    IF a.model_slug <> '' THEN
        tokens := tokens || (team || 'model:' || a.model_slug);
    END IF;
    IF a.connection_id IS NOT NULL THEN
        tokens := tokens || (team || 'connection:' || a.connection_id);
    END IF;
    IF a.has_alpha THEN
        tokens := tokens || (team || 'alpha:1');
    END IF;
    RETURN tokens;
END $$;

CREATE OR REPLACE FUNCTION library_asset_tokens(a library_asset) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT array_to_tsvector(
        library_own_tokens(a)
        || ARRAY(SELECT a.team_id || ':tag:' || tag_id FROM library_assettag WHERE asset_id = a.id)
        || ARRAY(SELECT a.team_id || ':in:' || collection_id FROM library_collectionitem WHERE asset_id = a.id)
        || ARRAY(SELECT a.team_id || ':fav:' || user_id FROM library_favourite WHERE asset_id = a.id)
    )
$$;

CREATE FUNCTION library_asset_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purged_at IS NULL THEN
        NEW.search := library_words_of_team(NEW.words, NEW.team_id) || array_to_tsvector(library_own_tokens(NEW));
    ELSE
        NEW.search := '';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER library_asset_search ON library_asset;
CREATE TRIGGER library_asset_search BEFORE INSERT ON library_asset
    FOR EACH ROW EXECUTE FUNCTION library_asset_begins();
CREATE TRIGGER library_asset_search_again BEFORE UPDATE OF
    words, search, author_id, status, rating, source, width, height, model_slug, connection_id, has_alpha, binned_at,
    purged_at, created_at
ON library_asset FOR EACH ROW EXECUTE FUNCTION library_asset_refresh();

UPDATE library_asset SET search = '';
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0011_room_for_marks")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
