import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.providers.adapters.apiframe import ApiframeAdapter, ApiframeHooks, ApiframeJobs, ApiframeUploads
from studio.providers.adapters.base import (
    Endpoint,
    HttpRequest,
    ImageRequest,
    ImageResult,
    JobAccepted,
    JobFailed,
    JobMissing,
    JobNews,
    JobPage,
    JobRunning,
    ReceivedImage,
)
from studio.providers.adapters.errors import ProviderError, Unsupported
from tests.providers.adapters.parts import answer_of, form_of, picture

ADAPTER, JOBS, HOOKS, UPLOADS = ApiframeAdapter(), ApiframeJobs(), ApiframeHooks(), ApiframeUploads()
KEY = "afk_0123456789abcdef"
ENDPOINT = Endpoint("apiframe", "https://api.apiframe.ai/v2/", KEY)
PLAIN = ImageRequest(model="gpt-image-1.5", prompt="Snow leopard on a ridge")
JOB = "7c0f2b9a-5a0e-4e0b-9a3e-0c5b0a6d1e11"
URL, OTHER = "https://cdn2.apiframe.ai/ex/1.png", "https://cdn2.apiframe.ai/ex/2.png"
UPLOADED = ("https://cdn2.apiframe.ai/up/1.png", "https://cdn2.apiframe.ai/up/2.png")


def document(request: HttpRequest) -> Any:
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


# Requests


def test_plain_request_always_says_the_format() -> None:
    built = ADAPTER.build_request(ENDPOINT, PLAIN)

    assert (built.method, built.url) == ("POST", "https://api.apiframe.ai/v2/images/generate")
    assert (built.headers, built.content_type) == ({"x-api-key": KEY}, "application/json")
    assert document(built) == {
        "prompt": "Snow leopard on a ridge",
        "model": "gpt-image-1.5",
        "gptImageParams": {"number_of_images": 1, "output_format": "png"},
    }


def test_full_request_sends_exactly_the_fields_of_the_schema() -> None:
    request = replace(
        PLAIN,
        n=10,
        size="1536x1024",
        quality="medium",
        background="transparent",
        output_format="webp",
        moderation="auto",
        call_id="generation-42-1",
        hook_url="https://studio.example.org/hooks/1/abc/",
        user_reference="user-7",
    )

    built = ADAPTER.build_request(ENDPOINT, request)

    assert built.headers == {"x-api-key": KEY, "idempotency-key": "generation-42-1"}
    assert ADAPTER.resends
    assert document(built) == {
        "prompt": "Snow leopard on a ridge",
        "model": "gpt-image-1.5",
        "webhookUrl": "https://studio.example.org/hooks/1/abc/",
        "webhookEvents": ["completed", "failed"],
        "gptImageParams": {
            "number_of_images": 10,
            "aspect_ratio": "3:2",
            "quality": "medium",
            "background": "transparent",
            "output_format": "webp",
        },
    }


def test_second_model_has_parameters_of_its_own() -> None:
    request = replace(PLAIN, model="gpt-image-2", size="1024x1536", background="opaque", moderation="low")

    assert document(ADAPTER.build_request(ENDPOINT, request))["gptImage2Params"] == {
        "number_of_images": 1,
        "aspect_ratio": "2:3",
        "background": "opaque",
        "moderation": "low",
        "output_format": "png",
    }


@pytest.mark.parametrize(("size", "shape"), [("1024x1024", "1:1"), ("1536x1024", "3:2"), ("1024x1536", "2:3")])
def test_size_becomes_a_shape(size: str, shape: str) -> None:
    built = ADAPTER.build_request(ENDPOINT, replace(PLAIN, size=size))

    assert document(built)["gptImageParams"]["aspect_ratio"] == shape


def test_edit_names_the_uploaded_pictures_as_a_list(tmp_path: Path) -> None:
    references = (picture(tmp_path), picture(tmp_path))
    request = replace(PLAIN, references=references, uploaded=UPLOADED, input_fidelity="high")

    assert document(ADAPTER.build_request(ENDPOINT, request))["gptImageParams"] == {
        "number_of_images": 1,
        "input_fidelity": "high",
        "output_format": "png",
        "input_images": list(UPLOADED),
    }


def test_edit_without_its_uploads_is_never_sent_as_a_generation(tmp_path: Path) -> None:
    references = (picture(tmp_path), picture(tmp_path))
    for uploaded in ((), UPLOADED[:1]):
        with pytest.raises(Unsupported, match="not uploaded"):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, references=references, uploaded=uploaded))


def test_what_is_not_offered_is_refused_before_sending(tmp_path: Path) -> None:
    one = picture(tmp_path)
    second = {"model": "gpt-image-2"}
    for change in (
        {"model": "gpt-image-1"},
        {"prompt": "x" * 2001},
        {"prompt": " "},
        {"n": 11},
        {"size": "auto"},
        {"size": "2048x2048"},
        {"quality": "standard"},
        {"moderation": "low"},
        {"compression": 80, "output_format": "webp"},
        {"background": "transparent", "output_format": "jpeg"},
        {"references": (one,), "uploaded": UPLOADED[:1], "mask": one},
        {"references": (replace(one, size=26_000_000),), "uploaded": UPLOADED[:1]},
        second | {"background": "transparent"},
        second | {"references": (one,), "uploaded": UPLOADED[:1], "input_fidelity": "high"},
    ):
        with pytest.raises(Unsupported):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


# Uploads


def test_upload_is_a_form_of_one_file(tmp_path: Path) -> None:
    built = UPLOADS.build_upload(ENDPOINT, picture(tmp_path, "leopard.jpg", b"leopard", "image/jpeg"))

    assert (built.method, built.url) == ("POST", "https://api.apiframe.ai/v2/uploads")
    assert built.headers == {"x-api-key": KEY}
    assert form_of(built) == [("file", "leopard.jpg", "image/jpeg", b"leopard")]


def test_upload_is_answered_with_an_address() -> None:
    body = {"id": JOB, "url": UPLOADED[0], "kind": "image", "contentType": "image/png", "byteSize": 7}

    assert UPLOADS.read_upload(answer_of(body, 201, KEY)) == UPLOADED[0]


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (201, {"url": "file:///etc/passwd"}, "bad_answer", False),
        (201, {}, "bad_answer", False),
        (400, {"error": "File too large (max 25 MB)"}, "invalid_request", False),
        (401, {"error": "Invalid key"}, "auth", False),
        (403, {"error": "Inactive key"}, "permission", False),
        (429, {"error": "Slow down"}, "rate_limited", True),
        (502, {"error": "Storage failed"}, "upstream_transient", True),
    ],
)
def test_upload_that_failed_may_be_repeated_where_it_was_not_refused(
    status: int, body: Any, kind: str, retryable: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        UPLOADS.read_upload(answer_of(body, status, KEY))

    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)


# Answers


def read(body: Any, status: int = 202, **headers: str) -> JobAccepted:
    return ADAPTER.read_answer(PLAIN, answer_of(body, status, KEY, **headers))


@pytest.mark.parametrize("state", ["QUEUED", "PROCESSING", "COMPLETED", "FAILED"])
def test_job_is_accepted_in_whatever_state_a_repeated_call_finds_it(state: str) -> None:
    assert read({"jobId": JOB, "status": state}, x_request_id="req_1") == JobAccepted(JOB, "req_1")


@pytest.mark.parametrize("body", [{}, [], {"jobId": ""}, {"jobId": "x" * 10_240}, {"jobId": 7}, {"jobId": "../me"}])
def test_answer_without_a_usable_id_is_a_bad_one(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        read(body)

    assert (caught.value.kind, caught.value.sent) == ("bad_answer", True)


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "sent"),
    [
        (400, {"error": "Validation failed"}, "invalid_request", False, False),
        (401, {"error": "Invalid API key"}, "auth", False, False),
        (403, {"error": "Inactive key"}, "permission", False, False),
        (
            402,
            {"error": "Insufficient credits", "creditsRequired": 18, "creditsAvailable": 3},
            "insufficient_funds",
            False,
            False,
        ),
        # What became of the earlier call with the same key is not said.
        (409, {"error": "Idempotency key reused"}, "conflict", False, True),
        (429, {"error": "Too many requests"}, "rate_limited", True, False),
        (500, {"error": "Failed"}, "upstream_transient", False, True),
        (502, {"error": "Failed"}, "outcome_unknown", False, True),
        (503, {"error": "Queue unavailable"}, "outcome_unknown", False, True),
    ],
)
def test_errors_are_classed_by_status(status: int, body: Any, kind: str, retryable: bool, sent: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        read(body, status, retry_after="7")

    error = caught.value
    assert (error.kind, error.retryable, error.sent, error.retry_after) == (kind, retryable, sent, 7)
    assert error.provider_message == body["error"]


def test_details_say_what_was_wrong() -> None:
    details = {"gptImageParams.number_of_images": ["must be 10 or less"], "prompt": "too long", "odd": [7, None]}

    with pytest.raises(ProviderError) as caught:
        read({"error": "Validation failed", "details": details}, 400)

    assert (caught.value.kind, caught.value.provider_message) == (
        "invalid_request",
        "Validation failed gptImageParams.number_of_images: must be 10 or less prompt: too long",
    )


def test_model_that_the_schema_lacks_is_unavailable() -> None:
    with pytest.raises(ProviderError) as caught:
        read({"error": "Validation failed", "details": {"model": ["Invalid enum value"]}}, 400)

    assert caught.value.kind == "model_unavailable"


def test_message_is_scrubbed() -> None:
    details = {"x": [f"{KEY} (afk_****cdef)"] * 2, "y": ["z" * 100_000]}

    with pytest.raises(ProviderError) as caught:
        read({"error": "Snow leopard on a ridge\x00\n<b>", "details": details}, 400)

    message = caught.value.provider_message
    assert message.startswith("[prompt] <b> x: [key] ([key]) x: [key] ([key]) y: zzz")
    assert len(message) == 500


# Jobs


def poll(body: Any, status: int = 200, n: int = 2, **headers: str) -> JobNews:
    return JOBS.read_poll(answer_of(body, status, KEY, **headers), JOB, n)


def test_jobs_are_asked_for_one_by_one_or_many_at_once() -> None:
    asked = [
        JOBS.build_poll(ENDPOINT, JOB),
        JOBS.build_list(ENDPOINT, ""),
        JOBS.build_list(ENDPOINT, "a&b c"),
    ]

    assert [each.url for each in asked] == [
        f"https://api.apiframe.ai/v2/jobs/{JOB}",
        "https://api.apiframe.ai/v2/jobs?limit=100",
        "https://api.apiframe.ai/v2/jobs?limit=100&cursor=a%26b+c",
    ]
    assert {(each.method, tuple(each.headers.items())) for each in asked} == {("GET", (("x-api-key", KEY),))}
    assert (JOBS.pace, JOBS.build_cancels(ENDPOINT, JOB)) == (2.0, ())


@pytest.mark.parametrize("state", ["QUEUED", "PROCESSING", "SIMMERING", None])
def test_job_in_any_other_state_is_running(state: str | None) -> None:
    assert poll({"id": JOB, "status": state, "result": None, "error": None}) == JobRunning()


@pytest.mark.parametrize(("status", "error"), [(404, "Job not found"), (400, "Invalid job id")])
def test_unknown_or_unreadable_job_is_missing(status: int, error: str) -> None:
    assert poll({"error": error}, status) == JobMissing()


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ({"images": [URL, OTHER]}, [URL, OTHER]),
        ([URL, OTHER, URL], [URL, OTHER]),
        (URL, [URL]),
        ({"images": URL}, [URL]),
    ],
)
def test_result_may_be_an_object_a_list_or_a_text(result: Any, urls: list[str]) -> None:
    body = {"id": JOB, "status": "COMPLETED", "result": result, "error": None, "creditCost": 18}

    assert poll(body, x_request_id="req_2") == ImageResult(
        images=tuple(ReceivedImage(url=url) for url in urls),
        request_id="req_2",
        reported={"cost": {"unit": "credits", "amount": "18"}},
    )


def test_cost_may_be_missing() -> None:
    news = poll({"status": "COMPLETED", "result": URL, "creditCost": None})

    assert news == ImageResult((ReceivedImage(url=URL),))


@pytest.mark.parametrize("address", ["data:image/png;base64,AA", f"{URL}\x00", f"{URL}\ud800", URL + "x" * 5000])
def test_address_that_cannot_be_used_or_stored_leaves_the_others(address: str) -> None:
    news = poll({"status": "COMPLETED", "result": [address, URL]})

    assert isinstance(news, ImageResult)
    assert [image.url for image in news.images] == [None, URL]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "COMPLETED", "result": None}, "bad_answer"),
        ({"status": "COMPLETED", "result": {"images": []}}, "bad_answer"),
        ({"status": "COMPLETED", "result": {"images": {"0": URL}}}, "bad_answer"),
        ({"status": "COMPLETED", "result": 7}, "bad_answer"),
        ({"status": "FAILED", "error": None}, "upstream_transient"),
        ({"status": "FAILED", "error": "Provider timed out"}, "upstream_transient"),
        ({"status": "FAILED", "error": "Provider returned an error: content policy violation"}, "content_refused"),
        ({"status": "CANCELLED", "error": None}, "cancelled"),
    ],
)
def test_job_that_ended_without_a_picture_has_failed(body: Any, kind: str) -> None:
    news = poll(body)

    assert isinstance(news, JobFailed)
    assert news.error.kind == kind


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limited"), (503, "upstream_transient")])
def test_poll_that_fails_says_nothing_about_the_job(status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        poll({"error": "x"}, status)

    assert caught.value.kind == kind


def test_list_tells_of_many_jobs() -> None:
    failed = "0b7d7f0e-1c1d-4a55-8f0a-2b9a5f1f7f22"
    body = {
        "jobs": [
            {"id": JOB, "status": "COMPLETED", "result": {"images": [URL]}, "error": None, "creditCost": 9},
            {"id": failed, "status": "FAILED", "result": None, "error": "content policy violation"},
            {"id": "running-1", "status": "PROCESSING"},
            {"status": "PROCESSING"},
            "odd",
        ],
        "nextCursor": "cursor-2",
        "hasMore": True,
    }

    page = JOBS.read_list(answer_of(body, 200, KEY))

    assert page.cursor == "cursor-2"
    assert list(page.jobs) == [JOB, failed, "running-1"]
    assert page.jobs[JOB] == ImageResult(
        (ReceivedImage(url=URL),), reported={"cost": {"unit": "credits", "amount": "9"}}
    )
    assert isinstance(page.jobs[failed], JobFailed)
    assert page.jobs["running-1"] == JobRunning()


@pytest.mark.parametrize(
    "end", [{"nextCursor": None, "hasMore": False}, {"nextCursor": "x", "hasMore": False}, {"nextCursor": 7}, {}]
)
def test_list_ends(end: dict[str, Any]) -> None:
    assert JOBS.read_list(answer_of({"jobs": []} | end)) == JobPage({})


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [({}, 200, "bad_answer"), ({"jobs": {}}, 200, "bad_answer"), ({"error": "x"}, 401, "auth")],
)
def test_list_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        JOBS.read_list(answer_of(body, status))

    assert caught.value.kind == kind


# The secret of webhooks


def test_secret_of_webhooks_is_not_asked_for() -> None:
    assert HOOKS.build_secret(ENDPOINT) is None
    with pytest.raises(ProviderError):
        HOOKS.read_secret(answer_of({"secret": "x"}))


# The check


@pytest.mark.parametrize(
    ("team", "checked"),
    [
        ({"credits": 12_345, "plan": "pro"}, "The key is accepted. The account has 12,345 credits on the plan pro."),
        ({"credits": 0, "plan": ""}, "The key is accepted. The account has 0 credits."),
        (
            {"credits": 5, "plan": f"pro\x00{KEY}"},
            "The key is accepted. The account has 5 credits on the plan pro[key].",
        ),
        (None, "The key is accepted."),
    ],
)
def test_check_tells_what_the_account_has(team: Any, checked: str) -> None:
    asked = ADAPTER.build_check(ENDPOINT)

    check = ADAPTER.read_check(ENDPOINT, answer_of({"user": {}, "team": team, "apiKey": None}, 200, KEY))

    assert (asked.method, asked.url) == ("GET", "https://api.apiframe.ai/v2/me")
    assert (check.checked, check.models) == (checked, None)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": "x"}, 401, "auth"),
        ({"error": "x"}, 403, "permission"),
        ({}, 404, "bad_answer"),
        (b"", 200, "bad_answer"),
    ],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind
