"""What Cloudflare's run endpoint accepts for the proxied GPT Image models, checked to the letter.

The catalogue leaves unknown input fields open while public projects report that they are refused with 7003: a switch.
That a missing field, a wrong choice and a bad picture are all 5004 is our choice from the documented list, as are the
texts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pybase64

from tests.emulators.fields import Fields, pixels_of
from tests.emulators.files import find_size, sniff
from tests.emulators.orders import Order, Refusal
from tests.emulators.serving import Settings

FIRST = "openai/gpt-image-1.5"
MOST_IMAGES = 16
QUALITIES = ("auto", "low", "medium", "high")
DALLE_SIZES = ("1024x1024", "256x256", "512x512", "1792x1024", "1024x1792")
SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
DATA_URI = re.compile(r"data:(image/(?:png|jpeg|webp));base64,(.*)", re.DOTALL)
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, kw_only=True)
class Run(Order):
    """One accepted request; what was left out is filled in by our choice, the provider documents no defaults."""

    quality: str
    style: str


@dataclass
class Switches(Settings):
    """What the documents contradict or leave open; every default that follows no document is our choice.

    What is valid:
    `edit_field` (gpt-image-1.5): "images", the catalogue's, or "image", one text of base64 as on the product page.
    `unknown_fields`: "refuse" with 7003 as reported, or "ignore" as the catalogue's open schema allows.
    `sizes_of_15`: "listed", DALL·E's sizes as documented, or "upstream", those the model has at OpenAI.
    `transparent_on_2`: gpt-image-2's schema lists a transparent background, its description denies it.
    What is answered:
    `envelope`: "bare" as on the model pages, or "v4", wrapped like the rest of Cloudflare's API.
    `state`: the word beside the result; only "Completed" is documented.
    `gateway_shape`: guardrails and limits as "gateway" (`AiGatewayError`), or as "v4" errors.
    `route_status`: the status of 7000 and 7003. `auth_status`: 401 or 403 with 10000, both are documented.
    `unpaid_status`: the status of unified credits used up, documented nowhere (fault `payment_required`).
    `token_status`: "active", "disabled" or "expired".
    `token_of`: "user", or "account": then only the account's own address verifies the token.
    `cache`: repeat a picture for a repeated body without `cf-aig-skip-cache: true` (off by default, as at the gateway).
    """

    edit_field: str = "images"
    unknown_fields: str = "refuse"
    sizes_of_15: str = "listed"
    transparent_on_2: bool = False
    envelope: str = "bare"
    state: str = "Completed"
    gateway_shape: str = "gateway"
    route_status: int = 400
    auth_status: int = 401
    unpaid_status: int = 402
    token_status: str = "active"
    token_of: str = "user"
    cache: bool = False


def read_order(body: dict[str, Any], switches: Switches) -> Run:
    """Return the order of `POST …/ai/run`, or refuse it."""
    fields = Fields(body, _invalid)
    fields.only({"model", "input"})
    model = fields.required("model")
    choices = _choices(model, switches)
    edit = switches.edit_field if model == FIRST else "images"
    given = body.get("input")
    if not isinstance(given, dict):
        raise _invalid("input", "'input' must be an object.")
    unknown = sorted(set(given) - {"prompt", edit, *choices})
    if unknown and switches.unknown_fields == "refuse":
        raise Refusal(switches.route_status, "", 7003, f"Could not route: unknown input field {unknown[0]}")
    inputs = Fields(given, _invalid)
    chosen = {name: inputs.choice(name, allowed[0], allowed) for name, allowed in choices.items()}
    order = Run(
        model=model,
        prompt=inputs.required("prompt"),
        quality=chosen["quality"],
        pixels=pixels_of(chosen["size"]),
        style=chosen.get("style", ""),
        background=chosen.get("background", "auto"),
        output_format=chosen.get("output_format", "png"),
        references=_pictures(given, edit),
    )
    if order.background == "transparent":
        _check_transparency(order, switches)
    return order


def _choices(model: str, switches: Switches) -> Mapping[str, Sequence[str]]:
    """Return the words of each field; the first stands for a field that is left out."""
    if model == FIRST:
        sizes = DALLE_SIZES if switches.sizes_of_15 == "listed" else SIZES
        return {"quality": QUALITIES, "size": sizes, "style": ("vivid", "natural")}
    if model not in {"openai/gpt-image-2", "openai/gpt-image-2.5-sunburst"}:
        raise Refusal(404, "", 3042, f"Invalid model ID: {model}")
    return {
        "quality": (*QUALITIES, "xhigh", "max") if model.endswith("sunburst") else QUALITIES,
        "size": SIZES,
        "background": ("auto", "transparent", "opaque"),
        "output_format": ("png", "webp", "jpeg"),
    }


def _pictures(given: Mapping[str, Any], edit: str) -> tuple[bytes, ...]:
    if edit not in given:
        return ()
    if edit == "image":
        return (_decode(given["image"], data_uri=False),)
    listed = given["images"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_IMAGES:
        raise _invalid("images", f"'images' must be a list of 1 to {MOST_IMAGES}.")
    return tuple(_decode(entry, data_uri=True) for entry in listed)


def _decode(entry: Any, *, data_uri: bool) -> bytes:
    if not isinstance(entry, str):
        raise _invalid("images", "A picture must be a text.")
    match = DATA_URI.fullmatch(entry) if data_uri else None
    declared, encoded = (match[1], match[2]) if match else ("", entry)
    try:
        data = pybase64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise _invalid("images", "A picture is not base64.") from error
    kind = sniff(data)
    if not find_size(data) or kind not in PICTURES or declared not in {"", kind}:
        raise _invalid("images", "A picture is neither png, jpeg nor webp, or not what its type says.")
    return data


def _check_transparency(order: Run, switches: Switches) -> None:
    if order.output_format == "jpeg":
        raise _invalid("background", "A transparent background needs png or webp.")
    if order.model == "openai/gpt-image-2" and not switches.transparent_on_2:
        raise _invalid("background", "A transparent background is not supported for this model.")


def _invalid(name: str, message: str) -> Refusal:
    return Refusal(400, "", 5004, f"Invalid data: {message}")
