"""Everything a provider may do wrong, by name.

A fault is asked for in the prompt, `[fault:rate_limited retry_after=7 times=2]`, or queued through the control door.
`times=N` in a prompt lets the request through after N faults.
"""

import asyncio
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from typing import Any

import pybase64

from tests.emulators import pictures
from tests.emulators.loopback import Wire

MARKER = re.compile(r"\[fault:(?P<name>[a-z0-9_]+)(?P<parameters>(?: +[a-z_]+=[^\s\]]+)*) *\]")


@dataclass(frozen=True)
class Fault:
    """A named misbehaviour with its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str, default: float) -> float:
        """Return a parameter as a number."""
        return float(self.parameters.get(name, default))


@dataclass(frozen=True)
class Call:
    """One accepted request on its way to an answer."""

    fault: Fault
    document: dict[str, Any]
    headers: Mapping[str, str]
    secret: str
    prompt: str
    base_url: str
    draw_another: Callable[[], Awaitable[str]]


def find_marker(prompt: str) -> Fault | None:
    """Return the fault a prompt asks for."""
    match = MARKER.search(prompt)
    if not match:
        return None
    return Fault(match["name"], dict(part.split("=", 1) for part in match["parameters"].split()))


# Refusals: status, type, code, message. Texts and the codes of 401, 403, 409 and 503 are our choice.
REFUSALS: Mapping[str, tuple[int, str, str | None, str]] = {
    "bad_request": (400, "invalid_request_error", "invalid_value", "The request was not understood."),
    "unknown_parameter": (400, "invalid_request_error", "unknown_parameter", "Unknown parameter: 'size'."),
    "billing_hard_limit": (400, "invalid_request_error", "billing_hard_limit_reached", "Hard limit reached."),
    "moderation_blocked": (400, "image_generation_user_error", "moderation_blocked", "Refused by the safety system."),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "payment_required": (402, "billing_error", None, "The wallet is empty."),
    "forbidden": (403, "invalid_request_error", None, "Your organization must be verified to use this model."),
    "model_not_found": (404, "invalid_request_error", "model_not_found", "The model has been deprecated."),
    "request_timeout": (408, "server_error", None, "The request took too long."),
    "conflict": (409, "invalid_request_error", "conflict", "Another request is in the way."),
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached."),
    "slow_down": (429, "requests", "slow_down", "Slow down."),
    "insufficient_quota": (429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "credit_balance_exhausted": (429, "insufficient_quota", "credit_balance_exhausted", "No credit is left."),
    "server_error": (500, "server_error", None, "The server had an error."),
    "server_error_charged": (500, "server_error", None, "The server had an error."),
    "bad_gateway": (502, "server_error", None, "Bad gateway."),
    "overloaded": (503, "server_error", "server_overloaded", "The engine is overloaded."),
    "gateway_timeout": (504, "server_error", None, "Gateway timeout."),
    "error_in_200": (200, "server_error", None, "The server had an error."),
    "moderation_in_200": (200, "image_generation_user_error", "moderation_blocked", "Refused by the safety system."),
    "teapot": (418, "invalid_request_error", None, "I am a teapot."),
}

# Refused before any work; every other fault bills the pictures unless it carries `charged=0`.
UNPAID = frozenset(REFUSALS) - {"server_error_charged"} | {"no_content", "moved", "redirect_private", "html", "empty"}


def retry_after(wanted: str, now: datetime) -> dict[str, str]:
    """Return the header for `7`, `date`, `past`, `absurd`, `negative`, `nan`, `none`, `ms` or any literal."""
    known = {
        "none": {},
        "date": {"retry-after": format_datetime(now + timedelta(seconds=7), usegmt=True)},
        "past": {"retry-after": format_datetime(now - timedelta(hours=1), usegmt=True)},
        "absurd": {"retry-after": "1000000000000"},
        "negative": {"retry-after": "-5"},
        "nan": {"retry-after": "NaN"},
        "ms": {"retry-after-ms": "1500"},
    }
    return known.get(wanted, {"retry-after": wanted})


async def misbehave(call: Call, wire: Wire) -> int:
    """Answer as the fault says; return the status that was sent, or 0."""
    name = call.fault.name
    if name in REFUSALS:
        return await _refuse(call, wire)
    if name in PAYLOADS:
        items = PAYLOADS[name](call.document["data"], await call.draw_another())
        return await _send(call, wire, 200, json.dumps(call.document | {"data": items}).encode())
    if name in TEXTS:
        return await _send(call, wire, 200, TEXTS[name](json.dumps(call.document)).encode())
    if name not in WIRES:
        return await _send(call, wire, 400, json.dumps({"error": f"this emulator knows no fault {name}"}).encode())
    return await WIRES[name](call, wire)


async def _send(call: Call, wire: Wire, status: int, body: bytes, **headers: str) -> int:
    every = {"content-type": "application/json", **call.headers, "content-length": str(len(body))}
    await wire.head(status, every | {name.replace("_", "-"): value for name, value in headers.items()})
    await wire.write(body)
    return status


async def _refuse(call: Call, wire: Wire) -> int:
    status, kind, code, message = REFUSALS[call.fault.name]
    if "echo" in call.fault.parameters:
        message += f" Key {call.secret}, prompt {call.prompt}, \x1b[31m\x00\u202e<b>bold</b>."
    error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": code}
    if code == "moderation_blocked":
        stage = call.fault.parameters.get("stage", "input")
        error["moderation_details"] = {"moderation_stage": stage, "categories": ["violence"]}
    headers = dict(call.headers)
    if status in {429, 503}:
        headers |= retry_after(call.fault.parameters.get("retry_after", "1"), datetime.now(UTC))
    body = json.dumps({"error": error}).encode()
    await wire.head(status, {"content-type": "application/json", **headers, "content-length": str(len(body))})
    await wire.write(body)
    return status


# Payloads: the list of items, and one more picture in base64, become another list.
Items = list[dict[str, Any]]


def _instead(make: Callable[[], bytes]) -> Callable[[Items, str], Items]:
    return lambda items, _: [{"b64_json": pybase64.b64encode(make()).decode()}] * len(items)


def _lines(text: str) -> str:
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76)) + "\n"


def _urlsafe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_").rstrip("=")


PAYLOADS: Mapping[str, Callable[[Items, str], Items]] = {
    "fewer": lambda items, _: items[:-1],
    "more": lambda items, more: [*items, {"b64_json": more}],
    "mixed": lambda items, _: [
        item if number % 2 == 0 else {"b64_json": "bm90IGEgcGljdHVyZQ=="} for number, item in enumerate(items)
    ],
    "same": lambda items, _: [items[0] for _ in items],
    "truncated_base64": lambda items, _: [{"b64_json": item["b64_json"][:1001]} for item in items],
    "base64_whitespace": lambda items, _: [{"b64_json": _lines(item["b64_json"])} for item in items],
    "base64_urlsafe": lambda items, _: [{"b64_json": _urlsafe(item["b64_json"])} for item in items],
    "base64_data_url": lambda items, _: [{"b64_json": "data:image/png;base64," + item["b64_json"]} for item in items],
    "no_picture_field": lambda items, _: [{} for _ in items],
    "data_empty": lambda _items, _: [],
    "text_file": _instead(lambda: b"This is a text file, not a picture.\n"),
    "svg": _instead(lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    "html_picture": _instead(lambda: b"<!doctype html><script>alert(1)</script>"),
    "truncated_jpeg": _instead(pictures.truncated_jpeg),
    "bomb": _instead(pictures.bomb),
}


# Texts: the JSON of the right answer becomes another text.
TEXTS: Mapping[str, Callable[[str], str]] = {
    "html": lambda _: "<!doctype html><title>Sign in</title><h1>Sign in to continue</h1>",
    "empty": lambda _: "",
    "invalid_json": lambda text: text[: len(text) // 2],
    "no_data": lambda _: '{"created": 1795000000}',
    "data_null": lambda _: '{"created": 1795000000, "data": null}',
    "data_object": lambda _: '{"created": 1795000000, "data": {"b64_json": "AAAA"}}',
    "json_list": lambda _: "[1, 2, 3]",
    "nan": lambda text: text.replace('"created": ', '"created": NaN, "made": '),
    "deep_json": lambda _: '{"data": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "duplicate_keys": lambda text: '{"data": [],' + text[1:],
    "overflow": lambda text: text.replace('"created": ', '"created": 9' + "9" * 5000 + ', "made": '),
    "surrogates": lambda _: '{"data": [{"b64_json": "\\ud800"}]}',
    "nul": lambda _: '{"data": [{"b64_json": "AAAA\\u0000"}]}',
    "absurd_usage": lambda text: re.sub(
        r'"usage": \{.*?\}\}',
        '"usage": {"total_tokens": -1000000000000000000, "input_tokens": NaN, "x": "\\\\u0000"}',
        text,
    ),
}


# Wires: bytes that no web framework would send.
async def _no_content(call: Call, wire: Wire) -> int:
    await wire.head(204, call.headers)
    return 204


async def _moved(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 301, b"", location=f"{call.base_url}/v1/images/generations/")


async def _redirect_private(call: Call, wire: Wire) -> int:
    target = call.fault.parameters.get("to", f"{call.base_url}/_trap")
    return await _send(call, wire, 302, b"", location=target)


async def _hang(call: Call, wire: Wire) -> int:
    await asyncio.sleep(call.fault.number("seconds", 3600))
    return 0


async def _reset_before(call: Call, wire: Wire) -> int:
    wire.reset()
    return 0


async def _half(call: Call, wire: Wire) -> None:
    body = json.dumps(call.document).encode()
    await wire.head(200, {"content-type": "application/json", **call.headers, "content-length": str(len(body))})
    await wire.write(body[: len(body) // 2])


async def _reset_body(call: Call, wire: Wire) -> int:
    await _half(call, wire)
    # Let the first half reach the client, so that the reset falls into the middle of its reading.
    await asyncio.sleep(0.05)
    wire.reset()
    return 200


async def _cut_body(call: Call, wire: Wire) -> int:
    await _half(call, wire)
    return 200


async def _chunked(call: Call, wire: Wire, *, closing: bytes) -> int:
    body = json.dumps(call.document).encode()
    await wire.head(200, {"content-type": "application/json", **call.headers, "transfer-encoding": "chunked"})
    for start in range(0, len(body), 65_536):
        piece = body[start : start + 65_536]
        await wire.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
    await wire.write(closing)
    return 200


async def _chunked_cut(call: Call, wire: Wire) -> int:
    return await _chunked(call, wire, closing=b"")


async def _chunked_whole(call: Call, wire: Wire) -> int:
    return await _chunked(call, wire, closing=b"0\r\n\r\n")


async def _drip(call: Call, wire: Wire) -> int:
    await wire.head(200, {"content-type": "application/json", **call.headers, "content-length": "1000000"})
    for _ in itertools.count():
        await wire.write(b" ")
        await asyncio.sleep(call.fault.number("every", 0.05))
    return 200


async def _huge(call: Call, wire: Wire) -> int:
    megabytes = int(call.fault.number("megabytes", 200))
    length = {} if "chunked" in call.fault.parameters else {"content-length": str(megabytes * 1_000_000 + 16)}
    await wire.head(200, {"content-type": "application/json", **call.headers, **length})
    await wire.write(b'{"data": [], "x":')
    for _ in range(megabytes):
        await wire.write(b" " * 1_000_000)
    return 200


async def _gzip_bomb(call: Call, wire: Wire) -> int:
    megabytes = int(call.fault.number("megabytes", 1000))
    return await _send(call, wire, 200, _packed_blanks(megabytes), content_encoding="gzip")


@cache
def _packed_blanks(megabytes: int) -> bytes:
    packer = zlib.compressobj(6, wbits=zlib.MAX_WBITS | 16)
    blanks = b" " * 1_000_000
    return b"".join(packer.compress(blanks) for _ in range(megabytes)) + packer.flush()


async def _gzipped(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 200, gzip.compress(json.dumps(call.document).encode(), 1), content_encoding="gzip")


async def _strange_encoding(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 200, b"\x00\x01\x02", content_encoding="zstd")


async def _big_header(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 200, b"{}", x_filler="a" * 1_000_000)


async def _cookies(call: Call, wire: Wire) -> int:
    return await _send(call, wire, 200, json.dumps(call.document).encode(), set_cookie="session=stolen; Path=/")


async def _not_http(call: Call, wire: Wire) -> int:
    await wire.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    return 0


async def _result_url(call: Call, wire: Wire) -> int:
    items = [{"url": f"{call.base_url}/_files/{number}.png"} for number, _ in enumerate(call.document["data"])]
    return await _send(call, wire, 200, json.dumps(call.document | {"data": items}).encode())


WIRES: Mapping[str, Callable[[Call, Wire], Awaitable[int]]] = {
    "no_content": _no_content,
    "moved": _moved,
    "redirect_private": _redirect_private,
    "hang": _hang,
    "reset_before": _reset_before,
    "reset_body": _reset_body,
    "cut_body": _cut_body,
    "chunked": _chunked_whole,
    "chunked_cut": _chunked_cut,
    "drip": _drip,
    "huge": _huge,
    "gzip_bomb": _gzip_bomb,
    "gzipped": _gzipped,
    "strange_encoding": _strange_encoding,
    "big_header": _big_header,
    "cookies": _cookies,
    "not_http": _not_http,
    "result_url": _result_url,
}

NAMES = tuple(sorted({*REFUSALS, *PAYLOADS, *TEXTS, *WIRES}))
