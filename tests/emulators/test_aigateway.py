import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.emulators import faults, pictures
from tests.emulators.aigateway import REFUSALS, UPLOAD_LIMIT
from tests.emulators.asking import ask, part, receiving, request, send_form, small_picture
from tests.emulators.control import EmulatorControl
from tests.emulators.loopback import Request
from tests.emulators.running import running_emulator

MODEL = "openai/gpt-image-1.5"
PLAIN = {"model": MODEL, "prompt": "Boats"}


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("aigateway") as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


def generate(emulator: EmulatorControl, **body: Any) -> Any:
    return ask(emulator, "POST", "/images/generations", PLAIN | body)


def poll(emulator: EmulatorControl, job: str) -> Any:
    return ask(emulator, "GET", f"/jobs/{job}").document


def test_answer_is_an_address_on_the_media_host_or_base64(emulator: EmulatorControl) -> None:
    by_address = generate(emulator, n=2).document["data"]
    inline = generate(emulator, response_format="b64_json", size="1536x1024").document["data"]

    assert [request("GET", item["url"]).body[:4] for item in by_address] == [b"\x89PNG"] * 2
    assert {item["url"].split("/")[2] for item in by_address} == {emulator.about["media"]}
    assert base64.b64decode(inline[0]["b64_json"])[:4] == b"\x89PNG"
    assert emulator.stats()["paid_pictures"] == 3
    assert all("authorization" not in fetch["headers"] for fetch in emulator.fetches())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, "model"),
        ({"prompt": ""}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": "1"}, "n"),
        ({"size": "1000x1000"}, "size"),
        ({"response_format": "png"}, "response_format"),
        ({"quality": "high"}, "quality"),
        ({"webhook_url": 1}, "webhook_url"),
    ],
)
def test_undocumented_request_is_refused(emulator: EmulatorControl, body: dict[str, Any], param: str) -> None:
    answer = generate(emulator, **body)

    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, 400, param)
    assert emulator.stats()["paid_pictures"] == 0


def test_every_common_refusal_has_its_envelope(emulator: EmulatorControl) -> None:
    assert set(faults.COMMON) <= set(REFUSALS)
    for name in REFUSALS:
        answer = generate(emulator, prompt=f"Boats [fault:{name}]")
        assert answer.status == REFUSALS[name].status
        assert set(answer.error) == {"message", "type", "code", "param"}


def test_names_of_errors_and_shape_of_refused_content_are_switches(emulator: EmulatorControl) -> None:
    emulator.set(error_names="docs", content_status=403, content_word="moderation")

    assert generate(emulator, prompt="[fault:payment_required]").error["type"] == "budget_exceeded"
    refused = generate(emulator, prompt="[fault:content_refused]")
    assert (refused.status, refused.error["type"], refused.error["code"]) == (403, "moderation", 403)


def test_key_and_tag_are_checked(emulator: EmulatorControl) -> None:
    tagged = {"authorization": f"Bearer {emulator.key}", "x-aig-tag": "t" * 65}

    assert ask(emulator, "GET", "/balance", headers={"x-api-key": emulator.key}).status == 401
    assert ask(emulator, "POST", "/images/generations", PLAIN, headers=tagged).status == 400


def test_retired_model_is_gone_and_unlisted(emulator: EmulatorControl) -> None:
    emulator.set(retired=[MODEL])

    assert generate(emulator).error["type"] == "not_found"
    assert MODEL not in [model["id"] for model in ask(emulator, "GET", "/models").document["data"]]
    assert ask(emulator, "GET", f"/models/{MODEL}/schema").status == 404


def test_openai_fields_cost_header_and_usage_are_switches(emulator: EmulatorControl) -> None:
    emulator.set(openai_fields=True, cost_header=True, usage=True, revised_prompt=True)

    answer = generate(emulator, quality="high", n=2)

    assert (answer.status, answer.headers["x-cost-cents"]) == (200, "8.4000")
    assert answer.document["usage"]["total_tokens"] == 206
    assert answer.document["data"][0]["revised_prompt"] == "Boats"


def test_edit_shows_its_image_and_ignores_a_mask_that_only_bria_honours(emulator: EmulatorControl) -> None:
    image, mask = small_picture("green"), small_picture((0, 0, 0, 255), mode="RGBA")
    files = [part("image", image), part("mask", mask)]
    wanted = {"prompt": "Snow", "response_format": "b64_json"}

    ignored = send_form(emulator, "/images/edits", wanted | {"model": MODEL}, files).document["data"][0]
    honoured = send_form(emulator, "/images/edits", wanted, files).document["data"][0]

    edited, kept = (base64.b64decode(item["b64_json"]) for item in (ignored, honoured))
    assert pictures.shows(edited, image)
    # An opaque mask keeps the whole picture: even the far end of the edge is still the first image.
    assert pictures.shows(kept, image, place=15)
    assert not pictures.shows(edited, image, place=15)


def test_edit_takes_one_image_by_form_and_by_address(emulator: EmulatorControl) -> None:
    image = small_picture("blue")
    wanted = {"prompt": "Snow", "model": MODEL}

    two = send_form(emulator, "/images/edits", wanted, [part("image", image), part("image", image)])
    listed = send_form(emulator, "/images/edits", wanted, [part("image[]", image)])
    text = send_form(emulator, "/images/edits", wanted, [part("image", b"no picture")])
    address = "data:image/png;base64," + base64.b64encode(image).decode()
    as_json = ask(emulator, "POST", "/images/edits", wanted | {"image_url": address})
    with_format = ask(emulator, "POST", "/images/edits", wanted | {"image_url": address, "response_format": "b64_json"})
    huge = send_form(emulator, "/images/edits", wanted, [part("image", b"x" * UPLOAD_LIMIT)])

    statuses = [answer.status for answer in (two, listed, text, as_json, with_format, huge)]
    assert statuses == [400, 400, 400, 200, 400, 413]
    assert pictures.shows(request("GET", as_json.document["data"][0]["url"]).body, image)
    emulator.set(several_images=True)
    several = [part("image[]", image), part("image[]", small_picture("red"))]
    assert send_form(emulator, "/images/edits", wanted, several).status == 200


@pytest.mark.parametrize("place", ["file_url", "result_url", "both"])
def test_job_completes_and_shows_its_result(emulator: EmulatorControl, place: str) -> None:
    emulator.set(answer_as_job=True, job_seconds=-1, poll_seconds=0, job_result=place, running_word="processing")

    accepted = generate(emulator)
    job = accepted.document["id"]
    states = [poll(emulator, job)["status"]]
    for _ in range(2):
        emulator.advance(job)
        states.append(poll(emulator, job)["status"])

    done = poll(emulator, job)
    assert (accepted.status, accepted.document["object"]) == (202, "job")
    assert states == ["queued", "processing", "completed"]
    assert ("result_url" in done, "result" in done) == (place != "file_url", place != "result_url")
    address = done.get("result_url") or done["result"]["file_url"]
    assert request("GET", address).status == 200
    assert emulator.stats()["paid_pictures"] == 1


def test_poll_before_three_seconds_answers_304(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True)
    job = generate(emulator).document["id"]

    statuses = [ask(emulator, "GET", f"/jobs/{job}").status for _ in range(3)]

    assert statuses == [200, 304, 304]
    assert (emulator.stats()["early_polls"], emulator.stats()["calls"]["poll"]) == (2, 3)


def test_failed_and_cancelled_jobs_cost_nothing(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=-1, poll_seconds=0)
    failing, queued, running = (
        generate(emulator, prompt=f"Boats {m}").document["id"] for m in ("[fault:job_fails]", 2, 3)
    )
    emulator.advance(failing, steps=2)
    emulator.advance(running)

    assert ask(emulator, "DELETE", f"/jobs/{queued}").document["status"] == "cancelled"
    assert ask(emulator, "DELETE", f"/jobs/{running}").status == 409
    assert ask(emulator, "POST", f"/jobs/{running}/cancel").document["status"] == "cancelled"
    assert poll(emulator, failing)["error"]["message"] == "the model failed"
    assert (emulator.stats()["paid_pictures"], emulator.stats()["calls"]["cancel"]) == (0, 3)
    emulator.set(cancel_by="post")
    assert ask(emulator, "DELETE", f"/jobs/{queued}").status == 404


@pytest.mark.parametrize(
    ("fault", "states"),
    [
        ("job_never_ends", ["queued", "running", "running", "running", "running"]),
        ("job_goes_backwards", ["queued", "running", "queued", "running", "completed"]),
        ("job_unknown_state", ["queued", "simmering", "completed", "completed", "completed"]),
        ("job_completes_then_fails", ["queued", "running", "completed", "failed", "failed"]),
    ],
)
def test_job_can_go_wrong_ways(emulator: EmulatorControl, fault: str, states: list[str]) -> None:
    emulator.set(answer_as_job=True, job_seconds=-1, poll_seconds=0)
    job = generate(emulator, prompt=f"Boats [fault:{fault}]").document["id"]
    seen = []
    for _ in states:
        seen.append(poll(emulator, job)["status"])
        emulator.advance(job)

    assert seen == states


def test_job_can_be_lost_or_have_no_result_or_no_id(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=-1, poll_seconds=0)
    early, late, empty = (
        generate(emulator, prompt=f"[fault:{name}]").document["id"]
        for name in ("job_lost_early polls=1", "job_lost_late", "job_without_result")
    )
    first = [ask(emulator, "GET", f"/jobs/{job}").status for job in (early, late)]
    emulator.advance(steps=2)
    second = [ask(emulator, "GET", f"/jobs/{job}").status for job in (early, late)]

    assert (first, second) == ([404, 200], [200, 404])
    assert "result" not in poll(emulator, empty)
    assert generate(emulator, prompt="[fault:job_without_id]").document["id"] is None
    assert generate(emulator, prompt="[fault:job_reused_id]").document["id"] == early
    assert len(generate(emulator, prompt="[fault:job_huge_id]").document["id"]) == 10_240


def test_faults_of_polls_and_addresses(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=0, poll_seconds=0)
    marked = generate(emulator, prompt="[fault:rate_limited at=poll times=1 retry_after=7]").document["id"]
    expired = generate(emulator, prompt="[fault:url_expired]").document["id"]

    limited = ask(emulator, "GET", f"/jobs/{marked}")
    emulator.fail("server_error", at="poll")
    broken = ask(emulator, "GET", f"/jobs/{marked}")
    again = ask(emulator, "GET", f"/jobs/{marked}")

    assert [limited.status, broken.status, again.status] == [429, 500, 200]
    assert limited.headers["retry-after"] == "7"
    assert request("GET", poll(emulator, expired)["result"]["file_url"]).status == 404


def test_file_of_a_job_is_signed_anew_or_fetched_with_the_key(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=0, poll_seconds=0)
    job = generate(emulator).document["id"]
    poll(emulator, job)

    signed = ask(emulator, "GET", f"/files/jobs/{job}/1.png/signed?expires_in=60").document
    own = f"http://{emulator.about['media']}/v1/files/jobs/{job}/1.png"

    assert request("GET", signed["url"]).status == 200
    assert ask(emulator, "GET", f"/files/jobs/{job}/1.png/signed?expires_in=59").status == 400
    assert request("GET", own).status == 401
    assert request("GET", own, headers={"authorization": f"Bearer {emulator.key}"}).status == 200


def signature_is_right(seen: Request, secret: str) -> bool:
    stamp, given = seen.headers.get("aig-timestamp", ""), seen.headers.get("aig-signature", "")
    if "x-gateway-signature" in seen.headers:
        both = dict(pair.split("=") for pair in seen.headers["x-gateway-signature"].split(","))
        stamp, given = both["t"], both["v1"]
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + seen.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given, wanted) and abs(time.time() - int(stamp)) < 300


@pytest.mark.parametrize("form", ["aig", "gateway"])
def test_webhook_tells_of_the_end_and_is_signed(emulator: EmulatorControl, form: str) -> None:
    emulator.set(answer_as_job=True, job_seconds=0, signature=form)
    secret = ask(emulator, "GET", "/webhook-secret").document["secret"]
    with receiving() as receiver:
        job = generate(emulator, webhook_url=receiver.url).document["id"]
        wait_for(emulator, 1)

    (seen,) = receiver.seen
    event = json.loads(seen.body)
    assert signature_is_right(seen, secret)
    assert (event["type"], event["data"]["job_id"]) == ("job.completed", job)
    assert request("GET", event["data"]["result_url"]).status == 200


def test_wrong_webhooks_are_wrong(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=0, hooks="lose", hook_body="job")
    secret = ask(emulator, "POST", "/webhook-secret/rotate").document["secret"]
    with receiving() as receiver:
        job = generate(emulator, webhook_url=receiver.url).document["id"]
        right = {"right": True, "wrong_secret": False, "empty_secret": False, "reserialised": False, "old": False}
        right |= {"future": False, "no_timestamp": False, "unsigned": False}
        for how in right:
            assert emulator.hook(job, how=how) == [200]
        emulator.hook(job, how="replay", times=3, at_once=True)

    assert secret == "whsec_emulator2"
    judged = [
        seen.headers.get("aig-timestamp") is not None and signature_is_right(seen, secret) for seen in receiver.seen
    ]
    assert judged[: len(right)] == list(right.values())
    assert {seen.body for seen in receiver.seen[-3:]} == {receiver.seen[-4].body}
    assert json.loads(receiver.seen[0].body)["id"] == job


def test_webhook_can_come_before_the_answer_that_names_the_job(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=0)
    with receiving() as receiver:
        job = generate(emulator, prompt="[fault:job_hook_first seconds=0.5]", webhook_url=receiver.url).document["id"]
        told = [json.loads(seen.body)["data"]["job_id"] for seen in receiver.seen]

    assert told == [job]


def test_refused_webhook_is_sent_again(emulator: EmulatorControl) -> None:
    emulator.set(answer_as_job=True, job_seconds=0, hook_tries=3, hook_retry_seconds=0)
    with receiving() as receiver:
        receiver.status = 500
        generate(emulator, webhook_url=receiver.url)
        wait_for(emulator, 3)

    assert len(receiver.seen) == 3


def wait_for(emulator: EmulatorControl, count: int) -> None:
    deadline = time.monotonic() + 10
    while emulator.stats()["hooks"] < count:
        assert time.monotonic() < deadline, f"no {count} webhooks were sent"
        time.sleep(0.02)
