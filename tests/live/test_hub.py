"""The queue of one stream, and the hub's behaviour when the database fails it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from studio.live.client import READY, RESYNC, Client, News
from studio.live.grants import LiveGrant
from studio.live.hub import Hub

GRANT = LiveGrant(team_id=1, user_id=1, session_key="s", password_mark="p")


def run(play: Callable[[], Awaitable[None]]) -> None:
    """Play a scene on an event loop of its own."""

    async def scene() -> None:
        async with asyncio.timeout(20):
            await play()

    asyncio.run(scene())


def test_news_come_in_order_and_each_once() -> None:
    async def play() -> None:
        client = Client(GRANT, greeting=READY)
        for about in (3, 1, 3, 2, 1):
            client.put(News("generation", about))
        assert await client.next() == [News("generation", 3), News("generation", 1), News("generation", 2)]
        client.put(News("generation", 3))
        assert await client.next() == [News("generation", 3)]

    run(play)


def test_slow_reader_gets_one_resync_instead_of_too_much() -> None:
    async def play() -> None:
        client = Client(GRANT, greeting=READY, room=3)
        for about in range(10):
            client.put(News("generation", about))
        assert await client.next() == [RESYNC]
        client.put(News("generation", 11))
        assert await client.next() == [News("generation", 11)]

    run(play)


def test_end_is_the_last_word() -> None:
    async def play() -> None:
        client = Client(GRANT, greeting=READY)
        client.put(News("credits"))
        client.end("stopping")
        client.end("ended")
        client.put(News("credits"))
        assert await client.next() == [News("closing", "stopping")]
        assert client.over

    run(play)


def test_grant_keeps_its_secrets_out_of_logs() -> None:
    assert repr(GRANT) == "LiveGrant(team_id=1, user_id=1)"


def _all(grants: Collection[LiveGrant]) -> set[LiveGrant]:
    return set(grants)


async def _never() -> psycopg.AsyncConnection[Any]:
    raise psycopg.OperationalError("the database is away")


def test_hub_tries_again_and_streams_wait_meanwhile() -> None:
    tries: asyncio.Queue[str] = asyncio.Queue()

    async def failing() -> psycopg.AsyncConnection[Any]:
        tries.put_nowait("try")
        return await _never()

    async def play() -> None:
        hub = Hub(still_granted=_all, connect=failing)
        client = hub.subscribe(GRANT)
        assert [await tries.get() for _ in range(3)] == ["try"] * 3
        assert not client.over
        await hub.close()
        assert await client.next() == [News("closing", "stopping")]

    run(play)


def test_check_that_fails_ends_nobody() -> None:
    checks = threading.Semaphore(0)

    def failing(_grants: Collection[LiveGrant]) -> set[LiveGrant]:
        checks.release()
        raise OperationalError("the database is away")

    async def play() -> None:
        hub = Hub(still_granted=failing, connect=_never, check_seconds=0.21)
        client = hub.subscribe(GRANT)
        assert [await asyncio.to_thread(checks.acquire) for _ in range(2)] == [True, True]
        assert not client.over
        await hub.close()

    run(play)


def test_check_asks_once_for_all_and_ends_only_the_refused() -> None:
    asked: list[set[LiveGrant]] = []
    other = LiveGrant(team_id=1, user_id=2, session_key="t", password_mark="q")

    def only_other(grants: Collection[LiveGrant]) -> set[LiveGrant]:
        asked.append(set(grants))
        return {other}

    async def play() -> None:
        hub = Hub(still_granted=only_other, connect=_never, check_seconds=0.21)
        mine, again, theirs = hub.subscribe(GRANT), hub.subscribe(GRANT), hub.subscribe(other)
        assert await mine.next() == await again.next() == [News("closing", "ended")]
        assert asked == [{GRANT, other}]
        assert not theirs.over
        await hub.close()

    run(play)


def test_hub_begins_anew_on_another_event_loop() -> None:
    hub = Hub(still_granted=_all, connect=_never)

    async def play() -> None:
        client = hub.subscribe(GRANT)
        hub.stop()
        assert await client.next() == [News("closing", "stopping")]
        assert hub.stopping
        await hub.close()

    run(play)
    run(play)


def test_stop_before_any_stream_is_harmless() -> None:
    hub = Hub(still_granted=_all)
    hub.stop()
    assert hub.stopping
    run(hub.close)


@pytest.mark.parametrize("returning", [False, True])
def test_unsubscribe_twice_is_once(returning: bool) -> None:
    async def play() -> None:
        hub = Hub(still_granted=_all, connect=_never)
        client = hub.subscribe(GRANT, returning=returning)
        hub.unsubscribe(client)
        hub.unsubscribe(client)
        assert len(hub) == 0
        await hub.close()

    run(play)
