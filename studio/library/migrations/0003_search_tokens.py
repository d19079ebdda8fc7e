"""Keep what search reads: one vector for each picture, of its words and of a token for everything filters ask for.

One index over that vector then answers any search of any team. Words and tokens are a team's own (`7/sea`,
`7:status:approved`), so a search costs what the team is, not what the installation is; the colon keeps tokens apart from
words: no beginning of a word is the beginning of one. A picture in the bin has `bin:7` instead of `team:7`, a purged one
nothing at all. `year:`, `month:`, `week:` (from Monday) and `day:` (UTC) make a span of time a filter like all others.
`sample:4`, `sample:32` and `sample:256` are even samples, of one picture in so many: from these a search learns where
its matches lie, and whether there are many, without reading them all. `ids18:`, `ids15:` and `ids12:` are blocks of ids
of three sizes (in bits), `name:` those whose names share their first 1, 3, 6, 10 or 16 characters: with them the index
says block by block, from large to small, what is found there.

The index cannot say which words begin in some way without reading all that is filed under these. So the first letter of
a word that is longer, the first two and the first three are filed as well (`7^s`, `7^se`, `7^sea`), and for longer
beginnings every team's words are kept in a table. A word that a picture loses is written down as a former one, and the
upkeep takes it from the table where no other picture has it: what is purged leaves no word behind.

What hangs on other tables (tags, collections, favourites) is refreshed statement by statement, so a bulk act costs one
update; a new picture has none of it yet, so nothing is looked up for it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION library_words_of_team(words tsvector, team_id bigint) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
    -- Words are made of letters, digits and signs, so a quotation mark after a space is always the beginning of one.
    SELECT replace(' ' || words::text, ' ''', ' ''' || team_id || '/')::tsvector || array_to_tsvector(ARRAY(
        SELECT DISTINCT team_id || '^' || left(lexeme, letters) FROM unnest(words), generate_series(1, 3) AS letters
        WHERE length(lexeme) > letters
    ))
$$;

CREATE FUNCTION library_own_tokens(a library_asset) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    team text := a.team_id || ':';
    made timestamp := a.created_at AT TIME ZONE 'UTC';
    -- Not the id itself: of pictures that were made in pairs, a sample would have all first ones or none.
    lot bigint := (a.id % 2147483647 * 2654435761) >> 16;
    one_in int;
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
        team || 'ids18:' || (a.id >> 18),
        team || 'ids15:' || (a.id >> 15),
        team || 'ids12:' || (a.id >> 12),
        team || 'name:' || left(a.sort_name, 1),
        team || 'name:' || left(a.sort_name, 3),
        team || 'name:' || left(a.sort_name, 6),
        team || 'name:' || left(a.sort_name, 10),
        team || 'name:' || left(a.sort_name, 16),
        team || to_char(made, '"year:"YYYY'),
        team || to_char(made, '"month:"YYYYMM'),
        team || to_char(made, '"week:"IYYYIW'),
        team || to_char(made, '"day:"YYYYMMDD')
    ];
BEGIN
    IF a.model_slug <> '' THEN
        tokens := tokens || (team || 'model:' || a.model_slug);
    END IF;
    IF a.connection_id IS NOT NULL THEN
        tokens := tokens || (team || 'connection:' || a.connection_id);
    END IF;
    FOREACH one_in IN ARRAY ARRAY[4, 32, 256] LOOP
        IF lot % one_in = 0 THEN
            tokens := tokens || (team || 'sample:' || one_in);
        END IF;
    END LOOP;
    IF a.has_alpha THEN
        tokens := tokens || (team || 'alpha:1');
    END IF;
    RETURN tokens;
END $$;

CREATE FUNCTION library_asset_tokens(a library_asset) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT array_to_tsvector(
        library_own_tokens(a)
        || ARRAY(SELECT a.team_id || ':tag:' || tag_id FROM library_assettag WHERE asset_id = a.id)
        || ARRAY(SELECT a.team_id || ':in:' || collection_id FROM library_collectionitem WHERE asset_id = a.id)
        || ARRAY(SELECT a.team_id || ':fav:' || user_id FROM library_favourite WHERE asset_id = a.id)
    )
$$;

-- Two transactions may both keep a word that is new: neither waits for the other. Who forgets words waits for both, so
-- that none is forgotten which a picture to come relies on.
CREATE FUNCTION library_learn_words(words tsvector, team bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('atelier.words'), hashint8(team));
    INSERT INTO library_word (team_id, word)
    SELECT team, lexeme FROM unnest(words) AS said
    WHERE NOT EXISTS (SELECT FROM library_word AS known WHERE known.team_id = team AND known.word = said.lexeme);
END $$;

CREATE FUNCTION library_forget_words(team bigint, most int) RETURNS int LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    taken int;
    words text[];
    former text;
BEGIN
    -- Pictures are just being written: another time. To stand in line would hold up those that come behind.
    IF NOT pg_try_advisory_xact_lock(hashtext('atelier.words'), hashint8(team)) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM library_formerword WHERE id IN (
            SELECT id FROM library_formerword WHERE team_id = team ORDER BY id LIMIT most
        ) RETURNING word
    ) SELECT count(*), coalesce(array_agg(DISTINCT word), '{}') INTO taken, words FROM gone;
    FOREACH former IN ARRAY words LOOP
        IF NOT EXISTS (SELECT FROM library_asset WHERE search @@ quote_literal(team || '/' || former)::tsquery) THEN
            DELETE FROM library_word WHERE team_id = team AND word = former;
        END IF;
    END LOOP;
    RETURN taken;
END $$;

CREATE FUNCTION library_asset_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purged_at IS NULL THEN
        NEW.search := library_words_of_team(NEW.words, NEW.team_id) || array_to_tsvector(library_own_tokens(NEW));
        PERFORM library_learn_words(NEW.words, NEW.team_id);
    ELSE
        NEW.search := '';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION library_asset_refresh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purged_at IS NULL THEN
        NEW.search := library_words_of_team(NEW.words, NEW.team_id) || library_asset_tokens(NEW);
    ELSE
        NEW.search := '';
    END IF;
    IF NEW.words <> OLD.words THEN
        PERFORM library_learn_words(NEW.words, NEW.team_id);
        INSERT INTO library_formerword (team_id, word)
        SELECT NEW.team_id, lexeme FROM unnest(ts_delete(OLD.words, tsvector_to_array(NEW.words)));
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER library_asset_search BEFORE INSERT ON library_asset
    FOR EACH ROW EXECUTE FUNCTION library_asset_begins();
CREATE TRIGGER library_asset_search_again BEFORE UPDATE OF
    words, search, author_id, status, rating, source, width, height, model_slug, connection_id, has_alpha, binned_at,
    purged_at, created_at, sort_name
ON library_asset FOR EACH ROW EXECUTE FUNCTION library_asset_refresh();

-- Read for every row of a window, so it stays in the row; long texts go out of it first.
ALTER TABLE library_asset ALTER COLUMN search SET STORAGE MAIN;

CREATE FUNCTION library_filing_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In the order of the ids, as every bulk act locks them, so that two of these never wait for each other.
    PERFORM 1 FROM library_asset WHERE id IN (SELECT asset_id FROM changed) ORDER BY id FOR UPDATE;
    UPDATE library_asset SET search = '' WHERE id IN (SELECT asset_id FROM changed);
    RETURN NULL;
END $$;

CREATE TRIGGER library_tagged AFTER INSERT ON library_assettag
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
CREATE TRIGGER library_untagged AFTER DELETE ON library_assettag
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
CREATE TRIGGER library_collected AFTER INSERT ON library_collectionitem
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
CREATE TRIGGER library_uncollected AFTER DELETE ON library_collectionitem
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
CREATE TRIGGER library_liked AFTER INSERT ON library_favourite
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
CREATE TRIGGER library_unliked AFTER DELETE ON library_favourite
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION library_filing_changed();
"""

BACKWARD = """
DROP FUNCTION library_filing_changed, library_asset_refresh, library_asset_begins CASCADE;
DROP FUNCTION library_asset_tokens, library_own_tokens, library_words_of_team, library_learn_words, library_forget_words;
ALTER TABLE library_asset ALTER COLUMN search SET STORAGE EXTENDED;
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0002_filing")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
