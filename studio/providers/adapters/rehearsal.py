"""Practice pictures drawn on this machine: no key, no cost, no network.

The pictures are drawn behind a transport that answers in OpenAI's shape, so everything after the adapter (spooling,
reading, checking, storing, charging) takes the same way as with a paid provider.
"""

import asyncio
import json
import os
import re
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pybase64

from studio.providers.adapters.base import Endpoint, HttpRequest, ImageRequest
from studio.providers.adapters.errors import Unsupported
from studio.providers.adapters.openai import OpenAIAdapter, generation_body
from studio.providers.adapters.practice import Practice, draw

SCHEME = "rehearsal"
ADDRESS = f"{SCHEME}://studio/v1/images/generations"
MOST_DELAY = 600.0
_MOST_PIXELS = 8_294_400

# What a connection's option `failure` may name: status, type, code, message. Status 0 breaks the line instead.
REFUSALS: Mapping[str, tuple[int, str, str | None, str]] = {
    "bad_request": (400, "invalid_request_error", "invalid_value", "These settings are not accepted."),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "The key is not accepted."),
    "payment_required": (402, "billing_error", None, "The account is empty."),
    "insufficient_quota": (429, "insufficient_quota", "insufficient_quota", "The account is empty."),
    "moderation_blocked": (400, "image_generation_user_error", "moderation_blocked", "The prompt is refused."),
    "model_not_found": (404, "invalid_request_error", "model_not_found", "The model is retired."),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Too many requests."),
    "server_error": (500, "server_error", None, "The server failed."),
    "overloaded": (503, "server_error", None, "There is no room."),
}
BODIES: Mapping[str, str] = {
    "html": "<!doctype html><title>Sign in</title>",
    "empty": "",
    "invalid_json": '{"data": [',
    "no_data": '{"created": 0}',
}
FAILURES = frozenset({*REFUSALS, *BODIES, "truncated_base64", "fewer", "hang", "reset_before"})


class RehearsalAdapter(OpenAIAdapter):
    """Builds requests that never leave the process; answers are read like OpenAI's.

    Options of the connection: `delay` in seconds, `failure` (one of FAILURES) and `failure_rate` from 0 to 1.
    """

    protocol = "rehearsal"
    label = "Rehearsal"
    needs_secret = False
    default_base_url = f"{SCHEME}://studio"

    def build_request(self, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        """Return the call; the address is always the rehearsal's own, whatever the connection says."""
        headers = {
            "x-rehearsal-delay": str(_number(endpoint.options, "delay", 0.0, MOST_DELAY)),
            "x-rehearsal-failure-rate": str(_number(endpoint.options, "failure_rate", 1.0, 1.0)),
        }
        failure = endpoint.options.get("failure") or ""
        if failure:
            if failure not in FAILURES:
                raise _wrong_option("failure", f"one of {', '.join(sorted(FAILURES))}")
            headers["x-rehearsal-failure"] = failure
        return HttpRequest("POST", ADDRESS, headers, generation_body(request), "application/json")


def _number(options: Mapping[str, Any], name: str, default: float, most: float) -> float:
    try:
        number = float(options.get(name, default))
    except (TypeError, ValueError) as error:
        raise _wrong_option(name, "a number") from error
    if not 0 <= number <= most:
        raise _wrong_option(name, f"between 0 and {most:g}")
    return number


def _wrong_option(name: str, wanted: str) -> Unsupported:
    return Unsupported(f"The rehearsal connection’s option {name!r} must be {wanted}.")


class RehearsalTransport(httpx.AsyncBaseTransport):
    """Answers `POST /v1/images/generations` with drawn pictures."""

    def __init__(self) -> None:
        self._artists = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rehearsal")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, fail or draw, as the request's headers say."""
        body = json.loads(await request.aread())
        wire = request.extensions.get("wire")
        if wire:
            wire.sent = True
        trace = request.extensions.get("trace")
        if trace:
            await trace("http11.send_request_body.complete", {})
        await asyncio.sleep(float(request.headers.get("x-rehearsal-delay", 0)))
        failure = request.headers.get("x-rehearsal-failure", "")
        rate = float(request.headers.get("x-rehearsal-failure-rate", 1))
        # Exactly 1 always fails and exactly 0 never does.
        if failure and secrets.SystemRandom().random() < rate:
            return await self._fail(failure, body)
        return await self._pictures(body, "")

    async def aclose(self) -> None:
        """End the drawing threads."""
        self._artists.shutdown(wait=False, cancel_futures=True)

    async def _fail(self, failure: str, body: dict[str, Any]) -> httpx.Response:
        if failure == "reset_before":
            raise httpx.ReadError("the rehearsed connection was reset")
        if failure == "hang":
            await asyncio.sleep(24 * 3600)
        if failure in REFUSALS:
            status, kind, code, message = REFUSALS[failure]
            return _answer(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})
        if failure in BODIES:
            return _response(200, BODIES[failure].encode())
        return await self._pictures(body, failure)

    async def _pictures(self, body: dict[str, Any], failure: str) -> httpx.Response:
        size = _pixels(body.get("size", "auto"))
        if size is None:
            message = "This size cannot be drawn."
            return _answer(400, {"error": {"message": message, "type": "invalid_request_error", "param": "size"}})
        loop = asyncio.get_running_loop()
        orders = _orders(body, size)
        if failure == "fewer":
            orders = orders[:-1]
        drawn = await asyncio.gather(*(loop.run_in_executor(self._artists, _drawn, order) for order in orders))
        if failure == "truncated_base64":
            drawn = [text[:1001] for text in drawn]
        return _answer(
            200,
            {
                "created": 0,
                "background": "transparent" if orders and orders[0].transparent else "opaque",
                "output_format": body.get("output_format", "png"),
                "size": f"{size[0]}x{size[1]}",
                "quality": body.get("quality", "auto"),
                "data": [{"b64_json": text} for text in drawn],
            },
        )


def _pixels(size: str) -> tuple[int, int] | None:
    if size == "auto":
        return 1024, 1024
    match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", size)
    if not match or min(int(match[1]), int(match[2])) < 128 or int(match[1]) * int(match[2]) > _MOST_PIXELS:
        return None
    return int(match[1]), int(match[2])


def _orders(body: dict[str, Any], size: tuple[int, int]) -> list[Practice]:
    take, count = secrets.token_hex(4), body.get("n", 1)
    return [
        Practice(
            prompt=body["prompt"],
            slot=slot,
            take=take,
            count=count,
            width=size[0],
            height=size[1],
            quality=body.get("quality", "auto"),
            transparent=body.get("background") == "transparent",
            format=body.get("output_format", "png"),
            compression=body.get("output_compression"),
        )
        for slot in range(count)
    ]


def _drawn(practice: Practice) -> str:
    return pybase64.b64encode(draw(practice)).decode()


def _answer(status: int, document: dict[str, Any]) -> httpx.Response:
    return _response(status, json.dumps(document).encode())


def _response(status: int, body: bytes) -> httpx.Response:
    headers = {"content-type": "application/json", "x-request-id": f"rehearsal-{secrets.token_hex(6)}"}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
