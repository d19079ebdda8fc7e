"""What the database keeps true about filing: pictures, tags and collections of one team, nested one level deep.

An item of a collection knows whether its picture is listed, so that a page of a collection needs no look at the bin.
"""

from django.db import migrations

FORWARD = """
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
DROP FUNCTION
    library_item_follows_asset, library_item_begins, library_tag_of_one_team, library_collection_nests_once CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("library", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
