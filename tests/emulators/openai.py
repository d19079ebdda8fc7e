"""A strict emulator of OpenAI's image generation, with a control door for tests in this and other processes."""

import asyncio
import itertools
import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pybase64

from tests.emulators import faults, pictures
from tests.emulators.contract import Order, Refusal, read_order
from tests.emulators.control import EmulatorControl
from tests.emulators.faults import Call, Fault
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.emulators.pictures import Kind

KEY = "sk-emulator-0123456789abcdef"
TRAP, CONTROL, GENERATIONS = "/_trap", "/_control/", "/v1/images/generations"


@dataclass
class Settings:
    """What tests may set through the control door."""

    latency: float = 0.0
    keys: list[str] = field(default_factory=lambda: [KEY])
    heavy: bool = False
    transparent_on_2: bool = False
    # The provider documents neither 400 nor 404 for a retired model: both must be survived.
    retired_status: int = 404
    usage: bool = True


@dataclass
class Record:
    """One generation request as the emulator saw it."""

    id: str
    at: float
    prompt: str = ""
    model: str = ""
    n: int = 0
    status: int = 0
    paid: int = 0
    fault: str = ""
    finished: bool = False
    done_at: float = 0.0
    body: dict[str, Any] = field(default_factory=dict)


class OpenAIEmulator:
    """Checks every request, counts every picture that the real provider would have billed, and can fail on demand."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._drawn: dict[Kind, asyncio.Task[str]] = {}
        self._forget()

    def _forget(self) -> None:
        # A call that began before is nobody's any more: its end must not be counted among the new ones.
        self._era = object()
        self.settings = Settings()
        self.records: list[Record] = []
        self._queued: deque[Fault] = deque()
        self._spent: Counter[str] = Counter()
        self._in_flight = self._most_in_flight = self._trapped = 0

    async def handle(self, request: Request, wire: Wire) -> None:
        """Route one request."""
        if request.path == GENERATIONS and request.method == "POST":
            await self._count(request, wire)
        elif request.path.startswith(CONTROL):
            await self._control(request, wire)
        elif request.path.startswith("/_files/"):
            await wire.answer(200, pictures.draw(Kind(1024, 1024)), content_type="image/png")
        elif request.path == TRAP:
            self._trapped += 1
            await wire.answer(200, b"trapped", content_type="text/plain")
        else:
            await _answer_json(wire, 404, {"error": {"message": "Unknown address.", "type": "invalid_request_error"}})

    async def _count(self, request: Request, wire: Wire) -> None:
        era = self._era
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        record = Record(id=f"req_emulated{next(self._numbers):08d}", at=time.time())
        self.records.append(record)
        try:
            await self._generate(request, wire, record)
        except Refusal as refusal:
            record.status = refusal.status
            await _answer_json(wire, refusal.status, refusal.document, x_request_id=record.id)
        finally:
            record.finished, record.done_at = True, time.time()
            if era is self._era:
                self._in_flight -= 1

    async def _generate(self, request: Request, wire: Wire, record: Record) -> None:
        self._check_key(request)
        record.body = _read_json(request)
        record.prompt, record.model = str(record.body.get("prompt", "")), str(record.body.get("model", ""))
        order = read_order(
            record.body,
            transparent_on_2=self.settings.transparent_on_2,
            retired_status=self.settings.retired_status,
        )
        record.n = order.n
        fault = self._next_fault(order.prompt)
        record.fault = fault.name if fault else ""
        if self.settings.latency:
            await asyncio.sleep(self.settings.latency)
        texts = [await self._draw(order, number) for number in range(order.n)]
        record.paid = order.n if _is_paid(fault) else 0
        headers = {"x-request-id": record.id, "openai-processing-ms": str(int(1000 * self.settings.latency))}
        if fault:
            record.status = await faults.misbehave(self._call(order, fault, texts, headers, request), wire)
            return
        record.status = 200
        await _answer_pictures(wire, self._document(order), texts, headers)

    def _check_key(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or key not in self.settings.keys:
            message = f"Incorrect API key provided: {key[:6]}***{key[-4:]}."
            raise Refusal(401, "invalid_request_error", "invalid_api_key", message)

    def _next_fault(self, prompt: str) -> Fault | None:
        if self._queued:
            return self._queued.popleft()
        fault = faults.find_marker(prompt)
        if fault and "times" in fault.parameters:
            self._spent[prompt] += 1
            return fault if self._spent[prompt] <= fault.number("times", 1) else None
        return fault

    async def _draw(self, order: Order, number: int) -> str:
        width, height = order.pixels
        kind = Kind(
            width,
            height,
            order.output_format,
            transparent=order.background == "transparent",
            compression=order.compression,
            heavy=self.settings.heavy,
            variant=(len(self.records) + number) % pictures.VARIANTS,
        )
        if kind not in self._drawn:
            self._drawn[kind] = asyncio.create_task(asyncio.to_thread(_drawn_text, kind))
        return await asyncio.shield(self._drawn[kind])

    def _document(self, order: Order) -> dict[str, Any]:
        tokens = 196 * order.n
        document: dict[str, Any] = {
            "created": 1_795_000_000,
            "background": "opaque" if order.background == "auto" else order.background,
            "output_format": order.output_format,
            "size": "1024x1024" if order.size == "auto" else order.size,
            "quality": "high" if order.quality == "auto" else order.quality,
        }
        if order.safety_identifier:
            document["safety_identifier"] = order.safety_identifier
        if self.settings.usage:
            details = {"text_tokens": 10, "image_tokens": 0}
            document["usage"] = {"total_tokens": tokens + 10, "input_tokens": 10, "output_tokens": tokens}
            document["usage"]["input_tokens_details"] = details
        return document

    def _call(self, order: Order, fault: Fault, texts: list[str], headers: dict[str, str], request: Request) -> Call:
        document = self._document(order) | {"data": [{"b64_json": text} for text in texts]}
        secret = request.headers["authorization"].partition(" ")[2]
        base_url = f"http://{request.headers['host']}"
        one_more = replace(order, n=1)
        return Call(fault, document, headers, secret, order.prompt, base_url, lambda: self._draw(one_more, order.n))

    async def _control(self, request: Request, wire: Wire) -> None:
        door = request.path.removeprefix(CONTROL)
        body = json.loads(request.body or b"{}")
        if door == "reset":
            self._forget()
        elif door == "settings":
            self.settings = replace(self.settings, **body)
        elif door == "faults":
            fault = Fault(body["fault"], {key: str(value) for key, value in body.get("parameters", {}).items()})
            self._queued.extend([fault] * int(body.get("times", 1)))
        elif door == "requests":
            await _answer_json(wire, 200, [asdict(record) for record in self.records])
            return
        await _answer_json(wire, 200, self.stats())

    def stats(self) -> dict[str, Any]:
        """Return the counters."""
        return {
            "requests": len(self.records),
            "paid_requests": sum(1 for record in self.records if record.paid),
            "paid_pictures": sum(record.paid for record in self.records),
            "in_flight": self._in_flight,
            "most_in_flight": self._most_in_flight,
            "trapped": self._trapped,
            "queued_faults": len(self._queued),
        }


def _drawn_text(kind: Kind) -> str:
    return pybase64.b64encode(pictures.draw(kind)).decode()


def _is_paid(fault: Fault | None) -> bool:
    if fault is None:
        return True
    return fault.name not in faults.UNPAID and fault.parameters.get("charged", "1") != "0"


def _read_json(request: Request) -> dict[str, Any]:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type != "application/json":
        raise Refusal(400, "invalid_request_error", "invalid_content_type", "Send application/json.")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refusal(400, "invalid_request_error", "invalid_json", "The body is not JSON.") from error
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_request_error", "invalid_json", "The body must be a JSON object.")
    return body


async def _answer_json(wire: Wire, status: int, document: Any, **headers: str) -> None:
    await wire.answer(status, json.dumps(document).encode(), content_type="application/json", **headers)


async def _answer_pictures(wire: Wire, document: dict[str, Any], texts: list[str], headers: dict[str, str]) -> None:
    # The pictures are put between ready pieces of JSON: dumping megabytes for each of 500 calls would cost too much.
    opening = json.dumps(document)[:-1] + ', "data": ['
    parts = [opening.encode()]
    for number, text in enumerate(texts):
        parts += [b', {"b64_json": "' if number else b'{"b64_json": "', text.encode(), b'"}']
    parts.append(b"]}")
    names = {name.replace("-", "_"): value for name, value in headers.items()}
    await wire.answer(200, parts, content_type="application/json", **names)


@contextmanager
def running_emulator() -> Iterator[EmulatorControl]:
    """Run an emulator in a thread of this process for the length of the block."""
    with LoopbackServer(OpenAIEmulator().handle) as server:
        yield EmulatorControl(server.url)
