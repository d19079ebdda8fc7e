"""What Apiframe v2 accepts for the GPT Image models, checked to the letter.

Its specification forbids unknown fields in every object. The texts inside `details`, and that an unknown field is named
by its own path there, are our choice. The documentation gives shapes, not pixels: those are upstream's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from tests.emulators.fields import Fields, Invalid
from tests.emulators.files import sniff
from tests.emulators.forms import Form
from tests.emulators.orders import Order, Refusal
from tests.emulators.serving import Settings

KEY_LIMIT = 255
UPLOAD_LIMIT = 25 * 1024 * 1024
STATES = ("QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED")
EVENTS = ("progress", "completed", "failed")
SHAPES = {"1:1": (1024, 1024), "3:2": (1536, 1024), "2:3": (1024, 1536)}
QUALITIES = ("low", "medium", "high", "auto")
FORMATS = ("png", "jpeg", "webp")
COMMON_PARAMETERS = frozenset({"quality", "aspect_ratio", "output_format", "number_of_images", "input_images"})


@dataclass(frozen=True)
class Model:
    """The name of a model's parameter object, the choices it has beside the common ones, and its credits by quality."""

    place: str
    backgrounds: frozenset[str]
    choices: Mapping[str, frozenset[str]]
    prices: Mapping[str, Mapping[str, int]]


MODELS: Mapping[str, Model] = {
    "gpt-image-1.5": Model(
        "gptImageParams",
        frozenset({"auto", "transparent", "opaque"}),
        {"input_fidelity": frozenset({"low", "high"})},
        {
            "current": {"low": 4, "medium": 9, "high": 24, "auto": 24},
            "older": {"low": 2, "medium": 5, "high": 14, "auto": 14},
        },
    ),
    "gpt-image-2": Model(
        "gptImage2Params",
        frozenset({"auto", "opaque"}),
        {"moderation": frozenset({"auto", "low"})},
        {
            "current": {"low": 4, "medium": 9, "high": 23, "auto": 23},
            "older": {"low": 4, "medium": 9, "high": 23, "auto": 23},
        },
    ),
}


@dataclass
class Switches(Settings):
    """What the documents contradict or leave open; every default that follows no document is our choice.

    What is valid:
    `page_spelling`: also take the product page's `webhook_url` and one text as `input_images`.
    `most_inputs`: the limit of `input_images` is documented nowhere, 16 is upstream's.
    `default_format`: "png" (product page) or "webp" (docs).
    `idempotency`: the same key with another body gets the "original" job (specification) or a "conflict" (client).
    `idempotency_seconds`: how long a key is remembered (documented: 24 hours).
    `credits`: what the team has; a submit beyond it is 402. `prices`: "current" or "older" docs.
    What is answered:
    `result_shape`: "object" (docs), "list" or "string" (older docs; several pictures cannot be one text: then a list).
    `credit_cost`: "number", or "null" as the specification allows.
    `signature_key`: the SHA-256 of the API key as "raw" bytes (client) or as "hex" text.
    `signature_form`: "prefixed" with `sha256=`, or "bare" as the client takes too.
    `delivered`: the word of `webhookStatus`, "delivered" or "sent".
    `url_seconds`: results live 24 hours (specification; the FAQ says three months), then `expired` turns true.
    `upload_seconds`: uploads live one to two hours.
    """

    url_seconds: float = 86_400.0
    page_spelling: bool = False
    most_inputs: int = 16
    default_format: str = "png"
    idempotency: str = "original"
    idempotency_seconds: float = 86_400.0
    credits: int = 100_000
    prices: str = "current"
    result_shape: str = "object"
    credit_cost: str = "number"
    signature_key: str = "raw"
    signature_form: str = "prefixed"
    delivered: str = "delivered"
    upload_seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class Generation(Order):
    """One accepted generation with every default filled in; `inputs` are addresses, not yet fetched."""

    quality: str
    inputs: tuple[str, ...]
    webhook_url: str
    webhook_events: tuple[str, ...]

    def price(self, list_name: str) -> int:
        """Return the credits for all pictures."""
        return MODELS[self.model].prices[list_name][self.quality] * self.n


def read_order(body: Mapping[str, Any], switches: Switches) -> Generation:
    """Return the order, or refuse it exactly where the specification does."""
    fields = Fields(body, _invalid_at())
    prompt, name = fields.required("prompt", most=2000), fields.required("model")
    fields.choice("model", name, MODELS)
    model = MODELS[name]
    hook = "webhook_url" if switches.page_spelling and "webhook_url" in body else "webhookUrl"
    fields.only({"prompt", "model", hook, "webhookEvents", model.place})
    parameters = _parameters(body, model)
    return Generation(
        model=name,
        prompt=prompt,
        n=parameters.integer("number_of_images", 1, least=1, most=10),
        quality=parameters.choice("quality", "auto", QUALITIES),
        pixels=SHAPES[parameters.choice("aspect_ratio", "1:1", SHAPES)],
        background=parameters.choice("background", "auto", model.backgrounds),
        output_format=parameters.choice("output_format", switches.default_format, FORMATS),
        inputs=_inputs(parameters, switches),
        webhook_url=_address(fields, hook),
        webhook_events=_events(fields),
    )


def _parameters(body: Mapping[str, Any], model: Model) -> Fields:
    given = body.get(model.place, {})
    if not isinstance(given, dict):
        raise _invalid_at()(model.place, "Expected an object.")
    parameters = Fields(given, _invalid_at(f"{model.place}."))
    parameters.only({*COMMON_PARAMETERS, "background", *model.choices})
    for name, allowed in model.choices.items():
        parameters.choice(name, "", allowed)
    return parameters


def _inputs(parameters: Fields, switches: Switches) -> tuple[str, ...]:
    given = parameters.values.get("input_images")
    if switches.page_spelling and isinstance(given, str):
        given = [given]
    if given is None:
        return ()
    most = switches.most_inputs
    if not isinstance(given, list) or len(given) > most or not all(_is_address(entry) for entry in given):
        raise parameters.invalid("input_images", f"Expected a list of at most {most} URLs.")
    return tuple(given)


def _address(fields: Fields, name: str) -> str:
    value = fields.values.get(name)
    if name in fields.values and not _is_address(value):
        raise fields.invalid(name, "Expected a URL.")
    return value or ""


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).netloc)


def _events(fields: Fields) -> tuple[str, ...]:
    given = fields.values.get("webhookEvents", list(EVENTS))
    if not isinstance(given, list) or not given or any(event not in EVENTS for event in given):
        raise fields.invalid("webhookEvents", f"Expected at least one of {', '.join(EVENTS)}.")
    return tuple(given)


def read_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of a request that may be repeated."""
    key = headers.get("idempotency-key")
    if key is not None and len(key) > KEY_LIMIT:
        raise _invalid_at()("Idempotency-Key", f"Expected at most {KEY_LIMIT} characters.")
    return key


def read_job_id(value: str) -> str:
    """Return a job id, or refuse what is no UUID."""
    if not _is_uuid(value):
        raise Refusal(400, "", None, "Invalid job id")
    return value.lower()


@dataclass(frozen=True)
class Listing:
    """What a list call asks for; an empty text asks for nothing."""

    status: str
    model: str
    search: str
    limit: int
    after: str
    with_models: bool


def read_listing(query: Mapping[str, str]) -> Listing:
    """Return the filter and the page of `GET /v2/jobs`; the cursor is the id of the last job seen (our choice)."""
    fields = Fields(query, _invalid_at(), is_form=True)
    fields.only({"status", "model", "limit", "cursor", "scope", "search", "include_models"})
    fields.choice("scope", "user", ("user", "team"))
    for name in ("cursor", "search"):
        if name in query and not _is_uuid(query[name]):
            raise fields.invalid(name, "Expected a UUID.")
    return Listing(
        status=fields.choice("status", "", STATES),
        model=fields.text("model") or "",
        search=query.get("search", ""),
        limit=fields.integer("limit", 20, least=1, most=100),
        after=query.get("cursor", ""),
        with_models=fields.choice("include_models", "false", ("true", "false")) == "true",
    )


def _is_uuid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def read_upload(form: Form) -> tuple[bytes, str]:
    """Return an uploaded picture and its sniffed type: too large or of a wrong type is 400, never 413 or 415."""
    if form.fields or [part.name for part in form.files] != ["file"]:
        raise Refusal(400, "", None, "Upload exactly one file as the part 'file'")
    data = form.files[0].data
    if len(data) > UPLOAD_LIMIT:
        raise Refusal(400, "", None, "File too large (max 25 MB)")
    kind = sniff(data)
    if not kind:
        raise Refusal(400, "", None, "Unsupported file type")
    return data, kind


def _invalid_at(prefix: str = "") -> Invalid:
    def invalid(name: str, message: str) -> Refusal:
        return Refusal(400, "", None, "Validation failed", extra={"details": {f"{prefix}{name}": [message]}})

    return invalid
