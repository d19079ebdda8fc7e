"""Practice pictures drawn on this machine: no key, no cost, no network.

The pictures are drawn behind a transport that answers in OpenAI's shape, so everything after the adapter (spooling,
reading, checking, storing, charging) takes the same way as with a paid provider.
"""

import asyncio
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pybase64
from PIL import Image

from studio.providers.adapters.asking import JSON, json_body
from studio.providers.adapters.base import Answer, Check, Endpoint, HttpRequest, ImageRequest
from studio.providers.adapters.errors import Unsupported
from studio.providers.adapters.offers import Offer
from studio.providers.adapters.openai import MAKE, OpenAIAdapter, body_fields
from studio.providers.adapters.practice import Practice, draw, thumbnails

SCHEME = "rehearsal"
BASE = f"{SCHEME}://studio/v1"
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
_OFFER: Offer = replace(MAKE, references=16)


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
        _OFFER.check(request)
        body = body_fields(_OFFER, request)
        if not request.references:
            return HttpRequest("POST", f"{BASE}/images/generations", _headers(endpoint), json_body(body), JSON)
        # The pictures stay where they are: whoever draws is in this very process.
        body["references"] = [str(image.path) for image in request.references]
        return HttpRequest("POST", f"{BASE}/images/edits", _headers(endpoint), json_body(body), JSON)

    def build_check(self, endpoint: Endpoint) -> HttpRequest:
        """Return the question for the models."""
        return HttpRequest("GET", f"{BASE}/models", _headers(endpoint))

    def read_check(self, endpoint: Endpoint, answer: Answer) -> Check:
        """Return that there is nothing that could be wrong."""
        shown = super().read_check(endpoint, answer)
        return replace(shown, checked="Practice pictures are drawn on this machine: no key, no cost.", unchecked="")


def _headers(endpoint: Endpoint) -> dict[str, str]:
    headers = {
        "x-rehearsal-delay": str(_number(endpoint.options, "delay", 0.0, MOST_DELAY)),
        "x-rehearsal-failure-rate": str(_number(endpoint.options, "failure_rate", 1.0, 1.0)),
    }
    failure = endpoint.options.get("failure") or ""
    if failure:
        if failure not in FAILURES:
            raise _wrong_option("failure", f"one of {', '.join(sorted(FAILURES))}")
        headers["x-rehearsal-failure"] = failure
    return headers


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
    """Answers generations and edits with drawn pictures, and lists its one model."""

    def __init__(self) -> None:
        self._artists = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rehearsal")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, fail or draw, as the request's headers say."""
        content = await request.aread()
        wire = request.extensions.get("wire")
        if wire:
            wire.sent = True
        trace = request.extensions.get("trace")
        if trace:
            await trace("http11.send_request_body.complete", {})
        await asyncio.sleep(float(request.headers.get("x-rehearsal-delay", 0)))
        failure = request.headers.get("x-rehearsal-failure", "")
        # Exactly 1 always fails and exactly 0 never does.
        if secrets.SystemRandom().random() >= float(request.headers.get("x-rehearsal-failure-rate", 1)):
            failure = ""
        if refusal := await _refusal(failure):
            return refusal
        if request.method == "GET":
            return _answer(200, {"object": "list", "data": [{"id": "rehearsal", "object": "model"}]})
        return await self._pictures(json.loads(content), failure)

    async def aclose(self) -> None:
        """End the drawing threads."""
        self._artists.shutdown(wait=False, cancel_futures=True)

    async def _pictures(self, body: dict[str, Any], failure: str) -> httpx.Response:
        size = _pixels(body.get("size", "auto"))
        if size is None:
            return _invalid("size", "This size cannot be drawn.")
        loop = asyncio.get_running_loop()
        paths = [Path(path) for path in body.get("references", ())]
        try:
            references = await loop.run_in_executor(self._artists, thumbnails, paths)
        except (OSError, Image.DecompressionBombError):
            return _invalid("image", "A reference picture cannot be read.")
        orders = _orders(body, size, references)
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


async def _refusal(failure: str) -> httpx.Response | None:
    """Fail before anything is drawn, if that is what the failure means."""
    if failure == "reset_before":
        raise httpx.ReadError("the rehearsed connection was reset")
    if failure == "hang":
        await asyncio.sleep(24 * 3600)
    if failure in REFUSALS:
        status, kind, code, message = REFUSALS[failure]
        return _answer(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})
    return _response(200, BODIES[failure].encode()) if failure in BODIES else None


def _invalid(param: str, message: str) -> httpx.Response:
    return _answer(400, {"error": {"message": message, "type": "invalid_request_error", "param": param}})


def _pixels(size: str) -> tuple[int, int] | None:
    if size == "auto":
        return 1024, 1024
    match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", size)
    if not match or min(int(match[1]), int(match[2])) < 128 or int(match[1]) * int(match[2]) > _MOST_PIXELS:
        return None
    return int(match[1]), int(match[2])


def _orders(body: dict[str, Any], size: tuple[int, int], references: Sequence[Image.Image]) -> list[Practice]:
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
            references=tuple(references),
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
