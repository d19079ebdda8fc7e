"""Invariants of teams: whose everything is, who answers for it, and that nothing secret lies open."""

from typing import Final

from studio.integrity.invariants import Invariant

# Keys of the providers we speak to, bearer headers, and private keys: none of them belongs into any column.
_MARKER: Final = r"(sk-|sk_|afk_|Bearer )[A-Za-z0-9_-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY"

OWNERSHIP: Final = (
    Invariant(
        "teams.has_an_active_owner",
        """
        SELECT 'team ' || t.id FROM teams_team t
        WHERE NOT EXISTS (
            SELECT FROM teams_membership m JOIN accounts_user u ON u.id = m.user_id
            WHERE m.team_id = t.id AND m.role = 40 AND u.is_active
        )
        """,
    ),
    Invariant(
        "isolation.hold_is_of_the_generations_team",
        """
        SELECT 'generation ' || g.id FROM generations_generation g JOIN ledger_hold h ON h.id = g.hold_id
        WHERE h.account_id <> g.team_id
        """,
    ),
    Invariant(
        "isolation.entry_is_of_the_holds_team",
        """
        SELECT 'entry ' || e.id FROM ledger_entry e JOIN ledger_hold h ON h.id = e.hold_id
        WHERE h.account_id <> e.account_id
        """,
    ),
    Invariant(
        "isolation.connection_is_of_the_generations_team",
        """
        SELECT 'generation ' || g.id FROM generations_generation g JOIN providers_connection c ON c.id = g.connection_id
        WHERE c.team_id <> g.team_id
        UNION ALL
        SELECT 'attempt ' || a.id FROM generations_attempt a
        JOIN generations_generation g ON g.id = a.generation_id
        JOIN providers_connection c ON c.id = a.connection_id
        WHERE c.team_id <> g.team_id
        """,
    ),
    Invariant(
        "isolation.route_is_of_one_team",
        """
        SELECT 'route ' || r.id FROM catalogue_route r
        JOIN providers_connection c ON c.id = r.connection_id
        JOIN catalogue_imagemodel m ON m.id = r.model_id
        JOIN catalogue_imagemodel v ON v.id = r.via_id
        WHERE c.team_id <> r.team_id OR v.protocol <> c.protocol OR v.family <> m.family
        """,
    ),
    Invariant(
        "isolation.retry_is_of_the_same_team",
        """
        SELECT 'generation ' || g.id FROM generations_generation g JOIN generations_generation r ON r.id = g.retry_of_id
        WHERE r.team_id <> g.team_id
        """,
    ),
    Invariant(
        "isolation.asset_is_of_the_generations_team",
        """
        SELECT 'asset ' || a.id FROM library_asset a
        JOIN generations_output o ON o.asset_id = a.id
        JOIN generations_generation g ON g.id = o.generation_id
        WHERE a.team_id <> g.team_id
        """,
    ),
    Invariant(
        "isolation.usage_is_of_the_generations_team",
        """
        SELECT 'usage record ' || u.id FROM usage_usagerecord u JOIN generations_generation g ON g.id = u.generation_id
        WHERE u.team_id <> g.team_id
        """,
    ),
    Invariant(
        "secrets.connection_secret_is_encrypted",
        """
        SELECT 'connection ' || id FROM providers_connection
        CROSS JOIN LATERAL unnest(ARRAY[secret, earlier_secret, hook_secret]) AS kept (text)
        WHERE kept.text <> '' AND kept.text !~ '^gAAAA[A-Za-z0-9_-]{80,}={0,2}$'
        """,
    ),
    Invariant(
        "secrets.password_and_token_are_hashed",
        """
        SELECT 'user ' || id FROM accounts_user WHERE password !~ '^($|!|[a-z0-9_]+[$])'
        UNION ALL
        SELECT 'invitation ' || id FROM teams_invitation WHERE token_hash !~ '^[0-9a-f]{64}$'
        """,
    ),
    Invariant(
        "secrets.no_key_lies_open",
        f"""
        SELECT 'attempt ' || id FROM generations_attempt WHERE provider_message || reported::text ~ '{_MARKER}'
        UNION ALL
        SELECT 'output ' || id FROM generations_output WHERE message ~ '{_MARKER}'
        UNION ALL
        SELECT 'usage record ' || id FROM usage_usagerecord WHERE reported::text ~ '{_MARKER}'
        UNION ALL
        SELECT 'audit event ' || id FROM audit_auditevent WHERE subject || data::text ~ '{_MARKER}'
        UNION ALL
        SELECT 'entry ' || id FROM ledger_entry WHERE reference || note ~ '{_MARKER}'
        UNION ALL
        SELECT 'connection ' || id FROM providers_connection WHERE name || base_url || options::text ~ '{_MARKER}'
        """,  # noqa: S608  # our own constant only
    ),
)
