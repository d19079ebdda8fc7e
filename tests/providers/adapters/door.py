"""Calls through the real client over real loopback HTTP, for tests that are not async themselves."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.providers.adapters.base import Adapter, Answer, Endpoint, HttpRequest, ImageRequest, ImageResult
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.transport import OnSent, ProviderClient
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY

PLAIN = ImageRequest(model="gpt-image-1.5", prompt="Three paper boats")


def send(
    request: HttpRequest,
    spool: Path,
    *,
    private_hosts: frozenset[str] = frozenset(),
    deadline: float = 20,
    on_sent: OnSent | None = None,
    client: Mapping[str, Any] | None = None,
) -> Answer:
    """Send one request with a client of its own."""

    async def exchange() -> Answer:
        door = ProviderClient(**(client or {}))
        try:
            return await door.send(
                request, deadline=deadline, spool=spool, private_hosts=private_hosts, on_sent=on_sent
            )
        finally:
            await door.aclose()

    return asyncio.run(exchange())


def fetch(
    url: str,
    spool: Path,
    *,
    private_hosts: frozenset[str] = frozenset(),
    deadline: float = 20,
    client: Mapping[str, Any] | None = None,
) -> Answer:
    """Fetch one result with a client of its own."""

    async def exchange() -> Answer:
        door = ProviderClient(**(client or {}))
        try:
            return await door.fetch(url, deadline=deadline, spool=spool, private_hosts=private_hosts)
        finally:
            await door.aclose()

    return asyncio.run(exchange())


def post(url: str) -> HttpRequest:
    """Return a small request to anywhere."""
    return HttpRequest("POST", url, {"authorization": f"Bearer {KEY}"}, b"{}", "application/json", KEY)


def endpoint(emulator: EmulatorControl) -> Endpoint:
    """Return the way to the emulator."""
    return Endpoint("openai", emulator.base_url, KEY)


def generate(emulator: EmulatorControl, spool: Path, prompt: str, *, deadline: float = 20, n: int = 2) -> ImageResult:
    """Make a generation from request to result."""
    adapter: Adapter = ADAPTERS["openai"]
    request = replace(PLAIN, prompt=prompt, n=n)
    sent = adapter.build_request(endpoint(emulator), request)
    answer = send(sent, spool, private_hosts=frozenset({emulator.place}), deadline=deadline)
    result = adapter.read_answer(request, answer)
    assert isinstance(result, ImageResult)
    return result
