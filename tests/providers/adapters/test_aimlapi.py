import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.providers.adapters.aimlapi import AimlapiAdapter
from studio.providers.adapters.base import Endpoint, ImageRequest, ImageResult, ReceivedImage
from studio.providers.adapters.errors import ProviderError, Unsupported
from tests.providers.adapters.parts import answer_of, body_of, form_of, picture

ADAPTER = AimlapiAdapter()
ENDPOINT = Endpoint("aimlapi", "https://api.aimlapi.com/v1/", "key-abcdefgh")
PLAIN = ImageRequest(model="openai/gpt-image-1-5", prompt="T-shirt print, two foxes")
FULL = replace(
    PLAIN,
    size="1536x1024",
    quality="medium",
    background="opaque",
    output_format="webp",
    compression=80,
    moderation="low",
    user_reference="user-7",
    previews=3,
)
PICTURE = base64.b64encode(b"picture").decode()


def test_generation_is_exactly_as_documented() -> None:
    built = ADAPTER.build_request(ENDPOINT, PLAIN)

    assert (built.method, built.url) == ("POST", "https://api.aimlapi.com/v1/images/generations")
    assert (built.headers, built.content_type) == ({"authorization": "Bearer key-abcdefgh"}, "application/json")
    assert built.body == (
        b'{"model":"openai/gpt-image-1-5","prompt":"T-shirt print, two foxes","n":1,"response_format":"b64_json"}'
    )


def test_generation_with_every_option() -> None:
    assert body_of(ADAPTER.build_request(ENDPOINT, FULL)) == (
        b'{"model":"openai/gpt-image-1-5","prompt":"T-shirt print, two foxes","n":1,"size":"1536x1024",'
        b'"quality":"medium","background":"opaque","output_format":"webp","moderation":"low","output_compression":80,'
        b'"response_format":"b64_json"}'
    )


def test_edit_is_a_form(tmp_path: Path) -> None:
    second, mask = picture(tmp_path, "b.webp", b"second", "image/webp"), picture(tmp_path, "m.png", b"mask")
    request = replace(FULL, moderation="auto", n=4, references=(picture(tmp_path), second), mask=mask)

    built = ADAPTER.build_request(ENDPOINT, request)

    assert built.url == "https://api.aimlapi.com/v1/images/edits"
    assert form_of(built) == [
        ("model", "", "", b"openai/gpt-image-1-5"),
        ("prompt", "", "", b"T-shirt print, two foxes"),
        ("n", "", "", b"4"),
        ("size", "", "", b"1536x1024"),
        ("quality", "", "", b"medium"),
        ("background", "", "", b"opaque"),
        ("output_format", "", "", b"webp"),
        ("output_compression", "", "", b"80"),
        ("response_format", "", "", b"b64_json"),
        ("image[]", "boats.png", "image/png", b"picture"),
        ("image[]", "b.webp", "image/webp", b"second"),
        ("mask", "m.png", "image/png", b"mask"),
    ]


def test_one_picture_of_an_edit_is_named_plainly(tmp_path: Path) -> None:
    built = ADAPTER.build_request(ENDPOINT, replace(PLAIN, references=(picture(tmp_path),)))

    assert form_of(built)[-1] == ("image", "boats.png", "image/png", b"picture")


@pytest.mark.parametrize(
    "change",
    [{"n": 2}, {"size": "auto"}, {"size": "2048x2048"}, {"quality": "auto"}, {"style": "vivid"}, {"moderation": "off"}],
)
def test_unoffered_value_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


@pytest.mark.parametrize("change", [{"input_fidelity": "high"}, {"moderation": "low"}, {"n": 11}])
def test_unoffered_value_of_an_edit_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(ENDPOINT, replace(PLAIN, references=(picture(tmp_path),), **change))


@pytest.mark.parametrize(
    ("item", "image"),
    [
        ({"url": None, "b64_json": PICTURE}, ReceivedImage(data=b"picture")),
        ({"url": "https://cdn.aimlapi.com/1.png"}, ReceivedImage(url="https://cdn.aimlapi.com/1.png")),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_answer_with_bytes_or_an_address(item: Any, image: ReceivedImage, status: int) -> None:
    answer = answer_of({"data": [item]}, status, x_inference_id="inf-1")

    assert ADAPTER.read_answer(PLAIN, answer) == ImageResult((image,), "inf-1")


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        ({"meta": None}, {}),
        ({"meta": {"usage": None}}, {}),
        (
            {"meta": {"usage": {"credits_used": 100_000}}},
            {"usage": {"credits_used": 100_000}, "cost": {"unit": "credits", "amount": "100000"}},
        ),
        (
            {"meta": {"usage": {"credits_used": 190_450, "usd_spent": 0.095225}}},
            {
                "usage": {"credits_used": 190_450, "usd_spent": 0.095225},
                "cost": {"unit": "usd", "amount": "0.095225"},
            },
        ),
        ({"meta": {"usage": {"credits_used": "many"}}}, {"usage": {"credits_used": "many"}}),
        (
            {"usage": {"total_tokens": 7}, "quality": "medium", "size": "1024x1024"},
            {"usage": {"total_tokens": 7}, "quality": "medium", "size": "1024x1024"},
        ),
    ],
)
def test_costs_are_kept_as_reported(more: Any, reported: Any) -> None:
    result = ADAPTER.read_answer(PLAIN, answer_of({"data": [{"b64_json": PICTURE}]} | more))

    assert isinstance(result, ImageResult)
    assert result.reported == reported


OUT_OF_CREDITS = "You've run out of credits. Please top up your balance or update your payment method to continue"
FREE = "Free-tier limit: You've reached your free limit for the hour. Get AI/ML Subscription to use API"


@pytest.mark.parametrize(
    ("status", "message", "kind", "retry_after"),
    [
        (400, "Body validation error", "invalid_request", None),
        (400, "Invalid enum value. Expected '1024x1024' | '1024x1536', received 'x/y'", "invalid_request", None),
        (400, "Body validation error\nInvalid enum value. Expected 'openai/gpt-image-2'", "model_unavailable", None),
        (400, "Your request was rejected by the safety system.", "content_refused", None),
        (401, "This request requires a valid API key. Create one on the Billing page", "auth", None),
        (403, OUT_OF_CREDITS, "insufficient_funds", None),
        (403, "You do not have access to this model.", "permission", None),
        (404, "Not Found", "model_unavailable", None),
        (408, "Request Timeout", "outcome_unknown", None),
        (429, "Too Many Requests", "rate_limited", None),
        (429, FREE, "quota_used_up", 3600.0),
        (500, "Something wrong with the server.", "upstream_transient", None),
        (500, "The model is under maintenance, please contact us.", "model_maintenance", None),
        (502, "Bad Gateway", "outcome_unknown", None),
        (503, "Service Unavailable", "upstream_transient", None),
        (504, "Gateway Timeout", "outcome_unknown", None),
    ],
)
@pytest.mark.parametrize("form", ["number", "text", "absent", "in 200"])
def test_error_is_told_by_status_and_message(
    status: int, message: str, kind: str, retry_after: float | None, form: str
) -> None:
    body: dict[str, Any] = {"message": message, "path": "/v1/images/generations", "requestId": "2d7c1f4e"}
    if form != "absent":
        body["statusCode"] = str(status) if form == "text" else status

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of(body, 200 if form == "in 200" else status))

    error = caught.value
    assert (error.kind, error.retry_after, error.request_id) == (kind, retry_after, "2d7c1f4e")
    assert error.provider_message == " ".join(message.split())


def test_wait_that_the_provider_names_counts() -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"message": "Too Many Requests"}, 429, retry_after="7"))

    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "permission"),
        ({"error": {"message": "No", "code": "x"}}, "permission"),
        ({"message": ["odd"], "statusCode": "soon"}, "permission"),
        ({"statusCode": True, "requestId": {"odd": 1}}, "permission"),
        ([], "permission"),
    ],
)
def test_odd_error_is_classed_by_status(body: Any, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of(body, 403))

    assert caught.value.kind == kind


def test_words_of_the_prompt_decide_nothing() -> None:
    request = replace(PLAIN, prompt="a poster about credits and billing")

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(request, answer_of({"message": f"Not allowed: {request.prompt}"}, 403))

    assert (caught.value.kind, caught.value.provider_message) == ("permission", "Not allowed: [prompt]")


@pytest.mark.parametrize("data", [None, [], "text", {}])
def test_answer_without_pictures_is_a_bad_one(data: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"data": data, "meta": None}))

    assert caught.value.kind == "bad_answer"


def test_check_asks_for_the_balance() -> None:
    built = ADAPTER.build_check(ENDPOINT)

    assert (built.method, built.url) == ("GET", "https://api.aimlapi.com/v2/billing")
    assert built.headers == {"authorization": "Bearer key-abcdefgh"}


def test_check_tells_the_balance() -> None:
    check = ADAPTER.read_check(ENDPOINT, answer_of({"current_balance": 123.456, "currency": "USD"}))

    assert check.checked == "The key is accepted; the account holds 123.46 USD."
    assert check.unchecked
    assert check.models is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"message": "This request requires a valid API key.", "statusCode": 401}, 401, "auth"),
        ({"message": "Not Found"}, 404, "bad_answer"),
        ({"current_balance": None}, 200, "bad_answer"),
        ({"current_balance": True}, 200, "bad_answer"),
        (b"<html>", 200, "bad_answer"),
    ],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind
