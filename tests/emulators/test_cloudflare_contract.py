import base64
from typing import Any

import pytest

from tests.emulators import pictures
from tests.emulators.cloudflare_contract import Run, Switches, read_order
from tests.emulators.orders import Refusal
from tests.emulators.pictures import Kind

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==")
PICTURE = pictures.draw(Kind(32, 32))
ENCODED = base64.b64encode(PICTURE).decode()
URI = f"data:image/png;base64,{ENCODED}"
FIRST, SECOND, SUNBURST = "openai/gpt-image-1.5", "openai/gpt-image-2", "openai/gpt-image-2.5-sunburst"


def ask(model: str = FIRST, switches: Switches | None = None, **given: Any) -> Run:
    return read_order({"model": model, "input": {"prompt": "Lighthouse"} | given}, switches or Switches())


def refusal_of(model: str = FIRST, switches: Switches | None = None, **given: Any) -> tuple[int, Any]:
    with pytest.raises(Refusal) as caught:
        ask(model, switches, **given)
    return caught.value.status, caught.value.code


def test_listed_fields_are_accepted() -> None:
    first = ask(quality="auto", size="1792x1024", style="natural", images=[ENCODED, URI])
    second = ask(SECOND, quality="high", size="auto", background="opaque", output_format="webp")

    assert (first.pixels, first.style, first.references) == ((1792, 1024), "natural", (PICTURE, PICTURE))
    assert (second.pixels, second.background, second.output_format) == ((1024, 1024), "opaque", "webp")
    assert ask(SUNBURST, quality="max", background="transparent").background == "transparent"


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        (FIRST, "n", 1),
        (FIRST, "background", "opaque"),
        (FIRST, "output_format", "png"),
        (FIRST, "image", ENCODED),
        (FIRST, "response_format", "url"),
        (SECOND, "style", "vivid"),
        (SECOND, "mask", ENCODED),
        (SECOND, "moderation", "low"),
        (SUNBURST, "output_compression", 50),
        (SUNBURST, "input_fidelity", "high"),
    ],
)
def test_unlisted_field_has_no_route_or_is_ignored(model: str, field: str, value: Any) -> None:
    assert refusal_of(model, **{field: value}) == (400, 7003)
    assert refusal_of(model, Switches(route_status=404), **{field: value}) == (404, 7003)
    assert ask(model, Switches(unknown_fields="ignore"), **{field: value}) == ask(model)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (FIRST, {"prompt": 7}),
        (FIRST, {"size": "1536x1024"}),
        (FIRST, {"size": "auto"}),
        (FIRST, {"quality": "max"}),
        (FIRST, {"style": "dark"}),
        (SECOND, {"size": "256x256"}),
        (SECOND, {"quality": "xhigh"}),
        (SECOND, {"output_format": "jpg"}),
        (SECOND, {"background": "transparent"}),
        (SUNBURST, {"background": "transparent", "output_format": "jpeg"}),
        (SECOND, {"images": []}),
        (SECOND, {"images": [ENCODED] * 17}),
        (SECOND, {"images": ["https://a.example/1.png"]}),
        (SECOND, {"images": ["not base64"]}),
        (SECOND, {"images": [base64.b64encode(GIF).decode()]}),
        (SECOND, {"images": [f"data:image/jpeg;base64,{ENCODED}"]}),
    ],
)
def test_wrong_value_is_invalid_data(model: str, given: dict[str, Any]) -> None:
    assert refusal_of(model, **given) == (400, 5004)


@pytest.mark.parametrize(
    "body",
    [
        {"model": FIRST},
        {"input": {"prompt": "x"}},
        {"model": FIRST, "input": {}},
        {"model": FIRST, "input": "x"},
        {"model": FIRST, "input": {"prompt": "x"}, "stream": True},
    ],
)
def test_body_of_another_shape_is_invalid_data(body: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        read_order(body, Switches())

    assert (caught.value.status, caught.value.code) == (400, 5004)


def test_unknown_model_is_not_found() -> None:
    assert refusal_of("openai/gpt-image-1") == (404, 3042)


def test_single_image_of_the_product_page_is_a_switch() -> None:
    page = Switches(edit_field="image")

    assert ask(switches=page, image=ENCODED).references == (PICTURE,)
    assert refusal_of(FIRST, page, images=[ENCODED]) == (400, 7003)
    assert refusal_of(FIRST, page, image=URI) == (400, 5004)
    assert ask(SECOND, page, images=[ENCODED]).references == (PICTURE,)


def test_sizes_and_transparency_are_switches() -> None:
    upstream = Switches(sizes_of_15="upstream")

    assert ask(switches=upstream, size="1536x1024").pixels == (1536, 1024)
    assert refusal_of(FIRST, upstream, size="512x512") == (400, 5004)
    assert ask(SECOND, Switches(transparent_on_2=True), background="transparent").background == "transparent"
