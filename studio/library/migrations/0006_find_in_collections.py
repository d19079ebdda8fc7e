"""Find a page in the order that people gave a collection.

Place by place, in one collection after the other; a picture that an earlier one has as well was shown there. Otherwise
as in every order (migration 0005), only that the blocks, which are of ids, lie scattered: the index is asked for all
of those that have places before the next one of the sample. The window is narrower than elsewhere: of each of its places
the picture has to be looked up.
"""

from django.db import migrations

from studio.library.migrations._planning import EXACTLY, FEW, ID_BITS, SETTINGS, SMALL_SAMPLE, found_by

_BITS = ID_BITS[-1]


def in_order(name, *, is_back):
    beyond, before, way = ("<", ">", "DESC") if is_back else (">", "<", "ASC")
    by = f"position {way}, asset_id {way}"
    edge = "(edge_position, edge_id)"
    listed = "library_collectionitem WHERE collection_id = collection AND is_listed"
    after = f"{listed} AND (after_id IS NULL OR (position, asset_id) {beyond} (after_position, after_id))"
    further = f"{listed} AND (position, asset_id) {beyond} {edge}"
    upto = f"(goal_id IS NULL OR (position, asset_id) {before}= (goal_position, goal_id))"

    def looked_through(where, span, most):
        return f"""ARRAY(
            SELECT a.id FROM (
                SELECT position, asset_id FROM {where} ORDER BY {by} LIMIT {span}
            ) AS i JOIN library_asset a ON a.id = i.asset_id
            WHERE {EXACTLY} ORDER BY {by} LIMIT {most}
        )"""  # noqa: S608  # put together from our own constants only

    def found(asked):
        return f"""
            WITH a AS MATERIALIZED (
                SELECT id FROM library_asset WHERE {found_by(asked)}
            )
            SELECT i.position, i.asset_id
            FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection"""  # noqa: S608  # as above

    def fetched(asked, upto="true"):
        return f"""ARRAY(
            SELECT asset_id FROM (
                {found(asked)} WHERE (i.position, i.asset_id) {beyond} {edge} AND {upto} ORDER BY {by} LIMIT missing
            ) AS found
        )"""  # noqa: S608  # as above

    return f"""
CREATE FUNCTION library_find_{name}(
    q tsquery, days tstzrange, asked tsquery, team bigint, collection bigint, after_position bigint, after_id bigint,
    wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_position bigint;
    edge_id bigint;
    far_position bigint;
    far_id bigint;
    in_sample int;
    sampled_positions bigint[];
    sampled_ids bigint[];
    place int := 1;
    goal_position bigint;
    goal_id bigint;
    blocks tsquery;
BEGIN
    near := {looked_through(after, "span / 3", "wanted")};
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;
    SELECT position, asset_id INTO edge_position, edge_id FROM {after} ORDER BY {by} OFFSET span / 3 - 1 LIMIT 1;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;

    SELECT count(*), array_agg(position) FILTER (WHERE (position, asset_id) {beyond} {edge}),
        array_agg(asset_id) FILTER (WHERE (position, asset_id) {beyond} {edge})
    INTO in_sample, sampled_positions, sampled_ids FROM ({found(f"(asked && {SMALL_SAMPLE})")} ORDER BY {by}) AS sampled;
    IF in_sample < {FEW} THEN
        RETURN near || {fetched("asked")};
    END IF;

    WHILE missing > 0 LOOP
        WHILE place <= cardinality(sampled_ids)
            AND NOT (sampled_positions[place], sampled_ids[place]) {beyond} {edge} LOOP
            place := place + 1;
        END LOOP;
        goal_position := sampled_positions[place];
        goal_id := sampled_ids[place];

        SELECT position, asset_id INTO far_position, far_id FROM {further} ORDER BY {by} OFFSET span / 6 - 1 LIMIT 1;
        IF far_id IS NULL OR (goal_position, goal_id) {before} (far_position, far_id) THEN
            near := near || {looked_through(further, "span / 6", "missing")};
            edge_position := far_position;
            edge_id := far_id;
        ELSE
            blocks := (
                SELECT string_agg(quote_literal(team || ':ids{_BITS}:' || block), ' | ')::tsquery
                FROM (SELECT DISTINCT asset_id >> {_BITS} AS block FROM {further} AND {upto}) AS between
            );
            near := near || {fetched("asked AND search @@ blocks", upto)};
            edge_position := goal_position;
            edge_id := goal_id;
        END IF;
        missing := wanted - cardinality(near);
        EXIT WHEN edge_id IS NULL;
    END LOOP;
    RETURN near;
END $$;
"""  # noqa: S608  # put together from our own constants only


# `first` is the collection, by its place in the list, that the page begins in.
IN_COLLECTIONS = """
CREATE FUNCTION library_find_{name}(
    q tsquery, days tstzrange, asked tsquery, team bigint, collections bigint[], first int,
    after_position bigint, after_id bigint, wanted int, span int
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
            coalesce(q && earlier, q), days, coalesce(asked && earlier, asked), team, collections[n],
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
