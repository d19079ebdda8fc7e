"""Every way in which the emulator fails, over real HTTP, ends in the right class of error or in the right images."""

from pathlib import Path

import pytest

from studio.providers.adapters.errors import ProviderError
from tests.emulators import mishaps, oddities
from tests.emulators.control import EmulatorControl
from tests.emulators.openai import KEY, REFUSALS
from tests.providers.adapters.door import generate

# Fault in the prompt → kind, retryable, sent.
ENDINGS = {
    "bad_request": ("invalid_request", False, False),
    "unknown_parameter": ("invalid_request", False, False),
    "too_large": ("invalid_request", False, False),
    "teapot": ("invalid_request", False, False),
    "unauthorized": ("auth", False, False),
    "forbidden": ("permission", False, False),
    "payment_required": ("insufficient_funds", False, False),
    "billing_hard_limit": ("insufficient_funds", False, False),
    "insufficient_quota": ("insufficient_funds", False, False),
    "credit_balance_exhausted": ("insufficient_funds", False, False),
    "content_refused": ("content_refused", False, False),
    "moderation_blocked": ("content_refused", False, False),
    "moderation_blocked stage=output": ("content_refused", False, True),
    "moderation_in_200": ("content_refused", False, False),
    "model_not_found": ("model_unavailable", False, False),
    "rate_limited": ("rate_limited", True, False),
    "slow_down": ("rate_limited", True, False),
    "conflict": ("conflict", False, True),
    "server_error": ("upstream_transient", False, True),
    "server_error_charged": ("upstream_transient", False, True),
    "overloaded": ("upstream_transient", True, False),
    "request_timeout": ("outcome_unknown", False, True),
    "bad_gateway": ("outcome_unknown", False, True),
    "gateway_timeout": ("outcome_unknown", False, True),
    "hang": ("outcome_unknown", False, True),
    "drip": ("outcome_unknown", False, True),
    "reset_before": ("outcome_unknown", False, True),
    "reset_body": ("outcome_unknown", False, True),
    "cut_body": ("outcome_unknown", False, True),
    "chunked_cut": ("outcome_unknown", False, True),
    "not_http": ("outcome_unknown", False, True),
    "big_header": ("outcome_unknown", False, True),
    "error_in_200": ("bad_answer", False, True),
    "moved": ("bad_answer", False, True),
    "redirect_private": ("bad_answer", False, True),
    "no_content": ("bad_answer", False, True),
    "html": ("bad_answer", False, True),
    "empty": ("bad_answer", False, True),
    "invalid_json": ("bad_answer", False, True),
    "json_list": ("bad_answer", False, True),
    "no_data": ("bad_answer", False, True),
    "data_null": ("bad_answer", False, True),
    "data_object": ("bad_answer", False, True),
    "data_empty": ("bad_answer", False, True),
    "nan": ("bad_answer", False, True),
    "deep_json": ("bad_answer", False, True),
    "duplicate_keys": ("bad_answer", False, True),
    "huge": ("bad_answer", False, True),
    "huge chunked=1": ("bad_answer", False, True),
    "gzip_bomb megabytes=200": ("bad_answer", False, True),
    "strange_encoding": ("bad_answer", False, True),
}
# Fault in the prompt → for each of the images that come back, whether it has bytes.
IMAGES = {
    "absurd_usage": [True, True],
    "overflow": [True, True],
    "base64_data_url": [True, True],
    "base64_urlsafe": [True, True],
    "base64_whitespace": [True, True],
    "chunked": [True, True],
    "cookies": [True, True],
    "gzipped": [True, True],
    "more": [True, True],
    "same": [True, True],
    "hostile_text": [True, True],
    "other_size": [True, True],
    "fewer": [True],
    "truncated_base64": [False, False],
    "no_picture_field": [False, False],
    "surrogates": [False],
    "nul": [False],
    "result_url": [False, False],
    # Bytes that are no picture: base64 is right, and whoever decodes the picture refuses them.
    "mixed": [True, True],
    "bomb": [True, True],
    "html_picture": [True, True],
    "svg": [True, True],
    "text_file": [True, True],
    "truncated_jpeg": [True, True],
}


def test_every_fault_has_an_ending() -> None:
    # What is odd about a picture is for whoever decodes it.
    known = {*REFUSALS, *mishaps.NAMES, "result_url"} - set(oddities.ODDITIES)
    assert {fault.split()[0] for fault in {**ENDINGS, **IMAGES}} == known


@pytest.mark.parametrize("fault", ENDINGS)
def test_fault_ends_in_its_class(emulator: EmulatorControl, spool: Path, fault: str) -> None:
    deadline = 1.0 if fault in {"hang", "drip"} else 60.0

    with pytest.raises(ProviderError) as caught:
        generate(emulator, spool, f"A boat [fault:{fault}]", deadline=deadline)

    error = caught.value
    assert (error.kind, error.retryable, error.sent) == ENDINGS[fault]
    assert error.designer_message
    assert KEY not in f"{error} {error.provider_message} {error.designer_message}"
    assert emulator.stats()["requests"] == 1


@pytest.mark.parametrize("fault", IMAGES)
def test_fault_leaves_images(emulator: EmulatorControl, spool: Path, fault: str) -> None:
    result = generate(emulator, spool, f"A boat [fault:{fault}]")

    assert [image.data is not None for image in result.images] == IMAGES[fault]


def test_redirect_of_a_paid_call_is_not_followed(emulator: EmulatorControl, spool: Path) -> None:
    with pytest.raises(ProviderError):
        generate(emulator, spool, "A boat [fault:redirect_private]")

    assert emulator.stats()["trapped"] == 0


def test_absurd_usage_is_kept_as_text(emulator: EmulatorControl, spool: Path) -> None:
    result = generate(emulator, spool, "A boat [fault:absurd_usage]")

    usage = {"total_tokens": "-1000000000000000000", "input_tokens": "NaN", "x": ""}
    assert result.reported["usage"] == usage


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("past", 0.0),
        ("absurd", 86_400.0),
        ("ms", 1.5),
        ("none", None),
        ("nan", None),
        ("negative", None),
        ("soon", None),
    ],
)
def test_retry_after_is_read(emulator: EmulatorControl, spool: Path, wanted: str, seconds: float | None) -> None:
    with pytest.raises(ProviderError) as caught:
        generate(emulator, spool, f"A boat [fault:rate_limited retry_after={wanted}]")

    assert caught.value.retry_after == seconds


def test_echoed_key_and_prompt_are_scrubbed(emulator: EmulatorControl, spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        generate(emulator, spool, "A boat [fault:bad_request echo=1]")

    expected = "The request was not understood. Key [key], prompt [prompt], <b>bold</b>."
    assert caught.value.provider_message == expected


def test_request_id_and_status_are_kept_with_an_error(emulator: EmulatorControl, spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        generate(emulator, spool, "A boat [fault:server_error]")

    assert (caught.value.request_id, caught.value.status) == (emulator.requests()[0]["id"], 500)


def test_broken_body_keeps_the_request_id(emulator: EmulatorControl, spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        generate(emulator, spool, "A boat [fault:cut_body]")

    assert (caught.value.request_id, caught.value.status) == (emulator.requests()[0]["id"], 200)


@pytest.mark.parametrize("fault", ["cut_body", "huge", "gzip_bomb megabytes=200", "reset_before"])
def test_failed_exchange_leaves_no_file(emulator: EmulatorControl, spool: Path, fault: str) -> None:
    with pytest.raises(ProviderError):
        generate(emulator, spool, f"A boat [fault:{fault}]")

    assert list(spool.parent.iterdir()) == []
