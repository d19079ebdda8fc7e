"""Keep what search reads: one vector for each picture, of its words and of a token for everything filters ask for.

One index over that vector then answers any search of any team: `team:7` is a token like every other. A picture in the
bin has `bin:7` instead, a purged one nothing at all. What hangs on other tables (tags, collections, favourites) is
refreshed statement by statement, so a bulk act costs one update.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION library_asset_tokens(a library_asset) RETURNS tsvector LANGUAGE sql STABLE AS $$
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
            END
        ]
        || CASE WHEN a.model_slug <> '' THEN ARRAY['model:' || a.model_slug] ELSE '{}' END
        || CASE WHEN a.connection_id IS NOT NULL THEN ARRAY['connection:' || a.connection_id] ELSE '{}' END
        || CASE WHEN a.has_alpha THEN ARRAY['alpha:1'] ELSE '{}' END
        || ARRAY(SELECT 'tag:' || tag_id FROM library_assettag WHERE asset_id = a.id)
        || ARRAY(SELECT 'in:' || collection_id FROM library_collectionitem WHERE asset_id = a.id)
        || ARRAY(SELECT 'fav:' || user_id FROM library_favourite WHERE asset_id = a.id)
    )
$$;

CREATE FUNCTION library_asset_refresh() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.purged_at IS NULL THEN
        NEW.search := NEW.words || library_asset_tokens(NEW);
    ELSE
        NEW.search := '';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER library_asset_search BEFORE INSERT OR UPDATE OF
    words, search, author_id, status, rating, source, width, height, model_slug, connection_id, has_alpha, binned_at,
    purged_at
ON library_asset FOR EACH ROW EXECUTE FUNCTION library_asset_refresh();

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

CREATE FUNCTION library_item_follows_asset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE library_collectionitem SET is_listed = (NEW.binned_at IS NULL) WHERE asset_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER library_asset_binned AFTER UPDATE OF binned_at ON library_asset FOR EACH ROW
    WHEN ((OLD.binned_at IS NULL) <> (NEW.binned_at IS NULL)) EXECUTE FUNCTION library_item_follows_asset();

CREATE FUNCTION library_item_begins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asset_team bigint;
    is_binned boolean;
BEGIN
    SELECT team_id, binned_at IS NOT NULL INTO asset_team, is_binned FROM library_asset WHERE id = NEW.asset_id;
    IF asset_team <> (SELECT team_id FROM library_collection WHERE id = NEW.collection_id) THEN
        RAISE EXCEPTION 'a collection holds pictures of its own team only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    NEW.is_listed := NOT is_binned;
    RETURN NEW;
END $$;

CREATE TRIGGER library_item_of_one_team BEFORE INSERT ON library_collectionitem
    FOR EACH ROW EXECUTE FUNCTION library_item_begins();

CREATE FUNCTION library_tag_of_one_team() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT team_id FROM library_asset WHERE id = NEW.asset_id) <> (SELECT team_id FROM library_tag WHERE id = NEW.tag_id) THEN
        RAISE EXCEPTION 'a tag files pictures of its own team only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER library_tag_of_one_team BEFORE INSERT ON library_assettag
    FOR EACH ROW EXECUTE FUNCTION library_tag_of_one_team();

CREATE FUNCTION library_collection_nests_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parent_id IS NOT NULL AND (
        EXISTS (SELECT 1 FROM library_collection WHERE parent_id = NEW.id)
        OR NOT EXISTS (
            SELECT 1 FROM library_collection WHERE id = NEW.parent_id AND team_id = NEW.team_id AND parent_id IS NULL
        )
    ) THEN
        RAISE EXCEPTION 'collections nest one level deep, within one team' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER library_collection_nests_once BEFORE INSERT OR UPDATE OF parent_id, team_id ON library_collection
    FOR EACH ROW EXECUTE FUNCTION library_collection_nests_once();
"""

BACKWARD = """
DROP TRIGGER library_collection_nests_once ON library_collection;
DROP TRIGGER library_tag_of_one_team ON library_assettag;
DROP TRIGGER library_item_of_one_team ON library_collectionitem;
DROP TRIGGER library_asset_binned ON library_asset;
DROP TRIGGER library_unliked ON library_favourite;
DROP TRIGGER library_liked ON library_favourite;
DROP TRIGGER library_uncollected ON library_collectionitem;
DROP TRIGGER library_collected ON library_collectionitem;
DROP TRIGGER library_untagged ON library_assettag;
DROP TRIGGER library_tagged ON library_assettag;
DROP TRIGGER library_asset_search ON library_asset;
DROP FUNCTION library_collection_nests_once();
DROP FUNCTION library_tag_of_one_team();
DROP FUNCTION library_item_begins();
DROP FUNCTION library_item_follows_asset();
DROP FUNCTION library_filing_changed();
DROP FUNCTION library_asset_refresh();
DROP FUNCTION library_asset_tokens(library_asset);
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0003_organise")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
