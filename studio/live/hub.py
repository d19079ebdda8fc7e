"""The one place of a process that listens to the database and spreads the news to its streams."""

import asyncio
import contextvars
import json
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

import psycopg
from django.db import Error, connections

from studio.live.client import READY, RESYNC, Client, News
from studio.live.grants import LiveGrant, StillGranted
from studio.live.notify import CHANNEL
from studio.live.threads import in_thread

logger = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[psycopg.AsyncConnection[Any]]]

_LONGEST_PAUSE: Final = 5.0
# A burst of removals asks once, not once each.
_LEAST_GAP: Final = 0.2


async def connect() -> psycopg.AsyncConnection[Any]:
    """Open a connection of our own beside Django's, to the same database."""
    parameters = connections["default"].get_connection_params()
    for name in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name, None)
    described = {"application_name": "atelier live", "connect_timeout": 5, "keepalives_idle": 10, **parameters}
    return await psycopg.AsyncConnection.connect(**described, autocommit=True)


class Hub:
    """Streams by team, one LISTEN for all of them, and one check of all their rights every few seconds.

    It starts with the first stream. `stop` may be called from anywhere, even a signal handler; everything else
    belongs to the event loop.
    """

    def __init__(
        self,
        *,
        still_granted: StillGranted,
        connect: Connect = connect,
        check_seconds: float = 3,
        streams_per_user: int = 32,
    ) -> None:
        self._still_granted = still_granted
        self._connect = connect
        self._check_seconds = check_seconds
        self._streams_per_user = streams_per_user
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reset()

    def _reset(self) -> None:
        self.stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        # A dictionary for its order: the oldest stream of a person gives way to a new one.
        self._clients: dict[Client, None] = {}
        self._by_team: dict[int, set[Client]] = {}
        self._listening = False
        self._doubt = asyncio.Event()

    def __len__(self) -> int:
        """Return how many streams are open."""
        return len(self._clients)

    def start(self) -> None:
        """Take streams again, after a stop or on another event loop."""
        self._loop = asyncio.get_running_loop()
        self._reset()

    def stop(self) -> None:
        """End every stream and take no new one. Safe in signal handlers and other threads, and more than once."""
        self.stopping = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end_all)

    async def close(self) -> None:
        """Stop listening and close the connection."""
        self.stopping = True
        self._end_all()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def subscribe(self, grant: LiveGrant, *, returning: bool = False) -> Client:
        """Begin a stream; `returning` says that it continues an earlier one, so there may be a gap."""
        if self._loop is not asyncio.get_running_loop():
            self.start()
        if not self._tasks:
            self._tasks = [self._run(self._listen()), self._run(self._check())]
        self._make_room(grant.user_id)
        client = Client(grant, greeting=RESYNC if returning else READY)
        self._clients[client] = None
        self._by_team.setdefault(grant.team_id, set()).add(client)
        if self._listening:
            client.greet()
        return client

    def unsubscribe(self, client: Client) -> None:
        """Forget a stream that has ended; twice is once."""
        self._clients.pop(client, None)
        team = self._by_team.get(client.grant.team_id, set())
        team.discard(client)
        if not team:
            self._by_team.pop(client.grant.team_id, None)

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context: these tasks outlive the request that happened to be the first.
        return asyncio.get_running_loop().create_task(work, context=contextvars.Context())

    def _end_all(self) -> None:
        for client in self._clients:
            client.end("stopping")

    def _make_room(self, user_id: int) -> None:
        open_ones = [c for c in self._clients if c.grant.user_id == user_id and not c.over]
        for client in open_ones[: max(0, len(open_ones) + 1 - self._streams_per_user)]:
            client.end("replaced")

    async def _listen(self) -> None:
        """Listen, and again after every loss of the connection, ever more patiently and never in step with others."""
        pause = 0.1
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError) as error:
                logger.warning("Live news are interrupted: %s", error)
            if self._listening:
                self._listening = False
                pause = 0.1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  # spreads load, guards nothing
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _listen_once(self) -> None:
        async with await self._connect() as connection:
            await connection.execute(f"listen {CHANNEL}")
            self._listening = True
            for client in self._clients:
                client.greet()
            async with aclosing(connection.notifies()) as notifications:
                async for notification in notifications:
                    self._spread(notification.payload)

    def _spread(self, payload: str) -> None:
        try:
            told = json.loads(payload)
            team_id, news = int(told["team"]), News(str(told["event"]), int(told["id"]))
        except (ValueError, TypeError, KeyError):
            logger.warning("Unreadable news: %.200s", payload)
            return
        for client in self._by_team.get(team_id, ()):
            client.put(news)
        if news.event == "members":
            self._doubt.set()

    async def _check(self) -> None:
        """End the streams of whoever has lost the right, every few seconds and whenever a team's members change."""
        while True:
            await asyncio.sleep(_LEAST_GAP)
            try:
                async with asyncio.timeout(self._check_seconds - _LEAST_GAP):
                    await self._doubt.wait()
            except TimeoutError:
                pass
            self._doubt.clear()
            await self._check_once()

    async def _check_once(self) -> None:
        asked = {client.grant for client in self._clients}
        if not asked:
            return
        try:
            kept = await in_thread(lambda: self._still_granted(asked))
        except Error:
            # No news flow either while the database is away.
            logger.warning("The rights of %d streams could not be checked", len(asked), exc_info=True)
            return
        for client in self._clients:
            if client.grant in asked and client.grant not in kept:
                client.end("ended")
