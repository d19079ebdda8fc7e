import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests.emulators import openai_edits, pictures
from tests.emulators.asking import Answered, FilePart, ask, part, send_form, small_picture
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator

PLAIN = {"model": "gpt-image-1.5", "prompt": "Make it snow"}
RED, BLUE = small_picture("red"), small_picture("blue")


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator() as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


def edit(emulator: EmulatorControl, *files: FilePart, **fields: str) -> Answered:
    return send_form(emulator, "/images/edits", PLAIN | fields, files)


def edit_json(emulator: EmulatorControl, **body: Any) -> Answered:
    return ask(emulator, "POST", "/images/edits", PLAIN | {"images": [address(RED)]} | body)


def address(picture: bytes) -> dict[str, str]:
    return {"image_url": "data:image/png;base64," + base64.b64encode(picture).decode()}


def picture_of(answer: Answered) -> bytes:
    return base64.b64decode(answer.document["data"][0]["b64_json"])


def mask(left: int = 0, right: int = 255) -> bytes:
    """Return a mask whose halves have these alphas; 0 is what may change."""
    painted = Image.new("RGBA", (64, 64), (0, 0, 0, left))
    painted.paste((0, 0, 0, right), (32, 0, 64, 64))
    return pictures.encode(painted, "png")


def test_one_picture_comes_as_image_and_several_as_a_list(emulator: EmulatorControl) -> None:
    one = edit(emulator, part("image", RED))
    several = edit(emulator, part("image[]", RED), part("image[]", BLUE), n="2", size="1536x1024")

    assert pictures.shows(picture_of(one), RED)
    both = picture_of(several)
    assert [pictures.shows(both, BLUE, place) for place in range(2)] == [False, True]
    assert (several.document["size"], len(several.document["data"])) == ("1536x1024", 2)
    assert several.document["usage"]["input_tokens_details"]["image_tokens"] == 648
    assert emulator.stats()["paid_pictures"] == 3
    assert emulator.requests()[1]["parts"] == [["image[]", "image/png"]] * 2


def test_opaque_part_of_a_mask_stays_as_it_was(emulator: EmulatorControl) -> None:
    answer = edit(emulator, part("image", RED), part("mask", mask()))

    with Image.open(io.BytesIO(picture_of(answer))) as edited:
        assert edited.convert("RGB").getpixel((900, 900)) == (255, 0, 0)
        assert edited.convert("RGB").getpixel((100, 900)) != (255, 0, 0)


def test_json_edit_takes_data_addresses(emulator: EmulatorControl) -> None:
    answer = edit_json(emulator, images=[address(BLUE), address(RED)], moderation="low", input_fidelity="high")

    assert pictures.shows(picture_of(answer), BLUE)


@pytest.mark.parametrize(
    ("files", "fields", "code", "param"),
    [
        ([], {}, "missing_required_parameter", "image"),
        ([part("image", RED)] * 2, {}, "invalid_value", "image"),
        ([part("image", RED), part("image[]", RED)], {}, "invalid_value", "image"),
        ([part("image[]", RED)] * 17, {}, "invalid_value", "image"),
        ([part("picture", RED)], {}, "unknown_parameter", "picture"),
        ([part("image", RED, "application/octet-stream")], {}, "invalid_image_file", "image"),
        ([part("image", b"no picture")], {}, "invalid_image_file", "image"),
        ([part("image", small_picture(0, form="GIF", mode="P"))], {}, "invalid_image_file", "image"),
        ([part("image", RED), part("mask", small_picture("red", form="JPEG"))], {}, "invalid_image_file", "mask"),
        ([part("image", RED), part("mask", RED)], {}, "invalid_value", "mask"),
        (
            [part("image", RED), part("mask", small_picture((0, 0, 0, 0), (32, 32), mode="RGBA"))],
            {},
            "invalid_value",
            "mask",
        ),
        ([part("image", RED), part("mask", mask()), part("mask", mask())], {}, "invalid_value", "mask"),
        ([part("image", RED), part("markup", mask())], {}, "unknown_parameter", "markup"),
        (
            [part("image", RED), part("mask", mask()), part("markup", mask())],
            {"model": "gpt-image-2.5-flare"},
            "invalid_value",
            "markup",
        ),
        ([part("image", RED)], {"n": "11"}, "invalid_value", "n"),
        ([part("image", RED)], {"n": "two"}, "invalid_value", "n"),
        ([part("image", RED)], {"moderation": "low"}, "unknown_parameter", "moderation"),
        ([part("image", RED)], {"response_format": "url"}, "unknown_parameter", "response_format"),
        ([part("image", RED)], {"input_fidelity": "medium"}, "invalid_value", "input_fidelity"),
        ([part("image", RED)], {"model": "dall-e-2"}, "model_not_found", "model"),
    ],
)
def test_undocumented_form_is_refused(
    emulator: EmulatorControl, files: list[FilePart], fields: dict[str, str], code: str, param: str
) -> None:
    answer = edit(emulator, *files, **fields)

    assert (answer.error["code"], answer.error["param"]) == (code, param)
    assert emulator.stats()["paid_pictures"] == 0


@pytest.mark.parametrize(
    ("model", "fidelity", "status"),
    [
        ("gpt-image-1.5", "high", 200),
        ("gpt-image-1-mini", "low", 200),
        ("gpt-image-1-mini", "high", 400),
        ("gpt-image-2", "low", 400),
        ("gpt-image-2.6-flare", "high", 400),
    ],
)
def test_fidelity_depends_on_the_model(emulator: EmulatorControl, model: str, fidelity: str, status: int) -> None:
    answer = edit(emulator, part("image", RED), model=model, input_fidelity=fidelity)

    assert answer.status == status
    if status == 400:
        assert answer.error["code"] == "invalid_input_fidelity_model"


def test_too_large_files_are_refused(emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_edits, "IMAGE_LIMIT", len(RED) + 1)
    monkeypatch.setattr(openai_edits, "MASK_LIMIT", len(mask()))

    assert edit(emulator, part("image", RED)).status == 200
    assert edit(emulator, part("image", RED), part("mask", mask())).error["param"] == "mask"
    assert edit(emulator, part("image", RED + b"\x00")).error["param"] == "image"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"images": []}, "images"),
        ({"images": [address(RED)] * 17}, "images"),
        ({"images": [{}]}, "images"),
        ({"images": [address(RED) | {"file_id": "file-1"}]}, "images"),
        ({"images": [address(RED) | {"detail": "high"}]}, "images"),
        ({"images": [{"file_id": "file-1"}]}, "images"),
        ({"images": [{"image_url": "data:image/png;base64,!"}]}, None),
        ({"images": [{"image_url": "file:///etc/hostname"}]}, None),
        ({"mask": address(RED)}, "mask"),
        ({"model": "gpt-image-2", "size": "1280x720"}, "size"),
        ({"model": "gpt-image-2.5-flare", "quality": "max"}, "quality"),
        ({"markup": address(RED)}, "markup"),
        ({"prompt": ""}, "prompt"),
    ],
)
def test_undocumented_json_edit_is_refused(emulator: EmulatorControl, body: dict[str, Any], param: str | None) -> None:
    answer = edit_json(emulator, **body)

    assert answer.status in {400, 404}
    assert answer.error["param"] == param
    assert emulator.stats()["paid_pictures"] == 0


def test_fault_marked_in_an_edit_is_met(emulator: EmulatorControl) -> None:
    assert (
        edit(emulator, part("image", RED), prompt="Snow [fault:content_refused]").error["code"] == "moderation_blocked"
    )
