"""Find a page of a search, and count, each in one journey and in a bounded time.

A page is looked for where it begins: among the next few thousand pictures of its order, and a few thousand more where
that found something. Only if these do not fill it, the index over all words is asked. If it knows too many, all of them
far away, an even sample of them says how far the page reaches, and that index and the one of the order together bring
just the pictures up to there. Each statement is planned for its own values (a plan for all values would be a bad one for
most), and never reads the whole table.

`exact` and `narrow` are two other readings of the same search. The index reads all that begins like a word before it
knows which of these are wanted, however few; whole words and filters it passes over quickly. So `exact` takes every word
as a whole one: all it finds is found by the search too, and a sample of it says how far a page reaches and whether
counting can stop. `narrow` is the filters alone: where they leave few, these are looked through for the words.
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
# Up to the so-manyth of the sample there are about 32 times as many in all: more than a page, seldom less.
_SAMPLED = 8
# So many in the sample are about 32 times as many in all: few enough to look through.
_FEW = 150
# One of the even samples of migration 0003; which one does not matter. And by what the index is asked: by the filters
# alone where these leave few; ts_match_vq() is what @@ means, only that no index answers it. (To PostgreSQL two searches
# are equal that differ in `:*` alone, so they are compared as texts.)
_CHOOSE = f"""
    sample := quote_literal(team || ':part:7')::tsquery;
    probe := q;
    IF numnode(narrow) > 0 AND exact::text <> q::text THEN
        IF (
            SELECT count(*) < {_FEW} FROM (
                SELECT FROM library_asset WHERE search @@ (narrow && sample) LIMIT {_FEW}
            ) AS found
        ) THEN
            probe := narrow;
        END IF;
    END IF;
"""  # noqa: S608  # put together from our own constants only
_MATCHES = "search @@ probe AND ts_match_vq(search, q)"


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

    @property
    def beyond(self):
        return "<" if self.is_falling else ">"

    def place(self, prefix):
        return f"({prefix}_key, {prefix}_id)" if self.key else f"{prefix}_id"

    def sampled(self, reading):
        return f"""
    SELECT {self.key or "NULL"}, id INTO far_key, far_id FROM library_asset
    WHERE search @@ ({reading} && sample) AND {_LISTED} AND {self.row} {self.beyond} {self.place("edge")}
    ORDER BY {self.by} OFFSET {_SAMPLED} - 1 LIMIT 1;
"""  # noqa: S608  # put together from our own constants only

    @property
    def forward(self):
        after = f"{_LISTED} AND (after_id IS NULL OR {self.row} {self.beyond} {self.place('after')})"
        further = f"{_LISTED} AND {self.row} {self.beyond} {self.place('edge')}"
        return f"""
CREATE FUNCTION library_find_{self.name}(
    q tsquery, exact tsquery, narrow tsquery, team bigint, after_key {self.key_type}, after_id bigint,
    wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_key {self.key_type};
    edge_id bigint;
    far_key {self.key_type};
    far_id bigint;
    stars tsquery;
    sample tsquery;
    probe tsquery;
BEGIN
    near := ARRAY(
        SELECT id FROM (
            SELECT id, search FROM library_asset WHERE {after} ORDER BY {self.by} LIMIT span
        ) AS window_rows WHERE search @@ q LIMIT wanted
    );
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;
    SELECT {self.key or "NULL"}, id INTO edge_key, edge_id FROM library_asset
    WHERE {after} ORDER BY {self.by} OFFSET span - 1 LIMIT 1;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;

    -- What is found as often further on is soon found.
    IF missing <= 3 * cardinality(near) THEN
        near := near || ARRAY(
            SELECT id FROM (
                SELECT id, search FROM library_asset WHERE {further} ORDER BY {self.by} LIMIT 4 * span
            ) AS window_rows WHERE search @@ q LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        SELECT {self.key or "NULL"}, id INTO far_key, far_id FROM library_asset
        WHERE {further} ORDER BY {self.by} OFFSET 4 * span - 1 LIMIT 1;
        IF far_id IS NULL THEN
            RETURN near;
        END IF;
        edge_key := far_key;
        edge_id := far_id;
    END IF;

    {_BY_WORDS}
    {_CHOOSE}
    far_key := NULL;
    far_id := NULL;
    IF probe = q THEN
        {self.sampled("exact")}
        IF far_id IS NULL AND exact::text <> q::text THEN
            {self.sampled("q")}
        END IF;
    END IF;
{self.far}END $$;
"""  # noqa: S608  # put together from our own constants only

    @property
    def far(self):
        return self.far_by_rating if self.key == "rating" else self.far_at_once

    @property
    def far_at_once(self):
        upto = ">=" if self.is_falling else "<="
        some = f"{_MATCHES} AND {_LISTED} AND {self.row} {self.beyond}"
        return f"""
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
        upto, way = (">=", "DESC") if self.is_falling else ("<=", "ASC")
        further, end = ("least", "0") if self.is_falling else ("greatest", "9223372036854775807")
        equal = f"FROM library_asset WHERE {_LISTED} AND rating = far_key ORDER BY id {way}"
        some = f"{_MATCHES} AND {_LISTED} AND {self.row} {self.beyond}"
        return f"""
    IF far_key <> edge_key THEN
        SELECT string_agg(quote_literal(team || ':rating:' || n), ' | ')::tsquery INTO stars
        FROM generate_series(least(edge_key, far_key)::int, greatest(edge_key, far_key)::int) AS n WHERE n <> far_key;
        near := near || ARRAY(
            SELECT id FROM library_asset
            WHERE search @@ (probe && stars) AND ts_match_vq(search, q) AND {_LISTED}
                AND {self.row} {self.beyond} {self.place("edge")}
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
            WHERE {_MATCHES} AND {_LISTED} AND rating = far_key AND id {self.beyond} edge_id AND id {upto} far_id
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
    sampled = f"""
        WITH a AS MATERIALIZED (SELECT id FROM library_asset WHERE search @@ (%s && sample) AND binned_at IS NULL)
        SELECT i.position, a.id INTO far_position, far_id
        FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
        WHERE (i.position, a.id) {beyond} (edge_position, edge_id)
        ORDER BY i.position {way}, a.id {way} OFFSET {_SAMPLED} - 1 LIMIT 1;
"""  # noqa: S608  # put together from our own constants only
    return f"""
CREATE FUNCTION library_find_{name}(
    q tsquery, exact tsquery, narrow tsquery, team bigint, collection bigint, after_position bigint, after_id bigint,
    wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_position bigint;
    edge_id bigint;
    far_position bigint;
    far_id bigint;
    sample tsquery;
    probe tsquery;
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

    {_CHOOSE}
    IF probe = q THEN
        {sampled % "exact"}
        IF far_id IS NULL AND exact::text <> q::text THEN
            {sampled % "q"}
        END IF;
    END IF;
    IF far_id IS NOT NULL THEN
        near := near || ARRAY(
            SELECT a.id FROM library_collectionitem i JOIN library_asset a ON a.id = i.asset_id
            WHERE i.collection_id = collection AND i.is_listed AND a.search @@ q
                AND (i.position, i.asset_id) {beyond} (edge_position, edge_id)
                AND (i.position, i.asset_id) {upto} (far_position, far_id)
            ORDER BY i.position {way}, i.asset_id {way} LIMIT missing
        );
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        edge_position := far_position;
        edge_id := far_id;
    END IF;
    RETURN near || ARRAY(
        WITH a AS MATERIALIZED (SELECT id FROM library_asset WHERE {_MATCHES} AND binned_at IS NULL)
        SELECT a.id FROM a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
        WHERE (i.position, a.id) {beyond} (edge_position, edge_id)
        ORDER BY i.position {way}, a.id {way} LIMIT missing
    );
END $$;
"""  # noqa: S608  # put together from our own constants only


COUNT = f"""
CREATE FUNCTION library_count(
    q tsquery, exact tsquery, narrow tsquery, team bigint, most int, span int
) RETURNS int LANGUAGE plpgsql {_SETTINGS} AS $$
DECLARE
    counted int;
    seen int;
    sample tsquery;
    probe tsquery;
BEGIN
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM (
            SELECT search FROM library_asset WHERE {_LISTED} ORDER BY id DESC LIMIT span
        ) AS window_rows WHERE search @@ q LIMIT most
    ) AS found;
    IF counted = most THEN
        RETURN counted;
    END IF;
    SELECT count(*) INTO seen FROM (
        SELECT 1 FROM library_asset WHERE {_LISTED} ORDER BY id DESC LIMIT span
    ) AS window_rows;
    IF seen < span THEN
        RETURN counted;
    END IF;
    {_BY_WORDS}
    {_CHOOSE}
    IF probe = q THEN
        SELECT count(*) INTO counted FROM (
            SELECT 1 FROM library_asset
            WHERE search @@ (exact && sample) AND team_id + 0 = team AND binned_at IS NULL LIMIT most
        ) AS found;
        IF counted = most THEN
            RETURN counted;
        END IF;
    END IF;
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM library_asset WHERE {_MATCHES} AND team_id + 0 = team AND binned_at IS NULL LIMIT most
    ) AS found;
    RETURN counted;
END $$;
"""  # noqa: S608  # put together from our own constants only

# `first` is the collection, by its place in the list, that the page begins in.
IN_COLLECTIONS = """
CREATE FUNCTION library_find_{name}(
    q tsquery, exact tsquery, narrow tsquery, team bigint, collections bigint[], first int, after_position bigint,
    after_id bigint, wanted int, span int
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
            coalesce(q && earlier, q), coalesce(exact && earlier, exact), narrow, team, collections[n],
            after_position, after_id, wanted - cardinality(found), span
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
BACKWARD = """
DROP FUNCTION library_find_order, library_find_order_back, library_find_items, library_find_items_back, library_count;
""" + "".join(f"DROP FUNCTION library_find_{order.name};\n" for order in ORDERS)


class Migration(migrations.Migration):
    dependencies = [("library", "0004_made_with")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
