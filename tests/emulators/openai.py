"""A strict emulator of OpenAI's image API.

Switches: `transparent_on_2` (transparent background with gpt-image-2), `retired_status` (404 or 400 for a model that
is gone), `usage` (whether answers carry it).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.emulators.core import Emulator
from tests.emulators.faults import Fault
from tests.emulators.forms import read_json
from tests.emulators.openai_contract import OpenAIOrder, read_order
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


class OpenAIEmulator(Emulator):
    """Generation at OpenAI."""

    name = "openai"
    key = KEY
    settings_type = OpenAISettings
    settings: OpenAISettings
    refusals: ClassVar[Mapping[str, Refusal]] = REFUSALS

    def routes(self) -> list[Route]:
        """Return every documented call."""
        return [Route("POST", "/v1/images/generations", "submit", self._generate)]

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
        order = read_order(
            exchange.record.body,
            transparent_on_2=self.settings.transparent_on_2,
            retired_status=self.settings.retired_status,
        )
        results = await self.take(exchange, order)
        items = [self.item(picture, exchange.fault, "b64_json") for picture in results]
        return Reply(self._document(order) | {"data": items})

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
            details = {"text_tokens": 10, "image_tokens": 0}
            document["usage"] = {"total_tokens": tokens + 10, "input_tokens": 10, "output_tokens": tokens}
            document["usage"]["input_tokens_details"] = details
        return document
