"""A strict emulator of OpenAI's image API.

Switches (CONFLICT: both readings; UNKNOWN: the default is our choice): `transparent_on_2` (transparent background with
gpt-image-2), `retired_status` (404 or 400 for a model that is gone), `usage` (whether answers carry it), `unlisted`
(models that work though `/models` does not know them), `shutdown_dates` (by model, over the known ones),
`stream_several` (a stream with n > 1: one `completed` each), `stream_done` (a closing `[DONE]`), `most_partials` (fewer
may come than were asked), `stream_pause` (seconds between events). Faults of streams stand in `openai_streams`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.emulators import openai_streams
from tests.emulators.core import Emulator
from tests.emulators.faults import Fault
from tests.emulators.forms import content_type, read_form, read_json
from tests.emulators.openai_contract import MODELS, OpenAIOrder, Rules, read_order
from tests.emulators.openai_edits import form_body, read_form_edit, read_json_edit
from tests.emulators.orders import Refusal
from tests.emulators.serving import Exchange, Reply, Route, Settings

KEY = "sk-emulator-0123456789abcdef"

_INVALID, _USER, _SERVER = "invalid_request_error", "image_generation_user_error", "server_error"
_REFUSED = Refusal(
    400,
    _USER,
    "moderation_blocked",
    "Refused by the safety system.",
    extra={"moderation_details": {"moderation_stage": "input", "categories": ["violence"]}},
)
# Texts and the codes of 401, 403, 409, 413 and 503 are our choice.
REFUSALS: Mapping[str, Refusal] = {
    "bad_request": Refusal(400, _INVALID, "invalid_value", "The request was not understood."),
    "unknown_parameter": Refusal(400, _INVALID, "unknown_parameter", "Unknown parameter: 'size'."),
    "billing_hard_limit": Refusal(400, _INVALID, "billing_hard_limit_reached", "Hard limit reached."),
    "moderation_blocked": _REFUSED,
    "content_refused": _REFUSED,
    "unauthorized": Refusal(401, _INVALID, "invalid_api_key", "Incorrect API key provided."),
    "payment_required": Refusal(402, "billing_error", None, "The wallet is empty."),
    "forbidden": Refusal(403, _INVALID, None, "Your organization must be verified to use this model."),
    "model_not_found": Refusal(404, _INVALID, "model_not_found", "The model has been deprecated."),
    "request_timeout": Refusal(408, _SERVER, None, "The request took too long."),
    "conflict": Refusal(409, _INVALID, "conflict", "Another request is in the way."),
    "too_large": Refusal(413, _INVALID, None, "The upload is too large."),
    "rate_limited": Refusal(429, "requests", "rate_limit_exceeded", "Rate limit reached."),
    "slow_down": Refusal(429, "requests", "slow_down", "Slow down."),
    "insufficient_quota": Refusal(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "credit_balance_exhausted": Refusal(429, "insufficient_quota", "credit_balance_exhausted", "No credit is left."),
    "server_error": Refusal(500, _SERVER, None, "The server had an error."),
    "server_error_charged": Refusal(500, _SERVER, None, "The server had an error."),
    "bad_gateway": Refusal(502, _SERVER, None, "Bad gateway."),
    "overloaded": Refusal(503, _SERVER, "server_overloaded", "The engine is overloaded."),
    "gateway_timeout": Refusal(504, _SERVER, None, "Gateway timeout."),
    "error_in_200": Refusal(200, _SERVER, None, "The server had an error."),
    "moderation_in_200": Refusal(
        200, _USER, "moderation_blocked", "Refused by the safety system.", extra=_REFUSED.extra
    ),
    "teapot": Refusal(418, _INVALID, None, "I am a teapot."),
}


@dataclass
class OpenAISettings(Settings):
    """Switches of this provider."""

    transparent_on_2: bool = False
    # The provider documents neither 400 nor 404 for a retired model: both must be survived.
    retired_status: int = 404
    usage: bool = True
    unlisted: list[str] = field(default_factory=list)
    shutdown_dates: dict[str, str | None] = field(default_factory=dict)
    stream_several: bool = False
    stream_done: bool = False
    most_partials: int = 3
    stream_pause: float = 0.0


class OpenAIEmulator(Emulator):
    """Generation, edits, streams and the list of models at OpenAI."""

    name = "openai"
    key = KEY
    settings_type = OpenAISettings
    settings: OpenAISettings
    refusals: ClassVar[Mapping[str, Refusal]] = REFUSALS
    own_faults = openai_streams.NAMES

    def routes(self) -> list[Route]:
        """Return every documented call."""
        return [
            Route("POST", "/v1/images/generations", "submit", self._generate),
            Route("POST", "/v1/images/edits", "submit", self._edit),
            Route("GET", "/v1/models", "models", self._models),
            Route("GET", "/v1/models/(?P<model>[^/]+)", "models", self._model),
        ]

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal."""
        error = {"message": refusal.message, "type": refusal.kind, "param": refusal.param, "code": refusal.code}
        return {"error": error | refusal.extra}

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Return the headers of every answer."""
        return super().headers(exchange) | {"openai-processing-ms": str(int(1000 * self.settings.latency))}

    def wrong_key(self, key: str) -> Refusal:
        """Return the answer to a key that is not known."""
        return Refusal(401, _INVALID, "invalid_api_key", f"Incorrect API key provided: {key[:6]}***{key[-4:]}.")

    def details(self, fault: Fault) -> dict[str, Any]:
        """Return what a refusal on demand carries besides its message."""
        details = super().details(fault)
        if "moderation_details" in details and "stage" in fault.parameters:
            stage = {"moderation_stage": fault.parameters["stage"]}
            details["moderation_details"] = details["moderation_details"] | stage
        return details

    async def _generate(self, exchange: Exchange) -> Reply:
        exchange.record.body = read_json(exchange.request)
        return await self._answer(exchange, read_order(exchange.record.body, self._rules()), "image_generation")

    async def _edit(self, exchange: Exchange) -> Reply:
        record = exchange.record
        if content_type(exchange.request) == "application/json":
            record.body = read_json(exchange.request)
            order = await read_json_edit(record.body, self._rules())
        else:
            form = read_form(exchange.request)
            record.parts = [(part.name, part.content_type) for part in form.files]
            record.body = form_body(form)
            order = read_form_edit(form, record.body, self._rules())
        return await self._answer(exchange, order, "image_edit")

    def _rules(self) -> Rules:
        settings = self.settings
        return Rules(
            settings.transparent_on_2, settings.retired_status, settings.retired, stream_several=settings.stream_several
        )

    async def _answer(self, exchange: Exchange, order: OpenAIOrder, kind: str) -> Reply:
        results = await self.take(exchange, order)
        items = [self.item(picture, exchange.fault, "b64_json") for picture in results]
        document = self._document(order)
        if not order.stream:
            return Reply(document | {"data": items})
        wanted = min(order.partial_images, self.settings.most_partials)
        partials = [{"b64_json": await self.draw(order, number + 1)} for number in range(wanted)]
        name = "content_refused" if exchange.fault and exchange.fault.name == "stream_refused" else "server_error"
        error = self.envelope(self.refusals[name], exchange)
        stream = openai_streams.misled(openai_streams.events(kind, document, partials, items), exchange.fault, error)
        if self.settings.stream_done:
            stream.append(b"data: [DONE]\n\n")
        return Reply(raw=stream, content_type="text/event-stream", pause=self.settings.stream_pause)

    async def _models(self, exchange: Exchange) -> Reply:
        gone = {*self.settings.retired, *self.settings.unlisted}
        return Reply({"object": "list", "data": [self._listed(model) for model in MODELS if model not in gone]})

    async def _model(self, exchange: Exchange) -> Reply:
        model = exchange.names["model"]
        if model not in MODELS or model in {*self.settings.retired, *self.settings.unlisted}:
            raise Refusal(404, _INVALID, "model_not_found", f"The model '{model}' does not exist.", "model")
        return Reply(self._listed(model))

    def _listed(self, model: str) -> dict[str, Any]:
        shutdown = self.settings.shutdown_dates.get(model, MODELS[model].shutdown)
        listed = {"id": model, "object": "model", "created": 1_780_000_000, "owned_by": "openai"}
        return listed | {"shutdown_date": shutdown}

    def _document(self, order: OpenAIOrder) -> dict[str, Any]:
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
            seen = 324 * len(order.references)
            details = {"text_tokens": 10, "image_tokens": seen}
            total = {"total_tokens": tokens + seen + 10, "input_tokens": seen + 10, "output_tokens": tokens}
            document["usage"] = total
            document["usage"]["input_tokens_details"] = details
        return document
