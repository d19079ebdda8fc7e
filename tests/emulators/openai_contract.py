"""What OpenAI's image generation accepts, checked to the letter.

Wordings and the codes `invalid_value`, `missing_required_parameter` and `string_above_max_length` are our choice:
the provider documents the envelope, not these texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.emulators.fields import is_free_size, pixels_of
from tests.emulators.orders import Order, Refusal

PROMPT_LIMIT = 32_000
FIXED_SIZES = frozenset({"auto", "1024x1024", "1536x1024", "1024x1536"})
QUALITIES = frozenset({"auto", "low", "medium", "high"})
COMMON_FIELDS = frozenset(
    [
        "prompt",
        "model",
        "n",
        "size",
        "quality",
        "background",
        "output_format",
        "output_compression",
        "moderation",
        "stream",
        "partial_images",
        "user",
        "safety_identifier",
    ]
)
NEWER_FIELDS = frozenset({"complexity", "frame_count", "frame_duration_ms", "svg"})


@dataclass(frozen=True)
class Family:
    """What the models of one generation have in common."""

    free_sizes: bool = False
    qualities: frozenset[str] = QUALITIES
    fields: frozenset[str] = COMMON_FIELDS
    transparent: bool = True


V15 = Family()
V2 = Family(free_sizes=True, transparent=False)
V25 = Family(free_sizes=True, qualities=QUALITIES | {"xhigh", "max"}, fields=COMMON_FIELDS | NEWER_FIELDS)
MODELS: Mapping[str, Family] = {
    "gpt-image-1-mini": V15,
    "gpt-image-1.5": V15,
    "gpt-image-1.5-2025-12-16": V15,
    "chatgpt-image-latest": V15,
    "gpt-image-2": V2,
    "gpt-image-2-2026-04-21": V2,
    "gpt-image-2.5-flare": V25,
    "gpt-image-2.5-sunburst": V25,
    "gpt-image-2.5-flare-2026-09-08": V25,
    "gpt-image-2.5-sunburst-2026-09-08": V25,
    "gpt-image-2.6-flare": V25,
    "gpt-image-2.6-sunburst": V25,
}


@dataclass(frozen=True, kw_only=True)
class OpenAIOrder(Order):
    """One accepted request with every default filled in; size `auto` becomes a square (our choice)."""

    size: str
    quality: str
    safety_identifier: str | None = None


def read_order(body: Any, *, transparent_on_2: bool = False, retired_status: int = 404) -> OpenAIOrder:
    """Return the order, or refuse it exactly where the documentation does."""
    if not isinstance(body, dict):
        raise _invalid(None, "The body must be a JSON object.")
    family = _family(body.get("model"), retired_status)
    for name in body:
        if name not in family.fields:
            raise Refusal(400, "invalid_request_error", "unknown_parameter", f"Unknown parameter: '{name}'.", name)
    _check_unoffered(body)
    size = _size(body, family)
    order = OpenAIOrder(
        model=body["model"],
        prompt=_prompt(body),
        n=_integer(body, "n", 1, least=1, most=10) or 1,
        size=size,
        pixels=pixels_of(size),
        quality=_choice(body, "quality", "auto", family.qualities),
        background=_choice(body, "background", "auto", {"auto", "opaque", "transparent"}),
        output_format=_choice(body, "output_format", "png", {"png", "jpeg", "webp"}),
        compression=_integer(body, "output_compression", None, least=0, most=100),
        safety_identifier=_text(body, "safety_identifier"),
    )
    _text(body, "user")
    _choice(body, "moderation", "auto", {"auto", "low"})
    _check_together(order, family.transparent or transparent_on_2)
    return order


def _family(model: Any, retired_status: int) -> Family:
    if not isinstance(model, str):
        raise _missing("model")
    if model not in MODELS:
        message = f"The model '{model}' does not exist or has been deprecated."
        raise Refusal(retired_status, "invalid_request_error", "model_not_found", message, "model")
    return MODELS[model]


def _check_unoffered(body: dict[str, Any]) -> None:
    if body.get("stream", False) is not False:
        raise _invalid("stream", "This emulator does not stream.")
    if "partial_images" in body:
        raise _invalid("partial_images", "'partial_images' is only allowed with 'stream'.")


def _check_together(order: Order, transparent: bool) -> None:
    if order.compression is not None and order.output_format == "png":
        raise _invalid("output_compression", "'output_compression' needs 'jpeg' or 'webp'.")
    if order.background != "transparent":
        return
    if not transparent:
        message = "Transparent background is not supported for this model."
        raise Refusal(400, "image_generation_user_error", None, message, "background")
    if order.output_format == "jpeg":
        raise _invalid("background", "A transparent background needs 'png' or 'webp'.")


def _prompt(body: dict[str, Any]) -> str:
    prompt = body.get("prompt")
    if prompt is None:
        raise _missing("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise _invalid("prompt", "'prompt' must be a text of at least one character.")
    if len(prompt) > PROMPT_LIMIT:
        message = f"'prompt' may have at most {PROMPT_LIMIT} characters."
        raise Refusal(400, "invalid_request_error", "string_above_max_length", message, "prompt")
    return prompt


def _size(body: dict[str, Any], family: Family) -> str:
    size = body.get("size", "auto")
    if not isinstance(size, str):
        raise _invalid("size", "'size' must be a text.")
    if size in FIXED_SIZES or (family.free_sizes and is_free_size(size)):
        return size
    raise _invalid("size", f"'{size}' is not a size of this model.")


def _choice(body: dict[str, Any], name: str, default: str, allowed: set[str] | frozenset[str]) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise _invalid(name, f"'{name}' must be one of {', '.join(sorted(allowed))}.")
    return value


def _integer(body: dict[str, Any], name: str, default: int | None, *, least: int, most: int) -> int | None:
    value = body.get(name, default)
    if value is None and name not in body:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _invalid(name, f"'{name}' must be a whole number from {least} to {most}.")
    return value


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if name in body and (not isinstance(value, str) or len(value) > 64):
        raise _invalid(name, f"'{name}' must be a text of at most 64 characters.")
    return value


def _invalid(param: str | None, message: str) -> Refusal:
    return Refusal(400, "invalid_request_error", "invalid_value", message, param)


def _missing(param: str) -> Refusal:
    return Refusal(400, "invalid_request_error", "missing_required_parameter", f"'{param}' is required.", param)
