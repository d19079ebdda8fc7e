"""Find a page in the order that people gave a collection.

Place by place, in one collection after the other; a picture that an earlier one has as well was shown there. The window
and what is few are as in every order. Where many are far away, an even sample of them says how far the page reaches, and
of the places up to there only those are looked at whose pictures stand in a block of ids in which the index knows any.
OFFSET 0 has each block asked for once, not once for each of its pictures. The window is narrower than elsewhere: of each
of its places the picture has to be looked up.
"""

from django.db import migrations

from studio.library.migrations._planning import BY_WORDS, SAMPLE, SETTINGS

# Up to the so-manyth of the sample there are about 32 times as many in all: more than a page, seldom less.
_SAMPLED = 8


def in_order(name, *, is_back):
    beyond, upto, way = ("<", ">=", "DESC") if is_back else (">", "<=", "ASC")
    by = f"position {way}, asset_id {way}"
    items = f"""
            SELECT position, asset_id FROM library_collectionitem
            WHERE collection_id = collection AND is_listed
                AND (after_id IS NULL OR (position, asset_id) {beyond} (after_position, after_id))
            ORDER BY {by}
"""  # noqa: S608  # put together from our own constants only
    between = f"""library_collectionitem
            WHERE collection_id = collection AND is_listed
                AND (position, asset_id) {beyond} (edge_position, edge_id)
                AND (position, asset_id) {upto} (far_position, far_id)"""

    def fetched(asked):
        # What the index was not asked for itself is looked through.
        exactly = " AND ts_match_vq(search, q)" if asked == "probe" else ""
        return f"""
        WITH a AS MATERIALIZED (
            SELECT id FROM library_asset WHERE search @@ {asked}{exactly} AND {BY_WORDS}
        )
        SELECT i.position, i.asset_id
        FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
        WHERE (i.position, i.asset_id) {beyond} (edge_position, edge_id) ORDER BY {by}"""  # noqa: S608  # as above

    return f"""
CREATE FUNCTION library_find_{name}(
    q tsquery, probe tsquery, team bigint, collection bigint, after_position bigint, after_id bigint, wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_position bigint;
    edge_id bigint;
    far_position bigint;
    far_id bigint;
    large bigint[];
    small bigint[];
BEGIN
    near := ARRAY(
        SELECT a.id FROM ({items} LIMIT span / 3) AS i JOIN library_asset a ON a.id = i.asset_id
        WHERE a.search @@ q ORDER BY {by} LIMIT wanted
    );
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;
    SELECT position, asset_id INTO edge_position, edge_id FROM ({items} OFFSET span / 3 - 1 LIMIT 1) AS i;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;

    IF library_has_few(probe, team) THEN
        RETURN near || ARRAY(SELECT asset_id FROM ({fetched("probe")} LIMIT missing) AS found);
    ELSIF probe::text <> q::text THEN
        RETURN near || ARRAY(SELECT asset_id FROM ({fetched("q")} LIMIT missing) AS found);
    END IF;

    SELECT position, asset_id INTO far_position, far_id FROM ({fetched(f"(q && {SAMPLE})")}
        OFFSET {_SAMPLED} - 1 LIMIT 1) AS sampled;
    IF far_id IS NOT NULL THEN
        small := ARRAY(SELECT DISTINCT asset_id >> 12 FROM {between});
        large := ARRAY(
            SELECT block FROM (SELECT DISTINCT inside >> 3 AS block FROM unnest(small) AS inside OFFSET 0) AS blocks
            WHERE library_has(q, quote_literal(team || ':ids15:' || block)::tsquery, team)
        );
        small := ARRAY(
            SELECT block FROM (
                SELECT inside AS block FROM unnest(small) AS inside WHERE inside >> 3 = ANY(large) OFFSET 0
            ) AS blocks
            WHERE library_has(q, quote_literal(team || ':ids12:' || block)::tsquery, team)
        );
        near := near || ARRAY(
            SELECT a.id FROM (
                SELECT position, asset_id FROM {between} AND asset_id >> 12 = ANY(small) ORDER BY {by}
            ) AS i JOIN library_asset a ON a.id = i.asset_id
            WHERE a.search @@ q ORDER BY {by} LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        edge_position := far_position;
        edge_id := far_id;
    END IF;
    RETURN near || ARRAY(SELECT asset_id FROM ({fetched("q")} LIMIT missing) AS found);
END $$;
"""  # noqa: S608  # put together from our own constants only


# `first` is the collection, by its place in the list, that the page begins in.
IN_COLLECTIONS = """
CREATE FUNCTION library_find_{name}(
    q tsquery, probe tsquery, team bigint, collections bigint[], first int, after_position bigint, after_id bigint,
    wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint[] := '{{}}';
    earlier tsquery;
    n int := first;
BEGIN
    WHILE n BETWEEN 1 AND cardinality(collections) AND cardinality(found) < wanted LOOP
        earlier := (
            SELECT string_agg('!' || quote_literal(team || ':in:' || shown), ' & ')::tsquery
            FROM unnest(collections[1 : n - 1]) AS shown
        );
        found := found || library_find_{one}(
            coalesce(q && earlier, q), coalesce(probe && earlier, probe), team, collections[n],
            after_position, after_id, wanted - cardinality(found), span
        );
        after_position := NULL;
        after_id := NULL;
        n := n + ({step});
    END LOOP;
    RETURN found;
END $$;
"""

FORWARD = in_order("items", is_back=False) + in_order("items_back", is_back=True)
FORWARD += IN_COLLECTIONS.format(name="order", one="items", step=1)
FORWARD += IN_COLLECTIONS.format(name="order_back", one="items_back", step=-1)
BACKWARD = "DROP FUNCTION library_find_order, library_find_order_back, library_find_items, library_find_items_back;"


class Migration(migrations.Migration):
    dependencies = [("library", "0005_find")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
