import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from studio.providers.adapters.aigateway import AIgatewayHooks
from studio.providers.adapters.base import Endpoint, HookNews, HookRefused

HOOKS, SIGNING = AIgatewayHooks(), "whsec_emulated"
ENDPOINT = Endpoint("aigateway", "https://api.aigateway.sh/v1", "sk-aig-0123456789abcdef", hook_secret=SIGNING)
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
MOMENT = str(int(NOW.timestamp()))
EVENT = {
    "id": "evt_1",
    "type": "job.completed",
    "created": 1,
    "data": {"job_id": "job_ex1", "result_url": "https://media.aigateway.sh/1.png", "usage": {"cost_cents": 12}},
}
RAW = json.dumps(EVENT).encode()


def signature(body: bytes = RAW, secret: str = SIGNING, moment: str = MOMENT) -> str:
    return hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


def documented(signed: str, moment: str = MOMENT) -> dict[str, str]:
    return {"aig-timestamp": moment, "aig-signature": signed}


def of_the_clients(signed: str, moment: str = MOMENT) -> dict[str, str]:
    return {"x-gateway-signature": f"t={moment},v1={signed}"}


def hook(headers: Mapping[str, str], body: bytes = RAW, endpoint: Endpoint = ENDPOINT) -> HookNews:
    return HOOKS.read_hook(endpoint, headers, body, NOW)


@pytest.mark.parametrize("headers", [documented(signature()), of_the_clients(signature())])
def test_webhook_is_taken_with_either_header(headers: dict[str, str]) -> None:
    assert hook(headers) == HookNews("job_ex1", "evt_1")


def test_webhook_may_be_the_bare_record_of_the_job() -> None:
    raw = b'{"id": "job_ex1", "object": "job", "status": "completed"}'

    assert hook(documented(signature(raw)), raw) == HookNews("job_ex1")


@pytest.mark.parametrize("way", [documented, of_the_clients])
@pytest.mark.parametrize("seconds", [-300, 300])
def test_webhook_at_the_edge_of_the_window_is_taken(way: Any, seconds: int) -> None:
    moment = str(int(MOMENT) + seconds)

    assert hook(way(signature(moment=moment), moment)) == HookNews("job_ex1", "evt_1")


@pytest.mark.parametrize("way", [documented, of_the_clients])
@pytest.mark.parametrize("moment", [str(int(MOMENT) - 301), str(int(MOMENT) + 301), "", "soon", "1e9", "²"])
def test_webhook_outside_the_window_is_refused_though_signed(way: Any, moment: str) -> None:
    with pytest.raises(HookRefused):
        hook(way(signature(moment=moment), moment))


RESERIALISED = json.dumps(EVENT, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"aig-timestamp": MOMENT},
        {"aig-signature": signature()},
        {"x-gateway-signature": "nonsense"},
        {"x-gateway-signature": f"v1={signature()}"},
        {"x-gateway-signature": f"t={MOMENT}"},
        documented(""),
        documented("zz"),
        documented(signature()[:-2]),
        documented(signature(secret="other")),
        documented(signature(secret="")),
        documented(signature(RESERIALISED)),
        of_the_clients(signature(RESERIALISED)),
        documented(signature(), str(int(MOMENT) + 1)),
    ],
)
def test_forged_webhook_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(HookRefused):
        hook(headers)


def test_webhook_is_refused_while_there_is_no_secret() -> None:
    with pytest.raises(HookRefused):
        hook(documented(signature(secret="")), endpoint=replace(ENDPOINT, hook_secret=""))


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b'{"id": 7}', b'{"data": {"job_id": "../x"}}', b'{"a":1,"a":1}'])
def test_signed_webhook_that_names_no_job_is_refused(raw: bytes) -> None:
    with pytest.raises(HookRefused):
        hook(documented(signature(raw)), raw)
