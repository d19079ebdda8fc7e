import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.providers.adapters.aigateway import AIgatewayAdapter, AIgatewayHooks, AIgatewayJobs
from studio.providers.adapters.base import (
    Endpoint,
    HttpRequest,
    ImageRequest,
    ImageResult,
    JobAccepted,
    JobFailed,
    JobMissing,
    JobNews,
    JobRunning,
    ReceivedImage,
)
from studio.providers.adapters.errors import ProviderError, Unsupported
from tests.providers.adapters.parts import answer_of, form_of, picture

ADAPTER, JOBS, HOOKS = AIgatewayAdapter(), AIgatewayJobs(), AIgatewayHooks()
KEY = "sk-aig-0123456789abcdef"
ENDPOINT = Endpoint("aigateway", "https://api.aigateway.sh/v1/", KEY)
PLAIN = ImageRequest(model="openai/gpt-image-1.5", prompt="Paper lanterns over a canal")
# What the studio sends where the model has one choice only.
CHOSEN = replace(
    PLAIN, n=1, size="1536x1024", quality="standard", background="auto", output_format="png", moderation="auto"
)
URL, OTHER = "https://media.aigateway.sh/jobs/ex1.png?sig=1", "https://media.aigateway.sh/jobs/ex2.png?sig=2"


def document(request: HttpRequest) -> Any:
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


# Requests


def test_generation_sends_the_documented_fields_only() -> None:
    built = ADAPTER.build_request(ENDPOINT, replace(CHOSEN, call_id="call-1", user_reference="user-7"))

    assert (built.method, built.url) == ("POST", "https://api.aigateway.sh/v1/images/generations")
    assert (built.headers, built.content_type) == ({"authorization": f"Bearer {KEY}"}, "application/json")
    assert document(built) == {
        "model": "openai/gpt-image-1.5",
        "prompt": "Paper lanterns over a canal",
        "n": 1,
        "size": "1536x1024",
        "response_format": "b64_json",
    }


def test_tag_and_webhook_are_sent_where_the_connection_has_them() -> None:
    tagged = replace(ENDPOINT, options={"tag": "team-7"})

    built = ADAPTER.build_request(tagged, replace(PLAIN, hook_url="https://studio.example.org/hooks/1/abc/"))

    assert built.headers["x-aig-tag"] == "team-7"
    assert document(built)["webhook_url"] == "https://studio.example.org/hooks/1/abc/"


@pytest.mark.parametrize("tag", ["x" * 65, "two\nlines", "Füchse", 7])
def test_tag_that_cannot_be_sent_is_refused(tag: object) -> None:
    with pytest.raises(Unsupported, match="'tag'"):
        ADAPTER.build_request(replace(ENDPOINT, options={"tag": tag}), PLAIN)


def test_edit_sends_one_picture_as_a_form(tmp_path: Path) -> None:
    request = replace(
        CHOSEN, references=(picture(tmp_path, "canal.jpg", b"canal", "image/jpeg"),), hook_url="https://s"
    )

    built = ADAPTER.build_request(ENDPOINT, request)

    assert (built.method, built.url) == ("POST", "https://api.aigateway.sh/v1/images/edits")
    assert form_of(built) == [
        ("model", "", "", b"openai/gpt-image-1.5"),
        ("prompt", "", "", b"Paper lanterns over a canal"),
        ("n", "", "", b"1"),
        ("size", "", "", b"1536x1024"),
        ("response_format", "", "", b"b64_json"),
        ("image", "canal.jpg", "image/jpeg", b"canal"),
    ]


def test_what_is_not_offered_is_refused_before_sending(tmp_path: Path) -> None:
    one, two = picture(tmp_path), picture(tmp_path)
    large = replace(one, size=26_000_000)
    for change in (
        {"quality": "high"},
        {"size": "auto"},
        {"background": "transparent"},
        {"output_format": "webp"},
        {"moderation": "low"},
        {"compression": 80},
        {"input_fidelity": "high", "references": (one,)},
        {"references": (one, two)},
        {"references": (large,)},
        {"references": (one,), "mask": two},
        {"prompt": " "},
    ):
        with pytest.raises(Unsupported):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


# Answers


def read(body: Any, status: int = 200, n: int = 1, **headers: Any) -> ImageResult | JobAccepted:
    return ADAPTER.read_answer(replace(PLAIN, n=n), answer_of(body, status, KEY, **headers))


def test_pictures_come_as_bytes_or_addresses_with_their_cost() -> None:
    body = {"created": 1, "data": [{"b64_json": "cGljdHVyZQ=="}, {"url": URL}]}

    assert read(body, n=2, x_request_id="req_1", x_cost_cents="4.2500") == ImageResult(
        images=(ReceivedImage(data=b"picture"), ReceivedImage(url=URL)),
        request_id="req_1",
        reported={"cost": {"unit": "cents", "amount": "4.2500"}},
    )


@pytest.mark.parametrize(
    ("usage", "headers", "cost"),
    [
        ({"cost_cents": 3.5}, {}, {"unit": "cents", "amount": "3.5"}),
        ({"cost_cents": 3.5}, {"x_cost_cents": "4"}, {"unit": "cents", "amount": "4"}),
        ({"cost_cents": 3.5}, {"x_cost_cents": "nonsense"}, {"unit": "cents", "amount": "3.5"}),
        ({"cost_cents": -1}, {}, None),
        ({}, {"x_cost_cents": "NaN"}, None),
        (None, {}, None),
    ],
)
def test_cost_is_taken_from_header_or_usage(usage: Any, headers: Any, cost: Any) -> None:
    result = read({"data": [{"url": URL}], "usage": usage}, **headers)

    assert isinstance(result, ImageResult)
    assert result.reported.get("cost") == cost


@pytest.mark.parametrize("status", [200, 202])
def test_answer_with_a_job_id_is_a_job(status: int) -> None:
    body = {"id": "job_ex1", "object": "job", "status": "queued"}

    assert read(body, status, x_request_id="req_1") == JobAccepted("job_ex1", "req_1")


@pytest.mark.parametrize("job_id", [None, "", "x" * 10_240, "../models", "a b", "job\n1", 7, ["job_1"]])
def test_job_without_a_usable_id_is_a_bad_answer(job_id: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        read({"id": job_id, "object": "job", "status": "queued"}, 202)

    assert (caught.value.kind, caught.value.sent) == ("bad_answer", True)


@pytest.mark.parametrize(
    ("status", "type_", "kind", "retryable"),
    [
        (400, "invalid_request_error", "invalid_request", False),
        (401, "authentication_error", "auth", False),
        (401, "invalid_key", "auth", False),
        (402, "insufficient_credits", "insufficient_funds", False),
        (402, "budget_exceeded", "insufficient_funds", False),
        (403, "scope_exceeded", "permission", False),
        (404, "not_found", "model_unavailable", False),
        (404, "model_not_found", "model_unavailable", False),
        (413, "payload_too_large", "invalid_request", False),
        (429, "rate_limit_error", "rate_limited", True),
        (429, "rate_limited", "rate_limited", True),
        # The type does not count.
        (429, "insufficient_credits", "rate_limited", True),
        (500, "server_error", "upstream_transient", False),
        (502, "bad_gateway", "outcome_unknown", False),
        (503, "service_unavailable", "upstream_transient", True),
    ],
)
def test_errors_are_classed_by_status(status: int, type_: str, kind: str, retryable: bool) -> None:
    body = {"error": {"message": "", "type": type_, "code": status, "param": None}}

    with pytest.raises(ProviderError) as caught:
        read(body, status, retry_after="7")

    error = caught.value
    assert (error.kind, error.retryable, error.status, error.retry_after) == (kind, retryable, status, 7)
    assert error.provider_message == type_


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"type": "content_policy_violation", "message": "No", "code": 400}, "content_refused"),
        (403, {"type": "x", "message": "Blocked by the safety system", "code": 403}, "content_refused"),
        (422, {"type": "x", "message": "The prompt was rejected", "code": 422}, "content_refused"),
        (401, {"type": "x", "message": "content policy", "code": 401}, "auth"),
        (400, {"type": "x", "message": "moderation must be auto or low", "code": 400}, "invalid_request"),
        (200, {"type": "x", "message": "Wallet is empty", "code": 402}, "insufficient_funds"),
    ],
)
def test_refused_content_is_known_by_its_words(status: int, error: Any, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read({"error": error}, status)

    assert caught.value.kind == kind


def test_message_is_scrubbed() -> None:
    message = f"Key {KEY} (sk-aig-****cdef)\x00 for Paper lanterns over a canal\n<b>"

    with pytest.raises(ProviderError) as caught:
        read({"error": {"message": message}}, 400)

    assert caught.value.provider_message == "Key [key] ([key]) for [prompt] <b>"


# Jobs


def poll(body: Any, status: int = 200, **headers: str) -> JobNews:
    return JOBS.read_poll(answer_of(body, status, KEY, **headers), "job_ex1", 1)


def test_job_is_asked_for_and_cancelled_in_both_ways() -> None:
    asked, (first, second) = JOBS.build_poll(ENDPOINT, "job_ex1"), JOBS.build_cancels(ENDPOINT, "job_ex1")

    job = "https://api.aigateway.sh/v1/jobs/job_ex1"
    assert (asked.method, asked.url, asked.body) == ("GET", job, b"")
    assert [(each.method, each.url) for each in (first, second)] == [("POST", f"{job}/cancel"), ("DELETE", job)]
    assert [each.headers for each in (asked, first, second)] == [{"authorization": f"Bearer {KEY}"}] * 3
    assert (JOBS.pace, JOBS.build_list(ENDPOINT, "")) == (3.0, None)


@pytest.mark.parametrize("state", ["queued", "running", "processing", "simmering", None])
def test_job_in_any_other_state_is_running(state: str | None) -> None:
    assert poll({"id": "job_ex1", "status": state}) == JobRunning()


def test_asking_too_often_is_answered_with_nothing_new() -> None:
    assert poll(b"", 304) == JobRunning()


def test_unknown_job_is_missing() -> None:
    assert poll({"error": {"message": "No such job", "type": "not_found", "code": 404}}, 404) == JobMissing()


@pytest.mark.parametrize(
    "body",
    [
        {"result": {"file_url": URL}},
        {"result_url": URL},
        {"result": {"file_url": URL}, "result_url": OTHER},
        {"result": {"file_url": "file:///etc/passwd"}, "result_url": URL},
        {"result": None, "result_url": URL},
    ],
)
def test_result_stands_in_one_of_two_places(body: dict[str, Any]) -> None:
    body = {"id": "job_ex1", "status": "completed", "usage": {"cost_cents": 12}} | body

    assert poll(body, x_request_id="req_2") == ImageResult(
        images=(ReceivedImage(url=URL),),
        request_id="req_2",
        reported={"usage": {"cost_cents": 12}, "cost": {"unit": "cents", "amount": "12"}},
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"status": "completed"}, "bad_answer"),
        ({"status": "completed", "result_url": "javascript:alert(1)"}, "bad_answer"),
        ({"status": "failed"}, "upstream_transient"),
        ({"status": "failed", "error": "the model failed"}, "upstream_transient"),
        ({"status": "failed", "error": "content policy violation"}, "content_refused"),
        ({"status": "failed", "error": {"message": "Empty", "type": "x", "code": 402}}, "insufficient_funds"),
        ({"status": "failed", "error": {"message": "", "type": "content_policy_violation"}}, "content_refused"),
        ({"status": "failed", "error": {"message": "Upstream timed out", "code": 504}}, "upstream_transient"),
        ({"status": "cancelled"}, "cancelled"),
    ],
)
def test_job_that_ended_without_a_picture_has_failed(body: Any, kind: str) -> None:
    news = poll(body)

    assert isinstance(news, JobFailed)
    assert news.error.kind == kind


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limited"), (500, "upstream_transient")])
def test_poll_that_fails_says_nothing_about_the_job(status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        poll({"error": {"message": "x", "code": status}}, status)

    assert caught.value.kind == kind


# The secret of webhooks


def test_secret_of_webhooks_is_asked_for() -> None:
    asked = HOOKS.build_secret(ENDPOINT)

    assert (asked.method, asked.url) == ("GET", "https://api.aigateway.sh/v1/webhook-secret")
    assert HOOKS.read_secret(answer_of({"secret": "whsec_1"})) == "whsec_1"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [({"secret": None}, 200, "bad_answer"), ([], 200, "bad_answer"), ({}, 401, "auth"), ({}, 404, "bad_answer")],
)
def test_secret_that_is_not_given_is_an_error(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        HOOKS.read_secret(answer_of(body, status))

    assert caught.value.kind == kind


# The check


def test_check_asks_for_the_balance() -> None:
    asked = ADAPTER.build_check(ENDPOINT)
    check = ADAPTER.read_check(ENDPOINT, answer_of({"balance": "12.50"}))

    assert (asked.method, asked.url) == ("GET", "https://api.aigateway.sh/v1/balance")
    assert check.checked == "The key is accepted and the account answers."
    assert check.models is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [({}, 401, "auth"), ({}, 404, "bad_answer"), (b"<html>", 200, "bad_answer"), ({"error": "no"}, 200, "bad_answer")],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind
