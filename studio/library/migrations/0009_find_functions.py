"""Find a page of a search, and count, each in one journey and in a bounded time.

A page is looked for where it begins: among the next few thousand pictures of its order. Only if these do not fill it,
the index over all words is asked. If it knows too many, all of them far away, an even sample of them says how far the
page reaches, and that index and the one of the order together bring just the pictures up to there. Each statement is
planned for its own values (a plan for all values would be a bad one for most), and never reads the whole table.
"""

from dataclasses import dataclass

from django.db import migrations

_SETTINGS = """
    STABLE SET plan_cache_mode = force_custom_plan SET jit = off
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET enable_indexscan = on SET enable_indexonlyscan = on SET enable_bitmapscan = on
    SET random_page_cost = 1.1 SET max_parallel_workers_per_gather = 0 SET work_mem = '64MB'
"""
# (A list of places in the table that outgrows work_mem keeps whole pages instead, all of whose rows are read again.)
# From here on the words decide, not the order.
_BY_WORDS = """
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true);
"""


_LISTED = "team_id = team AND binned_at IS NULL"
# One of the even samples of migration 0008; which one does not matter.
_SAMPLE = "quote_literal('part:7')::tsquery"
# Up to the so-manyth of the sample there are about 32 times as many in all: more than a page, seldom less.
_SAMPLED = 8


@dataclass(frozen=True)
class Order:
    """One direction of one order; `key` stands before the id."""

    name: str
    is_falling: bool
    key: str = ""
    key_type: str = "int"

    @property
    def row(self):
        return f"({self.key}, id)" if self.key else "id"

    @property
    def by(self):
        way = "DESC" if self.is_falling else "ASC"
        return f"{self.key} {way}, id {way}" if self.key else f"id {way}"

    def place(self, prefix):
        return f"({prefix}_key, {prefix}_id)" if self.key else f"{prefix}_id"

    @property
    def forward(self):
        beyond = "<" if self.is_falling else ">"
        return f"""
CREATE FUNCTION library_find_{self.name}(
    q tsquery, team bigint, after_key {self.key_type}, after_id bigint, wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_key {self.key_type};
    edge_id bigint;
    far_key {self.key_type};
    far_id bigint;
    stars tsquery;
BEGIN
    near := ARRAY(
        SELECT id FROM (
            SELECT id, search FROM library_asset
            WHERE {_LISTED} AND (after_id IS NULL OR {self.row} {beyond} {self.place("after")})
            ORDER BY {self.by} LIMIT span
        ) AS window_rows WHERE search @@ q LIMIT wanted
    );
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;

    SELECT {self.key or "NULL"}, id INTO edge_key, edge_id FROM library_asset
    WHERE {_LISTED} AND (after_id IS NULL OR {self.row} {beyond} {self.place("after")})
    ORDER BY {self.by} OFFSET span - 1 LIMIT 1;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;
    {_BY_WORDS}
{self.far}END $$;
"""  # noqa: S608  # put together from our own constants only

    @property
    def far(self):
        return self.far_by_rating if self.key == "rating" else self.far_at_once

    @property
    def far_at_once(self):
        beyond, upto = ("<", ">=") if self.is_falling else (">", "<=")
        some = f"search @@ q AND {_LISTED} AND {self.row} {beyond}"
        return f"""
    SELECT {self.key or "NULL"}, id INTO far_key, far_id FROM library_asset
    WHERE search @@ (q && {_SAMPLE}) AND {_LISTED} AND {self.row} {beyond} {self.place("edge")}
    ORDER BY {self.by} OFFSET {_SAMPLED} - 1 LIMIT 1;
    IF far_id IS NOT NULL THEN
        near := near || ARRAY(
            SELECT id FROM library_asset
            WHERE {some} {self.place("edge")} AND {self.row} {upto} {self.place("far")}
            ORDER BY {self.by} LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        edge_key := far_key;
        edge_id := far_id;
    END IF;
    RETURN near || ARRAY(
        SELECT id FROM library_asset WHERE {some} {self.place("edge")} ORDER BY {self.by} LIMIT missing
    );
"""  # noqa: S608  # put together from our own constants only

    @property
    def far_by_rating(self):
        """A sample says with how many stars the page ends: those before hold few, and there the order is that of ids."""
        beyond, upto, way = ("<", ">=", "DESC") if self.is_falling else (">", "<=", "ASC")
        further, end = ("least", "0") if self.is_falling else ("greatest", "9223372036854775807")
        equal = f"FROM library_asset WHERE {_LISTED} AND rating = far_key ORDER BY id {way}"
        some = f"search @@ q AND {_LISTED} AND {self.row} {beyond}"
        return f"""
    SELECT rating, id INTO far_key, far_id FROM library_asset
    WHERE search @@ (q && {_SAMPLE}) AND {_LISTED} AND {self.row} {beyond} {self.place("edge")}
    ORDER BY {self.by} OFFSET {_SAMPLED} - 1 LIMIT 1;
    IF far_key <> edge_key THEN
        SELECT string_agg(quote_literal('rating:' || n), ' | ')::tsquery INTO stars
        FROM generate_series(least(edge_key, far_key)::int, greatest(edge_key, far_key)::int) AS n WHERE n <> far_key;
        near := near || ARRAY(
            SELECT id FROM library_asset
            WHERE search @@ (q && stars) AND {_LISTED} AND {self.row} {beyond} {self.place("edge")}
            ORDER BY {self.by} LIMIT missing
        );
        missing := wanted - cardinality(near);
        PERFORM set_config('enable_indexscan', 'on', true);
        near := near || ARRAY(
            SELECT id FROM (SELECT id, search {equal} LIMIT span) AS window_rows WHERE search @@ q LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        edge_id := coalesce((SELECT id {equal} OFFSET span - 1 LIMIT 1), {end});
        edge_key := far_key;
        PERFORM set_config('enable_indexscan', 'off', true);
    END IF;
    IF far_id IS NOT NULL THEN
        near := near || ARRAY(
            SELECT id FROM library_asset
            WHERE search @@ q AND {_LISTED} AND rating = far_key AND id {beyond} edge_id AND id {upto} far_id
            ORDER BY id {way} LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        edge_id := {further}(edge_id, far_id);
    END IF;
    RETURN near || ARRAY(
        SELECT id FROM library_asset WHERE {some} {self.place("edge")} ORDER BY {self.by} LIMIT missing
    );
"""  # noqa: S608  # put together from our own constants only

    @property
    def backward(self):
        return f"DROP FUNCTION library_find_{self.name}(tsquery, bigint, {self.key_type}, bigint, int, int);"


ORDERS = (
    Order("newest", is_falling=True),
    Order("oldest", is_falling=False),
    Order("rating", is_falling=True, key="rating", key_type="smallint"),
    Order("rating_back", is_falling=False, key="rating", key_type="smallint"),
    Order("name", is_falling=False, key="sort_name", key_type="text"),
    Order("name_back", is_falling=True, key="sort_name", key_type="text"),
)

# The order that people gave a collection: place by place, in one collection after the other; a picture that an earlier
# one has as well was shown there.
_ITEMS = """
            SELECT position, asset_id FROM library_collectionitem
            WHERE collection_id = collection AND is_listed
                AND (after_id IS NULL OR (position, asset_id) {beyond} (after_position, after_id))
            ORDER BY position {way}, asset_id {way}
"""


def in_order(name, *, is_back):
    beyond, upto, way = ("<", ">=", "DESC") if is_back else (">", "<=", "ASC")
    items = _ITEMS.format(beyond=beyond, way=way)
    return f"""
CREATE FUNCTION library_find_{name}(
    q tsquery, collection bigint, after_position bigint, after_id bigint, wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_position bigint;
    edge_id bigint;
    far_position bigint;
    far_id bigint;
BEGIN
    near := ARRAY(
        SELECT a.id FROM ({items} LIMIT span) AS i JOIN library_asset a ON a.id = i.asset_id
        WHERE a.search @@ q ORDER BY i.position {way}, i.asset_id {way} LIMIT wanted
    );
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;
    SELECT position, asset_id INTO edge_position, edge_id FROM ({items} OFFSET span - 1 LIMIT 1) AS i;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;

    WITH a AS MATERIALIZED (SELECT id FROM library_asset WHERE search @@ (q && {_SAMPLE}) AND binned_at IS NULL)
    SELECT i.position, a.id INTO far_position, far_id
    FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
    WHERE (i.position, a.id) {beyond} (edge_position, edge_id)
    ORDER BY i.position {way}, a.id {way} OFFSET missing - 1 LIMIT 1;
    IF far_id IS NULL THEN
        RETURN near || ARRAY(
            WITH a AS MATERIALIZED (SELECT id FROM library_asset WHERE search @@ q AND binned_at IS NULL)
            SELECT a.id FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
            WHERE (i.position, a.id) {beyond} (edge_position, edge_id)
            ORDER BY i.position {way}, a.id {way} LIMIT missing
        );
    END IF;
    RETURN near || ARRAY(
        SELECT a.id FROM library_collectionitem i JOIN library_asset a ON a.id = i.asset_id
        WHERE i.collection_id = collection AND i.is_listed AND a.search @@ q
            AND (i.position, i.asset_id) {beyond} (edge_position, edge_id)
            AND (i.position, i.asset_id) {upto} (far_position, far_id)
        ORDER BY i.position {way}, i.asset_id {way} LIMIT missing
    );
END $$;
"""  # noqa: S608  # put together from our own constants only


COUNT = f"""
CREATE FUNCTION library_count(q tsquery, team bigint, most int, span int) RETURNS int LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    counted int;
    seen int;
BEGIN
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM (
            SELECT search FROM library_asset WHERE team_id = team AND binned_at IS NULL ORDER BY id DESC LIMIT span
        ) AS window_rows WHERE search @@ q LIMIT most
    ) AS found;
    IF counted = most THEN
        RETURN counted;
    END IF;
    SELECT count(*) INTO seen FROM (
        SELECT 1 FROM library_asset WHERE team_id = team AND binned_at IS NULL ORDER BY id DESC LIMIT span
    ) AS window_rows;
    IF seen < span THEN
        RETURN counted;
    END IF;
    {_BY_WORDS}
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM library_asset WHERE search @@ q AND team_id + 0 = team AND binned_at IS NULL LIMIT most
    ) AS found;
    RETURN counted;
END $$;
"""  # noqa: S608  # put together from our own constants only

# `first` is the collection, by its place in the list, that the page begins in.
IN_COLLECTIONS = """
CREATE FUNCTION library_find_{name}(
    q tsquery, collections bigint[], first int, after_position bigint, after_id bigint, wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint[] := '{{}}';
    asked tsquery;
    n int := first;
BEGIN
    WHILE n BETWEEN 1 AND cardinality(collections) AND cardinality(found) < wanted LOOP
        asked := q;
        FOR earlier IN 1 .. n - 1 LOOP
            asked := asked && !! quote_literal('in:' || collections[earlier])::tsquery;
        END LOOP;
        found := found || library_find_{one}(
            asked, collections[n], after_position, after_id, wanted - cardinality(found), span
        );
        after_position := NULL;
        after_id := NULL;
        n := n + ({step});
    END LOOP;
    RETURN found;
END $$;
"""

FORWARD = "".join(order.forward for order in ORDERS) + in_order("items", is_back=False)
FORWARD += in_order("items_back", is_back=True) + COUNT
FORWARD += IN_COLLECTIONS.format(name="order", one="items", step=1)
FORWARD += IN_COLLECTIONS.format(name="order_back", one="items_back", step=-1)
BACKWARD = (
    "".join(order.backward for order in ORDERS)
    + """
DROP FUNCTION library_find_order(tsquery, bigint[], int, bigint, bigint, int, int);
DROP FUNCTION library_find_order_back(tsquery, bigint[], int, bigint, bigint, int, int);
DROP FUNCTION library_find_items(tsquery, bigint, bigint, bigint, int, int);
DROP FUNCTION library_find_items_back(tsquery, bigint, bigint, bigint, int, int);
DROP FUNCTION library_count(tsquery, bigint, int, int);
"""
)


class Migration(migrations.Migration):
    dependencies = [("library", "0008_search_by_team")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
