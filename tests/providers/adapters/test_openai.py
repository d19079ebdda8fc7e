import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.providers.adapters.base import Answer, Endpoint, ImageRequest, ImageResult, ReceivedImage
from studio.providers.adapters.errors import BadAnswer, ProviderError, Unauthorised, Unsupported
from studio.providers.adapters.openai import OpenAIAdapter
from tests.emulators.openai_contract import MODELS, read_order

ADAPTER = OpenAIAdapter()
ENDPOINT = Endpoint("openai", "https://api.openai.com/v1/", "sk-abcdefghijkl")
PLAIN = ImageRequest(model="gpt-image-2", prompt="Three paper boats", n=2)
FULL = ImageRequest(
    model="gpt-image-1.5",
    prompt="Poster, three paper boats",
    n=2,
    size="1536x1024",
    quality="medium",
    background="opaque",
    output_format="webp",
    compression=85,
    moderation="low",
    user_reference="user-7",
)
PICTURE = base64.b64encode(b"picture").decode()


def body_of(request: ImageRequest) -> Any:
    body = ADAPTER.build_request(ENDPOINT, request).body
    assert isinstance(body, bytes)
    return json.loads(body)


def test_plain_request_sends_no_option() -> None:
    built = ADAPTER.build_request(ENDPOINT, PLAIN)

    assert (built.method, built.url) == ("POST", "https://api.openai.com/v1/images/generations")
    assert built.headers == {"authorization": "Bearer sk-abcdefghijkl"}
    assert built.content_type == "application/json"
    assert built.body == b'{"model":"gpt-image-2","prompt":"Three paper boats","n":2}'


def test_full_request_sends_exactly_the_documented_fields() -> None:
    assert body_of(FULL) == {
        "model": "gpt-image-1.5",
        "prompt": "Poster, three paper boats",
        "n": 2,
        "size": "1536x1024",
        "quality": "medium",
        "background": "opaque",
        "output_format": "webp",
        "moderation": "low",
        "output_compression": 85,
        "safety_identifier": "092081140b677b45dbe983b2f0d4ae02",
    }


@pytest.mark.parametrize("model", MODELS)
def test_requests_pass_the_strict_emulator(model: str) -> None:
    orders = [read_order(body_of(replace(request, model=model))) for request in (PLAIN, FULL)]

    assert [(order.n, order.size) for order in orders] == [(2, "auto"), (2, "1536x1024")]


@pytest.mark.parametrize("output_format", ["", "png"])
def test_compression_is_left_out_where_it_means_nothing(output_format: str) -> None:
    assert "output_compression" not in body_of(replace(FULL, output_format=output_format))


def test_prompt_travels_in_utf8() -> None:
    prompt = "Füchse 狐 🦊 \x00 “quotes”"

    assert body_of(replace(PLAIN, prompt=prompt))["prompt"] == prompt


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": ""},
        {"prompt": " \n"},
        {"prompt": "x" * 32_001},
        {"prompt": "half \ud83d"},
        {"n": 0},
        {"n": 11},
        {"size": "large"},
        {"size": "1024X1024"},
        {"size": "0x16"},
        {"quality": "ultra"},
        {"background": "checkered"},
        {"background": "transparent", "output_format": "jpeg"},
        {"output_format": "gif"},
        {"moderation": "off"},
        {"compression": 101, "output_format": "jpeg"},
    ],
)
def test_unoffered_option_is_refused_before_sending(change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))

    assert (caught.value.sent, caught.value.retryable) == (False, False)
    assert caught.value.designer_message == str(caught.value)


@pytest.mark.parametrize("secret", ["sk-abc\nx-other: 1", "sk-äöü", "sk-\x00"])
def test_key_that_no_header_can_carry_is_refused(secret: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        ADAPTER.build_request(replace(ENDPOINT, secret=secret), PLAIN)

    assert secret not in str(caught.value)


def test_key_may_have_blanks_around_it() -> None:
    built = ADAPTER.build_request(replace(ENDPOINT, secret=" sk-abc\n"), PLAIN)

    assert (built.headers["authorization"], built.secret) == ("Bearer sk-abc", "sk-abc")


# Answers


def read(tmp_path: Path, body: Any, *, status: int = 200, request: ImageRequest = PLAIN, **headers: str) -> ImageResult:
    path = tmp_path / "answer"
    path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ADAPTER.read_answer(request, Answer(status, named, path, path.stat().st_size, 15, "sk-abcdefghijkl"))


def test_documented_answer(tmp_path: Path) -> None:
    usage = {
        "total_tokens": 3210,
        "input_tokens": 10,
        "output_tokens": 3200,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    }
    body = {
        "created": 1_795_000_000,
        "background": "opaque",
        "output_format": "webp",
        "size": "1536x1024",
        "quality": "medium",
        "safety_identifier": "u",
        "data": [{"b64_json": PICTURE}, {"b64_json": PICTURE, "revised_prompt": "Boats"}],
        "usage": usage,
    }

    assert read(tmp_path, body, x_request_id="req_1") == ImageResult(
        images=(ReceivedImage(data=b"picture"), ReceivedImage(data=b"picture", revised_prompt="Boats")),
        request_id="req_1",
        reported={
            "usage": usage,
            "size": "1536x1024",
            "quality": "medium",
            "background": "opaque",
            "output_format": "webp",
        },
    )


def test_more_images_than_asked_are_dropped(tmp_path: Path) -> None:
    assert len(read(tmp_path, {"data": [{"b64_json": PICTURE}] * 5}).images) == 2


def test_bad_items_leave_the_good_ones(tmp_path: Path) -> None:
    items = [
        {"b64_json": PICTURE},
        {"b64_json": PICTURE[:-3]},
        {"b64_json": 17},
        "text",
        None,
        {},
        {"url": "ftp://results.example/1.png"},
        {"url": "data:image/png;base64,AAAA"},
        {"url": "/relative.png"},
        {"url": "https://results.example/1.png", "b64_json": None},
    ]

    images = read(tmp_path, {"data": items}, request=replace(PLAIN, n=10)).images

    address = "The picture’s address cannot be used."
    assert [image.reason for image in images] == [
        "",
        "The picture’s data is damaged.",
        "The picture’s data is damaged.",
        "The item is not an object.",
        "The item is not an object.",
        "The item holds no picture.",
        address,
        address,
        address,
        "",
    ]
    assert (images[0].data, images[9].url) == (b"picture", "https://results.example/1.png")


def test_bytes_win_over_an_address(tmp_path: Path) -> None:
    item = {"b64_json": PICTURE, "url": "https://results.example/1.png"}

    assert read(tmp_path, {"data": [item]}).images == (ReceivedImage(data=b"picture"),)


def test_texts_are_made_storable(tmp_path: Path) -> None:
    item = {"b64_json": PICTURE, "revised_prompt": "half \ud83d\x00 \u202eturned" + "x" * 100_000}

    result = read(tmp_path, {"data": [item]}, x_request_id="req\x1b[31m_1" + "y" * 500)

    revised = result.images[0].revised_prompt
    assert revised is not None
    assert revised.startswith("half ? turnedxxx")
    assert len(revised) <= 32_000
    assert result.request_id == "req_1" + "y" * 95


def test_a_null_error_beside_pictures_is_no_error(tmp_path: Path) -> None:
    assert len(read(tmp_path, {"error": None, "data": [{"b64_json": PICTURE}]}).images) == 1


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (200, {"code": "moderation_blocked"}, "content_refused"),
        (200, "something failed", "bad_answer"),
        (201, {}, "bad_answer"),
        (302, {}, "bad_answer"),
        (400, {"code": "billing_hard_limit_reached", "type": "invalid_request_error"}, "insufficient_funds"),
        (400, {"code": "model_not_found"}, "model_unavailable"),
        (400, {"code": 400, "type": "invalid_request_error"}, "invalid_request"),
        (400, {"code": None, "type": "image_generation_user_error"}, "invalid_request"),
        (400, {"code": ["odd"], "type": {"odd": 1}, "message": 5}, "invalid_request"),
        (400, "a plain text", "invalid_request"),
        (400, ["a", "list"], "invalid_request"),
        (403, {"message": "Your organization must be verified."}, "permission"),
        (404, None, "model_unavailable"),
        (410, {}, "invalid_request"),
        (413, {}, "invalid_request"),
        (429, {"code": None, "type": "insufficient_quota"}, "insufficient_funds"),
        (429, {"code": "INSUFFICIENT_QUOTA"}, "insufficient_funds"),
        (429, {}, "rate_limited"),
        (451, {}, "content_refused"),
        (500, {"code": "rate_limit_exceeded"}, "rate_limited"),
        (500, {}, "upstream_transient"),
        (507, {}, "upstream_transient"),
        (524, {}, "outcome_unknown"),
    ],
)
def test_code_of_the_body_wins_over_the_status(tmp_path: Path, status: int, error: Any, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read(tmp_path, {"error": error}, status=status)

    assert (caught.value.kind, caught.value.status) == (kind, status)


@pytest.mark.parametrize(("status", "kind"), [(401, "auth"), (429, "rate_limited"), (502, "outcome_unknown")])
def test_unreadable_error_answer_is_classed_by_status(tmp_path: Path, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read(tmp_path, b"<html>\xff", status=status)

    assert caught.value.kind == kind


def test_message_is_scrubbed_and_cut(tmp_path: Path) -> None:
    message = "Key sk-abcdefghijkl (sk-****ijkl) for Three paper boats\x00\n" + "z" * 1_000_000

    with pytest.raises(BadAnswer) as caught:
        read(tmp_path, {"error": {"message": message}})

    assert caught.value.provider_message == ("Key [key] ([key]) for [prompt] " + "z" * 500)[:500]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.just(PICTURE),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "error", "usage", "b64_json", "url", "code", "type", "message", "size"])
            | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(["data", "error", "usage", "size"]), values, max_size=4)


@given(
    body=st.binary(max_size=200) | (values | objects).map(lambda value: json.dumps(value).encode()),
    status=st.sampled_from([200, 200, 200, 204, 301, 400, 401, 418, 429, 500, 503, 599]),
    waiting=st.text(max_size=20),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_is_a_result_or_a_provider_error(tmp_path: Path, body: bytes, status: int, waiting: str) -> None:
    failure: ProviderError | None = None
    result = ImageResult(images=())
    try:
        result = read(tmp_path, body, status=status, retry_after=waiting, x_request_id=waiting)
    except ProviderError as error:
        failure = error

    stored = json.dumps(dict(result.reported), ensure_ascii=False, allow_nan=False)
    assert stored.encode()
    assert "\\u0000" not in stored
    assert all(image.data or image.url or image.reason for image in result.images)
    assert len(result.images) in ({0} if failure else {1, 2})
    if failure:
        assert failure.designer_message
        assert "\x00" not in failure.provider_message
        assert failure.retry_after is None or 0 <= failure.retry_after <= 86_400
