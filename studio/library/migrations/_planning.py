"""How the functions that find things are planned."""

# A list of places in the table that outgrows work_mem keeps whole pages instead, all of whose rows are read again.
SETTINGS = """
    STABLE SET plan_cache_mode = force_custom_plan SET jit = off
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET random_page_cost = 1.1 SET max_parallel_workers_per_gather = 0 SET work_mem = '64MB'
"""
# Listed, and of the team, but found by the words alone: no other index answers to this.
BY_WORDS = "team_id + 0 = team AND binned_at IS NULL"
# So many-ths of the library is a sample, `part:`; a few in it are this many times as many in all.
SAMPLE = "quote_literal(team || ':part:7')::tsquery"
