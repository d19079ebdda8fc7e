"""The three protocols that answer with jobs against their strict emulators, through the real door.

From the request to the pictures, once for each reading of what the providers' documents contradict or leave open.
"""

import asyncio
import io
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from studio.providers.adapters.base import (
    Adapter,
    Answer,
    Endpoint,
    HttpRequest,
    ImageRequest,
    ImageResult,
    InputImage,
    JobAccepted,
    JobFailed,
    JobMissing,
    JobNews,
    JobRunning,
)
from studio.providers.adapters.errors import ProviderError
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.transport import ProviderClient
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import Kind, draw
from tests.emulators.running import running_emulator
from tests.providers.adapters.door import fetch

PROTOCOLS = ("aigateway", "pixapi", "apiframe")
MODELS = {"aigateway": "openai/gpt-image-1.5", "pixapi": "gpt-image-1.5", "apiframe": "gpt-image-1.5"}
PLAIN = ImageRequest(model="gpt-image-1.5", prompt="Three paper boats", size="1024x1024", call_id="call-1")
SECONDS = 20
# Made once: it takes longer than a call does.
TLS = ssl.create_default_context()


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with running_emulator("aigateway") as one, running_emulator("pixapi") as two, running_emulator("apiframe") as three:
        yield dict(zip(PROTOCOLS, (one, two, three), strict=True))


@dataclass
class Line:
    """One provider: its emulator, its adapter and the way there."""

    emulator: EmulatorControl
    adapter: Adapter
    endpoint: Endpoint

    def ask(self, request: HttpRequest) -> Answer:
        """Make one call."""

        async def exchange() -> Answer:
            door = ProviderClient(ssl_context=TLS)
            try:
                return await door.ask(request, deadline=SECONDS, private_hosts=self.emulator.places)
            finally:
                await door.aclose()

        return asyncio.run(exchange())

    def submit(self, request: ImageRequest) -> ImageResult | JobAccepted:
        """Upload what has to be uploaded, then ask for the pictures."""
        if self.adapter.uploads:
            uploads = [self.adapter.uploads.build_upload(self.endpoint, image) for image in request.references]
            uploaded = tuple(self.adapter.uploads.read_upload(self.ask(upload)) for upload in uploads)
            request = replace(request, uploaded=uploaded)
        request = replace(request, model=MODELS[self.adapter.protocol])
        return self.adapter.read_answer(request, self.ask(self.adapter.build_request(self.endpoint, request)))

    def poll(self, job_id: str, n: int = 1) -> JobNews:
        """Ask for the job once."""
        assert self.adapter.jobs
        answer = self.ask(self.adapter.jobs.build_poll(self.endpoint, job_id))
        return self.adapter.jobs.read_poll(answer, job_id, n)

    def wait(self, accepted: ImageResult | JobAccepted, n: int = 1) -> JobNews:
        """Ask until the job has ended."""
        job_id = job_of(accepted)
        end = time.monotonic() + SECONDS
        while isinstance(news := self.poll(job_id, n), JobRunning) and time.monotonic() < end:
            time.sleep(0.01)
        return news


def job_of(accepted: ImageResult | JobAccepted) -> str:
    """Return the id of the job."""
    assert isinstance(accepted, JobAccepted)
    return accepted.job_id


@pytest.fixture(params=PROTOCOLS)
def line(request: pytest.FixtureRequest, emulators: dict[str, EmulatorControl]) -> Line:
    return connect(request.param, emulators)


def connect(protocol: str, emulators: dict[str, EmulatorControl], **options: Any) -> Line:
    emulator = emulators[protocol]
    emulator.reset()
    emulator.set(job_seconds=0)
    if protocol == "aigateway":
        emulator.set(answer_as_job=True, poll_seconds=0)
    return Line(emulator, ADAPTERS[protocol], Endpoint(protocol, emulator.base_url, emulator.key, options=options))


def pictures(line: Line, news: ImageResult | JobAccepted | JobNews, folder: Path) -> Sequence[tuple[int, int]]:
    """Return the sizes of the pictures of a result, fetched where it names addresses."""
    assert isinstance(news, ImageResult)
    sizes = []
    for number, image in enumerate(news.images):
        data = image.data
        if image.url:
            spool = folder / f"result-{number}"
            data = fetch(image.url, spool, private_hosts=line.emulator.places, client={"ssl_context": TLS}).read()
        with Image.open(io.BytesIO(data or b"")) as opened:
            sizes.append(opened.size)
    return sizes


def reference(folder: Path) -> InputImage:
    data = draw(Kind(64, 64))
    path = folder / f"reference-{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return InputImage(path, len(data), "image/png", "reference.png")


def test_job_brings_its_picture_and_the_key_stays_here(line: Line, tmp_path: Path) -> None:
    news = line.wait(line.submit(PLAIN))

    assert pictures(line, news, tmp_path) == [(1024, 1024)]
    assert line.emulator.stats()["paid_pictures"] == 1
    sent = [header for each in line.emulator.fetches() for header in each["headers"]]
    assert not {"authorization", "x-api-key"} & set(sent)


def test_edit_sends_its_reference(line: Line, tmp_path: Path) -> None:
    news = line.wait(line.submit(replace(PLAIN, references=(reference(tmp_path),))))

    assert pictures(line, news, tmp_path) == [(1024, 1024)]


SWITCHES = [
    ("aigateway", {"job_result": "result_url"}),
    ("aigateway", {"job_result": "both", "running_word": "processing"}),
    ("pixapi", {"submit_status": 200}),
    ("pixapi", {"submit_status": 202}),
    ("apiframe", {"result_shape": "list", "credit_cost": "null"}),
    ("apiframe", {"result_shape": "string"}),
    ("apiframe", {"default_format": "webp"}),
]


@pytest.mark.parametrize(("protocol", "switches"), SWITCHES)
def test_every_reading_of_a_contradiction_brings_the_picture(
    protocol: str, switches: dict[str, Any], emulators: dict[str, EmulatorControl], tmp_path: Path
) -> None:
    line = connect(protocol, emulators)
    line.emulator.set(**switches)

    assert pictures(line, line.wait(line.submit(PLAIN)), tmp_path) == [(1024, 1024)]


@pytest.mark.parametrize(("protocol", "options"), [("aigateway", {}), ("pixapi", {"flow": "sync"})])
def test_pictures_may_come_at_once(
    protocol: str, options: dict[str, str], emulators: dict[str, EmulatorControl], tmp_path: Path
) -> None:
    line = connect(protocol, emulators, **options)
    if protocol == "aigateway":
        line.emulator.set(answer_as_job=False, cost_header=True)

    result = line.submit(PLAIN)

    assert pictures(line, result, tmp_path) == [(1024, 1024)]


@pytest.mark.parametrize("protocol", ["pixapi", "apiframe"])
def test_several_pictures_of_one_job(protocol: str, emulators: dict[str, EmulatorControl], tmp_path: Path) -> None:
    line = connect(protocol, emulators)

    news = line.wait(line.submit(replace(PLAIN, n=3)), n=3)

    assert pictures(line, news, tmp_path) == [(1024, 1024)] * 3


@pytest.mark.parametrize(("several_as", "form"), [("image", 0), ("image[]", 1), ("any", 0), ("any", 1)])
def test_one_of_two_forms_carries_several_references_to_pixapi(
    several_as: str, form: int, emulators: dict[str, EmulatorControl], tmp_path: Path
) -> None:
    line = connect("pixapi", emulators)
    line.emulator.set(several_as=several_as)
    request = replace(PLAIN, references=(reference(tmp_path), reference(tmp_path)))

    assert pictures(line, line.wait(line.submit(replace(request, form=form))), tmp_path) == [(1024, 1024)]
    if several_as != "any":
        with pytest.raises(ProviderError) as caught:
            line.submit(replace(request, form=1 - form))
        assert (caught.value.kind, caught.value.sent) == ("invalid_request", False)


def test_repeated_call_to_apiframe_buys_nothing_twice(emulators: dict[str, EmulatorControl]) -> None:
    line = connect("apiframe", emulators)

    first, again = line.submit(PLAIN), line.submit(PLAIN)

    assert job_of(first) == job_of(again)
    assert line.emulator.stats()["paid_pictures"] == 1


def test_key_used_for_another_call_is_a_conflict_or_the_first_job(emulators: dict[str, EmulatorControl]) -> None:
    line = connect("apiframe", emulators)
    first = job_of(line.submit(PLAIN))
    other = replace(PLAIN, prompt="Four paper boats")

    assert job_of(line.submit(other)) == first
    line.emulator.set(idempotency="conflict")
    with pytest.raises(ProviderError) as caught:
        line.submit(other)
    assert (caught.value.kind, caught.value.sent) == ("conflict", True)


def test_list_tells_of_all_jobs_page_by_page(emulators: dict[str, EmulatorControl]) -> None:
    line = connect("apiframe", emulators)
    accepted = {job_of(line.submit(replace(PLAIN, call_id=f"call-{number}"))) for number in range(103)}
    jobs = line.adapter.jobs
    assert jobs
    found: dict[str, JobNews] = {}
    cursor, pages = "", 0
    while cursor or not pages:
        asked = jobs.build_list(line.endpoint, cursor)
        assert asked
        page = jobs.read_list(line.ask(asked))
        found |= page.jobs
        cursor, pages = page.cursor, pages + 1

    assert set(found) == accepted
    assert pages == 2


@pytest.mark.parametrize(
    ("fault", "parameters", "kind"),
    [
        ("job_fails", {}, "upstream_transient"),
        ("job_fails", {"error": "content_policy_violation"}, "content_refused"),
        ("job_without_result", {}, "bad_answer"),
    ],
)
def test_job_that_ends_badly_has_failed(line: Line, fault: str, parameters: Any, kind: str) -> None:
    line.emulator.fail(fault, **parameters)

    news = line.wait(line.submit(PLAIN))

    assert isinstance(news, JobFailed)
    assert news.error.kind == kind


@pytest.mark.parametrize("fault", ["job_unknown_state", "job_goes_backwards"])
def test_job_that_takes_unknown_ways_ends_all_the_same(line: Line, fault: str, tmp_path: Path) -> None:
    line.emulator.set(job_seconds=0.2)
    line.emulator.fail(fault)

    assert pictures(line, line.wait(line.submit(PLAIN)), tmp_path) == [(1024, 1024)]


def test_job_that_is_not_known_yet_is_missing_and_found_later(line: Line, tmp_path: Path) -> None:
    line.emulator.fail("job_lost_early", polls=1)

    accepted = line.submit(PLAIN)

    assert line.poll(job_of(accepted)) == JobMissing()
    assert pictures(line, line.wait(accepted), tmp_path) == [(1024, 1024)]


@pytest.mark.parametrize("fault", ["job_without_id", "job_huge_id"])
def test_job_without_a_usable_id_may_have_been_billed(line: Line, fault: str) -> None:
    line.emulator.fail(fault)

    with pytest.raises(ProviderError) as caught:
        line.submit(PLAIN)

    assert (caught.value.kind, caught.value.sent) == ("bad_answer", True)


def test_asking_aigateway_too_often_is_no_news(emulators: dict[str, EmulatorControl]) -> None:
    line = connect("aigateway", emulators)
    line.emulator.set(poll_seconds=3)
    job_id = job_of(line.submit(PLAIN))
    line.poll(job_id)

    assert line.poll(job_id) == JobRunning()
    assert line.emulator.stats()["early_polls"] == 1


@pytest.mark.parametrize(("by", "answers"), [("post", [200]), ("delete", [404, 200])])
def test_one_of_two_ways_cancels_at_aigateway(
    by: str, answers: list[int], emulators: dict[str, EmulatorControl]
) -> None:
    line = connect("aigateway", emulators)
    line.emulator.set(cancel_by=by, job_seconds=-1)
    job_id = job_of(line.submit(PLAIN))
    assert line.adapter.jobs

    given = [line.ask(each).status for each in line.adapter.jobs.build_cancels(line.endpoint, job_id)]

    assert given[: len(answers)] == answers
    assert isinstance(line.poll(job_id), JobFailed)


def test_key_is_checked(line: Line) -> None:
    check = line.adapter.read_check(line.endpoint, line.ask(line.adapter.build_check(line.endpoint)))
    wrong = replace(line.endpoint, secret="sk-wrong")

    assert check.checked.startswith("The key is accepted")
    with pytest.raises(ProviderError) as caught:
        line.adapter.read_check(wrong, line.ask(line.adapter.build_check(wrong)))
    assert caught.value.kind == "auth"


def test_secret_of_aigateways_webhooks_is_given(emulators: dict[str, EmulatorControl]) -> None:
    line = connect("aigateway", emulators)
    assert line.adapter.hooks
    asked = line.adapter.hooks.build_secret(line.endpoint)
    assert asked

    assert line.adapter.hooks.read_secret(line.ask(asked)) == "whsec_emulator1"
