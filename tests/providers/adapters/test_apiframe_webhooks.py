import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from studio.providers.adapters.apiframe import ApiframeHooks
from studio.providers.adapters.base import Endpoint, HookNews, HookRefused

HOOKS = ApiframeHooks()
KEY, EARLIER = "afk_0123456789abcdef", "afk_fedcba9876543210"
ENDPOINT = Endpoint("apiframe", "https://api.apiframe.ai/v2", KEY)
JOB = "7c0f2b9a-5a0e-4e0b-9a3e-0c5b0a6d1e11"
EVENT = {"event": "completed", "jobId": JOB, "status": "COMPLETED", "result": {"images": []}, "creditCost": 9}
RAW = json.dumps(EVENT).encode()
ROTATED = replace(ENDPOINT, secret="afk_new", earlier_secret=KEY)


def raw_key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def hex_key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).hexdigest().encode()


def signature(key: bytes, body: bytes = RAW) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def hook(signed: str, body: bytes = RAW, endpoint: Endpoint = ENDPOINT) -> HookNews:
    headers = {"x-webhook-event": "completed", "x-webhook-signature": signed}
    return HOOKS.read_hook(endpoint, headers, body, datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize("key_of", [raw_key, hex_key])
@pytest.mark.parametrize("prefix", ["sha256=", ""])
@pytest.mark.parametrize("endpoint", [ENDPOINT, ROTATED])
def test_webhook_is_taken_in_every_form_of_the_key_and_the_signature(
    key_of: Any, prefix: str, endpoint: Endpoint
) -> None:
    assert hook(prefix + signature(key_of(KEY)), endpoint=endpoint) == HookNews(JOB)


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "sha256=",
        "zz",
        signature(raw_key(KEY))[:-2],
        signature(raw_key(EARLIER)),
        signature(raw_key("")),
        signature(hex_key("")),
        signature(b""),
        signature(KEY.encode()),
        signature(raw_key(KEY), json.dumps(EVENT, separators=(",", ":")).encode()),
    ],
)
def test_forged_webhook_is_refused(signed: str) -> None:
    with pytest.raises(HookRefused):
        hook(signed)


def test_webhook_without_a_signature_is_refused() -> None:
    with pytest.raises(HookRefused):
        HOOKS.read_hook(ENDPOINT, {}, RAW, datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"jobId": 7}', b'{"jobId": "../x"}', b'{"job_id": "x"}'])
def test_signed_webhook_that_names_no_job_is_refused(raw: bytes) -> None:
    with pytest.raises(HookRefused):
        hook(signature(raw_key(KEY), raw), raw)
