"""Find a page of a search, and count, each in one journey and in a bounded time.

A page is looked for where it begins: among the next few thousand pictures of its order, and a few thousand more where
that found something. Only if these do not fill it, the index over all words is asked. What it knows few of is fetched
and sorted. Else the order is followed block by block (migration 0003): blocks in which the index knows of nothing are
passed over, the large ones first, so that of 200,000 pictures some hundred are read.

A word that may go on is replaced by all words of the team that begin so, because a list of whole words lets the index
skip what a block has no part in. Where these are too many, `probe` is the search without such words: all that is found
is found by it too, and it is looked through for the words where it leaves few.

Each statement is planned for its own values (a plan for all values would be a bad one for most), and none reads the
whole table. Where the words shall decide and not the order, `team_id + 0` and OFFSET 0 keep other indexes away;
ts_match_vq() is what @@ means, only that no index answers it. Of two conditions the index skips in each what the other
has no part in; of one tsquery it reads its rarest list to the end. So a search for one thing and the block it is looked
for in are asked apart; one for several things would only be followed beyond the block, to where they come together.
"""

from dataclasses import dataclass

from django.db import migrations

from studio.library.migrations._planning import BY_WORDS, SAMPLE, SETTINGS

_LISTED = "team_id = team AND binned_at IS NULL"
# More words than this make each step through the index dearer than what they save.
_MOST_WORDS = 50
# So many in the sample are about 32 times as many in all: few enough to fetch.
_FEW = 64
# Above all text that begins with the one before it.
_END = "chr(1114111)"
# So many pictures tell where names begin; with more initials than this, asking for others would take too long.
_LOOKED_AT = 500
_MOST_INITIALS = 20


def _name_token(start):
    """The token of names that begin like this; anything may stand in a name."""
    written = f"replace(replace({start}, '\\', '\\\\'), '''', '''''')"
    return f"format('''%s:name:%s''', team, {written})"


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
    IF cardinality(words) > {_MOST_WORDS} THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT format('(%s)', string_agg(format('''%s/%s''', team, word), ' | ')) FROM unnest(words || start) AS word
    );
END $$;

CREATE FUNCTION library_reading(parts jsonb, team bigint, OUT q tsquery, OUT probe tsquery)
LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    part jsonb;
    words text[];
    is_known boolean;
    is_bound boolean := false;
    is_probe_bound boolean := false;
    of_team tsquery := quote_literal('team:' || team)::tsquery;
    said tsquery;
BEGIN
    FOR part IN SELECT jsonb_array_elements(parts) LOOP
        SELECT coalesce(array_agg(coalesce(opened, format('''%s/%s'':*', team, start)) ORDER BY n), '{{}}'),
            coalesce(bool_and(opened IS NOT NULL), true)
        INTO words, is_known
        FROM jsonb_array_elements_text(part -> 'open') WITH ORDINALITY AS each (start, n),
            library_words_from(start, team) AS opened;
        said := format(part ->> 'text', VARIADIC words)::tsquery;
        q := coalesce(q && said, said);
        is_bound := is_bound OR NOT (part -> 'minus')::boolean;
        IF is_known THEN
            probe := coalesce(probe && said, said);
            is_probe_bound := is_probe_bound OR NOT (part -> 'minus')::boolean;
        END IF;
    END LOOP;
    -- Words and filters are a team's own already; without any, the team itself says what the index has to read.
    IF NOT is_bound THEN
        q := coalesce(of_team && q, of_team);
    END IF;
    IF NOT is_probe_bound THEN
        probe := coalesce(of_team && probe, of_team);
    END IF;
END $$;

CREATE FUNCTION library_has(q tsquery, within tsquery, team bigint) RETURNS boolean LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    sample tsquery := {SAMPLE};
BEGIN
    -- Where there are many, the sample has one and is sooner read.
    IF q::text ~ ' [&<]' THEN
        RETURN EXISTS (SELECT FROM library_asset WHERE search @@ (q && within && sample) AND {BY_WORDS})
            OR EXISTS (SELECT FROM library_asset WHERE search @@ (q && within) AND {BY_WORDS});
    END IF;
    RETURN EXISTS (
            SELECT FROM library_asset WHERE search @@ q AND search @@ within AND search @@ sample AND {BY_WORDS}
        ) OR EXISTS (SELECT FROM library_asset WHERE search @@ q AND search @@ within AND {BY_WORDS});
END $$;

CREATE FUNCTION library_has_few(q tsquery, team bigint) RETURNS boolean LANGUAGE plpgsql {SETTINGS} AS $$
BEGIN
    RETURN (
        SELECT count(*) < {_FEW} FROM (
            SELECT FROM library_asset WHERE search @@ (q && {SAMPLE}) AND {BY_WORDS} LIMIT {_FEW}
        ) AS found
    );
END $$;

-- The first characters of all names that are found, or NULL where it takes too long to say. Those that the search has
-- elsewhere than the sample has it are seldom any, and soon known by what they are not.
CREATE FUNCTION library_initials(q tsquery, team bigint) RETURNS text[] LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    initials text[] := ARRAY(
        SELECT DISTINCT initial FROM (
            SELECT left(sort_name, 1) AS initial FROM library_asset
            WHERE search @@ (q && {SAMPLE}) AND {BY_WORDS} LIMIT {_LOOKED_AT}
        ) AS sampled
    );
    elsewhere tsquery;
    others text[];
BEGIN
    IF cardinality(initials) > {_MOST_INITIALS} THEN
        RETURN NULL;
    END IF;
    elsewhere := (
        SELECT string_agg('!' || {_name_token("initial")}, ' & ')::tsquery FROM unnest(initials) AS initial
    );
    others := ARRAY(
        SELECT left(sort_name, 1) FROM library_asset
        WHERE search @@ coalesce(q && elsewhere, q) AND {BY_WORDS} LIMIT {_LOOKED_AT}
    );
    RETURN CASE WHEN cardinality(others) < {_LOOKED_AT} THEN initials || others END;
END $$;
"""  # noqa: S608  # put together from our own constants only


@dataclass(frozen=True)
class Block:
    """Pictures that stand together in an order: their token in the index, and the last place they reach."""

    token: str
    end_key: str
    end_id: str


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

    @property
    def upto(self):
        return ">=" if self.is_falling else "<="

    @property
    def last_id(self):
        return "0" if self.is_falling else "9223372036854775807"

    def place(self, prefix):
        return f"({prefix}_key, {prefix}_id)" if self.key else f"{prefix}_id"

    @property
    def blocks(self):
        """The blocks around the next picture, from large to small."""
        if self.key == "sort_name":
            return [self.of_names(1), self.of_names(3)]
        of_ids = [self.of_ids(bits) for bits in (18, 15, 12)]
        if self.key != "rating":
            return of_ids
        stars = "quote_literal(team || ':rating:' || next_key)"
        inside = [Block(f"{stars} || ' & ' || {block.token}", "next_key", block.end_id) for block in of_ids]
        return [Block(stars, "next_key", self.last_id), *inside]

    def of_ids(self, bits):
        end = f"(next_id >> {bits}) << {bits}" if self.is_falling else f"next_id | {2**bits - 1}"
        return Block(f"quote_literal(team || ':ids{bits}:' || (next_id >> {bits}))", "NULL", end)

    def of_names(self, length):
        start = f"left(next_key, {length})"
        end = start if self.is_falling else f"{start} || {_END}"
        return Block(_name_token(start), end, self.last_id)

    def known(self, number, block):
        """Pass over a block in which the index knows of nothing, and remember one in which it does."""
        return f"""
        token := {block.token};
        IF known[{number}] IS DISTINCT FROM token THEN
            IF NOT {self.has(number)} THEN
                edge_key := {block.end_key};
                edge_id := {block.end_id};
                CONTINUE;
            END IF;
            known[{number}] := token;
        END IF;
"""

    def has(self, number):
        by_index = "library_has(q, token::tsquery, team)"
        if self.key != "sort_name" or number > 1:
            return by_index
        return f"coalesce(left(next_key, 1) = ANY(initials), {by_index})"

    def fetched(self, asked, upto=""):
        # What the index was not asked for itself is looked through.
        exactly = " AND ts_match_vq(search, q)" if asked == "probe" else ""
        return f"""ARRAY(
            SELECT id FROM (
                SELECT id{f", {self.key}" if self.key else ""} FROM library_asset
                WHERE search @@ {asked}{exactly} AND {BY_WORDS} OFFSET 0
            ) AS found WHERE {self.row} {self.beyond} {self.place("edge")}{upto} ORDER BY {self.by} LIMIT missing
        )"""  # noqa: S608  # put together from our own constants only

    @property
    def forward(self):
        after = f"{_LISTED} AND (after_id IS NULL OR {self.row} {self.beyond} {self.place('after')})"
        further = f"{_LISTED} AND {self.row} {self.beyond} {self.place('edge')}"
        *outer, last = self.blocks
        upto = f" AND {self.row} {self.upto} {self.place('end')}"
        return f"""
CREATE FUNCTION library_find_{self.name}(
    q tsquery, probe tsquery, team bigint, after_key {self.key_type}, after_id bigint, wanted int, span int
) RETURNS bigint[] LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    near bigint[];
    missing int;
    edge_key {self.key_type};
    edge_id bigint;
    next_key {self.key_type};
    next_id bigint;
    end_key {self.key_type};
    end_id bigint;
    token text;
    known text[];
    initials text[];
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
        SELECT {self.key or "NULL"}, id INTO next_key, next_id FROM library_asset
        WHERE {further} ORDER BY {self.by} OFFSET 4 * span - 1 LIMIT 1;
        IF next_id IS NULL THEN
            RETURN near;
        END IF;
        edge_key := next_key;
        edge_id := next_id;
    END IF;

    IF library_has_few(probe, team) THEN
        RETURN near || {self.fetched("probe")};
    ELSIF probe::text <> q::text THEN
        RETURN near || {self.fetched("q")};
    END IF;

{"    initials := library_initials(q, team);" if self.key == "sort_name" else ""}
    WHILE missing > 0 LOOP
        SELECT {self.key or "NULL"}, id INTO next_key, next_id FROM library_asset
        WHERE {further} ORDER BY {self.by} LIMIT 1;
        EXIT WHEN next_id IS NULL;
{"".join(self.known(number, block) for number, block in enumerate(outer, 1))}
        token := {last.token};
        end_key := {last.end_key};
        end_id := {last.end_id};
        IF library_has_few(q && token::tsquery, team) THEN
            near := near || {self.fetched("(q && token::tsquery)", upto)};
        ELSE
            near := near || ARRAY(
                SELECT id FROM (
                    SELECT id, search FROM library_asset WHERE {further}{upto} ORDER BY {self.by} LIMIT span
                ) AS window_rows WHERE search @@ q LIMIT missing
            );
            SELECT {self.key or "NULL"}, id INTO next_key, next_id FROM library_asset
            WHERE {further}{upto} ORDER BY {self.by} OFFSET span - 1 LIMIT 1;
            IF next_id IS NOT NULL THEN
                end_key := next_key;
                end_id := next_id;
            END IF;
        END IF;
        missing := wanted - cardinality(near);
        edge_key := end_key;
        edge_id := end_id;
    END LOOP;
    RETURN near;
END $$;
"""  # noqa: S608  # put together from our own constants only


ORDERS = (
    Order("newest", is_falling=True),
    Order("oldest", is_falling=False),
    Order("rating", is_falling=True, key="rating", key_type="smallint"),
    Order("rating_back", is_falling=False, key="rating", key_type="smallint"),
    Order("name", is_falling=False, key="sort_name", key_type="text"),
    Order("name_back", is_falling=True, key="sort_name", key_type="text"),
)

COUNT = f"""
CREATE FUNCTION library_count(q tsquery, probe tsquery, team bigint, most int, span int) RETURNS int
LANGUAGE plpgsql {SETTINGS} AS $$
DECLARE
    counted int;
    seen int;
    asked tsquery := q;
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

    -- A sample that has enough spares the rest.
    IF probe::text = q::text THEN
        SELECT count(*) INTO counted FROM (
            SELECT 1 FROM library_asset
            WHERE search @@ (q && {SAMPLE}) AND {BY_WORDS} LIMIT most
        ) AS found;
        IF counted = most THEN
            RETURN counted;
        END IF;
    ELSIF library_has_few(probe, team) THEN
        asked := probe;
    END IF;
    SELECT count(*) INTO counted FROM (
        SELECT 1 FROM library_asset WHERE search @@ asked AND ts_match_vq(search, q) AND {BY_WORDS} LIMIT most
    ) AS found;
    RETURN counted;
END $$;
"""  # noqa: S608  # put together from our own constants only

FORWARD = READING + "".join(order.forward for order in ORDERS) + COUNT
BACKWARD = "".join(f"DROP FUNCTION library_find_{order.name};\n" for order in ORDERS)
BACKWARD += (
    "DROP FUNCTION library_count, library_initials, library_has_few, library_has, library_reading, library_words_from;"
)


class Migration(migrations.Migration):
    dependencies = [("library", "0004_made_with")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
