"""Credits: one account a team, holds and append-only entries."""
