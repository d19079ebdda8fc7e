"""Find a page of a search, and count, each in one journey and in a bounded time.

A page is looked for where it begins: among the next few thousand pictures of its order, and a few thousand more where
that found something. Only if these do not fill it, the index over all words is asked. What it knows few of is fetched
and sorted. Else the order is followed from one picture of a sample that is found to the next: between two of them there
are few others, and these are fetched. For that, the index is asked for blocks of pictures that stand together in the
order (migration 0003), the large ones first and all that come before the next picture of the sample at once; so of
200,000 pictures some hundred are read. Which pictures the sample has decides how long it takes, never what is found.

A search comes in two forms. `q` and `days` are for pictures that are at hand. `asked` is for the index, which of a word
that may go on has to read all that is filed under words that begin so, and which knows neither the order of words nor the
hours of days: in it a word that may go on is its beginning, or, where that is longer than beginnings are filed, a list of
all words of the team that begin so, unless these are many; a phrase is its words; days are those of UTC. It finds all
that the search finds.

Each statement is planned for its own values (a plan for all values would be a bad one for most), and none reads the
whole table. Where the words shall decide and not the order, `team_id + 0` and OFFSET 0 keep other indexes away;
ts_match_vq() is what @@ means, only that no index answers it. Of two conditions the index skips in each what the other
has no part in; of one tsquery it reads its rarest list to the end, and what is asked to be missing (`!`) it reads in
full. So a search and the blocks it is looked for in are asked apart, and no block is left out by name.
"""

from dataclasses import dataclass

from django.db import migrations

from studio.library.migrations._planning import (
    EXACTLY,
    FEW,
    ID_BITS,
    NAME_LENGTHS,
    SAMPLES,
    SETTINGS,
    SMALL_SAMPLE,
    found_by,
)

_LISTED = "team_id = team AND binned_at IS NULL"
# More words than this make each step through the index dearer than what they save. Nor may they be so long, in bytes,
# that those of many beginnings are too much for a tsquery, which holds 1 MB of words.
_MOST_WORDS = 50
_MOST_BYTES = 4000
# Above all words, and all names, that begin with the text before it.
_END = "repeat(chr(1114111), 120)"
# So many blocks are asked for at once.
_MOST_BLOCKS = 64
# So many pictures are as soon looked through as the index is asked about them.
_STRIDE = "span / 6"


# Words are made of letters, digits and signs, so they need no more than the marks around them.
READING = f"""
CREATE FUNCTION library_words_from(start text, team bigint) RETURNS text LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    words text[] := ARRAY(
        SELECT DISTINCT word FROM library_word
        WHERE team_id = team AND word >= start AND word < start || {_END}
        ORDER BY word LIMIT {_MOST_WORDS} + 1
    );
BEGIN
    IF cardinality(words) > {_MOST_WORDS} OR octet_length(array_to_string(words, '')) > {_MOST_BYTES} THEN
        RETURN format('''%s/%s'':*', team, start);
    END IF;
    RETURN (
        SELECT format('(%s)', string_agg(format('''%s/%s''', team, word), ' | ')) FROM unnest(words || start) AS word
    );
END $$;

CREATE FUNCTION library_asked(said text, starts text[], team bigint) RETURNS tsquery LANGUAGE plpgsql {SETTINGS} AS $$
BEGIN
    RETURN format(said, VARIADIC ARRAY(
        SELECT library_words_from(start, team) FROM unnest(starts) WITH ORDINALITY AS each (start, n) ORDER BY n
    ));
END $$;
"""  # noqa: S608  # put together from our own constants only


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
    def columns(self):
        return f"id, {self.key}" if self.key else "id"

    @property
    def keyed(self):
        return self.key or "NULL::int"

    @property
    def by(self):
        way = "DESC" if self.is_falling else "ASC"
        return f"{self.key} {way}, id {way}" if self.key else f"id {way}"

    @property
    def beyond(self):
        return "<" if self.is_falling else ">"

    @property
    def before(self):
        return ">" if self.is_falling else "<"

    @property
    def last_id(self):
        return "0" if self.is_falling else "9223372036854775807"

    def listed(self, key, id):
        return f"({key}, {id})" if self.key else id

    def place(self, prefix):
        return self.listed(f"{prefix}key", f"{prefix}id")

    @property
    def measures(self):
        """The sizes of blocks, from large to small; 0 is all that have the same rating."""
        if self.key == "sort_name":
            return NAME_LENGTHS
        return (0, *ID_BITS) if self.key == "rating" else ID_BITS

    def block(self, prefix):
        """Token and end of the block, by `measure`, around the picture whose place is in columns of this prefix."""
        key, id = f"{prefix}key", f"{prefix}id"
        if self.key == "sort_name":
            return self.of_names(key)
        token = f"quote_literal(team || ':ids' || measure || ':' || ({id} >> measure))"
        end = f"({id} >> measure) << measure" if self.is_falling else f"{id} | ((1::bigint << measure) - 1)"
        if self.key == "rating":
            token = f"CASE measure WHEN 0 THEN quote_literal(team || ':rating:' || {key}) ELSE {token} END"
            end = f"CASE measure WHEN 0 THEN {self.last_id} ELSE {end} END"
        return f"({token})", key, f"({end})"

    def of_names(self, key):
        start = f'left({key}, measure) COLLATE "C"'
        # Anything may stand in a name.
        token = f"('''' || team || ':name:' || replace(replace({start}, '\\', '\\\\'), '''', '''''') || '''')"
        # A name that ends before the block begins is a block by itself: the longer ones behind it have another token.
        last = f"CASE WHEN length({key}) < measure THEN {key} ELSE {start} || {_END} END"
        return token, start if self.is_falling else last, self.last_id

    def fetched(self, asked, upto=""):
        return f"""ARRAY(
            SELECT id FROM (
                SELECT {self.columns} FROM library_asset WHERE {found_by(asked)} OFFSET 0
            ) AS found WHERE {self.row} {self.beyond} {self.place("edge_")}{upto} ORDER BY {self.by} LIMIT missing
        )"""  # noqa: S608  # put together from our own constants only

    def looked_through(self, where, span, most):
        return f"""ARRAY(
            SELECT id FROM (
                SELECT id, search, created_at FROM library_asset WHERE {where} ORDER BY {self.by} LIMIT {span}
            ) AS window_rows WHERE {EXACTLY} LIMIT {most}
        )"""  # noqa: S608  # put together from our own constants only

    @property
    def further(self):
        return f"{_LISTED} AND {self.row} {self.beyond} {self.place('edge_')}"

    @property
    def forward(self):
        after = f"{_LISTED} AND (after_id IS NULL OR {self.row} {self.beyond} {self.place('after_')})"
        return f"""
CREATE FUNCTION library_find_{self.name}(
    q tsquery, days tstzrange, asked tsquery, team bigint, after_key {self.key_type}, after_id bigint,
    wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_key {self.key_type};
    edge_id bigint;
    next_key {self.key_type};
    next_id bigint;
    far_key {self.key_type};
    far_id bigint;
    in_sample int;
    sampled_keys {self.key_type}[];
    sampled_ids bigint[];
    place int := 1;
    goal_key {self.key_type};
    goal_id bigint;
    measure int;
    goal text;
    around text;
    blocks text;
    end_key {self.key_type};
    end_id bigint;
BEGIN
    near := {self.looked_through(after, "span", "wanted")};
    missing := wanted - cardinality(near);
    IF missing = 0 THEN
        RETURN near;
    END IF;
    SELECT {self.keyed}, id INTO edge_key, edge_id FROM library_asset
    WHERE {after} ORDER BY {self.by} OFFSET span - 1 LIMIT 1;
    IF edge_id IS NULL THEN
        RETURN near;
    END IF;

    -- What is found as often further on is soon found.
    IF missing <= cardinality(near) THEN
        near := near || {self.looked_through(self.further, "2 * span", "missing")};
        missing := wanted - cardinality(near);
        IF missing = 0 THEN
            RETURN near;
        END IF;
        SELECT {self.keyed}, id INTO far_key, far_id FROM library_asset
        WHERE {self.further} ORDER BY {self.by} OFFSET 2 * span - 1 LIMIT 1;
        IF far_id IS NULL THEN
            RETURN near;
        END IF;
        edge_key := far_key;
        edge_id := far_id;
    END IF;

    SELECT count(*), array_agg(key) FILTER (WHERE {self.listed("key", "id")} {self.beyond} {self.place("edge_")}),
        array_agg(id) FILTER (WHERE {self.listed("key", "id")} {self.beyond} {self.place("edge_")})
    INTO in_sample, sampled_keys, sampled_ids FROM (
        SELECT {self.keyed} AS key, id FROM (
            SELECT {self.columns} FROM library_asset WHERE {found_by(f"(asked && {SMALL_SAMPLE})")} OFFSET 0
        ) AS found ORDER BY {self.by}
    ) AS sampled;
    IF in_sample < {FEW} THEN
        RETURN near || {self.fetched("asked")};
    END IF;
{self.walk}
    RETURN near;
END $$;
"""  # noqa: S608  # put together from our own constants only

    @property
    def walk(self):
        """Follow the order from the edge until the page is full."""
        around_next, around_beyond = self.block("next_"), self.block("beyond.")
        among = "asked AND search @@ blocks::tsquery AND search @@ coalesce(around, blocks)::tsquery"
        return f"""
    <<walk>>
    WHILE missing > 0 LOOP
        SELECT {self.keyed}, id INTO next_key, next_id FROM library_asset
        WHERE {self.further} ORDER BY {self.by} LIMIT 1;
        EXIT WHEN next_id IS NULL;
        SELECT {self.keyed}, id INTO far_key, far_id FROM library_asset
        WHERE {self.further} ORDER BY {self.by} OFFSET {_STRIDE} - 1 LIMIT 1;
        WHILE place <= cardinality(sampled_ids)
            AND NOT {self.listed("sampled_keys[place]", "sampled_ids[place]")} {self.beyond} {self.place("edge_")} LOOP
            place := place + 1;
        END LOOP;
        -- Nothing, where the sample has no further one.
        goal_key := sampled_keys[place];
        goal_id := sampled_ids[place];
        around := NULL;
        FOREACH measure IN ARRAY ARRAY{list(self.measures)} LOOP
            EXIT WHEN far_id IS NULL OR {self.place("goal_")} {self.before} {self.place("far_")};
            goal := {self.block("goal_")[0]};
            IF goal = {around_next[0]} THEN
                around := coalesce(around, goal);
                CONTINUE;
            END IF;
            WITH RECURSIVE row_of_blocks (number, token, end_key, end_id) AS (
                SELECT 1, {", ".join(around_next)}
                UNION ALL
                SELECT number + 1, {", ".join(around_beyond)}
                FROM row_of_blocks AS one, LATERAL (
                    SELECT {self.keyed} AS key, id FROM library_asset
                    WHERE {_LISTED} AND {self.row} {self.beyond} {self.place("one.end_")} ORDER BY {self.by} LIMIT 1
                ) AS beyond
                WHERE number < {_MOST_BLOCKS} AND {around_beyond[0]} IS DISTINCT FROM goal
            )
            SELECT string_agg(token, ' | '), (array_agg(one.end_key ORDER BY number DESC))[1],
                (array_agg(one.end_id ORDER BY number DESC))[1] INTO blocks, end_key, end_id FROM row_of_blocks AS one;
            EXIT WHEN {self.place("end_")} {self.before} {self.place("far_")};
            near := near || {self.fetched(among, f" AND {self.row} {self.before}= {self.place('end_')}")};
            missing := wanted - cardinality(near);
            edge_key := end_key;
            edge_id := end_id;
            CONTINUE walk;
        END LOOP;
        near := near || {self.looked_through(self.further, _STRIDE, "missing")};
        missing := wanted - cardinality(near);
        EXIT WHEN far_id IS NULL;
        edge_key := far_key;
        edge_id := far_id;
    END LOOP;"""  # noqa: S608  # put together from our own constants only


ORDERS = (
    Order("newest", is_falling=True),
    Order("oldest", is_falling=False),
    Order("rating", is_falling=True, key="rating", key_type="smallint"),
    Order("rating_back", is_falling=False, key="rating", key_type="smallint"),
    Order("name", is_falling=False, key="sort_name", key_type="text"),
    Order("name_back", is_falling=True, key="sort_name", key_type="text"),
)

COUNT = f"""
CREATE FUNCTION library_count(q tsquery, days tstzrange, asked tsquery, team bigint, most int, span int) RETURNS int
LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    counted int;
    seen int;
    one_in int;
BEGIN
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM (
            SELECT search, created_at FROM library_asset WHERE {_LISTED} ORDER BY id DESC LIMIT span
        ) AS window_rows WHERE {EXACTLY} LIMIT most
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

    -- A sample that has enough spares the rest.
    FOREACH one_in IN ARRAY ARRAY{list(SAMPLES[1:])} LOOP
        SELECT count(*) INTO counted FROM (
            SELECT 1 FROM library_asset
            WHERE {found_by("(asked && quote_literal(team || ':sample:' || one_in)::tsquery)")} LIMIT most
        ) AS found;
        IF counted = most THEN
            RETURN counted;
        END IF;
        -- The next one, which is eight times as large, would not have enough either.
        EXIT WHEN 8 * counted < most;
    END LOOP;
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM library_asset WHERE {found_by("asked")} LIMIT most
    ) AS found;
    RETURN counted;
END $$;
"""  # noqa: S608  # put together from our own constants only

FORWARD = READING + "".join(order.forward for order in ORDERS) + COUNT
BACKWARD = "".join(f"DROP FUNCTION library_find_{order.name};\n" for order in ORDERS)
BACKWARD += "DROP FUNCTION library_count, library_asked, library_words_from;"


class Migration(migrations.Migration):
    dependencies = [("library", "0004_made_with")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
