"""A strict emulator of Apiframe v2: uploads, jobs, idempotency, webhooks signed with the API key.

The switches stand in `apiframe_contract.Switches`.

Our choices: `progress` is null, 50, 100; a job of unreachable inputs fails; an event is named like its state.
A marked `content_refused` is a job that FAILED with free text: the provider has no code for it.
"""

import asyncio
import hashlib
import hmac
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from tests.emulators.apiframe_contract import (
    MODELS,
    Generation,
    Listing,
    Switches,
    read_idempotency_key,
    read_job_id,
    read_listing,
    read_order,
    read_upload,
)
from tests.emulators.core import Emulator
from tests.emulators.faults import Fault
from tests.emulators.files import find_size
from tests.emulators.forms import read_form, read_json
from tests.emulators.jobs import Job
from tests.emulators.loopback import Request
from tests.emulators.orders import Refusal
from tests.emulators.pictures import Picture
from tests.emulators.serving import Exchange, Reply, Route

STATES = {
    "queued": "QUEUED",
    "running": "PROCESSING",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "cancelled": "CANCELLED",
}
PROGRESS = {"running": 50, "completed": 100}
CONTENT_POLICY = "Provider returned an error: content policy violation"
UNREACHABLE = "An input image could not be downloaded"


def _refusal(status: int, message: str, **extra: Any) -> Refusal:
    return Refusal(status, "", None, message, extra=extra)


@dataclass
class Submission:
    """What an idempotency key stands for."""

    body: Mapping[str, Any]
    job: Job
    at: float = field(default_factory=time.time)


class ApiframeEmulator(Emulator):
    """Answers as the specification says, with the pages' other readings behind switches."""

    name = "apiframe"
    key = "afk_emulator0123456789abcdef"
    base_path = "/v2"
    settings_type = Switches
    settings: Switches
    own_faults = frozenset({"content_refused"})
    refusals: ClassVar[Mapping[str, Refusal]] = {
        "bad_request": _refusal(400, "Validation failed", details={"prompt": ["is invalid"]}),
        "unauthorized": _refusal(401, "Invalid API key"),
        "payment_required": _refusal(402, "Insufficient credits", creditsRequired=9, creditsAvailable=0),
        "forbidden": _refusal(403, "API key is inactive"),
        "model_not_found": _refusal(400, "Validation failed", details={"model": ["Invalid enum value"]}),
        "too_large": _refusal(400, "File too large (max 25 MB)"),
        "rate_limited": _refusal(429, "Rate limit exceeded"),
        "request_timeout": _refusal(408, "Request timeout"),
        "conflict": _refusal(409, "Idempotency key was used with another body"),
        "server_error": _refusal(500, "Internal server error"),
        "server_error_charged": _refusal(500, "Internal server error"),
        "bad_gateway": _refusal(502, "Upstream CDN upload failed"),
        "overloaded": _refusal(503, "Service temporarily unavailable"),
        "gateway_timeout": _refusal(504, "Gateway timeout"),
        "error_in_200": _refusal(200, "Internal server error"),
        "teapot": _refusal(418, "I am a teapot"),
    }

    def forget(self) -> None:
        """Start anew."""
        super().forget()
        self._submissions: dict[str, Submission] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def routes(self) -> list[Route]:
        """Return every documented call that GPT Image needs."""
        return [
            Route("POST", "/v2/images/generate", "submit", self._generate),
            Route("POST", "/v2/uploads", "upload", self._upload),
            Route("GET", "/v2/jobs", "list", self._list),
            Route("GET", "/v2/jobs/(?P<id>[^/]+)", "poll", self._job),
            Route("GET", "/v2/me", "account", self._me),
            Route("GET", "/v2/models", "models", self._models, needs_key=False),
        ]

    def given_key(self, request: Request) -> str:
        """Return the key of a request."""
        return request.headers.get("x-api-key", "")

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal."""
        return {"error": refusal.message, **refusal.extra}

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented."""
        return _refusal(404, "Not found")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form."""
        return _refusal(400, message)

    def unknown_job(self) -> Refusal:
        """Return the answer to an id that is not known."""
        return _refusal(404, "Job not found")

    async def _generate(self, exchange: Exchange) -> Reply:
        key = read_idempotency_key(exchange.request.headers)
        body = exchange.record.body = read_json(exchange.request)
        order = read_order(body, self.settings)
        if key is None:
            return await self._submit(exchange, order)
        # Two requests with one key at once are one job: the second waits for the first.
        async with self._locks[key]:
            known = self._submissions.get(key)
            if known and time.time() < known.at + self.settings.idempotency_seconds:
                return self._repeat(known, body)
            return await self._submit(exchange, order, key)

    def _repeat(self, known: Submission, body: Mapping[str, Any]) -> Reply:
        if known.body != body and self.settings.idempotency == "conflict":
            raise self.refusals["conflict"]
        # The submit answer knows no CANCELLED.
        status = "FAILED" if known.job.state == "cancelled" else _word(known.job)
        return Reply({"jobId": known.job.id, "status": status}, 202)

    async def _submit(self, exchange: Exchange, order: Generation, key: str | None = None) -> Reply:
        needed, available = order.price(self.settings.prices), self._credits()
        if needed > available:
            raise _refusal(402, "Insufficient credits", creditsRequired=needed, creditsAvailable=available)
        references = [self._find_file(address) for address in order.inputs]
        reachable = replace(order, references=tuple(data for data in references if data))
        try:
            results = await self.take(exchange, reachable)
        except Refusal:
            # Charged all the same: the job exists, and the key leads to it.
            if exchange.record.paid:
                results = [await self.draw(reachable, number) for number in range(order.n)]
                self.follow(self._start(exchange, order, results, key))()
            raise
        if None in references:
            exchange.later = Fault("job_fails", {"error": UNREACHABLE})
        elif exchange.fault and exchange.fault.name == "content_refused":
            exchange.fault, exchange.later = None, Fault("job_fails", {"error": CONTENT_POLICY})
        job = self._start(exchange, order, results, key)
        shown = self.shown_id(job)
        accepted = {"status": "QUEUED"} if shown is None else {"jobId": shown, "status": "QUEUED"}
        return Reply(accepted, 202, then=self.follow(job))

    def _start(self, exchange: Exchange, order: Generation, results: list[Picture], key: str | None) -> Job:
        details = {"input": exchange.record.body, "key": self.given_key(exchange.request)}
        hook = {"hook_url": order.webhook_url, "hook_events": order.webhook_events}
        job = self.start_job(exchange, str(uuid4()), order, results, details=details, **hook)
        if key:
            self._submissions[key] = Submission(exchange.record.body, job)
        return job

    def _find_file(self, address: str) -> bytes | None:
        """Return what lies at an address: one of this provider's own pictures, as long as it lives."""
        file = self.media.files.get(urlsplit(address).path)
        if not file or not address.startswith(self.media.url) or time.time() > file.expires_at:
            return None
        return file.picture.data if find_size(file.picture.data) else None

    def _credits(self) -> int:
        return int(self.settings.credits) - sum(self._cost(job) for job in self.jobs.all.values())

    def _cost(self, job: Job) -> int:
        assert isinstance(job.order, Generation)
        return 0 if job.state in {"failed", "cancelled"} else job.order.price(self.settings.prices)

    async def _upload(self, exchange: Exchange) -> Reply:
        data, kind = read_upload(read_form(exchange.request))
        self.media.seconds = self.settings.upload_seconds
        address = self.media.put(Picture(data, kind.removeprefix("image/")))
        self.media.seconds = self.settings.url_seconds
        expires_at = time.time() + self.settings.upload_seconds
        document = {"id": str(uuid4()), "url": address, "kind": "image", "contentType": kind, "byteSize": len(data)}
        return Reply(document | {"expiresAt": _moment(expires_at)}, 201)

    async def _job(self, exchange: Exchange) -> Reply:
        job = self.polled(exchange, read_job_id(exchange.names["id"]))
        return Reply(self._shown(job) | {"input": job.details["input"]})

    async def _list(self, exchange: Exchange) -> Reply:
        wanted = read_listing(dict(parse_qsl(urlsplit(exchange.request.target).query)))
        jobs = [job for job in reversed(self.jobs.all.values()) if _is_wanted(job, wanted)]
        places = [place for place, job in enumerate(jobs) if job.id == wanted.after]
        start = places[0] + 1 if places else 0
        page = jobs[start : start + wanted.limit]
        for job in page:
            job.polls += 1
        more = len(jobs) > start + wanted.limit
        shown = [self._shown(job) for job in page if not job.is_lost]
        document = {"jobs": shown, "nextCursor": page[-1].id if more else None, "hasMore": more}
        return Reply(document | ({"models": sorted(MODELS)} if wanted.with_models else {}))

    async def _me(self, exchange: Exchange) -> Reply:
        team = {"id": _steady_id("team"), "name": "Studio", "credits": max(0, self._credits()), "plan": "pro"}
        key = self.given_key(exchange.request)
        return Reply(
            {
                "user": {"id": _steady_id("user"), "email": "studio@example.org", "role": "OWNER"},
                "team": team | {"customerId": None},
                "apiKey": {"id": _steady_id(key), "name": "Studio", "prefix": key[:8]},
            }
        )

    async def _models(self, exchange: Exchange) -> Reply:
        modality = exchange.query("modality", "image")
        if modality not in {"image", "video", "music"}:
            raise _refusal(400, "Validation failed", details={"modality": ["Invalid enum value"]})
        kept = [name for name in MODELS if name not in self.settings.retired and modality == "image"]
        about = {"modality": "image", "pricingMode": "per-output"}
        return Reply({"models": [{"id": name, "label": name, **about} for name in kept]})

    def _shown(self, job: Job) -> dict[str, Any]:
        cost = self._cost(job) if self.settings.credit_cost == "number" else None
        completed = job.completed_at
        return {
            "id": job.id,
            "status": _word(job),
            "model": job.order.model,
            "progress": PROGRESS.get(job.state),
            "result": self._result(job),
            "error": job.error or None,
            "creditCost": cost,
            "webhookStatus": self._hook_status(job),
            "expired": bool(completed and time.time() > completed + self.settings.url_seconds),
            "createdAt": _moment(job.created_at),
            "completedAt": _moment(completed) if completed else None,
        }

    def _result(self, job: Job) -> Any:
        if not job.results:
            return None
        if "addresses" not in job.details:
            items = [self.item(picture, job.fault, "url") for picture in job.results]
            job.details["addresses"] = [item["url"] for item in items if "url" in item]
        addresses: list[str] = job.details["addresses"]
        if self.settings.result_shape == "object":
            return {"images": addresses}
        return addresses[0] if self.settings.result_shape == "string" and len(addresses) == 1 else addresses

    def _hook_status(self, job: Job) -> str | None:
        if not job.hook_url:
            return None
        sent = [sending for sending in self.hooks.deliveries if job.id.encode() in sending.body]
        if not sent:
            return "pending"
        return self.settings.delivered if any(200 <= sending.status < 300 for sending in sent) else "failed"

    def sign(self, raw: bytes, secret: str, moment: int | None) -> Mapping[str, str]:
        """Return the signature; this provider signs no moment."""
        digest = hashlib.sha256(secret.encode())
        key = digest.digest() if self.settings.signature_key == "raw" else digest.hexdigest().encode()
        signature = hmac.new(key, raw, hashlib.sha256).hexdigest()
        return {
            "X-Webhook-Signature": f"sha256={signature}" if self.settings.signature_form == "prefixed" else signature
        }

    def hook_document(self, job: Job, event: str) -> dict[str, Any]:
        """Return the body of a webhook."""
        shown = self._shown(job)
        names = ("status", "error", "model") if event == "failed" else ("status", "progress", "result", "model")
        document = {"event": event, "jobId": job.id, **{name: shown[name] for name in names}}
        if event == "completed":
            document |= {"creditCost": shown["creditCost"], "completedAt": shown["completedAt"]}
        return document

    def hook_secret(self, job: Job) -> str:
        """Return the API key that submitted the job."""
        return str(job.details["key"])

    def hook_headers(self, event: str) -> Mapping[str, str]:
        """Return the name of the event."""
        return {"X-Webhook-Event": event}


def _word(job: Job) -> str:
    return STATES.get(job.state, job.state.upper())


def _is_wanted(job: Job, wanted: Listing) -> bool:
    asked = {"id": wanted.search, "model": wanted.model, "status": wanted.status}
    have = {"id": job.id, "model": job.order.model, "status": _word(job)}
    return all(not value or have[name] == value for name, value in asked.items())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _steady_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))
