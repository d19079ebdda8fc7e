import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.emulators import pictures
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import Kind
from tests.emulators.running import running_emulator

PICTURE = pictures.draw(Kind(64, 64, variant=4))
URI = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("cloudflare") as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    return running


@pytest.fixture
def client(emulator: EmulatorControl) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {emulator.key}"}
    with httpx.Client(base_url=emulator.base_url, headers=headers, trust_env=False, timeout=20) as client:
        yield client


def run(client: httpx.Client, account: str = "", headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
    body = {"model": "openai/gpt-image-1.5", "input": {"prompt": "Lighthouse"} | given}
    account = account or "0123456789abcdef0123456789abcdef"
    return client.post(f"/accounts/{account}/ai/run", json=body, headers=headers or {})


def fetched(address: str) -> bytes:
    return httpx.get(address, trust_env=False).content


def test_picture_lies_at_an_address(client: httpx.Client, emulator: EmulatorControl) -> None:
    answer = run(client, size="1024x1792", quality="low").json()
    address = answer["result"].pop("image")

    assert answer == {"state": "Completed", "result": {}, "gatewayMetadata": {"keySource": "Unified"}}
    assert Image.open(io.BytesIO(fetched(address))).size == (1024, 1792)
    assert emulator.stats()["paid_pictures"] == 1


def test_envelope_and_state_are_switches(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(envelope="v4", state="Done")
    answer = run(client).json()

    assert (answer["success"], answer["errors"], answer["messages"]) == (True, [], [])
    assert (answer["result"]["state"], list(answer["result"]["result"])) == ("Done", ["image"])


def test_edit_shows_its_input(client: httpx.Client, emulator: EmulatorControl) -> None:
    listed = run(client, images=[URI]).json()["result"]["image"]
    emulator.set(edit_field="image")
    single = run(client, image=base64.b64encode(PICTURE).decode()).json()["result"]["image"]

    assert [pictures.shows(fetched(address), PICTURE) for address in (listed, single)] == [True, True]
    refused = run(client, images=[URI])
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, 7003)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("invalid_data", 400, 5004),
        ("incomplete", 400, 3003),
        ("no_such_model", 400, 5007),
        ("no_route", 400, 7000),
        ("unauthorized", 401, 10000),
        ("forbidden", 403, 5016),
        ("no_agreement", 403, 5018),
        ("account_limited", 403, 3023),
        ("account_blocked", 403, 3041),
        ("model_not_found", 404, 3042),
        ("request_timeout", 408, 3007),
        ("aborted", 408, 3008),
        ("too_large", 413, 3006),
        ("content_refused", 422, 2017),
        ("scanner_unpaid", 402, 2021),
        ("scanner_down", 503, 7013),
        ("quota_today", 429, 3036),
        ("out_of_capacity", 429, 3040),
        ("rate_limited", 429, 2003),
        ("spend_limit", 429, 2041),
    ],
)
def test_documented_failures_have_their_codes(
    client: httpx.Client, emulator: EmulatorControl, fault: str, status: int, code: int
) -> None:
    emulator.set(gateway_shape="v4")
    refused = run(client, prompt=f"Lighthouse [fault:{fault}]")

    document = refused.json()
    assert (refused.status_code, document["errors"][0]["code"]) == (status, code)
    assert (document["result"], document["success"], document["messages"]) == (None, False, [])
    assert emulator.stats()["paid_pictures"] == 0


def test_undocumented_statuses_are_switches(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(auth_status=403, unpaid_status=429, route_status=404)
    faults = ("unauthorized", "payment_required", "no_route")

    assert [run(client, prompt=f"x [fault:{fault}]").status_code for fault in faults] == [403, 429, 404]


def test_gateway_answers_in_its_own_shape(client: httpx.Client) -> None:
    assert run(client, prompt="Fight [fault:content_refused]").json() == {
        "message": "Response blocked due to security configurations",
        "internalCode": 2017,
        "httpCode": 422,
        "name": "AiGatewayError",
        "error": [{"code": 2017, "message": "Response blocked due to security configurations"}],
        "success": False,
    }


def test_wrong_account_has_no_route_or_no_right(client: httpx.Client, emulator: EmulatorControl) -> None:
    answers = [run(client, account=account) for account in ("my-account", "f" * 32)]

    assert [(answer.status_code, answer.json()["errors"][0]["code"]) for answer in answers] == [
        (400, 7003),
        (403, 10000),
    ]
    emulator.set(route_status=404)
    assert run(client, account="my-account").status_code == 404
    assert client.post(f"/accounts/{'f' * 32}/ai/run/openai/gpt-image-1.5", json={"prompt": "x"}).status_code == 404


@pytest.mark.parametrize(
    "header",
    [
        {"cf-aig-max-attempts": "6"},
        {"cf-aig-retry-delay": "5001"},
        {"cf-aig-backoff": "none"},
        {"cf-aig-skip-cache": "yes"},
    ],
)
def test_gateway_header_beyond_its_limits_is_refused(
    client: httpx.Client, emulator: EmulatorControl, header: dict[str, str]
) -> None:
    assert run(client, headers=header).status_code == 400
    assert emulator.stats()["paid_pictures"] == 0


def test_cache_repeats_a_picture_unless_it_is_skipped(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(cache=True)
    first, second = run(client), run(client)
    skipped = run(client, headers={"cf-aig-skip-cache": "true"})

    assert second.json() == first.json() != skipped.json()
    assert second.headers["cf-aig-cache-status"] == "HIT"
    assert emulator.stats()["paid_pictures"] == 2


def test_result_goes_wrong_on_demand(client: httpx.Client) -> None:
    assert run(client, prompt="Lighthouse [fault:data_empty]").json()["result"] == {}
    pointed = run(client, prompt="Lighthouse [fault:url_points to=http://169.254.169.254/]").json()
    assert pointed["result"] == {"image": "http://169.254.169.254/"}


def test_token_check_says_what_the_token_is(client: httpx.Client, emulator: EmulatorControl) -> None:
    own = f"/accounts/{emulator.about['account_id']}/tokens/verify"
    users, accounts = client.get("/user/tokens/verify"), client.get(own)
    emulator.set(token_of="account", token_status="expired")

    assert (users.status_code, users.json()["result"]["status"], users.json()["success"]) == (200, "active", True)
    assert users.json()["messages"][0]["code"] == 10000
    assert (accounts.status_code, accounts.json()["errors"]) == (401, [{"code": 1000, "message": "Invalid API Token"}])
    assert client.get("/user/tokens/verify").status_code == 401
    assert client.get(own).json()["result"]["status"] == "expired"


def test_token_that_is_wrong_or_missing(emulator: EmulatorControl) -> None:
    for headers, code in (({"authorization": "Bearer wrong"}, 1000), ({"x-auth-key": emulator.key}, 6003)):
        with httpx.Client(base_url=emulator.base_url, headers=headers, trust_env=False) as client:
            assert client.get("/user/tokens/verify").json()["errors"][0]["code"] == code
            assert run(client).json()["errors"][0]["code"] == 10000


def test_model_that_was_retired_is_not_found(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(retired=["openai/gpt-image-1.5"])

    assert (run(client).status_code, run(client).json()["errors"][0]["code"]) == (404, 3042)
