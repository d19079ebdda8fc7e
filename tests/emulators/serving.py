"""How emulators take requests and answer them: routes, keys, records, refusals and faults."""

import asyncio
import itertools
import json
import re
import secrets
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs

from tests.emulators import faults, jobs, media, mishaps
from tests.emulators.faults import Fault
from tests.emulators.forms import Unreadable
from tests.emulators.loopback import Request, Wire
from tests.emulators.orders import Record, Refusal
from tests.emulators.pictures import Picture


@dataclass
class Settings:
    """What tests may set through the control door; providers add their switches."""

    latency: float = 0.0
    keys: list[str] = field(default_factory=list)
    heavy: bool = False
    job_seconds: float = 0.1
    hooks: str = "send"
    hook_tries: int = 1
    hook_retry_seconds: float = 0.2
    url_seconds: float = 3600.0
    gone_status: int = 404
    retired: list[str] = field(default_factory=list)


@dataclass
class Exchange:
    """One request on its way; its own answer meets `fault`, requests about the job it starts meet `later`."""

    request: Request
    record: Record
    names: Mapping[str, str]
    fault: Fault | None = None
    later: Fault | None = None

    @property
    def root(self) -> str:
        """The address under which the client sees this emulator."""
        return f"http://{self.request.headers['host']}"

    def query(self, name: str, default: str = "") -> str:
        """Return one value of the query string."""
        values = parse_qs(self.request.target.partition("?")[2]).get(name)
        return values[0] if values else default


@dataclass
class Reply:
    """A right answer. Pictures may stand in the document, as base64; `raw` replaces it; `then` runs when it is out.

    With `pause` it is a stream without a length, and so many seconds pass between its pieces.
    """

    document: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: Sequence[bytes] | None = None
    content_type: str = "application/json"
    then: Callable[[], None] | None = None
    pause: float | None = None


@dataclass(frozen=True)
class Route:
    """A documented call: method, pattern of the path, kind of request, what answers it."""

    method: str
    pattern: str
    place: str
    answer: Callable[[Exchange], Awaitable[Reply]]
    needs_key: bool = True


class Serving:
    """Checks and counts every request, and answers as the provider or the fault would."""

    settings_type: ClassVar[type[Settings]] = Settings
    # Faults that are refusals, with status, type, code and message in the provider's words.
    refusals: ClassVar[Mapping[str, Refusal]]
    # Faults that a provider's emulator carries out by itself.
    own_faults: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._routes = [(route, re.compile(route.pattern)) for route in self.routes()]
        self.forget()

    def forget(self) -> None:
        """Start anew: settings, records, faults."""
        # A call that began before is nobody's any more: its end must not be counted among the new ones.
        self._era = object()
        self.settings: Any = self.settings_type()
        self.records: list[Record] = []
        self.calls: list[tuple[str, str, str]] = []
        self.queued: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.counted: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0

    def routes(self) -> list[Route]:
        """Return every documented call."""
        raise NotImplementedError

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal."""
        raise NotImplementedError

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Return the headers of every answer."""
        return {"x-request-id": exchange.record.id}

    def given_key(self, request: Request) -> str:
        """Return the key of a request, or nothing."""
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        return key if kind == "Bearer" else ""

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented (wording ours)."""
        return Refusal(404, "invalid_request_error", None, "Unknown address.")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form (wording ours)."""
        return Refusal(400, "invalid_request_error", None, message)

    def wrong_key(self, key: str) -> Refusal:
        """Return the answer to a key that is not known."""
        return self.refusals["unauthorized"]

    def refusal_on_demand(self, name: str) -> Refusal:
        """Return the refusal of that name."""
        return self.refusals[name]

    def details(self, fault: Fault) -> dict[str, Any]:
        """Return what a refusal on demand carries besides its message."""
        return dict(self.refusals[fault.name].extra)

    async def serve(self, request: Request, wire: Wire) -> None:
        """Answer one request of a client."""
        route, names = self._find(request)
        record = Record(f"req_emulated{next(self._numbers):08d}", time.time(), request.path)
        record.headers = dict(request.headers)
        exchange = Exchange(request, record, names)
        self.calls.append((request.method, request.path, route.place if route else "unknown"))
        if route and route.place == "submit":
            await self._count(route, exchange, wire)
        else:
            await self._exchange(route, exchange, wire)

    def _find(self, request: Request) -> tuple[Route | None, Mapping[str, str]]:
        for route, pattern in self._routes:
            match = pattern.fullmatch(request.path)
            if match and route.method == request.method:
                return route, match.groupdict()
        return None, {}

    async def _count(self, route: Route, exchange: Exchange, wire: Wire) -> None:
        era, record = self._era, exchange.record
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.records.append(record)
        try:
            await self._exchange(route, exchange, wire)
        finally:
            record.finished, record.done_at = True, time.time()
            if era is self._era:
                self.in_flight -= 1

    async def _exchange(self, route: Route | None, exchange: Exchange, wire: Wire) -> None:
        try:
            reply = await self._reply(route, exchange)
        except Unreadable as error:
            reply = self._refused(self.unreadable(str(error)), exchange)
        except Refusal as refusal:
            reply = self._refused(refusal, exchange)
        # A job goes its way even when the answer that names it never arrives.
        if reply.then and exchange.fault:
            reply.then()
            if exchange.fault.name == "job_hook_first":
                await asyncio.sleep(exchange.fault.number("seconds", 1))
        try:
            await self._send(reply, exchange, wire)
        finally:
            # The client may have left meanwhile.
            if reply.then and not exchange.fault:
                reply.then()

    async def _reply(self, route: Route | None, exchange: Exchange) -> Reply:
        if route is None:
            raise self.unknown_address()
        key = self.given_key(exchange.request)
        if route.needs_key and key not in self.settings.keys:
            raise self.wrong_key(key)
        if route.place != "submit" and self.queued[route.place]:
            exchange.fault = self.queued[route.place].popleft()
        self.refuse_on_demand(exchange)
        reply = await route.answer(exchange)
        self.refuse_on_demand(exchange)
        return reply

    def refuse_on_demand(self, exchange: Exchange) -> None:
        """Refuse if that is what the fault wants."""
        fault = exchange.fault
        if not fault or fault.name not in self.refusals:
            return
        known = self.refusal_on_demand(fault.name)
        message = known.message
        if "echo" in fault.parameters:
            key = self.given_key(exchange.request)
            message += f" Key {key}, prompt {exchange.record.prompt}, \x1b[31m\x00\u202e<b>bold</b>."
        headers = dict(known.headers)
        if known.status in {429, 503}:
            headers |= faults.retry_after(fault.parameters.get("retry_after", "1"), datetime.now(UTC))
        details = self.details(fault)
        raise Refusal(known.status, known.kind, known.code, message, known.param, extra=details, headers=headers)

    def _refused(self, refusal: Refusal, exchange: Exchange) -> Reply:
        exchange.fault = None
        return Reply(self.envelope(refusal, exchange), refusal.status, dict(refusal.headers))

    async def _send(self, reply: Reply, exchange: Exchange, wire: Wire) -> None:
        headers = {"content-type": reply.content_type, **self.headers(exchange), **reply.headers}
        fault = exchange.fault
        if fault and fault.name in faults.DOCUMENTS:
            reply.document = faults.DOCUMENTS[fault.name](reply.document)
        parts = dump(reply.document) if reply.raw is None else reply.raw
        if fault and not self._is_carried_out(fault):
            call = mishaps.Call(fault, reply.status, b"".join(parts), headers, exchange.root, exchange.request.path)
            exchange.record.status = await mishaps.misbehave(call, wire)
            return
        exchange.record.status = reply.status
        endless = reply.status == 304 or reply.pause is not None
        length = {} if endless else {"content-length": str(sum(len(part) for part in parts))}
        await wire.head(reply.status, headers | length)
        for number, part in enumerate(parts):
            if number and reply.pause:
                await asyncio.sleep(reply.pause)
            await wire.write(part)

    def _is_carried_out(self, fault: Fault) -> bool:
        # These have changed what stands in the answer; the others change how it goes out.
        made = (
            faults.PICTURES,
            faults.SPELLINGS,
            faults.ITEMS,
            faults.DOCUMENTS,
            media.NAMES,
            jobs.NAMES,
            self.own_faults,
        )
        return any(fault.name in names for names in made)


def dump(document: Any) -> list[bytes]:
    """Return the JSON in pieces; dumping megabytes of base64 for each of 500 calls would cost too much."""
    mark = secrets.token_hex(8)
    found: list[Picture] = []

    def placeholder(value: Any) -> str:
        found.append(value)
        return mark

    pieces = json.dumps(document, default=placeholder).encode().split(mark.encode())
    parts = [pieces[0]]
    for picture, piece in zip(found, pieces[1:], strict=True):
        text = picture.text if picture.spelling is None else json.dumps(picture.text)[1:-1]
        parts += [text.encode(), piece]
    return parts
