import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators import pictures
from tests.emulators.asking import ask, part, request, send_form, small_picture
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator

PLAIN = {"model": "gpt-image-1.5", "prompt": "Boats", "stream": True, "size": "1024x1024"}


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator() as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


def stream(emulator: EmulatorControl, **body: Any) -> list[tuple[str, Any]]:
    answer = ask(emulator, "POST", "/images/generations", PLAIN | body)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    return read(answer.body)


def read(body: bytes) -> list[tuple[str, Any]]:
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        data = lines.get("data", "")
        found.append((lines.get("event", ""), json.loads(data) if data.startswith("{") else data))
    return found


def test_partial_pictures_come_before_the_last(emulator: EmulatorControl) -> None:
    events = stream(emulator, partial_images=2)

    assert [name for name, _ in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [data.get("partial_image_index") for _, data in events] == [0, 1, None]
    assert [data["type"] for _, data in events] == [name for name, _ in events]
    assert events[-1][1]["usage"]["output_tokens"] == 196
    assert all(base64.b64decode(data["b64_json"])[:4] == b"\x89PNG" for _, data in events)
    assert emulator.stats()["paid_pictures"] == 1


def test_stream_without_partials_is_one_event(emulator: EmulatorControl) -> None:
    assert [name for name, _ in stream(emulator, partial_images=0)] == ["image_generation.completed"]


def test_edit_streams_too(emulator: EmulatorControl) -> None:
    red = small_picture("red")
    fields = {"model": "gpt-image-1.5", "prompt": "Boats", "stream": "true", "partial_images": "1"}

    events = read(send_form(emulator, "/images/edits", fields, [part("image", red)]).body)

    assert [name for name, _ in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert pictures.shows(base64.b64decode(events[-1][1]["b64_json"]), red)


def test_what_is_not_documented_is_a_switch(emulator: EmulatorControl) -> None:
    emulator.set(stream_several=True, stream_done=True, most_partials=1, usage=False)

    events = stream(emulator, n=2, partial_images=3)

    completed = ("image_generation.completed", "image_generation.completed")
    assert [name for name, _ in events] == ["image_generation.partial_image", *completed, ""]
    assert events[-1][1] == "[DONE]"
    assert "usage" not in events[1][1]


def test_events_come_one_by_one(emulator: EmulatorControl) -> None:
    stream(emulator)
    emulator.set(stream_pause=0.2)

    began = time.monotonic()
    stream(emulator, partial_images=2)

    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize(
    ("fault", "code"), [("stream_error after=1", None), ("stream_refused after=1", "moderation_blocked")]
)
def test_stream_can_end_with_an_error(emulator: EmulatorControl, fault: str, code: str | None) -> None:
    events = stream(emulator, partial_images=2, prompt=f"Boats [fault:{fault}]")

    assert [name for name, _ in events] == ["image_generation.partial_image", "error"]
    assert events[-1][1]["error"]["code"] == code


def test_stream_can_be_cut_or_strange(emulator: EmulatorControl) -> None:
    cut = stream(emulator, partial_images=1, prompt="[fault:stream_cut]")
    raw = ask(emulator, "POST", "/images/generations", PLAIN | {"prompt": "[fault:stream_strange]"}).body
    refused = ask(emulator, "POST", "/images/generations", PLAIN | {"prompt": "[fault:rate_limited]"})

    assert [name for name, _ in cut] == ["image_generation.partial_image"]
    assert raw.startswith(b": keep-alive\n\nevent: image_generation.thinking\n")
    assert raw.count(b"event: image_generation.completed\n") == 1
    assert refused.status == 429


def test_models_tell_when_they_end(emulator: EmulatorControl) -> None:
    emulator.set(
        retired=["gpt-image-1-mini"], unlisted=["gpt-image-2.6-flare"], shutdown_dates={"gpt-image-2": "2027-06-01"}
    )

    listed = {model["id"]: model["shutdown_date"] for model in ask(emulator, "GET", "/models").document["data"]}

    assert listed["gpt-image-1.5"] == "2026-12-01"
    assert (listed["gpt-image-2"], listed["gpt-image-2.5-flare"]) == ("2027-06-01", None)
    assert not {"gpt-image-1-mini", "gpt-image-2.6-flare", "gpt-image-1"} & set(listed)
    assert ask(emulator, "GET", "/models/gpt-image-1.5").document["shutdown_date"] == "2026-12-01"
    assert ask(emulator, "GET", "/models/gpt-image-2.6-flare").error["code"] == "model_not_found"
    assert request("GET", f"{emulator.base_url}/models").status == 401
    assert emulator.stats()["requests"] == 0
