"""The audit trail: who did what to money, rights and keys. Append-only."""
