"""What Apiframe v2 accepts for the GPT Image models, checked to the letter.

Its specification forbids unknown fields in every object. The texts inside `details`, and that an unknown field is named
by its own path there, are our choice. The documentation gives shapes, not pixels: those are upstream's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.emulators.checks import Check, address, choice, find_problems, nullable, several, text, whole
from tests.emulators.files import sniff
from tests.emulators.forms import Form
from tests.emulators.orders import Order, Refusal

KEY_LIMIT = 255
UPLOAD_LIMIT = 25 * 1024 * 1024
STATES = ("QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED")
EVENTS = ("progress", "completed", "failed")
SHAPES = {"1:1": (1024, 1024), "3:2": (1536, 1024), "2:3": (1024, 1536)}
PRICES: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "gpt-image-1.5": {
        "current": {"low": 4, "medium": 9, "high": 24, "auto": 24},
        "older": {"low": 2, "medium": 5, "high": 14, "auto": 14},
    },
    "gpt-image-2": {
        "current": {"low": 4, "medium": 9, "high": 23, "auto": 23},
        "older": {"low": 4, "medium": 9, "high": 23, "auto": 23},
    },
}

COMMON_PARAMETERS: Mapping[str, Check] = {
    "quality": choice("low", "medium", "high", "auto"),
    "aspect_ratio": choice(*SHAPES),
    "output_format": choice("png", "jpeg", "webp"),
    "number_of_images": whole(1, 10),
}


@dataclass(frozen=True)
class Model:
    """The name of a model's parameter object and the fields it may hold beside the common ones."""

    place: str
    fields: Mapping[str, Check]


MODELS: Mapping[str, Model] = {
    "gpt-image-1.5": Model(
        "gptImageParams",
        {"background": choice("auto", "transparent", "opaque"), "input_fidelity": choice("low", "high")},
    ),
    "gpt-image-2": Model(
        "gptImage2Params", {"background": choice("auto", "opaque"), "moderation": choice("auto", "low")}
    ),
}


@dataclass(frozen=True, kw_only=True)
class Generation(Order):
    """One accepted generation with every default filled in; `inputs` are addresses, not yet fetched."""

    quality: str
    inputs: tuple[str, ...]
    webhook_url: str | None
    webhook_events: tuple[str, ...]

    def price(self, list_name: str) -> int:
        """Return the credits for all pictures."""
        return PRICES[self.model][list_name][self.quality] * self.n


def read_order(
    body: Mapping[str, Any],
    *,
    default_format: str = "png",
    most_inputs: int = 16,
    page_spelling: bool = False,
) -> Generation:
    """Return the order, or refuse it exactly where the specification does.

    `page_spelling` also takes what the product page writes: `webhook_url`, and one text as `input_images`.
    """
    name = body.get("model")
    model = MODELS.get(name) if isinstance(name, str) else None
    fields: dict[str, Check] = {
        "prompt": text(least=1, most=2000),
        "model": choice(*MODELS),
        "webhookUrl": address,
        "webhookEvents": several(choice(*EVENTS), least=1),
    }
    if page_spelling:
        fields["webhook_url"] = address
    if model:
        fields[model.place] = lambda _: None
    problems = find_problems(body, fields, required=("prompt", "model"))
    parameters = body.get(model.place, {}) if model else {}
    if model:
        inputs = nullable(several(address, most=most_inputs))
        known = {**COMMON_PARAMETERS, **model.fields, "input_images": inputs}
        if page_spelling and isinstance(parameters, dict) and isinstance(parameters.get("input_images"), str):
            parameters = parameters | {"input_images": [parameters["input_images"]]}
        problems |= find_problems(parameters, known, under=model.place)
    if problems:
        raise _invalid(problems)
    return Generation(
        model=body["model"],
        prompt=body["prompt"],
        n=parameters.get("number_of_images", 1),
        quality=parameters.get("quality", "auto"),
        pixels=SHAPES[parameters.get("aspect_ratio", "1:1")],
        background=parameters.get("background", "auto"),
        output_format=parameters.get("output_format", default_format),
        inputs=tuple(parameters.get("input_images") or ()),
        webhook_url=body.get("webhookUrl", body.get("webhook_url")),
        webhook_events=tuple(body.get("webhookEvents", EVENTS)),
    )


def read_idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the key of a request that may be repeated."""
    key = headers.get("idempotency-key")
    if key is not None and len(key) > KEY_LIMIT:
        raise _invalid({"Idempotency-Key": f"must have at most {KEY_LIMIT} characters"})
    return key


def read_job_id(value: str) -> str:
    """Return a job id, or refuse what is no UUID."""
    if _uuid(value):
        raise Refusal(400, "", None, "Invalid job id")
    return value.lower()


@dataclass(frozen=True)
class Listing:
    """What a list call asks for."""

    status: str | None
    model: str | None
    search: str | None
    limit: int
    after: str | None


def read_listing(query: Mapping[str, str]) -> Listing:
    """Return the filter and the page of `GET /v2/jobs`; the cursor is the id of the last job seen (our choice)."""
    fields: dict[str, Check] = {
        "status": choice(*STATES),
        "model": text(),
        "limit": _limit,
        "cursor": _uuid,
        "scope": choice("user", "team"),
        "search": _uuid,
        "include_models": choice("true", "false"),
    }
    problems = find_problems(dict(query), fields)
    if problems:
        raise _invalid(problems)
    return Listing(
        status=query.get("status"),
        model=query.get("model"),
        search=query.get("search"),
        limit=int(query.get("limit", "20")),
        after=query.get("cursor"),
    )


def _limit(value: str) -> str | None:
    return None if re.fullmatch(r"[1-9]\d?|100", value) else "must be a whole number from 1 to 100"


def _uuid(value: str) -> str | None:
    try:
        UUID(value)
    except ValueError:
        return "must be a UUID"
    return None


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


def _invalid(problems: Mapping[str, str]) -> Refusal:
    details = {path: [problem] for path, problem in problems.items()}
    return Refusal(400, "", None, "Validation failed", extra={"details": details})
