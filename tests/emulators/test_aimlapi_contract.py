import base64
from typing import Any

import pytest

from tests.emulators import pictures
from tests.emulators.aimlapi_contract import Request, Switches, read_edit, read_generation
from tests.emulators.forms import Form, Part
from tests.emulators.orders import Refusal
from tests.emulators.pictures import Kind

ASKED = {"model": "openai/gpt-image-1-5", "prompt": "Two foxes"}
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==")
PICTURE = pictures.draw(Kind(64, 48))
CLEAR = pictures.draw(Kind(64, 48, transparent=True))


def part(name: str, data: bytes = PICTURE) -> Part:
    return Part(name, "foxes.png", "image/png", data)


IMAGE = part("image")


def form(*files: Part, **fields: str) -> Form:
    asked = {"model": "openai/gpt-image-2", "prompt": "One fox"} | fields
    return Form(list(asked.items()), list(files))


def message_of(body: Any, **switches: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        read_generation(body, Switches(**switches))
    return caught.value.status, caught.value.message


def test_defaults_are_the_documented_ones() -> None:
    assert read_generation(ASKED, Switches()) == Request(
        model="openai/gpt-image-1-5",
        prompt="Two foxes",
        n=1,
        pixels=(1024, 1024),
        quality="medium",
        background="auto",
        output_format="png",
        compression=100,
        response_format="url",
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"n": 2}, "'n' must be a whole number from 1 to 1."),
        ({"n": "1"}, "'n' must be a whole number from 1 to 1."),
        (
            {"size": "auto"},
            "Invalid enum value. Expected '1024x1024' | '1024x1536' | '1536x1024', received 'auto'",
        ),
        ({"quality": "auto"}, "Invalid enum value. Expected 'low' | 'medium' | 'high', received 'auto'"),
        ({"output_compression": 101}, "'output_compression' must be a whole number from 0 to 100."),
        ({"prompt": "x" * 32_001}, "'prompt' may have at most 32000 characters."),
        ({"background": "transparent", "output_format": "jpeg"}, "'transparent' needs png or webp."),
        ({"user": "u_1"}, "Unknown parameter: 'user'."),
        ({"stream": True}, "Unknown parameter: 'stream'."),
        ({"input_fidelity": "high"}, "Unknown parameter: 'input_fidelity'."),
    ],
)
def test_what_the_specification_lacks_is_refused(change: dict[str, Any], problem: str) -> None:
    assert message_of(ASKED | change) == (400, f"Body validation error\n{problem}")


def test_missing_fields_are_refused() -> None:
    assert message_of({"model": "openai/gpt-image-2"})[1].endswith("'prompt' is required and must be a text.")
    assert message_of({"prompt": "Two foxes"})[1].endswith("'model' is required and must be a text.")


def test_unknown_model_is_a_wrong_choice_or_not_found() -> None:
    unknown = ASKED | {"model": "openai/gpt-image-1.5"}

    assert message_of(unknown)[1].startswith("Body validation error\nInvalid enum value. Expected 'openai/gpt-image-1'")
    assert message_of(unknown, unknown_model=404) == (404, "Model 'openai/gpt-image-1.5' not found")


def test_unknown_fields_are_a_switch() -> None:
    assert read_generation(ASKED | {"user": "u_1"}, Switches(unknown_fields="ignore")).prompt == "Two foxes"


def test_edit_takes_one_image_several_images_and_a_mask() -> None:
    single = read_edit(form(IMAGE, part("mask", CLEAR), n="10", output_compression="40", size="1536x1024"), Switches())
    assert (single.references, single.mask, single.n, single.compression) == ((PICTURE,), CLEAR, 10, 40)
    assert single.pixels == (1536, 1024)
    assert len(read_edit(form(*[part("image[]")] * 16), Switches()).references) == 16


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (form(), "'image' is required."),
        (form(IMAGE, IMAGE), "Several files go as 'image[]'."),
        (form(*[part("image[]")] * 17), "'image' may be at most 16 files."),
        (form(part("image", GIF)), "'image' must be a png, webp or jpg file."),
        (form(part("image", PICTURE[:12])), "'image' must be a png, webp or jpg file."),
        (form(part("image", PICTURE + bytes(50 * 1024 * 1024))), "'image' must be under 50MB."),
        (form(IMAGE, part("picture")), "Unknown parameter: 'picture'."),
        (form(image="https://a.example/1.png"), "Unknown parameter: 'image'."),
        (form(IMAGE, n="11"), "'n' must be a whole number from 1 to 10."),
        (form(IMAGE, n="two"), "'n' must be a whole number from 1 to 10."),
        (form(IMAGE, input_fidelity="high"), "Unknown parameter: 'input_fidelity'."),
        (form(IMAGE, moderation="low"), "Unknown parameter: 'moderation'."),
        (form(IMAGE, part("mask", CLEAR), part("mask", CLEAR)), "'mask' must be one PNG file."),
        (
            form(IMAGE, part("mask", pictures.draw(Kind(64, 48, "webp", transparent=True)))),
            "'mask' must be one PNG file.",
        ),
        (form(IMAGE, part("mask", CLEAR + bytes(4 * 1024 * 1024))), "'mask' must be under 4MB."),
        (
            form(IMAGE, part("mask", pictures.draw(Kind(48, 64, transparent=True)))),
            "'mask' must match the image dimensions.",
        ),
        (form(IMAGE, part("mask")), "'mask' has no transparent area that could be edited."),
    ],
)
def test_edit_that_breaks_a_rule_is_refused(sent: Form, problem: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_edit(sent, Switches())

    assert (caught.value.status, caught.value.message) == (400, f"Body validation error\n{problem}")


def test_editing_with_15_is_a_switch() -> None:
    sent = form(IMAGE, model="openai/gpt-image-1-5")

    with pytest.raises(Refusal, match="Invalid enum value"):
        read_edit(sent, Switches())
    assert read_edit(sent, Switches(edit_with_15=True)).model == "openai/gpt-image-1-5"
