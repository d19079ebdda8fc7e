"""Options of the queue that lives in the same PostgreSQL (kombu's pgmq transport)."""

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

_DJANGO_ONLY = {"assume_role", "isolation_level", "pool", "prepare_threshold", "server_side_binding"}


def pgmq_options(*, database: Mapping[str, Any], visibility_timeout: int) -> dict[str, object]:
    """Return transport options for the queue in `database`, a Django connection dictionary.

    What stood in the query of DATABASE_URL, such as a socket's folder or `sslmode`, counts here too.
    """
    parts = {
        "host": database.get("HOST"),
        "port": database.get("PORT"),
        "dbname": database["NAME"],
        "user": database.get("USER"),
        "password": database.get("PASSWORD"),
    }
    given = {name: value for name, value in parts.items() if value}
    given |= {name: value for name, value in database["OPTIONS"].items() if name not in _DJANGO_ONLY}
    return {
        "conn_string": make_conninfo(**given),
        "init_extension": False,  # a migration installs the SQL, without a server extension
        "use_notify": True,
        "notify_throttle_interval_ms": 0,
        "wait_time_seconds": 0,
        "polling_interval": 1,
        "visibility_timeout": visibility_timeout,
    }
