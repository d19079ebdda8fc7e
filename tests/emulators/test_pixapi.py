import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators import faults, pictures
from tests.emulators.asking import Answered, ask, part, request, send_form, small_picture
from tests.emulators.control import EmulatorControl
from tests.emulators.pixapi import REFUSALS
from tests.emulators.running import running_emulator

PLAIN = {"model": "gpt-image-1.5", "prompt": "Boats"}


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("pixapi") as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


def generate(emulator: EmulatorControl, path: str = "/images/generations", **body: Any) -> Answered:
    return ask(emulator, "POST", path, PLAIN | body)


def test_answer_is_addresses_or_base64(emulator: EmulatorControl) -> None:
    emulator.set(cost_credits=True)

    by_address = generate(emulator, n=2).document
    inline = generate(emulator, model="gpt-image-2", size="1280x720", quality="low", response_format="b64_json")

    assert [request("GET", item["url"]).status for item in by_address["data"]] == [200, 200]
    assert by_address["costCredits"] == 2
    assert base64.b64decode(inline.document["data"][0]["b64_json"])[:4] == b"\x89PNG"
    assert emulator.stats()["paid_pictures"] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": None},
        {"n": 0},
        {"n": "1"},
        {"size": "1536x1024"},
        {"size": 1024},
        {"quality": "high"},
        {"model": "gpt-image-2", "quality": "max"},
        {"model": "gpt-image-2", "size": "1000x1000"},
        {"response_format": "png"},
        {"background": "opaque"},
        {"async": True},
    ],
)
def test_undocumented_request_is_refused(emulator: EmulatorControl, body: dict[str, Any]) -> None:
    answer = generate(emulator, **body)

    assert (answer.status, answer.error["code"], answer.error["type"]) == (400, 400, "invalid_request_error")
    assert emulator.stats()["paid_pictures"] == 0


def test_async_is_a_path_and_never_a_parameter(emulator: EmulatorControl) -> None:
    assert generate(emulator, "/images/generations?async=true").status == 400


def test_fields_that_nobody_documents_are_a_switch(emulator: EmulatorControl) -> None:
    emulator.set(extra_fields=["background"], sizes_15=["1536x1024"], base64_supported=False)

    assert generate(emulator, background="opaque", size="1536x1024").status == 200
    assert generate(emulator, response_format="b64_json", size="1536x1024").status == 400


@pytest.mark.parametrize("envelope", ["a", "b"])
def test_every_common_refusal_has_both_envelopes(emulator: EmulatorControl, envelope: str) -> None:
    emulator.set(envelope=envelope)

    assert set(faults.COMMON) <= set(REFUSALS)
    for name, refusal in REFUSALS.items():
        answer = generate(emulator, prompt=f"Boats [fault:{name}]")
        assert answer.status == refusal.status
        if envelope == "a":
            assert (answer.error["code"], answer.error["type"]) == (refusal.code, refusal.kind)
        else:
            assert answer.error["code"] == refusal.kind
            assert answer.error["request_id"]
    assert generate(emulator, "/nowhere").status == 404


def test_key_and_models_are_checked(emulator: EmulatorControl) -> None:
    emulator.set(retired=["gpt-image-1.5"])

    assert ask(emulator, "GET", "/models", headers={"authorization": "Bearer sk_other"}).status == 401
    assert [model["id"] for model in ask(emulator, "GET", "/models").document["data"]] == ["gpt-image-2"]
    assert generate(emulator).error["type"] == "model_not_found"


def test_edit_shows_its_images(emulator: EmulatorControl) -> None:
    red, blue = small_picture("red"), small_picture("blue")

    one = send_form(emulator, "/images/edits", PLAIN, [part("image", red)]).document
    two = send_form(emulator, "/images/edits", PLAIN, [part("image", red), part("image", blue)]).document

    assert pictures.shows(request("GET", one["data"][0]["url"]).body, red)
    both = request("GET", two["data"][0]["url"]).body
    assert [pictures.shows(both, picture, place) for place, picture in enumerate((red, blue, blue))] == [
        True,
        True,
        False,
    ]
    assert emulator.requests()[1]["parts"] == [["image", "image/png"]] * 2


def test_edit_takes_pictures_only_and_not_too_many_or_large(emulator: EmulatorControl) -> None:
    red = small_picture("red")
    emulator.set(max_images=1, max_upload=5_000)
    wrong = [
        [],
        [part("image", red)] * 2,
        [part("image", b"text")],
        [part("mask", red)],
        [part("image", red + b"x" * 5_000)],
    ]
    broken = red[: len(red) // 2]

    statuses = [
        send_form(emulator, "/images/edits", PLAIN, files).status for files in [*wrong, [part("image", broken)]]
    ]

    assert statuses == [400, 400, 400, 400, 413, 400]
    assert emulator.stats()["paid_pictures"] == 0


def test_part_name_of_several_images_is_a_switch(emulator: EmulatorControl) -> None:
    red = small_picture("red")
    names = ("image", "image[]")

    statuses = []
    for switch in ("image", "image[]", "any"):
        emulator.set(several_as=switch)
        statuses.append([send_form(emulator, "/images/edits", PLAIN, [part(name, red)] * 2).status for name in names])

    assert statuses == [[200, 400], [400, 200], [200, 200]]


def test_json_edit_is_a_switch_and_takes_addresses_only(emulator: EmulatorControl) -> None:
    address = generate(emulator).document["data"][0]["url"]

    refused = generate(emulator, "/images/edits", image=address)
    emulator.set(json_edits=True)
    accepted = generate(emulator, "/images/edits", image=[address])
    as_data = generate(emulator, "/images/edits", image="data:image/png;base64,AAAA")

    assert [refused.status, accepted.status, as_data.status] == [400, 200, 400]
    edited = request("GET", accepted.document["data"][0]["url"]).body
    assert pictures.shows(edited, request("GET", address).body)


@pytest.mark.parametrize("status", [200, 202])
def test_task_completes_and_shows_its_results(emulator: EmulatorControl, status: int) -> None:
    emulator.set(job_seconds=-1, submit_status=status, running_word="generating")

    accepted = generate(emulator, "/async/images/generations", n=2)
    task = accepted.document["id"]
    states = []
    for _ in range(3):
        states.append(ask(emulator, "GET", f"/tasks/{task}").document["status"])
        emulator.advance(task)

    done = ask(emulator, "GET", f"/tasks/{task}").document
    assert (accepted.status, accepted.document["status"], accepted.document["progress"]) == (status, "submitted", 0)
    assert states == ["submitted", "generating", "completed"]
    assert [request("GET", item["url"]).status for item in done["result"]["data"]] == [200, 200]
    assert ask(emulator, "GET", "/tasks/task_unknown").status == 404
    assert emulator.stats()["paid_pictures"] == 2


def test_task_of_an_edit_shows_its_image(emulator: EmulatorControl) -> None:
    emulator.set(job_seconds=0)
    green = small_picture("green")

    task = send_form(emulator, "/async/images/edits", PLAIN, [part("image", green)]).document["id"]
    done = wait_until_ended(emulator, task)

    assert pictures.shows(request("GET", done["result"]["data"][0]["url"]).body, green)


@pytest.mark.parametrize(
    ("shape", "error"),
    [("object", {"code": "internal_error", "message": "no capacity"}), ("text", "no capacity"), ("none", None)],
)
def test_failed_task_costs_nothing_and_says_why_in_a_switchable_shape(
    emulator: EmulatorControl, shape: str, error: Any
) -> None:
    emulator.set(job_seconds=0, task_error=shape)

    prompt = "Boats [fault:job_fails error=no_capacity]"
    task = generate(emulator, "/async/images/generations", prompt=prompt).document["id"]
    done = wait_until_ended(emulator, task)

    assert (done["status"], done.get("error")) == ("failed", error)
    assert emulator.stats()["paid_pictures"] == 0


def wait_until_ended(emulator: EmulatorControl, task: str) -> Any:
    for _ in range(1000):
        document = ask(emulator, "GET", f"/tasks/{task}").document
        if document["status"] in {"completed", "failed"}:
            return document
    raise AssertionError(f"{task} does not end")
