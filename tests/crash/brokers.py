"""The two brokers as somebody with a grudge sees them: emptied, stuffed, stopped."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any, Protocol

import redis
from psycopg import Connection

from tests.crash.processes import Process, wait_until

QUEUE = "generations"


class Broker(Protocol):
    """What a test may do to the bells behind the product's back."""

    def empty(self) -> None:
        """Lose everything."""

    def multiply(self, times: int) -> None:
        """Deliver every waiting bell so many times."""

    def put(self, message: dict[str, Any]) -> None:
        """Put a message of our own."""

    def peek(self) -> dict[str, Any]:
        """Return a waiting message without taking it."""

    def length(self) -> int:
        """Count the waiting bells."""


class Pgmq:
    """The queue inside an installation's database."""

    def __init__(self, database: Connection) -> None:
        self._database = database

    def empty(self) -> None:
        """Purge the queue."""
        self._database.execute("SELECT pgmq.purge_queue(%s)", [QUEUE])

    def multiply(self, times: int) -> None:
        """Copy what waits."""
        self._database.execute(
            f"SELECT pgmq.send(%s, message) FROM (SELECT message FROM pgmq.q_{QUEUE}) AS waiting,"
            " generate_series(2, %s)",
            [QUEUE, times],
        )

    def put(self, message: dict[str, Any]) -> None:
        """Send JSON."""
        self._database.execute("SELECT pgmq.send(%s, %s::jsonb)", [QUEUE, json.dumps(message)])

    def peek(self) -> dict[str, Any]:
        """Read the oldest."""
        row = self._database.execute(f"SELECT message FROM pgmq.q_{QUEUE} ORDER BY msg_id LIMIT 1").fetchone()
        assert row is not None
        return dict(row[0])

    def length(self) -> int:
        """Count what may be read now."""
        row = self._database.execute(f"SELECT count(*) FROM pgmq.q_{QUEUE} WHERE vt <= now()").fetchone()
        return int(row[0]) if row else 0


class Redis:
    """A Redis server of our own on a port of the system's choice; it can be stopped and comes back empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._client = redis.Redis(port=self._port)
        self._server: Process | None = None
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, "`make test` installs redis-server"
        options = {
            "port": str(self._port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        command = [program, *(part for name, value in options.items() for part in (f"--{name}", value))]
        server = self._server = Process(command, {}, self._folder / "redis.log")
        wait_until(self._answers, lambda: f"Redis\n{server.output}")

    def stop(self) -> None:
        """Kill it; the bells are lost."""
        if self._server is not None:
            self._server.kill()
        self._client.close()

    def empty(self) -> None:
        """Forget everything, the broker's own tables, too."""
        self._client.flushall()

    def multiply(self, times: int) -> None:
        """Copy what waits."""
        waiting = self._client.lrange(QUEUE, 0, -1)
        assert isinstance(waiting, list)
        for _ in range(times - 1):
            self._client.lpush(QUEUE, *waiting)

    def put(self, message: dict[str, Any]) -> None:
        """Push JSON."""
        self._client.lpush(QUEUE, json.dumps(message))

    def peek(self) -> dict[str, Any]:
        """Read the oldest."""
        text = self._client.lindex(QUEUE, -1)
        assert isinstance(text, bytes)
        return dict(json.loads(text))

    def length(self) -> int:
        """Count what waits."""
        waiting = self._client.llen(QUEUE)
        assert isinstance(waiting, int)
        return waiting

    def _answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except redis.ConnectionError:
            return False
