"""What Cloudflare's run endpoint accepts for the proxied GPT Image models, checked to the letter.

The catalogue leaves unknown input fields open while public projects report that they are refused with 7003: a switch.
That a missing field, a wrong choice and a bad picture are all 5004 is our choice from the documented list, as are the
texts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pybase64

from tests.emulators.checks import Check, choice, find_problems, several, text
from tests.emulators.files import find_size, sniff
from tests.emulators.orders import Order, Refusal
from tests.emulators.serving import Settings

MOST_IMAGES = 16
QUALITIES = ("low", "medium", "high", "auto")
DALLE_SIZES = ("256x256", "512x512", "1024x1024", "1792x1024", "1024x1792")
SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
DATA_URI = re.compile(r"data:(image/(?:png|jpeg|webp));base64,(.*)", re.DOTALL)
PICTURES = frozenset({"image/png", "image/jpeg", "image/webp"})


@dataclass(frozen=True, kw_only=True)
class Run(Order):
    """One accepted request; what was left out is filled in by our choice, the provider documents no defaults."""

    quality: str
    style: str | None


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
    `route_status`: the status of 7000 and 7003; `token_status`: "active", "disabled" or "expired".
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
    token_status: str = "active"
    token_of: str = "user"
    cache: bool = False


def read_order(body: Any, switches: Switches) -> Run:
    """Return the order of `POST …/ai/run`, or refuse it."""
    for path, problem in find_problems(body, {"model": text(), "input": _object}, required=("model", "input")).items():
        raise Refusal(400, "", 5004, f"Invalid data: {path} {problem}")
    fields = _fields(body["model"], switches)
    given = body["input"]
    unknown = sorted(set(given) - set(fields))
    if unknown and switches.unknown_fields == "refuse":
        raise Refusal(switches.route_status, "", 7003, f"Could not route: unknown input field {unknown[0]}")
    for path, problem in find_problems(given, fields, required=("prompt",), unknown=True).items():
        raise Refusal(400, "", 5004, f"Invalid data: {path} {problem}")
    known = {name: value for name, value in given.items() if name in fields}
    images = known.get("images", [known["image"]] if "image" in known else [])
    order = Run(
        model=body["model"],
        prompt=known["prompt"],
        quality=known.get("quality", "auto"),
        pixels=_pixels(known.get("size", "1024x1024")),
        style=known.get("style"),
        background=known.get("background", "auto"),
        output_format=known.get("output_format", "png"),
        references=tuple(_decode(entry, data_uri="images" in fields) for entry in images),
    )
    if order.background == "transparent":
        _check_transparency(order, switches)
    return order


def _fields(model: str, switches: Switches) -> Mapping[str, Check]:
    images = several(text(least=1), least=1, most=MOST_IMAGES)
    if model == "openai/gpt-image-1.5":
        sizes = DALLE_SIZES if switches.sizes_of_15 == "listed" else SIZES
        edit = {"image": text(least=1)} if switches.edit_field == "image" else {"images": images}
        style = choice("vivid", "natural")
        return {"prompt": text(), "quality": choice(*QUALITIES), "size": choice(*sizes), "style": style, **edit}
    if model not in {"openai/gpt-image-2", "openai/gpt-image-2.5-sunburst"}:
        raise Refusal(404, "", 3042, f"Invalid model ID: {model}")
    more = ("xhigh", "max") if model.endswith("sunburst") else ()
    return {
        "prompt": text(),
        "quality": choice(*QUALITIES, *more),
        "size": choice(*SIZES),
        "background": choice("transparent", "opaque", "auto"),
        "output_format": choice("png", "webp", "jpeg"),
        "images": images,
    }


def _pixels(size: str) -> tuple[int, int]:
    # What `auto` becomes is our choice.
    width, _, height = ("1024x1024" if size == "auto" else size).partition("x")
    return int(width), int(height)


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def _decode(entry: str, *, data_uri: bool) -> bytes:
    match = DATA_URI.fullmatch(entry) if data_uri else None
    declared, encoded = (match[1], match[2]) if match else (None, entry)
    try:
        data = pybase64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise Refusal(400, "", 5004, "Invalid data: the picture is not base64") from error
    kind = sniff(data)
    if kind not in PICTURES or declared not in {None, kind} or not find_size(data):
        raise Refusal(400, "", 5004, "Invalid data: not a png, jpeg or webp picture, or not the one its type says")
    return data


def _check_transparency(order: Run, switches: Switches) -> None:
    if order.output_format == "jpeg":
        raise Refusal(400, "", 5004, "Invalid data: a transparent background needs png or webp")
    if order.model == "openai/gpt-image-2" and not switches.transparent_on_2:
        raise Refusal(400, "", 5004, "Invalid data: transparent background is not supported for this model")
