import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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
from studio.providers.adapters.errors import BadAnswer, ProviderError, Unsupported
from studio.providers.adapters.pixapi import PixapiAdapter, PixapiTasks
from tests.providers.adapters.parts import answer_of, form_of, picture

ADAPTER, TASKS = PixapiAdapter(), PixapiTasks()
KEY = "papi.0123456789abcdef"
ENDPOINT = Endpoint("pixapi", "https://api.pixapi.ai/v1/", KEY)
SYNC = replace(ENDPOINT, options={"flow": "sync"})
PLAIN = ImageRequest(model="gpt-image-1.5", prompt="Isometric bakery")
# What the studio sends where the model has one choice only.
CHOSEN = replace(PLAIN, size="1024x1024", quality="standard", background="auto", output_format="png", moderation="auto")
URL, OTHER = "https://cdn.pixapi.ai/ex/1.png", "https://r2.pixapi.ai/ex/2.png"
TASK = "task_01JEXAMPLE0000000000000000"


def document(request: HttpRequest) -> Any:
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


# Requests


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (ENDPOINT, "https://api.pixapi.ai/v1/async/images/generations"),
        (replace(ENDPOINT, options={"flow": "async"}), "https://api.pixapi.ai/v1/async/images/generations"),
        (SYNC, "https://api.pixapi.ai/v1/images/generations"),
    ],
)
def test_generation_goes_to_the_path_of_its_flow(endpoint: Endpoint, url: str) -> None:
    built = ADAPTER.build_request(endpoint, replace(CHOSEN, call_id="1", hook_url="https://s/", user_reference="u"))

    assert (built.method, built.url) == ("POST", url)
    assert (built.headers, built.content_type) == ({"authorization": f"Bearer {KEY}"}, "application/json")
    assert document(built) == {
        "model": "gpt-image-1.5",
        "prompt": "Isometric bakery",
        "n": 1,
        "size": "1024x1024",
    }


def test_quality_is_sent_where_the_model_has_one() -> None:
    request = replace(PLAIN, model="gpt-image-2", size="2048x1152", quality="auto", n=3)

    assert document(ADAPTER.build_request(ENDPOINT, request)) == {
        "model": "gpt-image-2",
        "prompt": "Isometric bakery",
        "n": 3,
        "size": "2048x1152",
        "quality": "auto",
    }


@pytest.mark.parametrize(
    ("pictures", "form", "names"),
    [
        (1, 0, ["image"]),
        (2, 0, ["image", "image"]),
        (2, 1, ["image[]", "image[]"]),
    ],
)
@pytest.mark.parametrize(("endpoint", "path"), [(ENDPOINT, "/async/images/edits"), (SYNC, "/images/edits")])
def test_edit_names_its_pictures_in_the_form_that_is_asked(
    tmp_path: Path, pictures: int, form: int, names: list[str], endpoint: Endpoint, path: str
) -> None:
    references = tuple(picture(tmp_path, f"{number}.webp", b"w", "image/webp") for number in range(pictures))

    built = ADAPTER.build_request(endpoint, replace(CHOSEN, references=references, form=form))

    assert built.url == f"https://api.pixapi.ai/v1{path}"
    assert form_of(built) == [
        ("model", "", "", b"gpt-image-1.5"),
        ("prompt", "", "", b"Isometric bakery"),
        ("n", "", "", b"1"),
        ("size", "", "", b"1024x1024"),
        *((name, f"{number}.webp", "image/webp", b"w") for number, name in enumerate(names)),
    ]
    assert ADAPTER.forms("gpt-image-1.5", pictures) == pictures


def test_what_is_not_offered_is_refused_before_sending(tmp_path: Path) -> None:
    one = picture(tmp_path)
    for change in (
        {"quality": "max"},
        {"size": "large"},
        {"background": "opaque"},
        {"output_format": "jpeg"},
        {"moderation": "low"},
        {"compression": 80},
        {"input_fidelity": "high", "references": (one,)},
        {"references": (one,) * 17},
        {"references": (one,), "mask": one},
        {"prompt": ""},
    ):
        with pytest.raises(Unsupported):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


@pytest.mark.parametrize("flow", ["stream", 1, ["sync"]])
def test_unknown_flow_is_refused(flow: object) -> None:
    with pytest.raises(Unsupported, match="'flow'"):
        ADAPTER.build_request(replace(ENDPOINT, options={"flow": flow}), PLAIN)


# Answers


def read(body: Any, status: int = 200, n: int = 1, **headers: str) -> ImageResult | JobAccepted:
    return ADAPTER.read_answer(replace(PLAIN, n=n), answer_of(body, status, KEY, **headers))


@pytest.mark.parametrize("status", [200, 202])
def test_task_is_accepted(status: int) -> None:
    body = {"id": TASK, "status": "submitted", "progress": 0, "created_at": 1, "model": "gpt-image-1.5"}

    assert read(body, status, x_request_id="req_1") == JobAccepted(TASK, "req_1")


def test_pictures_may_come_at_once() -> None:
    body = {"created": 1, "data": [{"url": URL}, {"b64_json": "cGljdHVyZQ=="}, {"url": OTHER}]}

    assert read(body, n=2) == ImageResult((ReceivedImage(url=URL), ReceivedImage(data=b"picture")))


@pytest.mark.parametrize("body", [{}, [], {"data": []}, {"id": "x" * 10_240}, {"id": 7, "status": "submitted"}])
def test_answer_without_picture_or_task_is_a_bad_one(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        read(body, 202)

    assert (caught.value.kind, caught.value.sent) == ("bad_answer", True)


ERRORS = [
    (400, "invalid_request_error", "invalid_request", False),
    (401, "unauthorized", "auth", False),
    (402, "insufficient_credits", "insufficient_funds", False),
    (404, "model_not_found", "model_unavailable", False),
    (422, "prompt_rejected", "content_refused", False),
    (429, "rate_limited", "rate_limited", True),
    (500, "internal_error", "upstream_transient", False),
    (503, "model_unavailable", "upstream_transient", True),
]


@pytest.mark.parametrize(("status", "name", "kind", "retryable"), ERRORS)
def test_errors_are_read_in_both_envelopes(status: int, name: str, kind: str, retryable: bool) -> None:
    numbered = {"error": {"code": status, "message": "No", "type": name}}
    named = {"error": {"code": name, "message": "No", "request_id": "req_ex1"}}

    for body, request_id in ((numbered, ""), (named, "req_ex1"), ({}, "")):
        with pytest.raises(ProviderError) as caught:
            read(body, status)

        error = caught.value
        assert (error.kind, error.retryable, error.status, error.request_id) == (kind, retryable, status, request_id)


@pytest.mark.parametrize(("_", "name", "kind", "retryable"), ERRORS)
def test_name_of_the_error_wins_over_the_status(_: int, name: str, kind: str, retryable: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        read({"error": {"code": name}}, 400)

    assert (caught.value.kind, caught.value.retryable) == (kind, retryable)


def test_message_is_scrubbed() -> None:
    message = f"Key {KEY} (papi.••••cdef, sk_live_abcd) for Isometric bakery\x00\n<b>"

    with pytest.raises(ProviderError) as caught:
        read({"error": {"message": message}}, 400)

    assert caught.value.provider_message == "Key [key] ([key], [key]) for [prompt] <b>"


# Tasks


def poll(body: Any, status: int = 200, n: int = 1, **headers: str) -> JobNews:
    return TASKS.read_poll(answer_of(body, status, KEY, **headers), TASK, n)


def test_task_is_asked_for_and_never_cancelled() -> None:
    asked = TASKS.build_poll(ENDPOINT, TASK)

    assert (asked.method, asked.url) == ("GET", f"https://api.pixapi.ai/v1/tasks/{TASK}")
    assert asked.headers == {"authorization": f"Bearer {KEY}"}
    assert (TASKS.pace, TASKS.build_list(ENDPOINT, ""), TASKS.build_cancels(ENDPOINT, TASK)) == (2.0, None, ())


@pytest.mark.parametrize("state", ["submitted", "queued", "in_progress", "simmering", 7, None])
def test_task_in_any_other_state_is_running(state: object) -> None:
    assert poll({"id": TASK, "status": state}) == JobRunning()


@pytest.mark.parametrize("state", ["queued", "completed", "failed"])
def test_record_of_another_task_is_no_answer(state: str) -> None:
    with pytest.raises(BadAnswer, match="another job"):
        poll({"id": "task_other", "status": state, "result": {"data": [{"url": URL}]}})


def test_unknown_task_is_missing() -> None:
    assert poll({"error": {"code": "not_found", "message": "No such task"}}, 404) == JobMissing()


def test_completed_task_brings_its_pictures() -> None:
    result = {"created": 1, "data": [{"url": URL}, {"url": OTHER}, {"url": URL}]}

    news = poll({"id": TASK, "status": "completed", "progress": 100, "result": result}, n=2, x_request_id="req_2")

    assert news == ImageResult((ReceivedImage(url=URL), ReceivedImage(url=OTHER)), "req_2")


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_credits_are_kept_wherever_they_stand(place: str) -> None:
    cost: dict[str, Any] = {"costCredits": 14}
    inside, outside = (cost, {}) if place == "inside" else ({}, cost)

    news = poll({"status": "completed", "result": {"data": [{"url": URL}]} | inside} | outside)

    assert news == ImageResult((ReceivedImage(url=URL),), reported={"cost": {"unit": "credits", "amount": "14"}})


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"status": "completed"}, "bad_answer", ""),
        ({"status": "completed", "result": [URL]}, "bad_answer", ""),
        ({"status": "completed", "result": {"data": []}}, "bad_answer", ""),
        ({"status": "failed"}, "upstream_transient", ""),
        ({"status": "failed", "error": None}, "upstream_transient", ""),
        ({"status": "failed", "error": ["odd"]}, "upstream_transient", ""),
        ({"status": "failed", "error": "it broke"}, "upstream_transient", "it broke"),
        (
            {"status": "failed", "error": "refused by the safety system"},
            "content_refused",
            "refused by the safety system",
        ),
        ({"status": "failed", "error": {"code": 422, "type": "prompt_rejected"}}, "content_refused", ""),
        ({"status": "failed", "error": {"code": "prompt_rejected", "message": "No"}}, "content_refused", "No"),
        ({"status": "failed", "error": {"code": "insufficient_credits"}}, "insufficient_funds", ""),
    ],
)
def test_task_that_ended_without_a_picture_has_failed(body: Any, kind: str, message: str) -> None:
    news = poll(body)

    assert isinstance(news, JobFailed)
    assert (news.error.kind, news.error.provider_message) == (kind, message)


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limited"), (503, "upstream_transient")])
def test_poll_that_fails_says_nothing_about_the_task(status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        poll({}, status)

    assert caught.value.kind == kind


def test_there_are_no_webhooks_and_no_uploads() -> None:
    assert (ADAPTER.hooks, ADAPTER.uploads, ADAPTER.resends) == (None, None, False)


# The check


def test_check_tells_the_models() -> None:
    asked = ADAPTER.build_check(ENDPOINT)
    listed = {"object": "list", "data": [{"id": "gpt-image-2"}, {"id": "gpt-image-1.5"}, {"id": 7}, "odd"]}

    check = ADAPTER.read_check(ENDPOINT, answer_of(listed))

    assert (asked.method, asked.url) == ("GET", "https://api.pixapi.ai/v1/models")
    assert check.checked == "The key is accepted; 2 models are listed."
    assert check.models == frozenset({"gpt-image-1.5", "gpt-image-2"})


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [({}, 401, "auth"), ({}, 404, "bad_answer"), ({}, 200, "bad_answer"), ({"data": {}}, 200, "bad_answer")],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind
