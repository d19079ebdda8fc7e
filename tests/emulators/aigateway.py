"""A strict emulator of AIgateway.

Switches (CONFLICT: both readings; UNKNOWN: the default is our choice):
`answer_as_job` (202 jobs instead of 200), `job_result` ("file_url", "result_url" or "both"), `running_word` ("running"
or "processing"), `cancel_by` ("post", "delete" or "both"; DELETE cancels queued jobs only), `poll_seconds` (a faster
poll answers 304), `signature` ("aig": two headers, or "gateway": one), `hook_body` ("event" or "job"), `error_names`
("page" or "docs"), `content_status` and `content_word` (refused content), `cost_header` (X-Cost-Cents), `usage` and
`revised_prompt` in answers, `openai_fields` (quality and the like are taken), `sizes`, `max_n`, `prompt_limit`,
`edit_models`, `several_images` (`image[]` is taken).
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

from tests.emulators.core import Emulator
from tests.emulators.fields import Fields, form_fields, pixels_of
from tests.emulators.files import sniff
from tests.emulators.forms import Form, content_type, read_form, read_json
from tests.emulators.jobs import Job
from tests.emulators.orders import Order, Refusal
from tests.emulators.references import fetch
from tests.emulators.serving import Exchange, Reply, Route, Settings

MODELS = ("openai/gpt-image-1.5", "openai/gpt-image-2", "auto/image", "bria/fibo-edit/edit")
# The only ones that honour a mask; the others ignore it without a word.
MASKING_MODELS = frozenset({"bria/fibo-edit/edit"})
UPLOAD_LIMIT = 25_000_000
OPENAI_FIELDS = frozenset({"quality", "background", "output_format", "output_compression", "moderation", "user"})
GENERATION_FIELDS = frozenset({"model", "prompt", "n", "size", "response_format", "webhook_url"})
FORM_FIELDS = frozenset({"model", "prompt", "n", "size", "response_format"})
JSON_EDIT_FIELDS = frozenset({"model", "prompt", "n", "size", "image_url", "mask_url"})
_FORMATS = frozenset({"url", "b64_json"})
RATE_LIMIT, CREDITS, AUTHENTICATION, NOT_FOUND = (
    "rate_limit_error",
    "insufficient_credits",
    "authentication_error",
    "not_found",
)
DOCS_NAMES = {
    AUTHENTICATION: "invalid_key",
    CREDITS: "budget_exceeded",
    RATE_LIMIT: "rate_limited",
    NOT_FOUND: "model_not_found",
}


def _refusal(status: int, kind: str, message: str, param: str | None = None) -> Refusal:
    return Refusal(status, kind, status, message, param)


def _invalid(param: str, message: str) -> Refusal:
    return _refusal(400, "invalid_request_error", message, param)


# The types of 400, 403, 408, 409, 413, 418, 502 and 504 are our choice, and all texts.
REFUSALS: Mapping[str, Refusal] = {
    "bad_request": _refusal(400, "invalid_request_error", "The request was not understood."),
    "unauthorized": _refusal(401, AUTHENTICATION, "The key is not known."),
    "payment_required": _refusal(402, CREDITS, "Wallet is empty"),
    "forbidden": _refusal(403, "scope_exceeded", "The key may not do this."),
    "model_not_found": _refusal(404, NOT_FOUND, "No such model."),
    "request_timeout": _refusal(408, "timeout", "The request took too long."),
    "conflict": _refusal(409, "conflict", "The job is in another state."),
    "too_large": _refusal(413, "payload_too_large", "At most 25 MB may be sent."),
    "content_refused": _refusal(400, "content_policy_violation", "The prompt was refused."),
    "rate_limited": _refusal(429, RATE_LIMIT, "Too many requests."),
    "server_error": _refusal(500, "server_error", "The upstream failed."),
    "server_error_charged": _refusal(500, "server_error", "The upstream failed."),
    "bad_gateway": _refusal(502, "server_error", "Bad gateway."),
    "overloaded": _refusal(503, "service_unavailable", "The upstream is saturated."),
    "gateway_timeout": _refusal(504, "server_error", "Gateway timeout."),
    "error_in_200": Refusal(200, "server_error", 500, "The upstream failed."),
    "teapot": _refusal(418, "invalid_request_error", "I am a teapot."),
}


@dataclass
class AIgatewaySettings(Settings):
    """Switches of this provider; CONFLICTs default to the documentation's reading, UNKNOWNs to our choice."""

    answer_as_job: bool = False
    job_result: str = "file_url"
    running_word: str = "running"
    cancel_by: str = "both"
    poll_seconds: float = 3.0
    signature: str = "aig"
    hook_body: str = "event"
    error_names: str = "page"
    content_status: int = 400
    content_word: str = "content_policy_violation"
    cost_header: bool = False
    usage: bool = False
    revised_prompt: bool = False
    openai_fields: bool = False
    sizes: list[str] = field(default_factory=lambda: ["1024x1024", "1536x1024", "1024x1536", "auto"])
    max_n: int = 10
    prompt_limit: int = 32_000
    edit_models: list[str] = field(default_factory=lambda: list(MODELS))
    several_images: bool = False


class AIgatewayEmulator(Emulator):
    """Generation, edits, jobs and webhooks at AIgateway."""

    name = "aigateway"
    key = "sk-aig-emulator-0123456789abcdef"
    settings_type = AIgatewaySettings
    settings: AIgatewaySettings
    refusals: ClassVar[Mapping[str, Refusal]] = REFUSALS

    def forget(self) -> None:
        """Start anew, with the first webhook secret."""
        super().forget()
        self._secret_number = 1

    def routes(self) -> list[Route]:
        """Return every documented call."""
        job = "/v1/jobs/(?P<job>[^/]+)"
        return [
            Route("POST", "/v1/images/generations", "submit", self._generate),
            Route("POST", "/v1/images/edits", "submit", self._edit),
            Route("GET", job, "poll", self._poll),
            Route("POST", f"{job}/cancel", "cancel", partial(self._cancel, by="post")),
            Route("DELETE", job, "cancel", partial(self._cancel, by="delete")),
            Route("GET", "/v1/files/jobs/(?P<job>[^/]+)/(?P<file>[^/]+)/signed", "sign", self._sign_again),
            Route("GET", "/v1/models", "models", self._models),
            Route("GET", "/v1/models/(?P<model>.+)/schema", "models", self._schema),
            Route("GET", "/v1/balance", "account", self._balance),
            Route("GET", "/v1/usage/by-tag", "account", self._usage_by_tag),
            Route("GET", "/v1/webhook-secret", "account", self._show_secret),
            Route("POST", "/v1/webhook-secret/rotate", "account", self._rotate_secret),
        ]

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal; `code` is the status as a number."""
        kind = DOCS_NAMES.get(refusal.kind, refusal.kind) if self.settings.error_names == "docs" else refusal.kind
        return {"error": {"message": refusal.message, "type": kind, "code": refusal.code, "param": refusal.param}}

    def refusal_on_demand(self, name: str) -> Refusal:
        """Return a refusal with what the switches make of it."""
        known = super().refusal_on_demand(name)
        if name != "content_refused":
            return known
        return _refusal(self.settings.content_status, self.settings.content_word, known.message)

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented."""
        return _refusal(404, NOT_FOUND, "No such address.")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form."""
        return _refusal(400, "invalid_request_error", message)

    def unknown_job(self) -> Refusal:
        """Return the answer to an id that is not known."""
        return _refusal(404, NOT_FOUND, "No such job.")

    async def _generate(self, exchange: Exchange) -> Reply:
        body = exchange.record.body = read_json(exchange.request)
        fields = Fields(body, _invalid)
        fields.only(GENERATION_FIELDS | (OPENAI_FIELDS if self.settings.openai_fields else frozenset()))
        order = self._order(exchange, fields, fields.required("model"))
        hook_url = fields.text("webhook_url") or ""
        return await self._answer(exchange, order, fields.choice("response_format", "url", _FORMATS), hook_url)

    async def _edit(self, exchange: Exchange) -> Reply:
        if len(exchange.request.body) > UPLOAD_LIMIT:
            raise self.refusals["too_large"]
        if content_type(exchange.request) == "application/json":
            fields, pictures = await self._read_json_edit(exchange)
        else:
            fields, pictures = self._read_form_edit(exchange)
        model = fields.choice("model", "bria/fibo-edit/edit", MODELS)
        if model not in self.settings.edit_models:
            raise _invalid("model", "This model does not edit.")
        images, mask = pictures
        if any(not sniff(picture) for picture in [*images, *([mask] if mask else [])]):
            raise _invalid("image", "The image cannot be read.")
        kept = mask if model in MASKING_MODELS else None
        order = replace(self._order(exchange, fields, model), references=tuple(images), mask=kept)
        return await self._answer(exchange, order, fields.choice("response_format", "url", _FORMATS), "")

    async def _read_json_edit(self, exchange: Exchange) -> tuple[Fields, tuple[list[bytes], bytes | None]]:
        body = exchange.record.body = read_json(exchange.request)
        fields = Fields(body, _invalid)
        fields.only(JSON_EDIT_FIELDS)
        image = await fetch(fields.required("image_url"))
        mask_url = fields.text("mask_url")
        return fields, ([image], await fetch(mask_url) if mask_url else None)

    def _read_form_edit(self, exchange: Exchange) -> tuple[Fields, tuple[list[bytes], bytes | None]]:
        form = read_form(exchange.request)
        fields = form_fields(form, _invalid)
        exchange.record.body = dict(fields.values)
        exchange.record.parts = [(part.name, part.content_type) for part in form.files]
        fields.only(FORM_FIELDS | (OPENAI_FIELDS if self.settings.openai_fields else frozenset()))
        return fields, self._form_pictures(form)

    def _form_pictures(self, form: Form) -> tuple[list[bytes], bytes | None]:
        several = {"image[]"} if self.settings.several_images else set()
        for part in form.files:
            if part.name not in {"image", "mask"} | several:
                raise _invalid(part.name, f"Unknown file: '{part.name}'.")
        images, masks = form.named("image", *several), form.named("mask")
        if not images or len(form.named("image")) > 1 or len(masks) > 1:
            raise _invalid("image", "Send one image and at most one mask.")
        return [part.data for part in images], masks[0].data if masks else None

    def _order(self, exchange: Exchange, fields: Fields, model: str) -> Order:
        if len(exchange.request.headers.get("x-aig-tag", "")) > 64:
            raise _invalid("x-aig-tag", "A tag has at most 64 characters.")
        if model not in MODELS or model in self.settings.retired:
            raise self.refusals["model_not_found"]
        size = fields.choice("size", "1024x1024", self.settings.sizes)
        return Order(
            model=model,
            prompt=fields.required("prompt", most=self.settings.prompt_limit),
            n=fields.integer("n", 1, least=1, most=self.settings.max_n),
            pixels=pixels_of(size),
            output_format=fields.choice("output_format", "png", {"png", "jpeg", "webp"}),
            background=fields.choice("background", "auto", {"auto", "opaque", "transparent"}),
        )

    async def _answer(self, exchange: Exchange, order: Order, form: str, hook_url: str) -> Reply:
        results = await self.take(exchange, order)
        headers = {"x-cost-cents": f"{4.2 * order.n:.4f}"} if self.settings.cost_header else {}
        if self.settings.answer_as_job:
            job = self.start_job(exchange, f"job_{exchange.record.id}", order, results, hook_url=hook_url)
            accepted = {"id": self.shown_id(job), "status": "queued", "object": "job"}
            return Reply(accepted, 202, headers, then=self.follow(job))
        items = [self.item(picture, exchange.fault, form) for picture in results]
        if self.settings.revised_prompt:
            items = [{"revised_prompt": order.prompt} | item for item in items]
        document: dict[str, Any] = {"created": 1_795_000_000, "data": items}
        if self.settings.usage:
            document["usage"] = {"total_tokens": 206, "input_tokens": 10, "output_tokens": 196}
        return Reply(document, headers=headers)

    async def _poll(self, exchange: Exchange) -> Reply:
        job = self.polled(exchange, exchange.names["job"])
        now = time.monotonic()
        if now - job.polled_at < self.settings.poll_seconds:
            self.counted["early_polls"] += 1
            return Reply(status=304, raw=[])
        job.polled_at = now
        return Reply(self._job_document(job))

    def _job_document(self, job: Job) -> dict[str, Any]:
        word = self.settings.running_word if job.state == "running" else job.state
        document: dict[str, Any] = {"id": job.id, "object": "job", "status": word, "model": job.order.model}
        # How a job shows several results is not documented: the first stands for all.
        address = next((self.item(result, job.fault, "url").get("url") for result in job.results), None)
        if job.results:
            path = f"/v1/files/jobs/{job.id}/1.{job.results[0].format}"
            self.media.protect(path, job.results[0], frozenset(self.settings.keys))
        if address and self.settings.job_result in {"result_url", "both"}:
            document["result_url"] = address
        if address and self.settings.job_result in {"file_url", "both"}:
            document["result"] = {"file_url": address}
        if job.error:
            # The shape is not documented: ours is that of other errors.
            document["error"] = {"message": job.error, "type": "server_error", "code": 500, "param": None}
        return document

    async def _cancel(self, exchange: Exchange, *, by: str) -> Reply:
        if self.settings.cancel_by not in {by, "both"}:
            raise self.unknown_address()
        job = self.jobs.all.get(exchange.names["job"])
        if job is None:
            raise self.unknown_job()
        if (by == "delete" and job.state != "queued") or not await self.jobs.cancel(job):
            raise self.refusals["conflict"]
        return Reply(self._job_document(job))

    async def _sign_again(self, exchange: Exchange) -> Reply:
        seconds = Fields({"expires_in": exchange.query("expires_in", "86400")}, _invalid, is_form=True)
        life = seconds.integer("expires_in", 86_400, least=60, most=604_800)
        job = self.jobs.all.get(exchange.names["job"])
        if job is None or not job.results:
            raise self.unknown_job()
        return Reply({"url": self.media.put(job.results[0]), "expires_at": int(time.time()) + life})

    async def _models(self, exchange: Exchange) -> Reply:
        kept = [model for model in MODELS if model not in self.settings.retired]
        return Reply({"object": "list", "data": [{"id": model, "object": "model"} for model in kept]})

    async def _schema(self, exchange: Exchange) -> Reply:
        model = unquote(exchange.names["model"])
        if model not in MODELS or model in self.settings.retired:
            raise self.refusals["model_not_found"]
        # That there is a schema is documented, its form is not.
        fields = sorted(GENERATION_FIELDS | (OPENAI_FIELDS if self.settings.openai_fields else frozenset()))
        return Reply({"model": model, "parameters": {name: {} for name in fields}})

    async def _balance(self, exchange: Exchange) -> Reply:
        return Reply({"balance_cents": 10_000})

    async def _usage_by_tag(self, exchange: Exchange) -> Reply:
        tags: dict[str, int] = {}
        for record in self.records:
            tag = record.headers.get("x-aig-tag", "")
            tags[tag] = tags.get(tag, 0) + record.paid
        return Reply({"month": exchange.query("month"), "data": [{"tag": tag, "n": n} for tag, n in tags.items()]})

    async def _show_secret(self, exchange: Exchange) -> Reply:
        return Reply({"secret": self._secret})

    async def _rotate_secret(self, exchange: Exchange) -> Reply:
        self._secret_number += 1
        return Reply({"secret": self._secret})

    @property
    def _secret(self) -> str:
        return f"whsec_emulator{self._secret_number}"

    def hook_secret(self, job: Job) -> str:
        """Return the secret that signs webhooks."""
        return self._secret

    def sign(self, raw: bytes, secret: str, moment: int | None) -> Mapping[str, str]:
        """Return the headers that sign a webhook, in one of the two documented forms."""
        stamp = "" if moment is None else str(moment)
        digest = hmac.new(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        if self.settings.signature == "gateway":
            return {"x-gateway-signature": f"t={stamp},v1={digest}" if stamp else f"v1={digest}"}
        return {"aig-signature": digest} | ({"aig-timestamp": stamp} if stamp else {})

    def hook_document(self, job: Job, event: str) -> dict[str, Any]:
        """Return the body of a webhook."""
        record = self._job_document(job)
        if self.settings.hook_body == "job":
            return record
        address = record.get("result_url") or record.get("result", {}).get("file_url")
        data = {"job_id": job.id, "model": job.order.model, "result_url": address, "usage": {"cost_cents": 4.2}}
        return {"id": f"evt_{job.id}", "type": f"job.{event}", "created": int(time.time()), "data": data}
