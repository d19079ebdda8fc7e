"""What holds for every adapter: whatever comes is read or refused, and what is kept of it is fit to be stored."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.providers.adapters.base import (
    Adapter,
    Answer,
    Check,
    Endpoint,
    HookRefused,
    ImageRequest,
    ImageResult,
    JobAccepted,
    JobFailed,
)
from studio.providers.adapters.errors import ProviderError
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.streams import StreamedPreviews

SECRET, PROMPT = "sk-abcdefghijkl", "Three paper boats"
REQUEST = ImageRequest(model="openai/gpt-image-1.5", prompt=PROMPT, n=2)
PICTURE = base64.b64encode(b"picture").decode()
# Every name that some protocol looks for.
NAMES = (
    *("data", "images", "image", "b64_json", "url", "result", "result_url", "file_url", "revised_prompt"),
    *("id", "jobId", "object", "status", "state", "success", "jobs", "nextCursor", "hasMore", "type", "event"),
    *("error", "errors", "code", "message", "detail", "details", "statusCode", "internalCode", "requestId"),
    *("usage", "meta", "credits_used", "usd_spent", "creditCost", "cost_cents", "size", "quality"),
    *("shutdown_date", "current_balance", "balance", "team", "secret", "signed_url", "moderation_details"),
)
WORDS = (PICTURE, "completed", "COMPLETED", "failed", "active", "429", "https://results.example/1.png", SECRET, PROMPT)


def values() -> st.SearchStrategy[Any]:
    texts = st.text(st.characters(exclude_categories=()), max_size=20)
    plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(WORDS)
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | documents(inner), max_leaves=15)


def documents(held: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(NAMES), held, max_size=5)


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


BODIES = st.one_of(
    st.binary(max_size=100),
    values().map(encoded),
    documents(values()).map(encoded),
    st.lists(documents(values()), max_size=3).map(
        lambda events: b"".join(b"data: %b\n\n" % encoded(e) for e in events)
    ),
)
TEXTS = st.text(st.characters(codec="latin-1"), max_size=20)
ANSWERS = st.builds(
    lambda status, body, wait, kind: Answer(
        status,
        {"retry-after": wait, "x-request-id": wait, "x-inference-id": wait, "cf-ray": wait, "content-type": kind},
        body,
        len(body),
        1,
        SECRET,
    ),
    st.sampled_from([200, 200, 200, 201, 202, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503, 599]),
    BODIES,
    TEXTS,
    st.sampled_from(["application/json", "text/event-stream", ""]),
)


def readers(adapter: Adapter) -> Mapping[str, Callable[[Answer], object]]:
    """Everything that an adapter reads."""
    endpoint = Endpoint(adapter.protocol, "https://api.example.com/v1", SECRET)
    found: dict[str, Callable[[Answer], object]] = {
        "answer": lambda answer: adapter.read_answer(REQUEST, answer),
        "check": lambda answer: adapter.read_check(endpoint, answer),
    }
    if jobs := adapter.jobs:
        found |= {"poll": lambda answer: jobs.read_poll(answer, "job_1", 2), "list": jobs.read_list}
    if uploads := adapter.uploads:
        found["upload"] = uploads.read_upload
    if hooks := adapter.hooks:
        found["secret"] = hooks.read_secret
    return found


READERS = {
    (protocol, name): read
    for protocol, adapter in ADAPTERS.items()
    for name, read in readers(adapter).items()
    # Where there is no list, nobody asks for one.
    if (protocol, name) not in {("aigateway", "list"), ("pixapi", "list")}
}


@pytest.mark.parametrize(("protocol", "name"), READERS)
@given(answer=ANSWERS)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_whatever_comes_is_read_or_refused(protocol: str, name: str, answer: Answer) -> None:
    try:
        found = READERS[protocol, name](answer)
    except ProviderError as error:
        # Only whoever reads the answer to a request knows its prompt.
        assert_presentable(error, PROMPT if name == "answer" else SECRET)
        return
    if isinstance(found, JobFailed):
        assert_presentable(found.error, SECRET)
    elif isinstance(found, ImageResult):
        stored = json.dumps(dict(found.reported), ensure_ascii=False, allow_nan=False)
        assert "\x00" not in stored
        assert stored.encode()
        assert 1 <= len(found.images) <= 2
        assert all(image.data or image.url or image.reason for image in found.images)
    elif isinstance(found, Check):
        assert found.checked
    elif isinstance(found, JobAccepted):
        assert found.job_id


def assert_presentable(error: ProviderError, hidden: str) -> None:
    shown = f"{error} {error.provider_message} {error.request_id}"
    assert error.designer_message
    assert error.admin_message
    assert not {"\x00", "\x1b", "\u202e"} & set(shown)
    assert not [text for text in (SECRET, hidden) if text in shown]
    assert shown.encode()
    assert error.retry_after is None or 0 <= error.retry_after <= 86_400


HOOKED = [protocol for protocol, adapter in ADAPTERS.items() if adapter.hooks]


@pytest.mark.parametrize("protocol", HOOKED)
@given(body=BODIES, signature=TEXTS)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_webhook_is_genuine_by_chance(protocol: str, body: bytes, signature: str) -> None:
    hooks = ADAPTERS[protocol].hooks
    assert hooks is not None
    names = ("x-webhook-signature", "x-gateway-signature", "aig-signature", "aig-timestamp")

    with pytest.raises(HookRefused):
        hooks.read_hook(
            Endpoint(protocol, "", SECRET, hook_secret="hook-secret"),
            dict.fromkeys(names, signature),
            body,
            datetime(2026, 11, 20, tzinfo=UTC),
        )


@given(body=st.lists(BODIES, max_size=4))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_previews_are_found_or_passed_over(body: list[bytes]) -> None:
    reader = StreamedPreviews()

    assert all(preview.data for piece in body for preview in reader.feed(piece))
