"""What OpenAI's image edits accept, as a form or as JSON, checked to the letter (texts ours)."""

import re
from dataclasses import dataclass, replace
from typing import Any

from tests.emulators.files import find_size, has_alpha, sniff
from tests.emulators.forms import Form, Part
from tests.emulators.openai_contract import (
    COMMON_FIELDS,
    FIXED_SIZES,
    NEWER_FIELDS,
    QUALITIES,
    Family,
    OpenAIOrder,
    Rules,
    choice,
    family_of,
    invalid,
    missing,
    read_common,
    refuse_unknown,
)
from tests.emulators.orders import Refusal
from tests.emulators.references import fetch

MOST_IMAGES = 16
IMAGE_LIMIT, MASK_LIMIT, ADDRESS_LIMIT = 50_000_000, 4_000_000, 20_971_520
TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
DEFAULT_MODEL = "gpt-image-1.5"
EDIT_FIELDS = COMMON_FIELDS | {"input_fidelity"}
INTEGERS = frozenset({"n", "output_compression", "partial_images", "frame_count", "frame_duration_ms"})


@dataclass(frozen=True)
class Sent:
    """The pictures of one edit."""

    images: list[bytes]
    mask: bytes | None = None
    markup: bytes | None = None


def read_form_edit(form: Form, body: dict[str, Any], rules: Rules) -> OpenAIOrder:
    """Return the order of a multipart edit; a form has no field for moderation."""
    family = family_of(body.setdefault("model", DEFAULT_MODEL), rules)
    newer = NEWER_FIELDS if family.markup else frozenset()
    refuse_unknown(body, (EDIT_FIELDS - {"moderation"}) | newer)
    return _order(body, family, rules, _sent_files(form))


def form_body(form: Form) -> dict[str, Any]:
    """Return the fields of a form, numbers and flags as such."""
    body: dict[str, Any] = {}
    for name, value in form.fields:
        if name in body:
            raise invalid(name, f"'{name}' comes twice.")
        body[name] = _plain(name, value)
    return body


def _plain(name: str, value: str) -> Any:
    if name in INTEGERS and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    if name == "stream" and value in {"true", "false"}:
        return value == "true"
    return value


async def read_json_edit(body: dict[str, Any], rules: Rules) -> OpenAIOrder:
    """Return the order of a JSON edit, which knows fixed sizes and the older qualities only."""
    body.setdefault("model", DEFAULT_MODEL)
    family = replace(family_of(body["model"], rules), free_sizes=False, qualities=QUALITIES)
    refuse_unknown(body, EDIT_FIELDS | {"images", "mask"})
    choice(body, "moderation", "auto", {"auto", "low"})
    choice(body, "size", "auto", FIXED_SIZES)
    images = body.get("images")
    if not isinstance(images, list) or not 1 <= len(images) <= MOST_IMAGES:
        raise invalid("images", f"'images' must hold 1 to {MOST_IMAGES} images.")
    mask = await _fetched(body["mask"], "mask") if "mask" in body else None
    sent = Sent([await _fetched(image, "images") for image in images], mask)
    return _order({name: body[name] for name in body if name not in {"images", "mask"}}, family, rules, sent)


def _order(body: dict[str, Any], family: Family, rules: Rules, sent: Sent) -> OpenAIOrder:
    common = read_common(body, family, rules)
    _check_fidelity(body, family)
    _check_pictures(sent, family)
    return OpenAIOrder(**common, references=tuple(sent.images), mask=sent.mask)


def _check_fidelity(body: dict[str, Any], family: Family) -> None:
    if "input_fidelity" not in body:
        return
    fidelity = choice(body, "input_fidelity", "low", {"low", "high"})
    if fidelity not in family.fidelities:
        message = "This model does not support that 'input_fidelity'."
        code = "invalid_input_fidelity_model"
        raise Refusal(400, "image_generation_user_error", code, message, "input_fidelity")


def _sent_files(form: Form) -> Sent:
    singles, several = form.named("image"), form.named("image[]")
    for part in form.files:
        if part.name not in {"image", "image[]", "mask", "markup"}:
            message = f"Unknown parameter: '{part.name}'."
            raise Refusal(400, "invalid_request_error", "unknown_parameter", message, part.name)
        if part.content_type not in TYPES:
            raise _wrong_type(part.name, part.content_type)
    if len(singles) > 1 or (singles and several):
        raise invalid("image", "Send several images as 'image[]'.")
    if not 1 <= len(singles + several) <= MOST_IMAGES:
        raise missing("image") if not form.files else invalid("image", f"Send 1 to {MOST_IMAGES} images.")
    return Sent([part.data for part in singles + several], _only(form, "mask"), _only(form, "markup"))


def _only(form: Form, name: str) -> bytes | None:
    parts: list[Part] = form.named(name)
    if len(parts) > 1:
        raise invalid(name, f"Send one '{name}'.")
    return parts[0].data if parts else None


async def _fetched(reference: Any, param: str) -> bytes:
    if not isinstance(reference, dict) or len(reference) != 1 or not set(reference) <= {"image_url", "file_id"}:
        raise invalid(param, "Each image has either 'image_url' or 'file_id' and nothing else.")
    if "file_id" in reference:
        # Files are another API, which this emulator does not have.
        raise Refusal(404, "invalid_request_error", None, "No such file.", param)
    address = reference["image_url"]
    if not isinstance(address, str) or len(address) > ADDRESS_LIMIT:
        raise invalid(param, f"'image_url' must be a text of at most {ADDRESS_LIMIT} characters.")
    return await fetch(address)


def _check_pictures(sent: Sent, family: Family) -> None:
    for image in sent.images:
        if len(image) >= IMAGE_LIMIT:
            raise invalid("image", "Each image must be smaller than 50 MB.")
        if sniff(image) not in TYPES or find_size(image) is None:
            raise _wrong_type("image", sniff(image) or "unknown")
    if sent.mask and sent.markup:
        raise invalid("markup", "'markup' cannot be combined with 'mask'.")
    if sent.markup and not family.markup:
        raise Refusal(400, "invalid_request_error", "unknown_parameter", "Unknown parameter: 'markup'.", "markup")
    for name, overlay in (("mask", sent.mask), ("markup", sent.markup)):
        if overlay is not None:
            _check_overlay(name, overlay, sent.images[0])


def _check_overlay(name: str, overlay: bytes, first: bytes) -> None:
    if sniff(overlay) != "image/png" or find_size(overlay) is None:
        raise _wrong_type(name, sniff(overlay) or "unknown")
    if len(overlay) >= MASK_LIMIT:
        raise invalid(name, f"'{name}' must be smaller than 4 MB.")
    if find_size(overlay) != find_size(first):
        raise invalid(name, f"'{name}' must have the size of the first image.")
    if not has_alpha(overlay):
        raise invalid(name, f"'{name}' needs an alpha channel.")


def _wrong_type(param: str, kind: str) -> Refusal:
    message = f"'{param}' must be image/png, image/jpeg or image/webp, not {kind}."
    return Refusal(400, "image_generation_user_error", "invalid_image_file", message, param)
