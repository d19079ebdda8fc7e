"""The moving part of the ledger's bench; prints moves per second as JSON.

Both sides run the ledger's own statements in eight threads on one account, turn about. Live news are on: without them
no page would show the balance.
"""

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import django
import psycopg

django.setup()

from django.db import connection  # noqa: E402  # needs the settings first

from studio.ledger import services  # noqa: E402
from studio.teams.models import Team  # noqa: E402

THREADS = 8
ROUNDS = 3
SECONDS = 2.0

Move = Callable[[uuid.UUID], None]


def main() -> None:
    """Measure in turns."""
    team_id = Team.objects.get().pk
    connection.close()
    rates: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for prefix, opener in (("bare ", bare_moves), ("", service_moves)):
            made, rate = reserved(opener, team_id)
            rates[f"{prefix}reserve"].append(rate)
            rates[f"{prefix}settle"].append(settled(opener, team_id, made))
    print(json.dumps({name: median(found) for name, found in rates.items()}))


Opener = Callable[[int], tuple[Move, Move, Callable[[], None]]]


def service_moves(team_id: int) -> tuple[Move, Move, Callable[[], None]]:
    """Return reserve, settle and the end of it, as the product does them."""

    def reserve(hold_id: uuid.UUID) -> None:
        services.reserve(team_id=team_id, hold_id=hold_id, amount=1, actor_id=None, note="bench")

    def settle(hold_id: uuid.UUID) -> None:
        assert services.settle(hold_id=hold_id, amount=1, actor_id=None, note="bench")

    return reserve, settle, connection.close


def bare_moves(team_id: int) -> tuple[Move, Move, Callable[[], None]]:
    """Return the same three by psycopg alone, on a connection of its own."""
    given = connection.settings_dict
    database = psycopg.connect(
        host=given["OPTIONS"].get("host") or given["HOST"], dbname=given["NAME"], user=given["USER"], autocommit=True
    )

    def reserve(hold_id: uuid.UUID) -> None:
        values = {"team_id": team_id, "hold_id": hold_id, "amount": 1, "actor_id": None, "note": "bench"}
        assert database.execute(services._RESERVE, values).fetchone() is not None

    def settle(hold_id: uuid.UUID) -> None:
        values = {"hold_id": hold_id, "amount": 1, "actor_id": None, "note": "bench"}
        assert database.execute(services._SETTLE, values).fetchone() is not None

    return reserve, settle, database.close


def reserved(opener: Opener, team_id: int) -> tuple[list[uuid.UUID], float]:
    """Reserve for a while; return the holds and how many were made a second."""

    def work(_: int) -> list[uuid.UUID]:
        reserve, _settle, end = opener(team_id)
        until = time.monotonic() + SECONDS
        made = []
        while time.monotonic() < until:
            made.append(uuid.uuid4())
            reserve(made[-1])
        end()
        return made

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        made = [hold for part in threads.map(work, range(THREADS)) for hold in part]
    return made, len(made) / (time.monotonic() - began)


def settled(opener: Opener, team_id: int, holds: Sequence[uuid.UUID]) -> float:
    """Settle them all; return how many a second."""

    def work(number: int) -> None:
        _reserve, settle, end = opener(team_id)
        for hold in holds[number::THREADS]:
            settle(hold)
        end()

    began = time.monotonic()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))
    return len(holds) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
