"""Telling open pages that something of a team has changed."""

import json
import logging
from typing import Final

from django.db import DatabaseError, InterfaceError, connection, transaction

logger = logging.getLogger(__name__)

CHANNEL: Final = "atelier_live"


def notify(*, team_id: int, event: str, id: int = 0) -> None:  # the word of the event itself
    """Say after commit that `event` happened in a team; `id` names what to fetch again.

    Never inside the transaction: PostgreSQL would commit every notifying transaction one after another. What one
    transaction has to say is said once and in one statement. A lost notification is harmless, because pages also ask
    slowly by themselves.
    """
    news = json.dumps({"team": team_id, "event": event, "id": id}, separators=(",", ":"))
    for hook in connection.run_on_commit:
        waiting: object = hook[1]
        if isinstance(waiting, _News):
            # If a savepoint made around this one is rolled back, a page asks once in vain.
            waiting.add(news)
            return
    transaction.on_commit(_News(news), robust=True)


class _News:
    """What a transaction has to say once it is committed."""

    def __init__(self, first: str) -> None:
        self._news = {first: None}  # a dictionary for its order

    def add(self, news: str) -> None:
        self._news[news] = None

    def __call__(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "select pg_notify(%s, news) from unnest(%s::text[]) as news", [CHANNEL, list(self._news)]
                )
        except (DatabaseError, InterfaceError):
            logger.warning("Open pages were not told: %s", ", ".join(self._news), exc_info=True)
