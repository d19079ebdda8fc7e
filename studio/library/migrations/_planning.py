"""How the functions that find things are planned."""

# A list of places in the table that outgrows work_mem keeps whole pages instead, all of whose rows are read again.
SETTINGS = """
    STABLE SET plan_cache_mode = force_custom_plan SET jit = off
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET random_page_cost = 1.1 SET max_parallel_workers_per_gather = 0 SET work_mem = '64MB'
"""
# Even samples of the library, of one picture in so many. Fewer than FEW in the smallest are few in all, soon fetched.
SAMPLES = (256, 32, 4)
SMALL_SAMPLE = f"quote_literal(team || ':sample:{SAMPLES[0]}')::tsquery"
FEW = 8
# The blocks of each order, from large to small: how many bits of ids they leave out, how many characters names share.
ID_BITS = (18, 15, 12)
NAME_LENGTHS = (1, 3, 6, 10, 16)
# What a search asks of a picture that is at hand.
EXACTLY = "ts_match_vq(search, q) AND created_at <@ days"


def found_by(asked):
    """Say what is found by the index over all words, which may be asked for more; no other one answers to this."""
    return f"search @@ {asked} AND {EXACTLY} AND team_id + 0 = team AND binned_at IS NULL"
