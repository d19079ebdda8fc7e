"""What all emulators have in common, asked of each."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.emulators import faults, mishaps
from tests.emulators.asking import Answered, ask, request
from tests.emulators.control import EmulatorControl
from tests.emulators.running import EMULATORS, running_emulator

# The paid call of each: its path, and a body without the prompt.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/images/generations", {"model": "gpt-image-1.5"}),
    "aigateway": ("/images/generations", {"model": "openai/gpt-image-1.5"}),
    "pixapi": ("/async/images/generations", {"model": "gpt-image-1.5"}),
    "apiframe": ("/images/generate", {"model": "gpt-image-1.5"}),
    "aimlapi": ("/images/generations", {"model": "openai/gpt-image-1-5"}),
    "cloudflare": ("/accounts/0123456789abcdef0123456789abcdef/ai/run", {"model": "openai/gpt-image-1.5"}),
}
POLLS = {"pixapi": "/tasks/{}", "apiframe": "/jobs/{}"}


@pytest.fixture(scope="module", params=EMULATORS)
def running(request: pytest.FixtureRequest) -> Iterator[EmulatorControl]:
    with running_emulator(request.param) as control:
        yield control


@pytest.fixture
def emulator(running: EmulatorControl) -> EmulatorControl:
    running.reset()
    running.set(job_seconds=0)
    return running


def make(emulator: EmulatorControl, prompt: str = "Boats", key: str | None = None) -> Answered:
    """Make one paid call; the prompt goes where the provider has it."""
    path, body = CALLS[emulator.about["name"]]
    where = {"input": {"prompt": prompt}} if emulator.about["name"] == "cloudflare" else {"prompt": prompt}
    return ask(emulator, "POST", path, body | where, headers=authorised(emulator, key))


def authorised(emulator: EmulatorControl, key: str | None = None) -> dict[str, str]:
    key = emulator.key if key is None else key
    return {"x-api-key": key} if emulator.about["name"] == "apiframe" else {"authorization": f"Bearer {key}"}


def address_in(emulator: EmulatorControl, prompt: str) -> str:
    """Return the address of the result; job providers are asked for it."""
    document = make(emulator, prompt).document
    name = emulator.about["name"]
    if name in POLLS:
        path = POLLS[name].format(document.get("jobId") or document.get("id"))
        # The job moves right after its first answer, so the first poll may still be too early.
        for _ in range(100):
            document = ask(emulator, "GET", path, headers=authorised(emulator)).document
            if document["status"].lower() == "completed":
                break
    result = document.get("result", document)
    if "images" in result:
        return str(result["images"][0])
    return str(result["image"] if "image" in result else result["data"][0]["url"])


def test_paid_call_is_counted_and_recorded(emulator: EmulatorControl) -> None:
    answer = make(emulator, "Boats at dusk")

    (record,) = emulator.requests()
    stats = emulator.stats()
    assert answer.status in {200, 202}
    assert (record["prompt"], record["n"], record["paid"], record["fault"]) == ("Boats at dusk", 1, 1, "")
    assert (stats["requests"], stats["paid_pictures"], stats["calls"]["submit"]) == (1, 1, 1)
    assert stats["by_path"] == {f"POST {record['path']}": 1}


def test_wrong_key_is_refused_before_anything_else(emulator: EmulatorControl) -> None:
    assert make(emulator, key="wrong").status in {401, 403}
    emulator.set(keys=["another"])
    assert make(emulator).status in {401, 403}
    assert make(emulator, key="another").status in {200, 202}


@pytest.mark.parametrize("name", sorted(set(faults.COMMON) - {"content_refused"}))
def test_common_refusal_costs_nothing_unless_it_was_charged(emulator: EmulatorControl, name: str) -> None:
    answer = make(emulator, f"Boats [fault:{name}]")

    refusal = EMULATORS[emulator.about["name"]].refusals[name]
    assert (answer.status, emulator.requests()[0]["fault"]) == (refusal.status, name)
    assert json.dumps(refusal.message)[1:-1] in answer.body.decode()
    assert emulator.stats()["paid_pictures"] == (1 if name == "server_error_charged" else 0)


def test_limit_says_when_to_come_back_or_does_not(emulator: EmulatorControl) -> None:
    seconds, silent = (make(emulator, f"[fault:rate_limited retry_after={wanted}]") for wanted in ("7", "none"))

    assert (seconds.headers["retry-after"], "retry-after" in silent.headers) == ("7", False)


def test_queued_fault_meets_the_next_request_only(emulator: EmulatorControl) -> None:
    emulator.fail("overloaded", times=2)

    assert [make(emulator).status == 503 for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("name", ["html", "empty", "invalid_json", "json_list", "deep_json"])
def test_answer_can_be_no_answer(emulator: EmulatorControl, name: str) -> None:
    right, wrong = make(emulator), make(emulator, f"[fault:{name}]")

    assert isinstance(parsed(right), dict)
    assert not isinstance(parsed(wrong), dict)


def parsed(answer: Answered) -> Any:
    try:
        return answer.document
    except (ValueError, RecursionError):
        return None


def test_every_other_fault_is_known(emulator: EmulatorControl) -> None:
    # These end the connection or fill it, and are shown by the tests of the adapters.
    skipped = {"hang", "drip", "reset_before", "reset_body", "cut_body", "chunked_cut", "not_http", "redirect_private"}
    skipped |= {"moved", "huge", "gzip_bomb", "big_header", "heavy_file"}
    for name in set(mishaps.NAMES) - skipped:
        assert b"knows no fault" not in make(emulator, f"[fault:{name}]").body
    assert b"knows no fault" in make(emulator, "[fault:flood]").body


def test_results_come_from_the_media_host_and_can_be_gone(emulator: EmulatorControl) -> None:
    address = address_in(emulator, "[fault:result_url]")
    expired = address_in(emulator, "[fault:url_expired]")
    gone = address_in(emulator, "[fault:url_gone status=403]")
    emulator.set(url_seconds=-1, gone_status=410)
    old = address_in(emulator, "[fault:result_url]")

    assert address.split("/")[2] == emulator.about["media"] != emulator.place
    assert [request("GET", url).status for url in (address, expired, gone, old)] == [200, 410, 403, 410]
    assert [fetch["status"] for fetch in emulator.fetches()] == [200, 410, 403, 410]


def test_results_can_lead_astray(emulator: EmulatorControl) -> None:
    assert address_in(emulator, "[fault:url_points]").startswith("http://169.254.169.254/")
    assert address_in(emulator, "[fault:url_points to=http://127.0.0.1:1/x]") == "http://127.0.0.1:1/x"
    schemes = [address_in(emulator, f"[fault:url_scheme scheme={scheme}]") for scheme in ("data", "file", "relative")]
    redirected = request("GET", address_in(emulator, "[fault:url_redirect hops=3]"))
    locked = address_in(emulator, "[fault:url_needs_key]")
    mistyped = request("GET", address_in(emulator, "[fault:url_wrong_type]"))

    assert [scheme.partition("/")[0] for scheme in schemes] == ["data:image", "file:", ""]
    assert (redirected.body, emulator.stats()["trapped"]) == (b"trapped", 1)
    assert request("GET", locked).status == 401
    assert request("GET", locked, headers={"authorization": "Bearer x"}).status == 200
    assert (mistyped.headers["content-type"], mistyped.body[:4]) == ("text/html", b"\x89PNG")


def test_retired_model_is_refused(emulator: EmulatorControl) -> None:
    _, body = CALLS[emulator.about["name"]]
    emulator.set(retired=[body["model"]])

    assert make(emulator).status in {400, 404}
    assert emulator.stats()["paid_pictures"] == 0


def test_unknown_setting_is_an_error_and_reset_forgets(emulator: EmulatorControl) -> None:
    emulator.fail("overloaded")
    emulator.reset()

    assert make(emulator).status in {200, 202}
    with pytest.raises(HTTPError, match="400"):
        emulator.set(no_such_setting=1)
