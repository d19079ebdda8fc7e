"""Invariants of credits: accounts, holds and entries."""

from typing import Final

from studio.integrity.invariants import Invariant

MONEY: Final = (
    Invariant(
        "ledger.balance_is_sum_of_entries",
        """
        SELECT 'account ' || a.team_id FROM ledger_creditaccount a
        LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_entry GROUP BY account_id) e
            ON e.account_id = a.team_id
        WHERE a.balance <> coalesce(e.total, 0)
        """,
    ),
    Invariant(
        "ledger.held_is_sum_of_open_holds",
        """
        SELECT 'account ' || a.team_id FROM ledger_creditaccount a
        LEFT JOIN (
            SELECT account_id, sum(amount) AS total FROM ledger_hold WHERE state = 'open' GROUP BY account_id
        ) h ON h.account_id = a.team_id
        WHERE a.held <> coalesce(h.total, 0)
        """,
    ),
    Invariant(
        "ledger.available_is_not_negative",
        "SELECT 'account ' || team_id FROM ledger_creditaccount WHERE balance < held OR held < 0",
    ),
    Invariant(
        "ledger.entries_form_a_chain",
        """
        SELECT 'entry ' || id FROM (
            SELECT id, amount, balance_after,
                   lag(balance_after, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY id) AS balance_before
            FROM ledger_entry
        ) chain
        WHERE balance_after <> balance_before + amount
        """,
    ),
    Invariant(
        "ledger.amount_follows_kind",
        """
        SELECT 'entry ' || id FROM ledger_entry
        WHERE NOT CASE
            WHEN kind IN ('top_up', 'grant', 'refund') THEN amount > 0
            WHEN kind IN ('charge', 'fee', 'expiry') THEN amount < 0
            ELSE kind = 'adjustment' AND amount <> 0
        END
        """,
    ),
    Invariant(
        "ledger.entry_names_its_cause",
        """
        SELECT 'entry ' || id FROM ledger_entry
        WHERE (kind IN ('charge', 'refund')) <> (hold_id IS NOT NULL) OR (kind = 'top_up' AND actor_id IS NULL)
        """,
    ),
    Invariant(
        "ledger.key_is_used_once",
        """
        SELECT 'account ' || account_id || ' key ' || key FROM ledger_entry
        GROUP BY account_id, key HAVING count(*) > 1
        """,
    ),
    Invariant(
        "ledger.hold_state_fits_its_amounts",
        """
        SELECT 'hold ' || id FROM ledger_hold
        WHERE NOT (amount > 0 AND CASE state
            WHEN 'open' THEN settled_amount = 0 AND ended_at IS NULL
            WHEN 'settled' THEN settled_amount BETWEEN 1 AND amount AND ended_at IS NOT NULL
            WHEN 'released' THEN settled_amount = 0 AND ended_at IS NOT NULL
            ELSE false
        END)
        """,
    ),
    Invariant(
        "ledger.settled_hold_has_its_one_charge",
        """
        SELECT 'hold ' || h.id FROM ledger_hold h
        LEFT JOIN (
            SELECT hold_id, count(*) AS n, -sum(amount) AS total FROM ledger_entry
            WHERE kind = 'charge' GROUP BY hold_id
        ) c ON c.hold_id = h.id
        WHERE coalesce(c.n, 0) <> (h.state = 'settled')::int OR coalesce(c.total, 0) <> h.settled_amount
        """,
    ),
    Invariant(
        "ledger.refunds_stay_within_the_charge",
        """
        SELECT 'hold ' || h.id FROM ledger_hold h
        JOIN (SELECT hold_id, sum(amount) AS total FROM ledger_entry WHERE kind = 'refund' GROUP BY hold_id) r
            ON r.hold_id = h.id
        WHERE r.total > h.settled_amount
        """,
    ),
    Invariant(
        "ledger.hold_has_its_generation",
        """
        SELECT 'hold ' || h.id FROM ledger_hold h
        WHERE h.created_at < now() - %(grace)s
          AND NOT EXISTS (SELECT FROM generations_generation g WHERE g.hold_id = h.id)
        """,
    ),
    Invariant(
        "audit.money_is_recorded",
        """
        SELECT 'entry ' || e.id FROM ledger_entry e
        LEFT JOIN audit_auditevent a ON a.subject = 'entry ' || e.id AND a.team_id = e.account_id
            AND a.action = CASE e.kind
                WHEN 'top_up' THEN 'credits.topped_up' WHEN 'grant' THEN 'credits.granted' ELSE 'credits.refunded' END
        WHERE e.kind IN ('top_up', 'grant', 'refund') AND a.id IS NULL
        """,
    ),
)
