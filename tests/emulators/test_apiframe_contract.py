from typing import Any
from uuid import uuid4

import pytest

from tests.emulators import pictures
from tests.emulators.apiframe_contract import (
    UPLOAD_LIMIT,
    Generation,
    Switches,
    read_idempotency_key,
    read_job_id,
    read_listing,
    read_order,
    read_upload,
)
from tests.emulators.forms import Form, Part
from tests.emulators.orders import Refusal
from tests.emulators.pictures import Kind

PICTURE = pictures.draw(Kind(16, 16))
FIRST = {"prompt": "Snow leopard", "model": "gpt-image-1.5"}
SECOND = {"prompt": "Snow leopard", "model": "gpt-image-2"}


def refusal_of(body: Any, **switches: Any) -> dict[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        read_order(body, Switches(**switches))
    assert (caught.value.status, caught.value.message) == (400, "Validation failed")
    details: dict[str, list[str]] = caught.value.extra["details"]
    return details


def test_defaults_are_the_documented_ones() -> None:
    assert read_order(FIRST, Switches()) == Generation(
        model="gpt-image-1.5",
        prompt="Snow leopard",
        n=1,
        quality="auto",
        pixels=(1024, 1024),
        background="auto",
        output_format="png",
        inputs=(),
        webhook_url="",
        webhook_events=("progress", "completed", "failed"),
    )
    assert read_order(FIRST, Switches(default_format="webp")).output_format == "webp"


def test_everything_that_is_offered_is_accepted() -> None:
    parameters = {
        "quality": "high",
        "aspect_ratio": "3:2",
        "output_format": "webp",
        "background": "transparent",
        "number_of_images": 10,
        "input_images": ["https://cdn2.apiframe.ai/1.png"],
        "input_fidelity": "high",
    }
    order = read_order(
        FIRST | {"gptImageParams": parameters, "webhookUrl": "https://studio.example", "webhookEvents": ["failed"]},
        Switches(),
    )

    assert (order.pixels, order.n, order.inputs) == ((1536, 1024), 10, ("https://cdn2.apiframe.ai/1.png",))
    assert (order.webhook_url, order.webhook_events) == ("https://studio.example", ("failed",))
    assert (order.price("current"), order.price("older")) == (240, 140)
    assert (
        read_order(SECOND | {"gptImage2Params": {"moderation": "low", "input_images": None}}, Switches()).inputs == ()
    )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"model": "gpt-image-1"}, "model"),
        ({"model": None}, "model"),
        ({"size": "1024x1024"}, "size"),
        ({"webhook_url": "https://studio.example"}, "webhook_url"),
        ({"webhookUrl": "studio.example/hooks"}, "webhookUrl"),
        ({"webhookEvents": []}, "webhookEvents"),
        ({"webhookEvents": ["started"]}, "webhookEvents"),
        ({"gptImage2Params": {}}, "gptImage2Params"),
        ({"gptImageParams": []}, "gptImageParams"),
        ({"gptImageParams": {"quality": "max"}}, "gptImageParams.quality"),
        ({"gptImageParams": {"aspect_ratio": "16:9"}}, "gptImageParams.aspect_ratio"),
        ({"gptImageParams": {"output_format": "jpg"}}, "gptImageParams.output_format"),
        ({"gptImageParams": {"number_of_images": 11}}, "gptImageParams.number_of_images"),
        ({"gptImageParams": {"number_of_images": 0}}, "gptImageParams.number_of_images"),
        ({"gptImageParams": {"number_of_images": True}}, "gptImageParams.number_of_images"),
        ({"gptImageParams": {"number_of_images": 1.0}}, "gptImageParams.number_of_images"),
        ({"gptImageParams": {"input_images": "https://a.example/1.png"}}, "gptImageParams.input_images"),
        ({"gptImageParams": {"input_images": ["data:image/png;base64,AAAA"]}}, "gptImageParams.input_images"),
        ({"gptImageParams": {"input_images": ["https://a.example/1.png"] * 17}}, "gptImageParams.input_images"),
        ({"gptImageParams": {"moderation": "low"}}, "gptImageParams.moderation"),
        ({"gptImageParams": {"mask": "https://a.example/1.png"}}, "gptImageParams.mask"),
        ({"gptImageParams": {"output_compression": 50}}, "gptImageParams.output_compression"),
    ],
)
def test_what_the_specification_forbids_is_named(change: dict[str, Any], path: str) -> None:
    assert list(refusal_of(FIRST | change)) == [path]


@pytest.mark.parametrize("parameters", [{"background": "transparent"}, {"input_fidelity": "low"}])
def test_second_model_lacks_what_the_first_has(parameters: dict[str, str]) -> None:
    assert list(refusal_of(SECOND | {"gptImage2Params": parameters})) == [f"gptImage2Params.{next(iter(parameters))}"]


def test_spelling_of_the_product_page_is_a_switch() -> None:
    address = "https://a.example/1.png"
    order = read_order(
        FIRST | {"webhook_url": address, "gptImageParams": {"input_images": address}}, Switches(page_spelling=True)
    )

    assert (order.webhook_url, order.inputs) == (address, (address,))


def test_idempotency_key_has_a_limit() -> None:
    assert read_idempotency_key({"idempotency-key": "k" * 255}) == "k" * 255
    assert read_idempotency_key({}) is None
    with pytest.raises(Refusal):
        read_idempotency_key({"idempotency-key": "k" * 256})


def test_job_id_that_is_no_uuid_is_refused() -> None:
    known = str(uuid4())

    assert read_job_id(known) == known
    with pytest.raises(Refusal) as caught:
        read_job_id("job_1")
    assert caught.value.status == 400


def test_listing_has_defaults_and_limits() -> None:
    assert (read_listing({}).limit, read_listing({"limit": "100", "status": "FAILED"}).status) == (20, "FAILED")
    for query in ({"limit": "0"}, {"limit": "101"}, {"status": "DONE"}, {"cursor": "1"}, {"page": "2"}):
        with pytest.raises(Refusal):
            read_listing(query)


def test_upload_is_judged_by_its_bytes() -> None:
    data = pictures.draw(Kind(16, 16, "jpeg"))

    assert read_upload(Form(files=[Part("file", "a.png", "image/png", data)])) == (data, "image/jpeg")


@pytest.mark.parametrize(
    "form",
    [
        Form(),
        Form(files=[Part("image", "a.png", "image/png", PICTURE)]),
        Form(fields=[("file", "picture")]),
        Form(fields=[("purpose", "edit")], files=[Part("file", "a.png", "image/png", PICTURE)]),
        Form(files=[Part("file", "a.png", "image/png", PICTURE)] * 2),
        Form(files=[Part("file", "a.svg", "image/png", b"<svg/>")]),
        Form(files=[Part("file", "a.png", "image/png", PICTURE + bytes(UPLOAD_LIMIT))]),
    ],
)
def test_upload_of_anything_else_is_400(form: Form) -> None:
    with pytest.raises(Refusal) as caught:
        read_upload(form)

    assert caught.value.status == 400
