import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from studio.providers.adapters.base import Endpoint, ImageRequest, ImageResult, ReceivedImage
from studio.providers.adapters.cloudflare import CloudflareAdapter
from studio.providers.adapters.errors import ProviderError, Unsupported
from tests.providers.adapters.parts import answer_of, body_of, picture

ADAPTER = CloudflareAdapter()
ACCOUNT = "0123456789abcdef0123456789abcdef"
BASE = "https://api.cloudflare.com/client/v4"
ENDPOINT = Endpoint("cloudflare", BASE, "token-abcdefgh", options={"account_id": ACCOUNT})
PLAIN = ImageRequest(model="openai/gpt-image-1.5", prompt="Lighthouse in fog", quality="medium", size="1024x1024")
# Every form of the studio chooses these.
CHOSEN = replace(PLAIN, background="auto", output_format="png", moderation="auto", user_reference="u", previews=2)
GOOD = {
    "state": "Completed",
    "result": {"image": "https://images.example.net/1.png"},
    "gatewayMetadata": {"keySource": "Unified"},
}


def test_generation_is_exactly_as_documented() -> None:
    built = ADAPTER.build_request(ENDPOINT, CHOSEN)

    assert (built.method, built.url) == ("POST", f"{BASE}/accounts/{ACCOUNT}/ai/run")
    assert built.headers == {
        "authorization": "Bearer token-abcdefgh",
        "cf-aig-skip-cache": "true",
        "cf-aig-max-attempts": "1",
    }
    assert built.content_type == "application/json"
    assert built.body == (
        b'{"model":"openai/gpt-image-1.5","input":{"prompt":"Lighthouse in fog","quality":"medium","size":"1024x1024"}}'
    )


def test_generation_with_every_option() -> None:
    request = replace(PLAIN, style="natural", background="opaque", output_format="webp")

    assert json.loads(body_of(ADAPTER.build_request(ENDPOINT, request)))["input"] == {
        "prompt": "Lighthouse in fog",
        "quality": "medium",
        "size": "1024x1024",
        "style": "natural",
        "background": "opaque",
        "output_format": "webp",
    }


def input_of(request: ImageRequest) -> Any:
    return json.loads(body_of(ADAPTER.build_request(ENDPOINT, request)))["input"]


def test_edit_sends_a_list_first(tmp_path: Path) -> None:
    request = replace(PLAIN, references=(picture(tmp_path), picture(tmp_path, data=b"b", kind="image/webp")))

    assert input_of(request)["images"] == ["data:image/png;base64,cGljdHVyZQ==", "data:image/webp;base64,Yg=="]
    assert "image" not in input_of(request)


def test_edit_sends_one_text_next(tmp_path: Path) -> None:
    request = replace(PLAIN, references=(picture(tmp_path),), form=1)

    assert input_of(request)["image"] == "cGljdHVyZQ=="
    assert "images" not in input_of(request)


@pytest.mark.parametrize(
    ("model", "references", "forms"),
    [("openai/gpt-image-1.5", 1, 2), ("openai/gpt-image-1.5", 2, 1), ("openai/gpt-image-2", 1, 1)],
)
def test_there_is_another_form_only_where_the_documents_disagree(model: str, references: int, forms: int) -> None:
    assert ADAPTER.forms(model, references) == forms


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2},
        {"size": "square"},
        {"quality": "ultra"},
        {"style": "baroque"},
        {"moderation": "low"},
        {"compression": 80, "output_format": "jpeg"},
        {"background": "transparent", "output_format": "jpeg"},
    ],
)
def test_unoffered_value_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


def test_pictures_that_cannot_be_sent_are_refused(tmp_path: Path) -> None:
    good = picture(tmp_path)
    for change in (
        {"references": (good,), "mask": good},
        {"references": (good,), "input_fidelity": "high"},
        {"references": (good,) * 17},
        {"references": (replace(good, size=17_000_000),) * 2},
    ):
        with pytest.raises(Unsupported):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


@pytest.mark.parametrize("options", [{}, {"account_id": ""}, {"account_id": "../user"}, {"account_id": None}])
def test_account_id_is_needed(options: dict[str, Any]) -> None:
    for build in (ADAPTER.build_check, lambda endpoint: ADAPTER.build_request(endpoint, PLAIN)):
        with pytest.raises(Unsupported):
            build(replace(ENDPOINT, options=options))


@pytest.mark.parametrize("body", [GOOD, {"result": GOOD, "success": True, "errors": [], "messages": []}])
def test_answer_in_either_envelope(body: Any) -> None:
    assert ADAPTER.read_answer(PLAIN, answer_of(body, cf_ray="ray-1")) == ImageResult(
        (ReceivedImage(url="https://images.example.net/1.png"),), "ray-1"
    )


@pytest.mark.parametrize(
    ("image", "received"),
    [
        ("data:image/png;base64,cGljdHVyZQ==", ReceivedImage(data=b"picture")),
        ("data:image/png;base64,%", ReceivedImage(reason="The picture’s data is damaged.")),
        ("ftp://images.example.net/1.png", ReceivedImage(reason="The picture’s address cannot be used.")),
        (["odd"], ReceivedImage(reason="The picture’s address cannot be used.")),
    ],
)
def test_image_that_is_no_address(image: Any, received: ReceivedImage) -> None:
    result = ADAPTER.read_answer(PLAIN, answer_of({"state": "Completed", "result": {"image": image}}))

    assert isinstance(result, ImageResult)
    assert result.images == (received,)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "sent"),
    [
        (400, 5004, "Invalid data", "invalid_request", False),
        (400, 3003, "Incomplete request", "invalid_request", False),
        (400, 5007, "No such model", "model_unavailable", False),
        (400, 7003, "Could not route", "invalid_request", False),
        (404, 7003, "Could not route", "invalid_request", False),
        (404, 7000, "No route", "invalid_request", False),
        (401, 10000, "Authentication error", "auth", False),
        (403, 10000, "Authentication error", "auth", False),
        (403, 5016, "Not permitted", "permission", False),
        (403, 5018, "Not allowed", "permission", False),
        (403, 3023, "Account limited", "permission", False),
        (403, 3041, "Account blocked", "permission", False),
        (404, 3042, "Invalid model ID", "model_unavailable", False),
        (405, 5005, "Method", "invalid_request", False),
        (405, 5019, "Version", "invalid_request", False),
        (408, 3007, "Timeout", "outcome_unknown", True),
        (408, 3008, "Aborted", "outcome_unknown", True),
        (413, 3006, "Too large", "invalid_request", False),
        (422, 2017, "Blocked", "content_refused", True),
        (424, 2016, "Blocked", "content_refused", False),
        (402, 2021, "No credits", "insufficient_funds", False),
        (503, 7013, "Guardrails unavailable", "upstream_transient", True),
        (429, 3040, "Out of capacity", "rate_limited", False),
        (429, 2003, "Too many requests", "rate_limited", False),
        (429, 2041, "Stop", "insufficient_funds", False),
        (429, 9999, "Spend limit exceeded: rule 'daily'", "insufficient_funds", False),
        (429, 9999, "Slow down", "rate_limited", False),
        (400, 5004, "Your request was rejected by the safety system", "content_refused", False),
        (500, 7002, "Internal server error", "upstream_transient", True),
        (503, 7002, "Unavailable", "upstream_transient", False),
        (504, 7002, "Timeout", "outcome_unknown", True),
        (418, 7002, "I am a teapot", "invalid_request", False),
    ],
)
@pytest.mark.parametrize("shape", ["v4", "text code", "gateway"])
def test_error_is_told_by_its_code(status: int, code: int, message: str, kind: str, sent: bool, shape: str) -> None:
    body: dict[str, Any] = {
        "result": None,
        "success": False,
        "errors": [{"code": str(code) if shape == "text code" else code, "message": message}],
        "messages": [],
    }
    if shape == "gateway":
        nested = [{"code": code, "message": message}]
        body = {"name": "AiGatewayError", "message": message, "internalCode": code, "error": nested}

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of(body, status, cf_ray="ray-1"))

    error = caught.value
    assert (error.kind, error.sent, error.request_id, error.provider_message) == (kind, sent, "ray-1", message)


@pytest.mark.parametrize(("code", "kind"), [(10000, "auth"), (3042, "model_unavailable"), (7002, "bad_answer")])
def test_code_counts_where_the_status_says_success(code: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"success": False, "errors": [{"code": code}]}))

    assert caught.value.kind == kind


def test_used_up_day_ends_at_midnight() -> None:
    before = datetime.now(UTC)

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"success": False, "errors": [{"code": 3036}]}, 429, retry_after="5"))

    assert (caught.value.kind, caught.value.retryable) == ("quota_used_up", False)
    assert caught.value.retry_after is not None
    ends = before + timedelta(seconds=caught.value.retry_after + 1)
    assert (ends.hour, ends.minute, ends.day) == (0, 0, (before + timedelta(days=1)).day)
    assert 0 < caught.value.retry_after <= 86_400


@pytest.mark.parametrize(
    "body", [{}, {"result": {}}, {"state": "Failed", "result": None}, {"success": False}, [], {"errors": "odd"}]
)
def test_answer_without_a_picture_is_a_bad_one(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of(body))

    assert caught.value.kind == "bad_answer"


@pytest.mark.parametrize(
    "body", [{"errors": [5, None, {"code": {"odd": 1}, "message": 5}]}, {"error": {"error": 1}}, b"<html>"]
)
def test_odd_error_is_classed_by_status(body: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of(body, 403))

    assert caught.value.kind == "permission"


def test_words_of_the_prompt_decide_nothing() -> None:
    request = replace(PLAIN, prompt="poster: spend limit of our budget")
    body = {"errors": [{"code": 9999, "message": f"Slow down: {request.prompt}"}]}

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(request, answer_of(body, 429))

    assert caught.value.kind == "rate_limited"


@pytest.mark.parametrize(
    ("secret", "path"),
    [("token-abcdefgh", "user"), ("cfut_abc", "user"), ("cfat_abc", f"accounts/{ACCOUNT}")],
)
def test_check_verifies_the_token_where_it_belongs(secret: str, path: str) -> None:
    built = ADAPTER.build_check(replace(ENDPOINT, secret=secret))

    assert (built.method, built.url) == ("GET", f"{BASE}/{path}/tokens/verify")
    assert built.headers == {"authorization": f"Bearer {secret}"}


def test_check_says_what_it_cannot_show() -> None:
    body = {"result": {"id": "f267", "status": "active"}, "success": True, "errors": [], "messages": []}

    check = ADAPTER.read_check(ENDPOINT, answer_of(body))

    assert check.checked == "The token is active."
    assert "run models" in check.unchecked
    assert check.models is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"result": {"status": "expired"}, "success": True}, 200, "auth"),
        ({"result": {"status": "disabled"}, "success": True}, 200, "auth"),
        ({"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}]}, 401, "auth"),
        ({"success": False, "errors": [{"code": 6003, "message": "Invalid request headers"}]}, 400, "auth"),
        ({"result": {}, "success": True}, 200, "bad_answer"),
        ({"result": {"status": ["active"]}, "success": True}, 200, "bad_answer"),
        (b"<html>", 200, "bad_answer"),
    ],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind
