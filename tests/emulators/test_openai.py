import base64
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from PIL import Image

from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY
from tests.emulators.running import running_emulator


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator() as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


def ask(
    emulator: EmulatorControl,
    raw: bytes | None = None,
    key: str = KEY,
    kind: str = "application/json",
    **body: Any,
) -> tuple[int, Any]:
    """Return status and document of one generation request."""
    data = raw if raw is not None else json.dumps({"model": "gpt-image-2", "prompt": "Boats"} | body).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": kind}
    try:
        with urlopen(Request(f"{emulator.base_url}/images/generations", data, headers), timeout=20) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]


@pytest.mark.parametrize(
    ("body", "size", "sniffed"),
    [
        ({}, (1024, 1024), "PNG"),
        ({"n": 2, "size": "1536x1024", "output_format": "jpeg", "output_compression": 50}, (1536, 1024), "JPEG"),
        ({"model": "gpt-image-1.5", "background": "transparent", "output_format": "webp"}, (1024, 1024), "WEBP"),
        ({"model": "gpt-image-2.6-flare", "quality": "max", "size": "1280x720"}, (1280, 720), "PNG"),
    ],
)
def test_answer_holds_the_pictures_that_were_asked(
    emulator: EmulatorControl, body: dict[str, Any], size: tuple[int, int], sniffed: str
) -> None:
    status, document = ask(emulator, safety_identifier="u_1", **body)

    pictures = [Image.open(io.BytesIO(base64.b64decode(item["b64_json"]))) for item in document["data"]]
    assert (status, len(pictures)) == (200, body.get("n", 1))
    assert {(picture.size, picture.format) for picture in pictures} == {(size, sniffed)}
    assert document["safety_identifier"] == "u_1"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": None}, "missing_required_parameter", "model"),
        ({"prompt": None}, "missing_required_parameter", "prompt"),
        ({"prompt": ""}, "invalid_value", "prompt"),
        ({"prompt": "x" * 32_001}, "string_above_max_length", "prompt"),
        ({"response_format": "b64_json"}, "unknown_parameter", "response_format"),
        ({"complexity": 1}, "unknown_parameter", "complexity"),
        ({"n": 0}, "invalid_value", "n"),
        ({"n": 11}, "invalid_value", "n"),
        ({"n": "1"}, "invalid_value", "n"),
        ({"n": True}, "invalid_value", "n"),
        ({"size": "1000x1000"}, "invalid_value", "size"),
        ({"size": "512x512"}, "invalid_value", "size"),
        ({"size": "3840x1024"}, "invalid_value", "size"),
        ({"model": "gpt-image-1.5", "size": "1280x720"}, "invalid_value", "size"),
        ({"quality": "max"}, "invalid_value", "quality"),
        ({"background": "transparent"}, None, "background"),
        (
            {"model": "gpt-image-1.5", "background": "transparent", "output_format": "jpeg"},
            "invalid_value",
            "background",
        ),
        ({"output_compression": 50}, "invalid_value", "output_compression"),
        ({"output_format": "gif"}, "invalid_value", "output_format"),
        ({"stream": 1}, "invalid_value", "stream"),
        ({"stream": True, "n": 2}, "invalid_value", "n"),
        ({"stream": True, "partial_images": 4}, "invalid_value", "partial_images"),
        ({"partial_images": 1}, "invalid_value", "partial_images"),
    ],
)
def test_undocumented_request_is_refused(
    emulator: EmulatorControl, body: dict[str, Any], code: str | None, param: str
) -> None:
    status, error = ask(emulator, **body)

    assert (status, error["code"], error["param"]) == (400, code, param)
    assert emulator.stats()["paid_pictures"] == 0


def test_retired_model_and_wrong_key_are_refused(emulator: EmulatorControl) -> None:
    assert ask(emulator, model="gpt-image-1")[0] == 404
    emulator.set(retired_status=400, keys=["sk-other"], retired=["gpt-image-2"])
    assert ask(emulator)[1]["code"] == "invalid_api_key"
    assert ask(emulator, key="sk-other", model="dall-e-3")[0] == 400
    assert ask(emulator, key="sk-other")[1]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("raw", "kind"), [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")]
)
def test_body_that_is_no_json_object_is_refused(emulator: EmulatorControl, raw: bytes, kind: str) -> None:
    assert ask(emulator, raw, kind=kind)[0] == 400


def test_transparency_of_the_second_family_is_a_switch(emulator: EmulatorControl) -> None:
    emulator.set(transparent_on_2=True)

    assert ask(emulator, background="transparent")[0] == 200


def test_requests_and_paid_pictures_are_counted(emulator: EmulatorControl) -> None:
    emulator.fail("server_error_charged")
    emulator.fail("overloaded")

    statuses = [ask(emulator, prompt=f"Boat {number}", n=3)[0] for number in range(3)]

    stats = emulator.stats()
    assert statuses == [500, 503, 200]
    assert (stats["requests"], stats["paid_requests"], stats["paid_pictures"], stats["in_flight"]) == (3, 2, 6, 0)
    seen = [(record["prompt"], record["status"], record["paid"], record["fault"]) for record in emulator.requests()]
    assert seen == [
        ("Boat 0", 500, 3, "server_error_charged"),
        ("Boat 1", 503, 0, "overloaded"),
        ("Boat 2", 200, 3, ""),
    ]


def test_marked_fault_ends_after_its_times(emulator: EmulatorControl) -> None:
    statuses = [ask(emulator, prompt="Boat [fault:rate_limited retry_after=1 times=2]")[0] for _ in range(3)]

    assert statuses == [429, 429, 200]


def test_heavy_pictures_weigh_what_real_ones_do(emulator: EmulatorControl) -> None:
    emulator.set(heavy=True)

    _, document = ask(emulator)

    assert 1_500_000 < len(base64.b64decode(document["data"][0]["b64_json"])) < 2_500_000


def test_unknown_fault_says_so(emulator: EmulatorControl) -> None:
    status, error = ask(emulator, prompt="Boat [fault:flood]")

    assert (status, error) == (400, "this emulator knows no fault flood")
