"""Invariants of generations, and of what they delivered."""

from typing import Final

from studio.integrity.invariants import Invariant

GENERATIONS: Final = (
    Invariant(
        "generations.paid_one_has_its_hold",
        """
        SELECT 'generation ' || g.id FROM generations_generation g LEFT JOIN ledger_hold h ON h.id = g.hold_id
        WHERE coalesce(h.amount, 0) <> g.unit_price::bigint * g.n
        """,
    ),
    Invariant(
        "generations.quote_is_kept",
        """
        SELECT 'generation ' || id FROM generations_generation
        WHERE (quote ->> 'unit')::numeric <> unit_price OR (quote ->> 'total')::numeric <> unit_price::bigint * n
        """,
    ),
    Invariant(
        "generations.ended_one_has_a_closed_hold",
        """
        SELECT 'generation ' || g.id FROM generations_generation g JOIN ledger_hold h ON h.id = g.hold_id
        WHERE (g.state IN ('queued', 'running')) <> (h.state = 'open')
        """,
    ),
    Invariant(
        "generations.no_hold_outlives_its_deadline",
        """
        SELECT 'hold ' || h.id FROM generations_generation g JOIN ledger_hold h ON h.id = g.hold_id
        WHERE h.state = 'open' AND g.deadline_at < now() - %(grace)s - greatest(%(call)s, %(job)s)
        """,
    ),
    Invariant(
        "generations.none_waits_past_its_deadline",
        """
        SELECT 'generation ' || id FROM generations_generation
        WHERE state = 'queued' AND deadline_at < now() - %(grace)s
        """,
    ),
    Invariant(
        "generations.running_one_is_leased",
        """
        SELECT 'generation ' || g.id FROM generations_generation g
        WHERE (g.state = 'running' AND g.lease_expires_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM generations_attempt a
                WHERE a.generation_id = g.id AND a.state IN ('accepted', 'ready')
            ))
           OR (g.state <> 'running' AND g.lease_expires_at IS NOT NULL)
           OR (g.state = 'running' AND g.lease_expires_at < now() - %(grace)s)
        """,
    ),
    Invariant(
        "generations.queued_one_has_no_job",
        """
        SELECT 'attempt ' || a.id FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id
        WHERE g.state = 'queued' AND a.state IN ('sent', 'answered', 'accepted', 'ready')
        """,
    ),
    Invariant(
        "generations.job_belongs_to_one_attempt",
        """
        SELECT 'job ' || remote_id FROM generations_attempt WHERE remote_id <> ''
        GROUP BY connection_id, remote_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        "generations.no_job_outlives_its_deadline",
        """
        SELECT 'attempt ' || id FROM generations_attempt
        WHERE state = 'accepted' AND sent_at < now() - %(job)s - %(grace)s
        """,
    ),
    Invariant(
        "generations.preview_is_of_a_running_output",
        """
        SELECT 'output ' || o.id FROM generations_preview p JOIN generations_output o ON o.id = p.output_id
        WHERE o.state <> 'running'
        """,
    ),
    Invariant(
        "generations.ended_one_is_dated",
        """
        SELECT 'generation ' || id FROM generations_generation
        WHERE (state IN ('queued', 'running')) <> (ended_at IS NULL)
        """,
    ),
    Invariant(
        "generations.key_is_used_once",
        """
        SELECT 'team ' || team_id || ' key ' || key FROM generations_generation
        GROUP BY team_id, author_id, key HAVING count(*) > 1
        """,
    ),
    Invariant(
        "generations.outputs_fill_every_slot",
        """
        SELECT 'generation ' || g.id FROM generations_generation g
        LEFT JOIN (
            SELECT generation_id, count(*) AS n, count(DISTINCT slot) AS slots, min(slot) AS first, max(slot) AS last
            FROM generations_output GROUP BY generation_id
        ) o ON o.generation_id = g.id
        WHERE o.n IS DISTINCT FROM g.n OR o.slots <> g.n OR o.first <> 0 OR o.last <> g.n - 1
        """,
    ),
    Invariant(
        "generations.state_follows_outputs",
        """
        SELECT 'generation ' || g.id FROM generations_generation g
        JOIN (
            SELECT generation_id, count(*) AS n,
                   count(*) FILTER (WHERE state = 'delivered') AS delivered,
                   count(*) FILTER (WHERE state = 'failed') AS failed,
                   count(*) FILTER (WHERE state = 'interrupted') AS interrupted,
                   count(*) FILTER (WHERE state IN ('waiting', 'running')) AS unended
            FROM generations_output GROUP BY generation_id
        ) o ON o.generation_id = g.id
        WHERE g.state NOT IN ('queued', 'running') AND g.state <> CASE
            WHEN unended > 0 THEN 'running'
            WHEN delivered = o.n THEN 'succeeded'
            WHEN delivered > 0 THEN 'partial'
            WHEN interrupted > 0 THEN 'interrupted'
            WHEN failed > 0 THEN 'failed'
            ELSE 'cancelled'
        END
        """,
    ),
    Invariant(
        "generations.output_costs_at_most_its_quote",
        """
        SELECT 'output ' || o.id FROM generations_output o JOIN generations_generation g ON g.id = o.generation_id
        WHERE o.credits > g.unit_price OR (o.state <> 'delivered' AND o.credits <> 0)
        """,
    ),
    Invariant(
        "generations.attempts_are_numbered_once",
        """
        SELECT 'generation ' || generation_id || ' attempt ' || number FROM generations_attempt
        GROUP BY generation_id, number HAVING count(*) > 1
        """,
    ),
    Invariant(
        "generations.attempt_is_within_the_fence",
        """
        SELECT 'attempt ' || a.id FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id
        WHERE a.fence > g.fence
        """,
    ),
    Invariant(
        "generations.sent_attempt_is_dated",
        """
        SELECT 'attempt ' || id FROM generations_attempt
        WHERE state NOT IN ('planned', 'cancelled') AND sent_at IS NULL
        """,
    ),
    Invariant(
        "generations.no_call_outlives_its_deadline",
        """
        SELECT 'attempt ' || a.id FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id
        WHERE a.state = 'sent' AND a.sent_at < now() - %(call)s - %(grace)s
          AND coalesce(g.lease_expires_at < now(), true)
        """,
    ),
    Invariant(
        "generations.ended_one_has_no_open_attempt",
        """
        SELECT 'attempt ' || a.id FROM generations_attempt a JOIN generations_generation g ON g.id = a.generation_id
        WHERE g.state NOT IN ('queued', 'running') AND a.state IN ('planned', 'sent', 'answered', 'accepted', 'ready')
        """,
    ),
    Invariant(
        "generations.unknown_attempt_is_marked_as_cost",
        "SELECT 'attempt ' || id FROM generations_attempt WHERE state = 'unknown' AND NOT possible_cost",
    ),
    Invariant(
        "generations.output_belongs_to_its_attempt",
        """
        SELECT 'output ' || o.id FROM generations_output o JOIN generations_attempt a ON a.id = o.attempt_id
        WHERE a.generation_id <> o.generation_id
        """,
    ),
)

DELIVERY: Final = (
    Invariant(
        "library.delivered_output_has_its_one_asset",
        """
        SELECT 'output ' || o.id FROM generations_output o LEFT JOIN library_asset a ON a.id = o.asset_id
        WHERE (o.state = 'delivered') <> (a.id IS NOT NULL)
           OR (a.generation_id, a.slot, a.credits) IS DISTINCT FROM (o.generation_id, o.slot, o.credits)
              AND a.id IS NOT NULL
        """,
    ),
    Invariant(
        "library.generated_asset_has_its_one_output",
        """
        SELECT 'asset ' || a.id FROM library_asset a
        LEFT JOIN (SELECT asset_id, count(*) AS n FROM generations_output GROUP BY asset_id) o ON o.asset_id = a.id
        WHERE coalesce(o.n, 0) <> (a.generation_id IS NOT NULL)::int
        """,
    ),
    Invariant(
        "library.asset_is_of_a_known_kind",
        """
        SELECT 'asset ' || id FROM library_asset
        WHERE content_type NOT IN ('image/png', 'image/jpeg', 'image/webp')
           OR least(size, width, height) < 1 OR sha256 !~ '^[0-9a-f]{64}$'
        """,
    ),
    Invariant(
        "usage.delivered_output_has_its_one_record",
        """
        SELECT 'output ' || o.id FROM generations_output o
        LEFT JOIN (SELECT output_id, count(*) AS n FROM usage_usagerecord GROUP BY output_id) u ON u.output_id = o.id
        WHERE coalesce(u.n, 0) <> (o.state = 'delivered')::int
        """,
    ),
    Invariant(
        "usage.record_agrees_with_its_output",
        """
        SELECT 'usage record ' || u.id FROM usage_usagerecord u
        LEFT JOIN generations_output o ON o.id = u.output_id
        LEFT JOIN generations_generation g ON g.id = o.generation_id
        WHERE (u.generation_id, u.asset_id, u.credits, u.member_id)
            IS DISTINCT FROM (o.generation_id, o.asset_id, o.credits::bigint, g.author_id)
        """,
    ),
    Invariant(
        "usage.sum_is_what_was_settled",
        """
        SELECT 'generation ' || g.id FROM generations_generation g
        JOIN ledger_hold h ON h.id = g.hold_id
        LEFT JOIN (
            SELECT generation_id, sum(credits) AS total FROM usage_usagerecord GROUP BY generation_id
        ) u ON u.generation_id = g.id
        WHERE h.state <> 'open' AND h.settled_amount <> coalesce(u.total, 0)
        """,
    ),
)
