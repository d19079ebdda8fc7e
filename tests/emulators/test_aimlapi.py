import base64
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from openai import OpenAI, PermissionDeniedError
from PIL import Image

from tests.emulators import pictures
from tests.emulators.aimlapi import FREE_TIER, OUT_OF_CREDITS
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import Kind
from tests.emulators.running import running_emulator

PICTURES = [pictures.draw(Kind(64, 64, variant=variant)) for variant in (1, 6)]
MASK = pictures.draw(Kind(64, 64, transparent=True))


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator("aimlapi") as control:
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


def generate(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/images/generations", json={"model": "openai/gpt-image-2", "prompt": "Foxes"} | more)


def edit(client: httpx.Client, *files: tuple[str, bytes], **more: str) -> httpx.Response:
    parts = [(name, ("a.png", data, "image/png")) for name, data in files]
    return client.post("/images/edits", data={"model": "openai/gpt-image-2", "prompt": "One"} | more, files=parts)


def test_generation_answers_an_address_or_base64(client: httpx.Client, emulator: EmulatorControl) -> None:
    addressed = generate(client, size="1536x1024", output_format="jpeg").json()["data"][0]
    encoded = generate(client, response_format="b64_json").json()["data"][0]
    fetched = httpx.get(addressed["url"], trust_env=False).content

    first, second = Image.open(io.BytesIO(fetched)), Image.open(io.BytesIO(base64.b64decode(encoded["b64_json"])))
    assert (first.size, first.format, second.size, second.format) == ((1536, 1024), "JPEG", (1024, 1024), "PNG")
    assert (addressed["b64_json"], encoded["url"]) == (None, None)
    emulator.set(null_siblings=False)
    assert list(generate(client).json()["data"][0]) == ["url"]


@pytest.mark.parametrize(
    ("switches", "model", "meta"),
    [
        ({}, "openai/gpt-image-2", {"usage": {"credits_used": 107_341, "usd_spent": 0.0536705}}),
        ({}, "openai/gpt-image-1-5", {"usage": {"credits_used": 107_341}}),
        ({"usage": "usage_null"}, "openai/gpt-image-2", {"usage": None}),
        ({"usage": "meta_null"}, "openai/gpt-image-2", None),
        ({"usage": "absent"}, "openai/gpt-image-2", "absent"),
    ],
)
def test_usage_is_documented_with_every_null(
    client: httpx.Client, emulator: EmulatorControl, switches: dict[str, str], model: str, meta: Any
) -> None:
    emulator.set(**switches)

    assert generate(client, model=model).json().get("meta", "absent") == meta


def test_answer_and_status_have_other_forms(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(answer="sample", created_status=201)
    sample = generate(client)
    emulator.set(answer="openai")

    assert (sample.status_code, sorted(sample.json())) == (201, ["created", "data", "id", "model", "object", "usage"])
    assert generate(client).json()["size"] == "1024x1024"


def test_edit_shows_every_input(client: httpx.Client, emulator: EmulatorControl) -> None:
    several = edit(client, ("image[]", PICTURES[0]), ("image[]", PICTURES[1]), response_format="b64_json", n="2")
    masked = edit(client, ("image", PICTURES[0]), ("mask", MASK), response_format="b64_json")

    answers = [base64.b64decode(item["b64_json"]) for item in several.json()["data"]]
    assert [[pictures.shows(answer, PICTURES[place], place) for place in (0, 1)] for answer in answers] == [
        [True, True],
        [True, True],
    ]
    assert masked.status_code == 200
    assert [record["parts"] for record in emulator.requests()] == [
        [["image[]", "image/png"]] * 2,
        [["image", "image/png"], ["mask", "image/png"]],
    ]
    assert emulator.stats()["paid_pictures"] == 3


def test_official_client_of_openai_works_as_the_pages_show(emulator: EmulatorControl) -> None:
    files = [("a.png", PICTURES[0], "image/png"), ("b.png", PICTURES[1], "image/png")]
    with OpenAI(api_key=emulator.key, base_url=emulator.base_url, max_retries=0) as client:
        edited = client.images.edit(model="openai/gpt-image-2", image=files, prompt="Crown")
        with pytest.raises(PermissionDeniedError):
            client.images.generate(model="openai/gpt-image-2", prompt="Foxes [fault:payment_required]")

    assert edited.data is not None
    answer = httpx.get(str(edited.data[0].url), trust_env=False).content
    assert [pictures.shows(answer, picture, place) for place, picture in enumerate(PICTURES)] == [True, True]


def test_edit_as_json_and_generation_as_a_form_are_refused(client: httpx.Client, emulator: EmulatorControl) -> None:
    as_json = client.post("/images/edits", json={"model": "openai/gpt-image-2", "prompt": "One"})
    as_form = client.post("/images/generations", files={"prompt": (None, "Foxes")})

    assert (as_json.status_code, as_form.status_code, emulator.stats()["paid_pictures"]) == (400, 400, 0)


def test_error_body_is_the_documented_one(client: httpx.Client, emulator: EmulatorControl) -> None:
    refused = generate(client, quality="auto")
    document = refused.json()

    assert sorted(document) == ["message", "path", "requestId", "statusCode", "timestamp"]
    assert (document["path"], document["statusCode"]) == ("/v1/images/generations", 400)
    assert UUID(document["requestId"])
    emulator.set(status_code="text")
    assert generate(client, quality="auto").json()["statusCode"] == "400"


@pytest.mark.parametrize(
    ("fault", "status", "message"),
    [
        ("payment_required", 403, OUT_OF_CREDITS),
        ("forbidden", 403, "You do not have access to this model."),
        ("rate_limited", 429, "Too Many Requests"),
        ("free_tier", 429, FREE_TIER),
        ("maintenance", 500, "The model is under maintenance, please contact us at help@aimlapi.com."),
        ("gateway_timeout", 504, "Gateway Timeout"),
    ],
)
def test_documented_failures_have_their_words(
    client: httpx.Client, emulator: EmulatorControl, fault: str, status: int, message: str
) -> None:
    refused = generate(client, prompt=f"Foxes [fault:{fault} retry_after=none]")

    assert (refused.status_code, refused.json()["message"]) == (status, message)
    assert "retry-after" not in refused.headers
    assert emulator.stats()["paid_pictures"] == 0


def test_status_of_refused_content_is_a_switch(client: httpx.Client, emulator: EmulatorControl) -> None:
    statuses = []
    for status in (400, 422):
        emulator.set(content_status=status)
        statuses.append(generate(client, prompt="Fight [fault:content_refused]").status_code)

    assert statuses == [400, 422]


def test_unknown_model_and_path(client: httpx.Client, emulator: EmulatorControl) -> None:
    models = ("openai/gpt-image-1-5", "openai/dall-e-3")
    emulator.set(retired=[models[0]])
    statuses = [generate(client, model=model).status_code for model in models]
    emulator.set(unknown_model=404)
    statuses += [generate(client, model=model).status_code for model in models]

    assert statuses == [400, 400, 404, 404]
    assert client.get("/images").status_code == 404


def test_address_goes_wrong_on_demand(client: httpx.Client) -> None:
    item = generate(client, prompt="Foxes [fault:url_expired]").json()["data"][0]

    assert httpx.get(item["url"], trust_env=False).status_code == 404


def test_wrong_key_is_refused_everywhere(emulator: EmulatorControl) -> None:
    with httpx.Client(base_url=emulator.base_url, headers={"x-api-key": emulator.key}, trust_env=False) as client:
        answers = [generate(client), edit(client, ("image", PICTURES[0])), client.get(f"{emulator.root}/v2/billing")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_charge_shows_in_the_balance(client: httpx.Client, emulator: EmulatorControl) -> None:
    emulator.set(balance=1.0)
    generated = generate(client)

    assert generated.headers["x-inference-id"] == emulator.requests()[0]["id"]
    balance = client.get(f"{emulator.root}/v2/billing").json()
    assert balance == {"current_balance": pytest.approx(1.0 - 0.0536705), "currency": "USD"}
