"""Telling open pages that something of a team has changed."""

import json
import logging
from typing import Final

from django.db import DatabaseError, InterfaceError, connection, transaction

logger = logging.getLogger(__name__)

CHANNEL: Final = "atelier_live"


def notify(*, team_id: int, event: str, id: int = 0) -> None:  # the word of the event itself
    """Say after commit that `event` happened in a team; `id` names what to fetch again.

    Never inside the transaction: PostgreSQL would commit every notifying transaction one after another. A lost
    notification is harmless, because pages also ask slowly by themselves.
    """
    news = json.dumps({"team": team_id, "event": event, "id": id}, separators=(",", ":"))
    transaction.on_commit(lambda: _tell(news), robust=True)


def _tell(news: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, %s)", [CHANNEL, news])
    except (DatabaseError, InterfaceError):
        logger.warning("Open pages were not told: %s", news, exc_info=True)
