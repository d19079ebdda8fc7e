import hashlib
import hmac
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from tests.emulators import pictures
from tests.emulators.control import EmulatorControl
from tests.emulators.loopback import LoopbackServer, Request, Wire
from tests.emulators.pictures import Kind
from tests.emulators.running import running_emulator

PICTURE = pictures.draw(Kind(64, 64, variant=3))


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("apiframe") as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    running.set(job_seconds=-1)
    return running


@pytest.fixture
def client(emulator: EmulatorControl) -> Iterator[httpx.Client]:
    headers = {"X-API-Key": emulator.key}
    with httpx.Client(base_url=emulator.base_url, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def submit(client: httpx.Client, key: str = "", prompt: str = "Snow leopard", **parameters: Any) -> httpx.Response:
    body = {"prompt": prompt, "model": "gpt-image-1.5", "gptImageParams": parameters}
    return client.post("/images/generate", json=body, headers={"Idempotency-Key": key} if key else {})


def finished(client: httpx.Client, emulator: EmulatorControl, job_id: str) -> dict[str, Any]:
    emulator.advance(job_id, steps=2)
    job: dict[str, Any] = client.get(f"/jobs/{job_id}").json()
    return job


def upload(client: httpx.Client, data: bytes = PICTURE) -> httpx.Response:
    return client.post("/uploads", files={"file": ("a.bin", data, "application/octet-stream")})


def test_job_goes_from_queued_to_its_pictures(client: httpx.Client, emulator: EmulatorControl) -> None:
    accepted = submit(client, number_of_images=2, aspect_ratio="3:2", output_format="webp", quality="medium")
    job_id = accepted.json()["jobId"]
    queued = client.get(f"/jobs/{job_id}").json()
    emulator.advance(job_id)
    processing = client.get(f"/jobs/{job_id}").json()
    done = finished(client, emulator, job_id)

    assert (accepted.status_code, accepted.json()["status"]) == (202, "QUEUED")
    assert [(job["status"], job["progress"], job["result"]) for job in (queued, processing)] == [
        ("QUEUED", None, None),
        ("PROCESSING", 50, None),
    ]
    assert (done["status"], done["progress"], done["creditCost"], done["error"]) == ("COMPLETED", 100, 18, None)
    fetched = [Image.open(io.BytesIO(httpx.get(url, trust_env=False).content)) for url in done["result"]["images"]]
    assert [(picture.size, picture.format) for picture in fetched] == [((1536, 1024), "WEBP")] * 2
    assert emulator.stats()["paid_pictures"] == 2


def test_result_and_cost_have_other_shapes(client: httpx.Client, emulator: EmulatorControl) -> None:
    done = finished(client, emulator, submit(client).json()["jobId"])
    address = done["result"]["images"][0]
    shapes = {}
    for shape in ("list", "string"):
        emulator.set(result_shape=shape, credit_cost="null")
        shapes[shape] = client.get(f"/jobs/{done['id']}").json()

    assert {shape: job["result"] for shape, job in shapes.items()} == {"list": [address], "string": address}
    assert {job["creditCost"] for job in shapes.values()} == {None}


def test_same_key_is_the_same_job(client: httpx.Client, emulator: EmulatorControl) -> None:
    first = submit(client, "key-1").json()
    emulator.advance(first["jobId"])

    assert submit(client, "key-1").json() == {"jobId": first["jobId"], "status": "PROCESSING"}
    assert submit(client, "key-2").json()["jobId"] != first["jobId"]
    assert emulator.stats()["paid_pictures"] == 2


def test_same_key_at_once_is_one_job(client: httpx.Client, emulator: EmulatorControl) -> None:
    with ThreadPoolExecutor(5) as pool:
        jobs = {answer.json()["jobId"] for answer in pool.map(lambda _: submit(client, "key-1"), range(5))}

    assert len(jobs) == 1
    assert emulator.stats()["paid_pictures"] == 1


def test_same_key_with_another_body_is_a_switch(client: httpx.Client, emulator: EmulatorControl) -> None:
    first = submit(client, "key-1").json()["jobId"]
    original = submit(client, "key-1", quality="low")
    emulator.set(idempotency="conflict")
    conflict = submit(client, "key-1", quality="low")
    emulator.set(idempotency_seconds=0)

    assert (original.status_code, original.json()["jobId"]) == (202, first)
    assert (conflict.status_code, list(conflict.json())) == (409, ["error"])
    assert submit(client, "key-1", quality="low").json()["jobId"] != first


@pytest.mark.parametrize("fault", ["server_error_charged", "reset_before", "cut_body"])
def test_job_whose_answer_was_lost_is_found_by_its_key(
    client: httpx.Client, emulator: EmulatorControl, fault: str
) -> None:
    emulator.fail(fault)
    try:
        assert submit(client, "key-1").status_code == 500
    except httpx.TransportError:
        assert fault != "server_error_charged"

    job_id = submit(client, "key-1").json()["jobId"]
    assert finished(client, emulator, job_id)["status"] == "COMPLETED"
    assert emulator.stats()["paid_pictures"] == 1


def test_refused_submit_leaves_no_job_behind(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.fail("overloaded", retry_after=3)
    refused = submit(client, "key-1")

    assert (refused.status_code, refused.headers["retry-after"], list(refused.json())) == (503, "3", ["error"])
    assert (emulator.jobs(), emulator.stats()["paid_pictures"]) == ([], 0)
    assert submit(client, "key-1").status_code == 202


def test_edit_shows_its_uploads(client: httpx.Client, emulator: EmulatorControl) -> None:
    uploaded = upload(client)
    done = finished(client, emulator, submit(client, input_images=[uploaded.json()["url"]]).json()["jobId"])
    answer = httpx.get(done["result"]["images"][0], trust_env=False).content

    assert uploaded.status_code == 201
    assert {name: uploaded.json()[name] for name in ("kind", "contentType", "byteSize")} == {
        "kind": "image",
        "contentType": "image/png",
        "byteSize": len(PICTURE),
    }
    assert pictures.shows(answer, PICTURE)


def test_input_that_cannot_be_fetched_fails_the_job(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(upload_seconds=-1)
    expired = upload(client).json()["url"]
    emulator.set(upload_seconds=60)
    broken = upload(client, PICTURE[:12]).json()["url"]
    failed = [
        finished(client, emulator, submit(client, input_images=[address]).json()["jobId"])
        for address in (expired, broken, "https://elsewhere.example/1.png")
    ]

    assert {(job["status"], job["error"], job["creditCost"]) for job in failed} == {
        ("FAILED", "An input image could not be downloaded", 0)
    }
    assert emulator.stats()["paid_pictures"] == 0


def test_upload_of_a_wrong_type_is_400_and_a_broken_store_502(client: httpx.Client, emulator: EmulatorControl) -> None:
    assert upload(client, b"%PDF-1.7").status_code == 400
    emulator.fail("bad_gateway", at="upload")
    assert upload(client).status_code == 502


def test_refused_content_is_a_failed_job(client: httpx.Client, emulator: EmulatorControl) -> None:
    done = finished(client, emulator, submit(client, prompt="Fight [fault:content_refused]").json()["jobId"])

    assert (done["status"], done["result"], done["creditCost"]) == ("FAILED", None, 0)
    assert done["error"] == "Provider returned an error: content policy violation"


@pytest.mark.parametrize(
    ("fault", "words", "error"),
    [
        ("job_fails error=out_of_memory", ["QUEUED", "PROCESSING", "FAILED", "FAILED"], "out of memory"),
        ("job_cancelled", ["QUEUED", "CANCELLED", "CANCELLED", "CANCELLED"], None),
        ("job_never_ends", ["QUEUED", "PROCESSING", "PROCESSING", "PROCESSING"], None),
        ("job_unknown_state", ["QUEUED", "SIMMERING", "COMPLETED", "COMPLETED"], None),
        ("job_completes_then_fails", ["QUEUED", "PROCESSING", "COMPLETED", "FAILED"], "the model failed"),
    ],
)
def test_job_that_goes_another_way_says_so(
    client: httpx.Client, emulator: EmulatorControl, fault: str, words: list[str], error: str | None
) -> None:
    job_id = submit(client, prompt=f"Boat [fault:{fault}]").json()["jobId"]
    seen = []
    for _ in words:
        seen.append(client.get(f"/jobs/{job_id}").json())
        emulator.advance(job_id)

    assert [job["status"] for job in seen] == words
    assert client.get("/jobs").json()["jobs"][0]["status"] == words[-1]
    assert seen[-1]["error"] == error


def test_repeat_of_a_cancelled_job_knows_no_such_word(client: httpx.Client, emulator: EmulatorControl) -> None:
    first = submit(client, "key-1", prompt="Boat [fault:job_cancelled]").json()
    emulator.advance(first["jobId"])

    repeated = submit(client, "key-1", prompt="Boat [fault:job_cancelled]").json()
    assert repeated == {"jobId": first["jobId"], "status": "FAILED"}
    assert emulator.stats()["paid_pictures"] == 0


def test_job_may_be_found_late_without_result_or_behind_a_wrong_address(
    client: httpx.Client, emulator: EmulatorControl
) -> None:
    early, empty, gone = (
        submit(client, prompt=f"Boat [fault:{fault}]").json()["jobId"]
        for fault in ("job_lost_early polls=1", "job_without_result", "url_gone")
    )
    emulator.advance(steps=2)
    listed = [[job["id"] for job in client.get("/jobs").json()["jobs"]] for _ in range(2)]

    assert listed == [[gone, empty], [gone, empty, early]]
    assert client.get(f"/jobs/{empty}").json()["result"] is None
    address = client.get(f"/jobs/{gone}").json()["result"]["images"][0]
    assert httpx.get(address, trust_env=False).status_code == 410


def test_empty_purse_is_402_with_its_numbers(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(credits=50)

    assert submit(client, quality="high", number_of_images=2).status_code == 202
    refused = submit(client, quality="low")
    assert (refused.status_code, refused.json()) == (
        402,
        {"error": "Insufficient credits", "creditsRequired": 4, "creditsAvailable": 2},
    )
    assert client.get("/me").json()["team"]["credits"] == 2


def test_every_call_but_the_models_wants_the_key_in_its_own_header(emulator: EmulatorControl) -> None:
    bearer = httpx.Client(
        base_url=emulator.base_url, headers={"authorization": f"Bearer {emulator.key}"}, trust_env=False
    )
    with bearer:
        answers = [
            submit(bearer),
            upload(bearer),
            bearer.get("/jobs"),
            bearer.get(f"/jobs/{uuid4()}"),
            bearer.get("/me"),
        ]

        assert {(answer.status_code, answer.text) for answer in answers} == {(401, '{"error": "Invalid API key"}')}
        assert [model["id"] for model in bearer.get("/models").json()["models"]] == ["gpt-image-1.5", "gpt-image-2"]
        assert bearer.get("/models?modality=text").status_code == 400


def test_retired_model_is_gone_and_unlisted(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(retired=["gpt-image-1.5"])
    refused = submit(client)

    assert (refused.status_code, list(refused.json()["details"])) == (400, ["model"])
    assert [model["id"] for model in client.get("/models").json()["models"]] == ["gpt-image-2"]


def test_job_id_that_is_none_and_one_that_is_unknown(client: httpx.Client) -> None:
    assert client.get("/jobs/job_1").status_code == 400
    assert client.get(f"/jobs/{uuid4()}").status_code == 404
    assert client.get("/images/edit").status_code == 404


def test_list_gives_pages_newest_first(client: httpx.Client, emulator: EmulatorControl) -> None:
    jobs = [submit(client, prompt=f"Boat {number}").json()["jobId"] for number in range(5)]
    emulator.advance(jobs[0], steps=2)
    first = client.get("/jobs?limit=3").json()
    second = client.get("/jobs", params={"limit": 3, "cursor": first["nextCursor"]}).json()

    assert [job["id"] for job in first["jobs"] + second["jobs"]] == jobs[::-1]
    assert (first["hasMore"], second["hasMore"], second["nextCursor"]) == (True, False, None)
    assert [job["id"] for job in client.get("/jobs?status=COMPLETED").json()["jobs"]] == [jobs[0]]
    assert client.get("/jobs?include_models=true").json()["models"] == ["gpt-image-1.5", "gpt-image-2"]
    assert client.get("/jobs?limit=101").json() == {
        "error": "Validation failed",
        "details": {"limit": ["'limit' must be a whole number from 1 to 100."]},
    }


def test_result_expires(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(url_seconds=0.01)
    done = finished(client, emulator, submit(client).json()["jobId"])
    time.sleep(0.05)

    assert client.get(f"/jobs/{done['id']}").json()["expired"] is True
    assert httpx.get(done["result"]["images"][0], trust_env=False).status_code == 404


@pytest.mark.parametrize(
    ("switches", "key", "prefix"),
    [
        ({}, lambda secret: hashlib.sha256(secret).digest(), "sha256="),
        ({"signature_key": "hex"}, lambda secret: hashlib.sha256(secret).hexdigest().encode(), "sha256="),
        ({"signature_form": "bare"}, lambda secret: hashlib.sha256(secret).digest(), ""),
    ],
)
def test_webhook_is_signed_with_the_digest_of_the_key(
    client: httpx.Client,
    emulator: EmulatorControl,
    switches: dict[str, str],
    key: Callable[[bytes], bytes],
    prefix: str,
) -> None:
    seen: list[Request] = []

    async def receive(request: Request, wire: Wire) -> None:
        seen.append(request)
        await wire.answer(200)

    emulator.set(**switches)
    with LoopbackServer(receive) as receiver:
        body = {"prompt": "Boat", "model": "gpt-image-2", "webhookUrl": receiver.url, "webhookEvents": ["completed"]}
        job_id = client.post("/images/generate", json=body).json()["jobId"]
        pending = client.get(f"/jobs/{job_id}").json()["webhookStatus"]
        done = finished(client, emulator, job_id)
        _wait_until(lambda: len(seen) == 1)
        _wait_until(lambda: client.get(f"/jobs/{job_id}").json()["webhookStatus"] == "delivered")

    hook = seen[0]
    signature = hmac.new(key(emulator.key.encode()), hook.body, hashlib.sha256).hexdigest()
    assert (pending, hook.headers["x-webhook-signature"]) == ("pending", prefix + signature)
    assert hook.headers["x-webhook-event"] == "completed"
    document = json.loads(hook.body)
    assert document == {
        "event": "completed",
        "jobId": job_id,
        **{name: done[name] for name in ("status", "progress", "result", "model", "creditCost", "completedAt")},
    }


def test_events_are_sent_as_the_job_moves(client: httpx.Client, emulator: EmulatorControl) -> None:
    with LoopbackServer(_welcome) as receiver:
        body = {"prompt": "Boat [fault:job_fails]", "model": "gpt-image-2", "webhookUrl": receiver.url}
        job_id = client.post("/images/generate", json=body).json()["jobId"]
        emulator.advance(job_id)
        _wait_until(lambda: len(emulator.hooks()) == 1)
        emulator.advance(job_id)
        _wait_until(lambda: len(emulator.hooks()) == 2)

    progress, failed = (json.loads(hook["body"]) for hook in emulator.hooks())
    assert (progress["event"], progress["status"], progress["progress"]) == ("progress", "PROCESSING", 50)
    assert failed == {
        "event": "failed",
        "jobId": job_id,
        "status": "FAILED",
        "error": "the model failed",
        "model": "gpt-image-2",
    }


async def _welcome(request: Request, wire: Wire) -> None:
    await wire.answer(200)


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
