"""A strict emulator of AI/ML API: synchronous generations and edits, the account's balance.

The switches stand in `aimlapi_contract.Switches`.

Own faults: `free_tier` (429 for the hour), `maintenance` (500: the model is down), `forbidden` (403 without the
credits message of `payment_required`, which is 403 too).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from tests.emulators.aimlapi_contract import Request, Switches, read_edit, read_generation
from tests.emulators.core import Emulator
from tests.emulators.forms import read_form, read_json
from tests.emulators.orders import Record, Refusal
from tests.emulators.pictures import Picture
from tests.emulators.serving import Exchange, Reply, Route

CREDITS_PER_DOLLAR = 2_000_000
# Credits of one picture; only the medium one of gpt-image-2 is documented, the others are in proportion to upstream's.
CREDITS = {"low": 12_000, "medium": 107_341, "high": 425_000}
OUT_OF_CREDITS = (
    "You've run out of credits. Please top up your balance or update your payment method to continue: "
    "https://aimlapi.com/app/billing/"
)
NO_KEY = (
    "This request requires a valid API key. You can create a new API key on the Billing page: "
    "https://aimlapi.com/app/keys"
)
FREE_TIER = (
    "Free-tier limit: You've reached your free limit for the hour. Get AI/ML Subscription to use API, visit "
    "https://aimlapi.com/app/billing/ !"
)


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, "", None, message)


class AimlapiEmulator(Emulator):
    """Answers as the specification says, with the samples' other readings behind switches."""

    name = "aimlapi"
    key = "aiml-emulator-0123456789abcdef"
    settings_type = Switches
    settings: Switches
    refusals: ClassVar[Mapping[str, Refusal]] = {
        "bad_request": _refusal(400, "Body validation error\nprompt is invalid"),
        "unauthorized": _refusal(401, NO_KEY),
        "payment_required": _refusal(403, OUT_OF_CREDITS),
        "forbidden": _refusal(403, "You do not have access to this model."),
        "model_not_found": _refusal(400, "Body validation error\nInvalid enum value. Expected 'openai/gpt-image-2'"),
        "too_large": _refusal(413, "Request entity too large"),
        "content_refused": _refusal(400, "Your request was rejected by the safety system."),
        "rate_limited": _refusal(429, "Too Many Requests"),
        "free_tier": _refusal(429, FREE_TIER),
        "request_timeout": _refusal(408, "Request Timeout"),
        "conflict": _refusal(409, "Conflict"),
        "server_error": _refusal(500, "Something wrong with the server. Please, try again later."),
        "server_error_charged": _refusal(500, "Something wrong with the server. Please, try again later."),
        "maintenance": _refusal(500, "The model is under maintenance, please contact us at help@aimlapi.com."),
        "bad_gateway": _refusal(502, "Bad Gateway"),
        "overloaded": _refusal(503, "Service Unavailable"),
        "gateway_timeout": _refusal(504, "Gateway Timeout"),
        "error_in_200": _refusal(200, "Internal server error"),
        "teapot": _refusal(418, "I am a teapot"),
    }

    def routes(self) -> list[Route]:
        """Return every documented call that GPT Image needs."""
        return [
            Route("POST", "/v1/images/generations", "submit", self._generate),
            Route("POST", "/v1/images/edits", "submit", self._edit),
            Route("GET", "/v2/billing", "account", self._billing),
        ]

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Return the id that the account's transactions name."""
        return {"x-inference-id": exchange.record.id}

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal."""
        number = self.settings.status_code == "number"
        return {
            "message": refusal.message,
            "path": exchange.request.path,
            "requestId": str(uuid5(NAMESPACE_URL, exchange.record.id)),
            "statusCode": refusal.status if number else str(refusal.status),
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }

    def refusal_on_demand(self, name: str) -> Refusal:
        """Return the refusal that a fault names, with the status that its switch gives it."""
        known = super().refusal_on_demand(name)
        switches = {"content_refused": self.settings.content_status, "model_not_found": self.settings.unknown_model}
        return _refusal(switches.get(name, known.status), known.message)

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented."""
        return _refusal(404, "Not Found")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form."""
        return _refusal(400, f"Body validation error\n{message}")

    async def _generate(self, exchange: Exchange) -> Reply:
        body = exchange.record.body = read_json(exchange.request)
        return await self._answer(exchange, read_generation(body, self.settings))

    async def _edit(self, exchange: Exchange) -> Reply:
        form = read_form(exchange.request)
        exchange.record.body = dict(form.fields)
        exchange.record.parts = [(part.name, part.content_type) for part in form.files]
        return await self._answer(exchange, read_edit(form, self.settings))

    async def _answer(self, exchange: Exchange, order: Request) -> Reply:
        results = await self.take(exchange, order)
        credits = _credits(exchange.record)
        items = [self._item(picture, exchange, order) for picture in results]
        created = int(exchange.record.at)
        about = {
            "meta": self._meta(order, credits),
            "sample": _sample(order, created),
            "openai": _openai(order, created),
        }
        return Reply({"data": items} | about[self.settings.answer], self.settings.created_status)

    def _item(self, picture: Picture, exchange: Exchange, order: Request) -> dict[str, Any]:
        item = self.item(picture, exchange.fault, order.response_format)
        return {"url": None, "b64_json": None} | item if self.settings.null_siblings else item

    def _meta(self, order: Request, credits: int) -> dict[str, Any]:
        usage: dict[str, Any] = {"credits_used": credits}
        if order.model == "openai/gpt-image-2":
            usage["usd_spent"] = credits / CREDITS_PER_DOLLAR
        known: dict[str, dict[str, Any]] = {
            "documented": {"meta": {"usage": usage}},
            "usage_null": {"meta": {"usage": None}},
            "meta_null": {"meta": None},
            "absent": {},
        }
        return known[self.settings.usage]

    async def _billing(self, exchange: Exchange) -> Reply:
        spent = sum(_credits(record) for record in self.records) / CREDITS_PER_DOLLAR
        return Reply({"current_balance": self.settings.balance - spent, "currency": "USD"})


def _credits(record: Record) -> int:
    # What was refused may have named a quality that there is not.
    return CREDITS[record.body.get("quality", "medium")] * record.paid if record.paid else 0


def _sample(order: Request, created: int) -> dict[str, Any]:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return {"id": f"gen-{created}", "object": "image", "created": created, "model": order.model, "usage": usage}


def _openai(order: Request, created: int) -> dict[str, Any]:
    return {
        "created": created,
        "background": "opaque" if order.background == "auto" else order.background,
        "output_format": order.output_format,
        "quality": order.quality,
        "size": "{}x{}".format(*order.pixels),
        "usage": {"total_tokens": 206, "input_tokens": 10, "output_tokens": 196},
    }
