import base64
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.providers.adapters.base import Answer, Endpoint, ImageRequest, ImageResult, ReceivedImage
from studio.providers.adapters.errors import BadAnswer, ProviderError, Unauthorised, Unsupported
from studio.providers.adapters.openai import OpenAIAdapter
from tests.emulators.openai_contract import MODELS, read_order
from tests.providers.adapters.parts import answer_of, form_of, picture

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


def test_organization_and_project_travel_as_headers() -> None:
    built = ADAPTER.build_request(replace(ENDPOINT, options={"organization": "org-1", "project": "proj-1"}), PLAIN)

    assert built.headers == {
        "authorization": "Bearer sk-abcdefghijkl",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
    }


@pytest.mark.parametrize("value", ["a\nb", "ä", 5])
def test_option_that_no_header_can_carry_is_refused(value: object) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(replace(ENDPOINT, options={"project": value}), PLAIN)


# Edits


def test_edit_of_one_picture(tmp_path: Path) -> None:
    request = replace(PLAIN, references=(picture(tmp_path, "Boats.PNG"),))

    built = ADAPTER.build_request(ENDPOINT, request)

    assert (built.method, built.url) == ("POST", "https://api.openai.com/v1/images/edits")
    assert built.headers == {"authorization": "Bearer sk-abcdefghijkl"}
    assert form_of(built) == [
        ("size", "", "", b"auto"),
        ("model", "", "", b"gpt-image-2"),
        ("prompt", "", "", b"Three paper boats"),
        ("n", "", "", b"2"),
        ("image", "Boats.png", "image/png", b"picture"),
    ]


def test_edit_of_several_pictures_with_everything(tmp_path: Path) -> None:
    jpeg = picture(tmp_path, "b.jpeg", b"second", "image/jpeg")
    mask = picture(tmp_path, "m.png", b"mask")
    request = replace(
        FULL, moderation="auto", references=(picture(tmp_path), jpeg), mask=mask, input_fidelity="high", n=1, previews=2
    )

    assert form_of(ADAPTER.build_request(ENDPOINT, request)) == [
        ("size", "", "", b"1536x1024"),
        ("model", "", "", b"gpt-image-1.5"),
        ("prompt", "", "", b"Poster, three paper boats"),
        ("n", "", "", b"1"),
        ("quality", "", "", b"medium"),
        ("background", "", "", b"opaque"),
        ("output_format", "", "", b"webp"),
        ("input_fidelity", "", "", b"high"),
        ("output_compression", "", "", b"85"),
        ("safety_identifier", "", "", b"092081140b677b45dbe983b2f0d4ae02"),
        ("stream", "", "", b"true"),
        ("partial_images", "", "", b"2"),
        ("image[]", "boats.png", "image/png", b"picture"),
        ("image[]", "b.jpg", "image/jpeg", b"second"),
        ("mask", "m.png", "image/png", b"mask"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"moderation": "low"},
        {"style": "vivid"},
        {"input_fidelity": "medium"},
        {"n": 11},
    ],
)
def test_unoffered_option_of_an_edit_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(ENDPOINT, replace(PLAIN, references=(picture(tmp_path),), **change))


def test_pictures_that_cannot_be_sent_are_refused(tmp_path: Path) -> None:
    good = picture(tmp_path)
    gif = replace(good, content_type="image/gif")
    large, empty = replace(good, size=50_000_000), replace(good, size=0)
    for change in (
        {"references": (good,) * 17},
        {"references": (good, gif)},
        {"references": (large,)},
        {"references": (empty,)},
        {"references": (good,), "mask": replace(good, size=4_000_000)},
        {"references": (good,), "mask": replace(good, content_type="image/webp")},
        {"mask": good},
        {"input_fidelity": "high"},
        {"style": "natural"},
    ):
        with pytest.raises(Unsupported):
            ADAPTER.build_request(ENDPOINT, replace(PLAIN, **change))


# Streams


def test_previews_are_asked_for_one_picture_only() -> None:
    one, two = replace(PLAIN, n=1, previews=5), replace(PLAIN, n=2, previews=2)

    assert body_of(one) == {
        "model": "gpt-image-2",
        "prompt": "Three paper boats",
        "n": 1,
        "stream": True,
        "partial_images": 3,
    }
    assert "stream" not in body_of(two)
    assert ADAPTER.preview_reader(one) is not None
    assert ADAPTER.preview_reader(two) is None


def event(kind: str, **facts: Any) -> bytes:
    document = {"type": kind, "b64_json": PICTURE, "size": "1024x1024", **facts}
    return f"event: {kind}\ndata: {json.dumps(document)}\n\n".encode()


PARTIAL = event("image_generation.partial_image", partial_image_index=0)


def stream(body: bytes, status: int = 200) -> ImageResult:
    answer = answer_of(body, status, content_type="text/event-stream; charset=utf-8", x_request_id="req_1")
    result = ADAPTER.read_answer(replace(PLAIN, n=1, previews=2), answer)
    assert isinstance(result, ImageResult)
    return result


@pytest.mark.parametrize("kind", ["image_generation.completed", "image_edit.completed"])
@pytest.mark.parametrize("before", [b"", PARTIAL, b": ping\n\ndata: {\n\n" + PARTIAL])
def test_stream_ends_with_the_picture(kind: str, before: bytes) -> None:
    usage = {"total_tokens": 1066}

    assert stream(before + event(kind, usage=usage, quality="medium")) == ImageResult(
        (ReceivedImage(data=b"picture"),), "req_1", {"usage": usage, "size": "1024x1024", "quality": "medium"}
    )


def test_answer_to_a_stream_may_be_plain_json() -> None:
    answer = answer_of({"data": [{"b64_json": PICTURE}]}, content_type="application/json")

    assert ADAPTER.read_answer(replace(PLAIN, n=1, previews=2), answer) == ImageResult(
        (ReceivedImage(data=b"picture"),)
    )


@pytest.mark.parametrize(
    ("body", "kind", "sent", "retryable"),
    [
        (b'data: {"error":{"code":"moderation_blocked"}}\n\n', "content_refused", False, False),
        (PARTIAL + b'data: {"error":{"code":"moderation_blocked"}}\n\n', "content_refused", True, False),
        (b'event: error\ndata: {"error":{"code":"slow_down"}}\n\n', "rate_limited", False, True),
        (PARTIAL + b'data: {"error":{"code":"slow_down"}}\n\n', "upstream_transient", True, False),
        (b'data: {"type":"error","error":"it broke"}\n\n', "upstream_transient", True, False),
        (PARTIAL + b"data: [DONE]\n\n" + event("image_generation.completed"), "bad_answer", True, False),
        (PARTIAL, "outcome_unknown", True, False),
        (PARTIAL[:-40], "outcome_unknown", True, False),
        (b"", "outcome_unknown", True, False),
    ],
)
def test_stream_without_a_picture(body: bytes, kind: str, sent: bool, retryable: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        stream(body)

    error = caught.value
    assert (error.kind, error.sent, error.retryable, error.request_id) == (kind, sent, retryable, "req_1")


def test_stream_with_an_error_status_is_classed_by_it() -> None:
    with pytest.raises(ProviderError) as caught:
        stream(b"data: [DONE]\n\n", 503)

    assert caught.value.kind == "upstream_transient"


# Checks


def test_check_asks_for_the_models() -> None:
    built = ADAPTER.build_check(ENDPOINT)

    assert (built.method, built.url, built.body) == ("GET", "https://api.openai.com/v1/models", b"")
    assert built.headers == {"authorization": "Bearer sk-abcdefghijkl"}


def test_check_tells_models_and_their_last_days() -> None:
    models = [
        {"id": "gpt-image-1.5", "shutdown_date": "2026-12-01"},
        {"id": "gpt-image-2", "shutdown_date": None},
        {"id": "odd", "shutdown_date": "soon"},
        {"id": 5},
        "text",
    ]

    check = ADAPTER.read_check(ENDPOINT, answer_of({"object": "list", "data": models}))

    assert check.models == frozenset({"gpt-image-1.5", "gpt-image-2", "odd"})
    assert check.ends == {"gpt-image-1.5": date(2026, 12, 1)}
    assert (check.checked, bool(check.unchecked)) == ("The key is accepted; 3 models are listed.", True)


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": {"code": "invalid_api_key"}}, 401, "auth"),
        ({}, 200, "bad_answer"),
        ([], 200, "bad_answer"),
        (b"<html>", 200, "bad_answer"),
        ({"error": {"code": "insufficient_quota"}}, 429, "insufficient_funds"),
        (b"<html>", 404, "bad_answer"),
        ({"detail": "Not Found"}, 404, "bad_answer"),
    ],
)
def test_check_that_shows_nothing_fails(body: Any, status: int, kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_check(ENDPOINT, answer_of(body, status))

    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("detail", "message"),
    [("No such model", "No such model"), ([{"msg": "n is too large", "loc": ["n"]}, "odd", 5], "n is too large odd")],
)
def test_servers_built_with_fastapi_are_understood(detail: Any, message: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"detail": detail}, 422))

    assert (caught.value.kind, caught.value.provider_message) == ("invalid_request", message)


def test_content_refused_after_the_picture_was_made_counts_as_sent() -> None:
    error = {"code": "moderation_blocked", "moderation_details": {"moderation_stage": "output"}}

    with pytest.raises(ProviderError) as caught:
        ADAPTER.read_answer(PLAIN, answer_of({"error": error}, 400))

    assert (caught.value.kind, caught.value.sent) == ("content_refused", True)


# Answers


def read(tmp_path: Path, body: Any, *, status: int = 200, request: ImageRequest = PLAIN, **headers: str) -> ImageResult:
    path = tmp_path / "answer"
    path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(status, named, path, path.stat().st_size, 15, "sk-abcdefghijkl")
    result = ADAPTER.read_answer(request, answer)
    assert isinstance(result, ImageResult)
    return result


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


def test_bytes_come_with_the_address_that_stands_beside_them(tmp_path: Path) -> None:
    address = "https://results.example/1.png"
    item = {"b64_json": PICTURE, "url": address}

    assert read(tmp_path, {"data": [item]}).images == (ReceivedImage(data=b"picture", url=address),)


def test_texts_are_made_storable(tmp_path: Path) -> None:
    item = {"b64_json": PICTURE, "revised_prompt": "half \ud83d\x00 \u202eturned" + "x" * 100_000}

    result = read(tmp_path, {"data": [item]}, x_request_id="req\x1b[31m_1" + "y" * 500)

    revised = result.images[0].revised_prompt
    assert revised is not None
    assert revised.startswith("half ? turnedxxx")
    assert len(revised) <= 32_000
    assert result.request_id == "req_1" + "y" * 95


@pytest.mark.parametrize(
    ("secret", "revised"),
    [("sk-0123456789", "A kite, [key], over the sea"), ("sea", "A kite, sk-0123456789, over the sea")],
)
def test_key_in_a_revised_prompt_is_not_told(secret: str, revised: str) -> None:
    body = {"data": [{"b64_json": PICTURE, "revised_prompt": "A kite, sk-0123456789, over the sea"}]}
    raw = json.dumps(body).encode()

    result = OpenAIAdapter().read_answer(
        ImageRequest(model="m", prompt="A kite"), Answer(200, {}, raw, len(raw), 1, secret)
    )

    assert isinstance(result, ImageResult)
    assert result.images[0].revised_prompt == revised


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
