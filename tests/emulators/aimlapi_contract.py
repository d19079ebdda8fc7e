"""What AI/ML API accepts for the GPT Image models, checked to the letter.

Whether its generation body may hold unknown fields is documented nowhere: they are refused unless a switch says
otherwise, so that an adapter sends the listed ones only (our choice). For edits the specification block says JSON and
the prose local files only: multipart is what its own samples send.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.emulators.fields import Fields, form_fields, pixels_of
from tests.emulators.files import find_size, has_alpha, sniff
from tests.emulators.forms import Form, Part
from tests.emulators.orders import Order, Refusal
from tests.emulators.serving import Settings

MEGABYTE = 1024 * 1024
MODELS = ("openai/gpt-image-1", "openai/gpt-image-1-mini", "openai/gpt-image-1-5", "openai/gpt-image-2")
EDITING = ("openai/gpt-image-1", "openai/gpt-image-2")
SIZES = ("1024x1024", "1024x1536", "1536x1024")
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
MOST_IMAGES = 16
FIELDS = frozenset(
    {
        "model",
        "prompt",
        "n",
        "size",
        "quality",
        "background",
        "output_format",
        "output_compression",
        "response_format",
    }
)


@dataclass
class Switches(Settings):
    """What the documents contradict or leave open; every default that follows no document is our choice.

    What is valid:
    `unknown_model`: 400 (a wrong enum value) or 404.
    `unknown_fields`: "refuse" or "ignore" what no page lists.
    `edit_with_15`: whether gpt-image-1.5 edits; its overview says so, no page documents it.
    What is answered:
    `created_status`: 200 (specification) or 201 (older rendering).
    `status_code`: "number", or "text" as in a sample of the error body.
    `answer`: "meta" (specification), "sample" (what the 1.5 page shows), or "openai" (the gpt-image-1 sample).
    `usage` of a "meta" answer: "documented" (credits, and USD where the model's page has it), "usage_null",
    "meta_null" or "absent"; the specification allows every null.
    `null_siblings`: an item's other form stands beside it as null.
    `content_status`: the status of refused content, documented nowhere.
    `balance`: US dollars of `/v2/billing`; a charge shows there afterwards.
    """

    unknown_model: int = 400
    unknown_fields: str = "refuse"
    edit_with_15: bool = False
    created_status: int = 200
    status_code: str = "number"
    answer: str = "meta"
    usage: str = "documented"
    null_siblings: bool = True
    content_status: int = 400
    balance: float = 123.45


@dataclass(frozen=True, kw_only=True)
class Request(Order):
    """One accepted request with every default filled in."""

    quality: str
    response_format: str


def read_generation(body: dict[str, Any], switches: Switches) -> Request:
    """Return the order of `POST /v1/images/generations`."""
    fields = Fields(body, _invalid)
    order = _read(fields, MODELS, {*FIELDS, "moderation"}, 1, switches)
    _choice(fields, "moderation", "auto", ("low", "auto"))
    return order


def read_edit(form: Form, switches: Switches) -> Request:
    """Return the order of `POST /v1/images/edits`."""
    models = (*EDITING, "openai/gpt-image-1-5") if switches.edit_with_15 else EDITING
    order = _read(form_fields(form, _invalid), models, FIELDS, 10, switches)
    references = _read_images(form.files)
    return replace(order, references=references, mask=_read_mask(form, references[0]))


def _read(fields: Fields, models: Sequence[str], known: Collection[str], most: int, switches: Switches) -> Request:
    prompt, model = fields.required("prompt", most=32_000), fields.required("model")
    if model not in models and switches.unknown_model != 400:
        raise Refusal(switches.unknown_model, "", None, f"Model '{model}' not found")
    _choice(fields, "model", "", models)
    if switches.unknown_fields == "refuse":
        fields.only(known)
    order = Request(
        model=model,
        prompt=prompt,
        n=fields.integer("n", 1, least=1, most=most),
        pixels=pixels_of(_choice(fields, "size", "1024x1024", SIZES)),
        quality=_choice(fields, "quality", "medium", ("low", "medium", "high")),
        background=_choice(fields, "background", "auto", ("transparent", "opaque", "auto")),
        output_format=_choice(fields, "output_format", "png", ("png", "jpeg", "webp")),
        compression=fields.integer("output_compression", 100, least=0, most=100),
        response_format=_choice(fields, "response_format", "url", ("url", "b64_json")),
    )
    if order.background == "transparent" and order.output_format == "jpeg":
        raise _invalid("background", "'transparent' needs png or webp.")
    return order


def _choice(fields: Fields, name: str, default: str, allowed: Sequence[str]) -> str:
    value = fields.values.get(name, default)
    if value in allowed:
        return str(value)
    expected = " | ".join(f"'{word}'" for word in allowed)
    raise _invalid(name, f"Invalid enum value. Expected {expected}, received '{value}'")


def _read_images(files: Sequence[Part]) -> tuple[bytes, ...]:
    single = [part for part in files if part.name == "image"]
    listed = [part for part in files if part.name == "image[]"]
    unknown = next((part for part in files if part.name not in {"image", "image[]", "mask"}), None)
    if unknown:
        raise _invalid(unknown.name, f"Unknown parameter: '{unknown.name}'.")
    if len(single) > 1 or (single and listed):
        raise _invalid("image", "Several files go as 'image[]'.")
    images = single or listed
    if not images:
        raise _invalid("image", "'image' is required.")
    if len(images) > MOST_IMAGES:
        raise _invalid("image", f"'image' may be at most {MOST_IMAGES} files.")
    for part in images:
        if sniff(part.data) not in PICTURES or not find_size(part.data):
            raise _invalid(part.name, "'image' must be a png, webp or jpg file.")
        if len(part.data) >= 50 * MEGABYTE:
            raise _invalid(part.name, "'image' must be under 50MB.")
    return tuple(part.data for part in images)


def _read_mask(form: Form, image: bytes) -> bytes | None:
    masks = [part.data for part in form.named("mask")]
    if not masks:
        return None
    mask = masks[0]
    if len(masks) > 1 or sniff(mask) != "image/png" or not find_size(mask):
        raise _invalid("mask", "'mask' must be one PNG file.")
    if len(mask) >= 4 * MEGABYTE:
        raise _invalid("mask", "'mask' must be under 4MB.")
    if find_size(mask) != find_size(image):
        raise _invalid("mask", "'mask' must match the image dimensions.")
    if not has_alpha(mask):
        raise _invalid("mask", "'mask' has no transparent area that could be edited.")
    return mask


def _invalid(name: str, message: str) -> Refusal:
    # The first line and the sentence about enum values are documented, the others are our choice.
    return Refusal(400, "", None, f"Body validation error\n{message}")
