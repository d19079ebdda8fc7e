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
"""
# From here on the words decide, not the order.
_BY_WORDS = """
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true);
"""


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
        beyond, upto = ("<", ">=") if self.is_falling else (">", "<=")
        listed = "team_id = team AND binned_at IS NULL"
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
BEGIN
    near := ARRAY(
        SELECT id FROM (
            SELECT id, search FROM library_asset
            WHERE {listed} AND (after_id IS NULL OR {self.row} {beyond} {self.place("after")})
            ORDER BY {self.by} LIMIT span
        ) AS window_rows WHERE search @@ q LIMIT wanted
    );
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;

    SELECT {self.key or "NULL"}, id INTO edge_key, edge_id FROM library_asset
    WHERE {listed} AND (after_id IS NULL OR {self.row} {beyond} {self.place("after")})
    ORDER BY {self.by} OFFSET span - 1 LIMIT 1;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;
    {_BY_WORDS}
    SELECT {self.key or "NULL"}, id INTO far_key, far_id FROM library_asset
    WHERE search @@ (q && '''part:7'''::tsquery) AND {listed} AND {self.row} {beyond} {self.place("edge")}
    ORDER BY {self.by} OFFSET missing - 1 LIMIT 1;
    RETURN near || ARRAY(
        SELECT id FROM library_asset
        WHERE search @@ q AND {listed} AND {self.row} {beyond} {self.place("edge")}
            AND (far_id IS NULL OR {self.row} {upto} {self.place("far")})
        ORDER BY {self.by} LIMIT missing
    );
END $$;
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

    SELECT i.position, a.id INTO far_position, far_id
    FROM library_asset a JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
    WHERE a.search @@ (q && '''part:7'''::tsquery) AND (i.position, a.id) {beyond} (edge_position, edge_id)
    ORDER BY i.position {way}, a.id {way} OFFSET missing - 1 LIMIT 1;
    IF far_id IS NULL THEN
        RETURN near || ARRAY(
            SELECT a.id FROM library_asset a
            JOIN library_collectionitem i ON i.asset_id = a.id AND i.collection_id = collection
            WHERE a.search @@ q AND (i.position, a.id) {beyond} (edge_position, edge_id)
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
    SELECT count(*) INTO counted FROM (SELECT 1 FROM library_asset WHERE search @@ q LIMIT most) AS found;
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
