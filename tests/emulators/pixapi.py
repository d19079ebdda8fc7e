"""A strict emulator of Pixapi.

Switches (CONFLICT: both readings; UNKNOWN: the default is our choice):
`envelope` of errors ("a": code is a number, with type; "b": code is a word, with request_id), `submit_status` of a task
(200 or 202), `running_word` and `queued_word` of tasks, `task_error` ("object", "text" or "none" in a failed task),
`several_as` (part name of several images: "image", "image[]" or "any"), `max_images`, `max_upload`, `json_edits` (a
JSON edit whose `image` is one address or a list), `extra_fields` (fields taken besides the listed ones), `sizes_15`,
`max_n`, `prompt_limit`, `base64_supported` ("when supported"), `cost_credits` (in answers and tasks).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from tests.emulators.core import Emulator
from tests.emulators.fields import Fields, form_fields, is_free_size, pixels_of
from tests.emulators.files import sniff
from tests.emulators.forms import content_type, read_form, read_json
from tests.emulators.jobs import Job
from tests.emulators.orders import Order, Refusal
from tests.emulators.references import fetch
from tests.emulators.serving import Exchange, Reply, Route, Settings

MODELS = ("gpt-image-1.5", "gpt-image-2")
FIELDS = frozenset({"model", "prompt", "n", "size", "response_format"})
_INVALID = "invalid_request_error"
_FORMATS = frozenset({"url", "b64_json"})


def _refusal(status: int, kind: str, message: str, param: str | None = None) -> Refusal:
    return Refusal(status, kind, status, message, param)


def _invalid(param: str, message: str) -> Refusal:
    return _refusal(400, _INVALID, message, param)


# The names of 403, 408, 409, 413, 418, 502 and 504 are our choice, and all texts.
REFUSALS: Mapping[str, Refusal] = {
    "bad_request": _refusal(400, _INVALID, "The request was not understood."),
    "unauthorized": _refusal(401, "unauthorized", "The key is not known."),
    "payment_required": _refusal(402, "insufficient_credits", "Not enough credits."),
    "forbidden": _refusal(403, "forbidden", "The key may not do this."),
    "model_not_found": _refusal(404, "model_not_found", "No such model."),
    "request_timeout": _refusal(408, "timeout", "The request took too long."),
    "conflict": _refusal(409, "conflict", "Another request is in the way."),
    "too_large": _refusal(413, "payload_too_large", "The upload is too large."),
    "content_refused": _refusal(422, "prompt_rejected", "Prompt was rejected"),
    "rate_limited": _refusal(429, "rate_limited", "Too many requests."),
    "server_error": _refusal(500, "internal_error", "Something went wrong."),
    "server_error_charged": _refusal(500, "internal_error", "Something went wrong."),
    "bad_gateway": _refusal(502, "internal_error", "Bad gateway."),
    "overloaded": _refusal(503, "model_unavailable", "The model is not available."),
    "gateway_timeout": _refusal(504, "internal_error", "Gateway timeout."),
    "error_in_200": Refusal(200, "internal_error", 500, "Something went wrong."),
    "teapot": _refusal(418, _INVALID, "I am a teapot."),
}


@dataclass
class PixapiSettings(Settings):
    """Switches of this provider; every default of an UNKNOWN is our choice."""

    envelope: str = "a"
    submit_status: int = 200
    queued_word: str = "submitted"
    running_word: str = "processing"
    task_error: str = "object"
    several_as: str = "image"
    max_images: int = 16
    max_upload: int = 50_000_000
    json_edits: bool = False
    extra_fields: list[str] = field(default_factory=list)
    sizes_15: list[str] = field(default_factory=lambda: ["auto", "1024x1024"])
    max_n: int = 10
    prompt_limit: int = 32_000
    base64_supported: bool = True
    cost_credits: bool = False


class PixapiEmulator(Emulator):
    """Generation, edits and tasks at Pixapi."""

    name = "pixapi"
    key = "sk_emulator_0123456789abcdef"
    settings_type = PixapiSettings
    settings: PixapiSettings
    refusals: ClassVar[Mapping[str, Refusal]] = REFUSALS

    def routes(self) -> list[Route]:
        """Return every documented call."""
        return [
            Route("POST", "/v1/images/generations", "submit", self._generate),
            Route("POST", "/v1/images/edits", "submit", self._edit),
            Route("POST", "/v1/async/images/generations", "submit", self._generate),
            Route("POST", "/v1/async/images/edits", "submit", self._edit),
            Route("GET", "/v1/tasks/(?P<task>[^/]+)", "poll", self._poll),
            Route("GET", "/v1/models", "models", self._models),
        ]

    def envelope(self, refusal: Refusal, exchange: Exchange) -> Any:
        """Return the document of a refusal, in one of the two documented envelopes."""
        if self.settings.envelope == "b":
            return {"error": {"code": refusal.kind, "message": refusal.message, "request_id": exchange.record.id}}
        return {"error": {"code": refusal.code, "message": refusal.message, "type": refusal.kind}}

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """Return the headers of every answer: none is documented."""
        return {}

    def unknown_address(self) -> Refusal:
        """Return the answer of a path that is not documented."""
        return _refusal(404, "not_found", "No such address.")

    def unreadable(self, message: str) -> Refusal:
        """Return the answer to a body of the wrong type or form."""
        return _refusal(400, _INVALID, message)

    def unknown_job(self) -> Refusal:
        """Return the answer to an id that is not known (name ours)."""
        return _refusal(404, "task_not_found", "No such task.")

    async def _generate(self, exchange: Exchange) -> Reply:
        body = exchange.record.body = read_json(exchange.request)
        fields = Fields(body, _invalid)
        return await self._answer(exchange, fields, self._order(exchange, fields))

    async def _edit(self, exchange: Exchange) -> Reply:
        if content_type(exchange.request) == "application/json" and self.settings.json_edits:
            fields, pictures = await self._read_json_edit(exchange)
        else:
            fields, pictures = self._read_form_edit(exchange)
        order = self._order(exchange, fields)
        if not 1 <= len(pictures) <= self.settings.max_images:
            raise _invalid("image", f"Send 1 to {self.settings.max_images} images.")
        if any(len(picture) > self.settings.max_upload for picture in pictures):
            raise self.refusals["too_large"]
        if not all(sniff(picture) for picture in pictures):
            raise _invalid("image", "The image cannot be read.")
        return await self._answer(exchange, fields, replace(order, references=tuple(pictures)))

    async def _read_json_edit(self, exchange: Exchange) -> tuple[Fields, list[bytes]]:
        body = exchange.record.body = read_json(exchange.request)
        image = body.get("image")
        addresses = image if isinstance(image, list) else [image]
        if not all(isinstance(address, str) and address.startswith("http") for address in addresses):
            raise _invalid("image", "'image' must be an address or a list of addresses.")
        values = {name: value for name, value in body.items() if name != "image"}
        return Fields(values, _invalid), [await fetch(str(address)) for address in addresses]

    def _read_form_edit(self, exchange: Exchange) -> tuple[Fields, list[bytes]]:
        form = read_form(exchange.request)
        fields = form_fields(form, _invalid)
        exchange.record.body = dict(fields.values)
        exchange.record.parts = [(part.name, part.content_type) for part in form.files]
        several = {"image", "image[]"} if self.settings.several_as == "any" else {self.settings.several_as}
        allowed = several if len(form.files) > 1 else {"image"}
        for part in form.files:
            if part.name not in allowed:
                raise _invalid(part.name, f"Unknown file: '{part.name}'.")
        return fields, [part.data for part in form.files]

    def _order(self, exchange: Exchange, fields: Fields) -> Order:
        if exchange.query("async"):
            raise _invalid("async", "Tasks have a path of their own.")
        model = fields.required("model")
        if model not in MODELS or model in self.settings.retired:
            raise self.refusals["model_not_found"]
        newer = model == "gpt-image-2"
        fields.only(FIELDS | set(self.settings.extra_fields) | ({"quality"} if newer else set()))
        fields.choice("quality", "auto", {"low", "medium", "high", "auto"})
        size = fields.text("size") or "auto"
        if size not in self.settings.sizes_15 and not (newer and is_free_size(size)):
            raise _invalid("size", f"'{size}' is not a size of this model.")
        return Order(
            model=model,
            prompt=fields.required("prompt", most=self.settings.prompt_limit),
            n=fields.integer("n", 1, least=1, most=self.settings.max_n),
            pixels=pixels_of(size),
        )

    async def _answer(self, exchange: Exchange, fields: Fields, order: Order) -> Reply:
        form = fields.choice("response_format", "url", _FORMATS)
        if form == "b64_json" and not self.settings.base64_supported:
            raise _invalid("response_format", "Base64 is not supported for this model.")
        results = await self.take(exchange, order)
        if exchange.request.path.startswith("/v1/async/"):
            task = self.start_job(exchange, f"task_{exchange.record.id}", order, results, details={"form": form})
            accepted = self._task_head(task) | {"id": self.shown_id(task), "created_at": int(task.created_at)}
            return Reply(accepted, self.settings.submit_status, then=self.follow(task))
        items = [self.item(picture, exchange.fault, form) for picture in results]
        return Reply({"created": 1_795_000_000, "data": items} | self._cost(order))

    def _cost(self, order: Order) -> dict[str, Any]:
        return {"costCredits": order.n} if self.settings.cost_credits else {}

    async def _poll(self, exchange: Exchange) -> Reply:
        task = self.polled(exchange, exchange.names["task"])
        document = self._task_head(task)
        if task.results:
            items = [self.item(picture, task.fault, task.details["form"]) for picture in task.results]
            document["result"] = {"created": int(task.completed_at or 0), "data": items}
            document |= self._cost(task.order)
        if task.error and self.settings.task_error != "none":
            as_object = {"code": "internal_error", "message": task.error}
            document["error"] = as_object if self.settings.task_error == "object" else task.error
        return Reply(document)

    def _task_head(self, task: Job) -> dict[str, Any]:
        words = {"queued": self.settings.queued_word, "running": self.settings.running_word}
        progress = {"queued": 0, "completed": 100}.get(task.state, 50)
        return {
            "id": task.id,
            "status": words.get(task.state, task.state),
            "progress": progress,
            "model": task.order.model,
        }

    async def _models(self, exchange: Exchange) -> Reply:
        kept = [model for model in MODELS if model not in self.settings.retired]
        return Reply({"object": "list", "data": [{"id": model, "object": "model"} for model in kept]})
