"""The protocols that answer at once against their strict emulators, through the real door.

From the request to the picture, once for each reading of what the providers' documents contradict or leave open.
"""

import asyncio
import io
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from studio.providers.adapters.base import Adapter, Check, Endpoint, ImageRequest, ImageResult, InputImage, Preview
from studio.providers.adapters.errors import ProviderError
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.transport import ProviderClient
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import Kind, draw, shows
from tests.emulators.running import running_emulator
from tests.providers.adapters.door import fetch

PROTOCOLS = ("openai", "aimlapi", "cloudflare")
# Models that edit: the shorter way to both calls.
MODELS = {"openai": "gpt-image-1.5", "aimlapi": "openai/gpt-image-2", "cloudflare": "openai/gpt-image-1.5"}
# What every form of the studio chooses.
PLAIN = ImageRequest(
    model="",
    prompt="Three paper boats",
    size="1024x1024",
    quality="low",
    background="auto",
    output_format="png",
    moderation="auto",
    user_reference="user-7",
)
# Made once: it takes longer than a call does.
TLS = ssl.create_default_context()


@dataclass
class Line:
    """One provider: its emulator, its adapter and the way there."""

    emulator: EmulatorControl
    adapter: Adapter
    endpoint: Endpoint
    spool: Path

    def make(self, request: ImageRequest) -> tuple[ImageResult, list[bytes], list[Preview]]:
        """Make pictures, fetch those that came as addresses, and collect the previews."""
        request = replace(request, model=request.model or MODELS[self.adapter.protocol])
        built = self.adapter.build_request(self.endpoint, request)
        reader = self.adapter.preview_reader(request)
        previews: list[Preview] = []

        async def exchange() -> ImageResult:
            door = ProviderClient(ssl_context=TLS)
            try:
                answer = await door.send(
                    built,
                    deadline=20,
                    spool=self.spool,
                    private_hosts=self.emulator.places,
                    on_data=(lambda data: previews.extend(reader.feed(data))) if reader else None,
                )
            finally:
                await door.aclose()
            result = self.adapter.read_answer(request, answer)
            assert isinstance(result, ImageResult)
            return result

        result = asyncio.run(exchange())
        hosts = self.emulator.places
        pictures = [
            image.data or fetch(image.url or "", self.spool, private_hosts=hosts).read() for image in result.images
        ]
        return result, pictures, previews

    def check(self) -> Check:
        """Make the cheapest authenticated call."""

        async def exchange() -> Check:
            door = ProviderClient(ssl_context=TLS)
            try:
                request = self.adapter.build_check(self.endpoint)
                answer = await door.ask(request, deadline=20, private_hosts=self.emulator.places)
            finally:
                await door.aclose()
            return self.adapter.read_check(self.endpoint, answer)

        return asyncio.run(exchange())


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with running_emulator("openai") as one, running_emulator("aimlapi") as two, running_emulator("cloudflare") as three:
        yield dict(zip(PROTOCOLS, (one, two, three), strict=True))


def line_to(protocol: str, emulators: dict[str, EmulatorControl], spool: Path) -> Line:
    emulator = emulators[protocol]
    emulator.reset()
    options = {"account_id": emulator.about["account_id"]}
    return Line(
        emulator, ADAPTERS[protocol], Endpoint(protocol, emulator.base_url, emulator.key, options=options), spool
    )


@pytest.fixture(params=PROTOCOLS)
def line(request: pytest.FixtureRequest, emulators: dict[str, EmulatorControl], spool: Path) -> Line:
    return line_to(request.param, emulators, spool)


@pytest.fixture
def openai(emulators: dict[str, EmulatorControl], spool: Path) -> Line:
    return line_to("openai", emulators, spool)


@pytest.fixture
def aimlapi(emulators: dict[str, EmulatorControl], spool: Path) -> Line:
    return line_to("aimlapi", emulators, spool)


@pytest.fixture
def cloudflare(emulators: dict[str, EmulatorControl], spool: Path) -> Line:
    return line_to("cloudflare", emulators, spool)


def drawn(folder: Path, kind: Kind) -> InputImage:
    data = draw(kind)
    path = folder / f"input-{kind.variant}"
    path.write_bytes(data)
    return InputImage(path, len(data), f"image/{kind.format}", f"Input {kind.variant}.{kind.format}")


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        return image.size


def refusal_of(line: Line, request: ImageRequest) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        line.make(request)
    return caught.value


def test_generation_brings_the_picture(line: Line) -> None:
    result, pictures, _ = line.make(PLAIN)

    assert [size_of(picture) for picture in pictures] == [(1024, 1024)]
    assert result.request_id
    assert line.emulator.stats()["paid_pictures"] == 1


@pytest.mark.parametrize("many", [1, 3])
def test_edit_shows_every_reference(line: Line, tmp_path: Path, many: int) -> None:
    kinds = [Kind(256, 256, ("png", "jpeg", "webp")[number], variant=number) for number in range(many)]
    references = tuple(drawn(tmp_path, kind) for kind in kinds)

    _, pictures, _ = line.make(replace(PLAIN, references=references))

    assert [shows(pictures[0], image.path.read_bytes(), place) for place, image in enumerate(references)] == [
        True
    ] * many


@pytest.mark.parametrize("protocol", ["openai", "aimlapi"])
def test_edit_with_a_mask(protocol: str, emulators: dict[str, EmulatorControl], spool: Path, tmp_path: Path) -> None:
    line = line_to(protocol, emulators, spool)
    reference = drawn(tmp_path, Kind(256, 256, "png", variant=1))
    mask = drawn(tmp_path, Kind(256, 256, "png", transparent=True, variant=2))

    line.make(replace(PLAIN, references=(reference,), mask=mask))

    assert line.emulator.requests()[0]["parts"] == [["image", "image/png"], ["mask", "image/png"]]


# Fault → kind, retryable, sent; by protocol where they differ.
ENDINGS = {
    "bad_request": ("invalid_request", False, False),
    "unauthorized": ("auth", False, False),
    "payment_required": ("insufficient_funds", False, False),
    "forbidden": ("permission", False, False),
    "model_not_found": ("model_unavailable", False, False),
    "too_large": ("invalid_request", False, False),
    "content_refused": ("content_refused", False, False),
    "rate_limited": ("rate_limited", True, False),
    "request_timeout": ("outcome_unknown", False, True),
    "server_error": ("upstream_transient", False, True),
    "bad_gateway": ("outcome_unknown", False, True),
    "overloaded": ("upstream_transient", True, False),
    "gateway_timeout": ("outcome_unknown", False, True),
    "error_in_200": ("bad_answer", False, True),
    "teapot": ("invalid_request", False, False),
    "reset_before": ("outcome_unknown", False, True),
    "cut_body": ("outcome_unknown", False, True),
    "html": ("bad_answer", False, True),
    "empty": ("bad_answer", False, True),
    "invalid_json": ("bad_answer", False, True),
    "json_list": ("bad_answer", False, True),
    "no_data": ("bad_answer", False, True),
}
# The guardrail blocks the prompt or the finished picture, and does not say which.
DIFFERENT = {("cloudflare", "content_refused"): ("content_refused", False, True)}


@pytest.mark.parametrize("fault", ENDINGS)
def test_fault_ends_in_its_class(line: Line, fault: str) -> None:
    error = refusal_of(line, replace(PLAIN, prompt=f"A boat [fault:{fault}]"))

    wanted = DIFFERENT.get((line.adapter.protocol, fault), ENDINGS[fault])
    assert (error.kind, error.retryable, error.sent) == wanted
    assert line.emulator.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("protocol", "fault", "kind"),
    [
        ("aimlapi", "free_tier", "quota_used_up"),
        ("aimlapi", "maintenance", "model_maintenance"),
        ("cloudflare", "no_such_model", "model_unavailable"),
        ("cloudflare", "no_route", "invalid_request"),
        ("cloudflare", "no_agreement", "permission"),
        ("cloudflare", "account_blocked", "permission"),
        ("cloudflare", "aborted", "outcome_unknown"),
        ("cloudflare", "scanner_unpaid", "insufficient_funds"),
        ("cloudflare", "scanner_down", "upstream_transient"),
        ("cloudflare", "spend_limit", "insufficient_funds"),
        ("cloudflare", "provider_key", "auth"),
        ("cloudflare", "upstream_refused", "content_refused"),
        ("cloudflare", "quota_today", "quota_used_up"),
        ("cloudflare", "out_of_capacity", "rate_limited"),
    ],
)
def test_fault_of_one_provider(
    emulators: dict[str, EmulatorControl], spool: Path, protocol: str, fault: str, kind: str
) -> None:
    line = line_to(protocol, emulators, spool)

    assert refusal_of(line, replace(PLAIN, prompt=f"A boat [fault:{fault}]")).kind == kind


def test_message_is_scrubbed(line: Line) -> None:
    prompt = "A boat [fault:unauthorized echo=1]"

    error = refusal_of(line, replace(PLAIN, prompt=prompt))

    assert line.emulator.key not in error.provider_message
    assert "[key]" in error.provider_message
    assert "[prompt]" in error.provider_message
    assert not {"\x1b", "\x00", "\u202e"} & set(error.provider_message)


@pytest.mark.parametrize(("wanted", "seconds"), [("7", 7.0), ("none", None), ("absurd", 86_400.0)])
def test_wait_is_read(line: Line, wanted: str, seconds: float | None) -> None:
    error = refusal_of(line, replace(PLAIN, prompt=f"A boat [fault:rate_limited retry_after={wanted}]"))

    assert error.retry_after == seconds


def test_good_key_passes_the_check_and_a_wrong_one_does_not(line: Line) -> None:
    assert line.check().checked
    line.emulator.set(keys=["another"])

    with pytest.raises(ProviderError) as caught:
        line.check()

    assert caught.value.kind == "auth"
    assert line.emulator.stats()["requests"] == 0


# OpenAI


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("edit", [False, True])
def test_previews_arrive_before_the_picture(openai: Line, tmp_path: Path, edit: bool, done: bool) -> None:
    openai.emulator.set(stream_done=done)
    references = (drawn(tmp_path, Kind(256, 256)),) if edit else ()

    result, pictures, previews = openai.make(replace(PLAIN, previews=2, references=references))

    assert [preview.index for preview in previews] == [0, 1]
    assert [size_of(picture) for picture in [*pictures, *(preview.data for preview in previews)]] == [(1024, 1024)] * 3
    assert result.reported["quality"] == "low"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("stream_error after=0", "upstream_transient"),
        ("stream_error after=1", "upstream_transient"),
        ("stream_refused after=1", "content_refused"),
        ("stream_cut after=1", "outcome_unknown"),
        ("rate_limited", "rate_limited"),
    ],
)
def test_stream_without_a_picture(openai: Line, fault: str, kind: str) -> None:
    assert refusal_of(openai, replace(PLAIN, prompt=f"A boat [fault:{fault}]", previews=2)).kind == kind


def test_strange_events_are_passed_over(openai: Line) -> None:
    result, _, previews = openai.make(replace(PLAIN, prompt="A boat [fault:stream_strange]", previews=1))

    assert (len(result.images), len(previews)) == (1, 1)


def test_check_tells_when_models_end(openai: Line) -> None:
    openai.emulator.set(shutdown_dates={"gpt-image-2": "2027-01-31"})

    check = openai.check()

    assert {"gpt-image-1.5", "gpt-image-2"} <= (check.models or set())
    assert {name: str(day) for name, day in check.ends.items()}["gpt-image-2"] == "2027-01-31"


# AI/ML API


@pytest.mark.parametrize("answer", ["meta", "sample", "openai"])
@pytest.mark.parametrize("status", [200, 201])
def test_aimlapi_answers_in_every_shape(aimlapi: Line, answer: str, status: int) -> None:
    aimlapi.emulator.set(answer=answer, created_status=status, null_siblings=status == 200)

    result, pictures, _ = aimlapi.make(PLAIN)

    assert len(pictures) == 1
    assert ("cost" in result.reported) == (answer == "meta")


@pytest.mark.parametrize("usage", ["usage_null", "meta_null", "absent"])
def test_aimlapi_may_tell_no_cost(aimlapi: Line, usage: str) -> None:
    aimlapi.emulator.set(usage=usage)

    assert "cost" not in aimlapi.make(PLAIN)[0].reported


def test_aimlapi_may_tell_absurd_costs(aimlapi: Line) -> None:
    result, _, _ = aimlapi.make(replace(PLAIN, prompt="A boat [fault:absurd_usage]"))

    assert "cost" not in result.reported
    assert json.dumps(dict(result.reported), allow_nan=False)


@pytest.mark.parametrize("status_code", ["number", "text"])
@pytest.mark.parametrize("unknown_model", [400, 404])
def test_aimlapi_lost_the_model(aimlapi: Line, status_code: str, unknown_model: int) -> None:
    aimlapi.emulator.set(status_code=status_code, unknown_model=unknown_model)

    assert refusal_of(aimlapi, replace(PLAIN, model="openai/gpt-image-9")).kind == "model_unavailable"


# Cloudflare


@pytest.mark.parametrize("envelope", ["bare", "v4"])
def test_cloudflare_answers_in_either_envelope(cloudflare: Line, envelope: str) -> None:
    cloudflare.emulator.set(envelope=envelope)

    assert len(cloudflare.make(PLAIN)[1]) == 1


@pytest.mark.parametrize("shape", ["gateway", "v4"])
def test_cloudflare_refuses_in_either_shape(cloudflare: Line, shape: str) -> None:
    cloudflare.emulator.set(gateway_shape=shape)

    assert refusal_of(cloudflare, replace(PLAIN, prompt="A boat [fault:spend_limit]")).kind == "insufficient_funds"


def test_cloudflare_takes_a_picture_in_either_form(cloudflare: Line, tmp_path: Path) -> None:
    request = replace(PLAIN, references=(drawn(tmp_path, Kind(256, 256)),))
    cloudflare.emulator.set(edit_field="image")

    assert refusal_of(cloudflare, request).kind == "invalid_request"
    assert len(cloudflare.make(replace(request, form=1))[1]) == 1
    assert cloudflare.emulator.stats()["paid_pictures"] == 1


def test_cloudflare_never_sends_a_remembered_picture(cloudflare: Line) -> None:
    cloudflare.emulator.set(cache=True)
    for _ in range(2):
        cloudflare.make(PLAIN)

    assert cloudflare.emulator.stats()["paid_pictures"] == 2


def test_cloudflare_checks_a_token_where_it_belongs(cloudflare: Line) -> None:
    cloudflare.emulator.set(token_of="account", keys=["cfat_0123456789"])
    cloudflare.endpoint = replace(cloudflare.endpoint, secret="cfat_0123456789")

    assert cloudflare.check().checked == "The token is active."


@pytest.mark.parametrize("status", ["disabled", "expired"])
def test_cloudflare_token_that_is_no_longer_active(cloudflare: Line, status: str) -> None:
    cloudflare.emulator.set(token_status=status)

    with pytest.raises(ProviderError) as caught:
        cloudflare.check()

    assert caught.value.kind == "auth"
