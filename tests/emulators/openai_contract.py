"""What OpenAI's image API accepts, checked to the letter.

Wordings and the codes `invalid_value`, `missing_required_parameter` and `string_above_max_length` are our choice:
the provider documents the envelope, not these texts.
"""

from collections.abc import Collection, Mapping
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
    """What the models of one generation have in common; `fidelities` are those of an edit, `shutdown` their end."""

    free_sizes: bool = False
    qualities: frozenset[str] = QUALITIES
    fields: frozenset[str] = COMMON_FIELDS
    transparent: bool = True
    fidelities: frozenset[str] = frozenset()
    markup: bool = False
    shutdown: str | None = None


V15 = Family(fidelities=frozenset({"low", "high"}), shutdown="2026-12-01")
MINI = Family(fidelities=frozenset({"low"}), shutdown="2026-12-01")
V2 = Family(free_sizes=True, transparent=False)
V25 = Family(free_sizes=True, qualities=QUALITIES | {"xhigh", "max"}, fields=COMMON_FIELDS | NEWER_FIELDS, markup=True)
MODELS: Mapping[str, Family] = {
    "gpt-image-1-mini": MINI,
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
    stream: bool = False
    partial_images: int = 0


@dataclass(frozen=True)
class Rules:
    """What switches make of the contract."""

    transparent_on_2: bool = False
    retired_status: int = 404
    retired: Collection[str] = ()
    stream_several: bool = False


USUAL = Rules()


def read_order(body: Any, rules: Rules = USUAL) -> OpenAIOrder:
    """Return the order of a generation, or refuse it exactly where the documentation does."""
    if not isinstance(body, dict):
        raise invalid(None, "The body must be a JSON object.")
    family = family_of(body.get("model"), rules)
    refuse_unknown(body, family.fields)
    choice(body, "moderation", "auto", {"auto", "low"})
    return OpenAIOrder(**read_common(body, family, rules))


def read_common(body: dict[str, Any], family: Family, rules: Rules) -> dict[str, Any]:
    """Return the parts of an order that generations and edits share."""
    size = _size(body, family)
    stream = _flag(body, "stream")
    if "partial_images" in body and not stream:
        raise invalid("partial_images", "'partial_images' is only allowed with 'stream'.")
    common = {
        "model": body["model"],
        "prompt": _prompt(body),
        "n": integer(body, "n", 1, least=1, most=10),
        "size": size,
        "pixels": pixels_of(size),
        "quality": choice(body, "quality", "auto", family.qualities),
        "background": choice(body, "background", "auto", {"auto", "opaque", "transparent"}),
        "output_format": choice(body, "output_format", "png", {"png", "jpeg", "webp"}),
        "compression": integer(body, "output_compression", None, least=0, most=100),
        "safety_identifier": _text(body, "safety_identifier"),
        "stream": stream,
        "partial_images": integer(body, "partial_images", 0, least=0, most=3),
    }
    _text(body, "user")
    # Whether a stream of several pictures exists is not documented.
    if stream and common["n"] != 1 and not rules.stream_several:
        raise invalid("n", "A stream holds one picture.")
    _check_together(common, family.transparent or rules.transparent_on_2)
    return common


def family_of(model: Any, rules: Rules) -> Family:
    """Return the family of a model that is there."""
    if not isinstance(model, str):
        raise missing("model")
    if model not in MODELS or model in rules.retired:
        message = f"The model '{model}' does not exist or has been deprecated."
        raise Refusal(rules.retired_status, "invalid_request_error", "model_not_found", message, "model")
    return MODELS[model]


def refuse_unknown(body: dict[str, Any], allowed: Collection[str]) -> None:
    """Refuse a field that is not listed."""
    for name in body:
        if name not in allowed:
            raise Refusal(400, "invalid_request_error", "unknown_parameter", f"Unknown parameter: '{name}'.", name)


def _check_together(common: dict[str, Any], transparent: bool) -> None:
    if common["compression"] is not None and common["output_format"] == "png":
        raise invalid("output_compression", "'output_compression' needs 'jpeg' or 'webp'.")
    if common["background"] != "transparent":
        return
    if not transparent:
        message = "Transparent background is not supported for this model."
        raise Refusal(400, "image_generation_user_error", None, message, "background")
    if common["output_format"] == "jpeg":
        raise invalid("background", "A transparent background needs 'png' or 'webp'.")


def _prompt(body: dict[str, Any]) -> str:
    prompt = body.get("prompt")
    if prompt is None:
        raise missing("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise invalid("prompt", "'prompt' must be a text of at least one character.")
    if len(prompt) > PROMPT_LIMIT:
        message = f"'prompt' may have at most {PROMPT_LIMIT} characters."
        raise Refusal(400, "invalid_request_error", "string_above_max_length", message, "prompt")
    return prompt


def _size(body: dict[str, Any], family: Family) -> str:
    size = body.get("size", "auto")
    if not isinstance(size, str):
        raise invalid("size", "'size' must be a text.")
    if size in FIXED_SIZES or (family.free_sizes and is_free_size(size)):
        return size
    raise invalid("size", f"'{size}' is not a size of this model.")


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise invalid(name, f"'{name}' must be true or false.")
    return value


def choice(body: dict[str, Any], name: str, default: str, allowed: set[str] | frozenset[str]) -> str:
    """Return one of the allowed words."""
    value = body.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise invalid(name, f"'{name}' must be one of {', '.join(sorted(allowed))}.")
    return value


def integer(body: dict[str, Any], name: str, default: int | None, *, least: int, most: int) -> int | None:
    """Return a whole number."""
    value = body.get(name, default)
    if value is None and name not in body:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(name, f"'{name}' must be a whole number from {least} to {most}.")
    return value


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if name in body and (not isinstance(value, str) or len(value) > 64):
        raise invalid(name, f"'{name}' must be a text of at most 64 characters.")
    return value


def invalid(param: str | None, message: str) -> Refusal:
    """Return the refusal of a value."""
    return Refusal(400, "invalid_request_error", "invalid_value", message, param)


def missing(param: str) -> Refusal:
    """Return the refusal of a field that is not there."""
    return Refusal(400, "invalid_request_error", "missing_required_parameter", f"'{param}' is required.", param)
