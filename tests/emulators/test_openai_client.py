"""The provider's own client takes the emulator for the provider."""

import base64
import io
from collections.abc import Iterator

import pytest
from openai import APIError, BadRequestError, NotFoundError, OpenAI
from PIL import Image

from tests.emulators import pictures
from tests.emulators.asking import small_picture
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator

MODEL = "gpt-image-1.5"
# What the client sends of a picture: name, bytes, type.
RED = ("red.png", small_picture("red"), "image/png")
BLUE = ("blue.webp", small_picture("blue", form="WEBP"), "image/webp")


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorControl]:
    with running_emulator() as control:
        yield control


@pytest.fixture
def client(emulator: EmulatorControl) -> Iterator[OpenAI]:
    emulator.reset()
    with OpenAI(base_url=emulator.base_url, api_key=emulator.key, max_retries=0, timeout=30) as client:
        yield client


def opened(text: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text or "")))


def test_generation(client: OpenAI) -> None:
    answer = client.images.generate(model=MODEL, prompt="Boats", n=2, size="1536x1024", output_format="webp")

    assert [(opened(item.b64_json).size, opened(item.b64_json).format) for item in answer.data or []] == [
        ((1536, 1024), "WEBP")
    ] * 2
    assert answer.usage is not None
    assert (answer.output_format, answer.size, answer.usage.total_tokens) == ("webp", "1536x1024", 402)


def test_edit_with_a_mask(client: OpenAI) -> None:
    mask = ("mask.png", small_picture((0, 0, 0, 255), mode="RGBA"), "image/png")

    answer = client.images.edit(model=MODEL, image=RED, mask=mask, prompt="Snow", input_fidelity="high")

    assert answer.data is not None
    edited = opened(answer.data[0].b64_json).convert("RGB")
    # The mask is opaque everywhere, so nothing may have changed.
    assert edited.getpixel((900, 900)) == (255, 0, 0)


def test_edit_of_several_pictures(client: OpenAI, emulator: EmulatorControl) -> None:
    answer = client.images.edit(model=MODEL, image=[RED, BLUE], prompt="Snow", size="1024x1024", n=1)

    assert answer.data is not None
    edited = base64.b64decode(answer.data[0].b64_json or "")
    assert [pictures.shows(edited, data, place) for place, (_, data, _) in enumerate((RED, BLUE))] == [True, True]
    assert emulator.requests()[0]["parts"] == [["image[]", "image/png"], ["image[]", "image/webp"]]


def test_stream_of_a_generation(client: OpenAI, emulator: EmulatorControl) -> None:
    emulator.set(stream_done=True)

    events = list(client.images.generate(model=MODEL, prompt="Boats", stream=True, partial_images=2))

    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert all(opened(event.b64_json).format == "PNG" for event in events)


def test_stream_of_an_edit(client: OpenAI) -> None:
    events = list(client.images.edit(model=MODEL, image=RED, prompt="Snow", stream=True, partial_images=1))

    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert pictures.shows(base64.b64decode(events[-1].b64_json), RED[1])


def test_stream_that_fails(client: OpenAI) -> None:
    events = client.images.generate(model=MODEL, prompt="[fault:stream_error]", stream=True, partial_images=1)

    assert next(events).type == "image_generation.partial_image"
    with pytest.raises(APIError, match="The server had an error"):
        next(events)


def test_models(client: OpenAI) -> None:
    assert MODEL in {model.id for model in client.models.list()}
    assert client.models.retrieve(MODEL).shutdown_date == "2026-12-01"


def test_refusals(client: OpenAI, emulator: EmulatorControl) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.images.generate(model=MODEL, prompt="[fault:content_refused]")
    with pytest.raises(NotFoundError) as gone:
        client.images.generate(model="gpt-image-1", prompt="Boats")
    with pytest.raises(BadRequestError) as untyped:
        client.images.edit(model=MODEL, image=RED[1], prompt="Snow")

    assert [error.value.code for error in (refused, gone, untyped)] == [
        "moderation_blocked",
        "model_not_found",
        "invalid_image_file",
    ]
    assert refused.value.request_id == emulator.requests()[0]["id"]
