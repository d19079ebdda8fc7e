"""What AI/ML API accepts for the GPT Image models, checked to the letter.

Whether its generation body may hold unknown fields is documented nowhere: they are refused unless a switch says
otherwise, so that an adapter sends the listed ones only (our choice). For edits the specification block says JSON and
the prose local files only: multipart is what its own samples send.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.emulators.checks import Check, choice, find_problems, text, whole
from tests.emulators.files import find_size, has_alpha, sniff
from tests.emulators.forms import Form, Part
from tests.emulators.orders import Order, Refusal

MEGABYTE = 1024 * 1024
MODELS = ("openai/gpt-image-1", "openai/gpt-image-1-mini", "openai/gpt-image-1-5", "openai/gpt-image-2")
EDITING = ("openai/gpt-image-1", "openai/gpt-image-2")
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})
MOST_IMAGES = 16
SIZES = {"1024x1024": (1024, 1024), "1024x1536": (1024, 1536), "1536x1024": (1536, 1024)}

OUTPUT: Mapping[str, Check] = {
    "prompt": text(most=32_000),
    "size": choice(*SIZES),
    "quality": choice("low", "medium", "high"),
    "background": choice("transparent", "opaque", "auto"),
    "output_format": choice("png", "jpeg", "webp"),
    "output_compression": whole(0, 100),
    "response_format": choice("url", "b64_json"),
}


@dataclass(frozen=True, kw_only=True)
class Request(Order):
    """One accepted request with every default filled in."""

    quality: str
    response_format: str


def read_generation(body: Any, *, unknown_fields: bool = False, unknown_model: int = 400) -> Request:
    """Return the order of `POST /v1/images/generations`."""
    fields = {**OUTPUT, "model": choice(*MODELS), "n": whole(1, 1), "moderation": choice("low", "auto")}
    return _read(body, fields, unknown_fields, unknown_model)


def read_edit(form: Form, *, with_15: bool = False, unknown_fields: bool = False, unknown_model: int = 400) -> Request:
    """Return the order of `POST /v1/images/edits`; `with_15` lets the model edit that no page documents for it."""
    models = (*EDITING, "openai/gpt-image-1-5") if with_15 else EDITING
    fields = {**OUTPUT, "model": choice(*models), "n": whole(1, 10)}
    order = _read(_read_fields(form), fields, unknown_fields, unknown_model)
    references = _read_images(form.files)
    return replace(order, references=references, mask=_read_mask(form, references[0]))


def _read_fields(form: Form) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, value in form.fields:
        if name in body:
            raise _invalid(name, "was sent twice")
        # A form knows texts only: what is a number in JSON arrives as its digits.
        body[name] = int(value) if name in {"n", "output_compression"} and value.isdecimal() else value
    return body


def _read(body: Any, fields: Mapping[str, Check], unknown_fields: bool, unknown_model: int) -> Request:
    problems = find_problems(body, fields, required=("model", "prompt"), unknown=unknown_fields)
    if "model" in problems and unknown_model != 400 and isinstance(body.get("model"), str):
        raise Refusal(unknown_model, "", None, f"Model '{body['model']}' not found")
    for path, problem in problems.items():
        raise _invalid(path, problem)
    order = Request(
        model=body["model"],
        prompt=body["prompt"],
        n=body.get("n", 1),
        pixels=SIZES[body.get("size", "1024x1024")],
        quality=body.get("quality", "medium"),
        background=body.get("background", "auto"),
        output_format=body.get("output_format", "png"),
        compression=body.get("output_compression", 100),
        response_format=body.get("response_format", "url"),
    )
    if order.background == "transparent" and order.output_format == "jpeg":
        raise _invalid("background", "transparent needs png or webp")
    return order


def _read_images(files: Sequence[Part]) -> tuple[bytes, ...]:
    single = [part for part in files if part.name == "image"]
    listed = [part for part in files if part.name == "image[]"]
    unknown = next((part for part in files if part.name not in {"image", "image[]", "mask"}), None)
    if unknown:
        raise _invalid(unknown.name, "is not a known field")
    if len(single) > 1 or (single and listed):
        raise _invalid("image", "several files go as image[]")
    images = single or listed
    if not images:
        raise _invalid("image", "is required")
    if len(images) > MOST_IMAGES:
        raise _invalid("image", f"must have at most {MOST_IMAGES} items")
    for part in images:
        if sniff(part.data) not in PICTURES or not find_size(part.data):
            raise _invalid(part.name, "must be a png, webp or jpg file")
        if len(part.data) >= 50 * MEGABYTE:
            raise _invalid(part.name, "must be under 50MB")
    return tuple(part.data for part in images)


def _read_mask(form: Form, image: bytes) -> bytes | None:
    masks = [part.data for part in form.named("mask")]
    if not masks:
        return None
    if len(masks) > 1:
        raise _invalid("mask", "was sent twice")
    mask = masks[0]
    if sniff(mask) != "image/png" or not find_size(mask):
        raise _invalid("mask", "must be a PNG file")
    if len(mask) >= 4 * MEGABYTE:
        raise _invalid("mask", "must be under 4MB")
    if find_size(mask) != find_size(image):
        raise _invalid("mask", "must match the image dimensions")
    if not has_alpha(mask):
        raise _invalid("mask", "has no transparent area that could be edited")
    return mask


def _invalid(path: str, problem: str) -> Refusal:
    # The first line is documented, and so is the sentence of a wrong choice; the path in front of others is ours.
    detail = problem if problem.startswith("Invalid enum value") else f"{json.dumps(path)} {problem}"
    return Refusal(400, "", None, f"Body validation error\n{detail}")
