"""What Atelier adds to a call, protocol by protocol: beside the same call made with nothing but httpx, in turns."""

import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx

from studio.providers.adapters.base import Answer, Endpoint, HttpRequest, ImageRequest, ImageResult, JobAccepted, Jobs
from studio.providers.adapters.registry import ADAPTERS
from tests.bench.figures import Sheet, percentile
from tests.bench.meters import cpu_of
from tests.bench.scene import Scene, emulator_of
from tests.crash.browser import Browser
from tests.crash.installation import Installation
from tests.crash.stage import EMAIL, PASSWORD
from tests.emulators.control import EmulatorControl
from tests.emulators.pictures import VARIANTS

ROUNDS = 20
# What the provider needs for a picture, in seconds.
WORK = 0.2
_PAUSE = 0.5
_TICK = 0.01
# Beyond this an answer holds the picture itself.
_SMALL = 100_000
_STEPS = """
    SELECT g.prompt, extract(epoch FROM a.sent_at)::float, extract(epoch FROM a.answered_at)::float,
        extract(epoch FROM g.ended_at)::float
    FROM generations_generation g JOIN generations_attempt a ON a.generation_id = g.id WHERE g.prompt = ANY(%s)
"""


@dataclass(frozen=True)
class Kind:
    """A way to be answered: a model at a protocol, and how its emulator is set."""

    protocol: str
    model: str
    remote_name: str
    quality: str = "low"
    is_job: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How it is called in the table."""
        return f"{self.protocol}, jobs" if self.is_job else self.protocol


KINDS: Sequence[Kind] = (
    Kind("openai", "gpt-image-2", "gpt-image-2"),
    Kind("aigateway", "aigateway-gpt-image-1.5", "openai/gpt-image-1.5", "standard"),
    Kind("aimlapi", "aimlapi-gpt-image-2", "openai/gpt-image-2"),
    Kind("cloudflare", "cloudflare-gpt-image-2", "openai/gpt-image-2"),
    Kind(
        "aigateway",
        "aigateway-gpt-image-1.5",
        "openai/gpt-image-1.5",
        "standard",
        is_job=True,
        settings={"answer_as_job": True, "poll_seconds": 0},
    ),
    Kind("pixapi", "pixapi-gpt-image-2", "gpt-image-2", is_job=True),
    Kind("apiframe", "apiframe-gpt-image-2", "gpt-image-2", is_job=True),
)


@dataclass(frozen=True)
class Bare:
    """Seconds of one call without Atelier: all of it, of that the fetching of the picture, and CPU."""

    total: float
    fetch: float
    cpu: float


def measure(scene: Scene, sheet: Sheet) -> None:
    """All protocols at one installation, one after the other."""
    with ExitStack() as ends:
        others = {kind.protocol for kind in KINDS} - {"openai"}
        emulators = {name: ends.enter_context(emulator_of(name, scene.folder)) for name in sorted(others)}
        made = ends.enter_context(scene.connected(*emulators.values()))
        emulators["openai"] = scene.stage.emulator
        scheduler, worker = made.start("scheduler"), made.start("worker")
        _, url = made.start_web()
        browser = made.browser_at(url).sign_in(EMAIL, PASSWORD)
        client = ends.enter_context(httpx.Client(trust_env=False, timeout=60))
        for kind in KINDS:
            _measure(made, browser, client, kind, emulators[kind.protocol], (worker.pid, scheduler.pid), sheet)
        made.audit()


def _measure(
    made: Installation,
    browser: Browser,
    client: httpx.Client,
    kind: Kind,
    emulator: EmulatorControl,
    pids: tuple[int, int],
    sheet: Sheet,
) -> None:
    emulator.set(heavy=True, **{"job_seconds" if kind.is_job else "latency": 0.0}, **kind.settings)
    endpoint = _endpoint(kind, emulator)
    for _ in range(VARIANTS):
        _call(client, kind, endpoint)
    fields: dict[str, Any] = {"model": kind.model, "quality": kind.quality, "background": "", "output_format": ""}
    made.wait_until_ended(made.submit(browser, **fields))
    emulator.set(**{"job_seconds" if kind.is_job else "latency": WORK})
    pressed, bare = {}, {}
    before = [cpu_of(pid) for pid in pids]
    for _ in range(ROUNDS):
        prompt = f"A red kite, {uuid.uuid4().hex}"
        bare[prompt] = _call(client, kind, endpoint)
        pressed[prompt] = time.time()
        answer = browser.submit(prompt, **fields)
        assert answer.status_code == 303, answer.text
        time.sleep(WORK + _PAUSE)
    ids = [row[0] for row in made.rows("SELECT id FROM generations_generation WHERE prompt = ANY(%s)", [*pressed])]
    made.wait_until_ended(ids)
    assert made.states(ids) == {"succeeded": ROUNDS}, made.story()
    cpu = [1000 * (cpu_of(pid) - used) / ROUNDS for pid, used in zip(pids, before, strict=True)]
    _report(sheet, kind, made.rows(_STEPS, [*pressed]), pressed, bare, cpu)


def _endpoint(kind: Kind, emulator: EmulatorControl) -> Endpoint:
    options = {"account_id": emulator.about["account_id"]}
    return Endpoint(kind.protocol, emulator.base_url, secret=emulator.key, options=options)


def _call(client: httpx.Client, kind: Kind, endpoint: Endpoint) -> Bare:
    """Make the call, ask for the job until it has ended, and get the picture; nothing is unpacked or kept."""
    adapter = ADAPTERS[kind.protocol]
    request = ImageRequest(
        model=kind.remote_name, prompt="bare", size="1024x1024", quality=kind.quality, call_id=uuid.uuid4().hex
    )
    message = adapter.build_request(endpoint, request)
    began, cpu = time.monotonic(), time.process_time()
    answer = _exchange(client, message)
    fetch = 0.0
    if answer.size < _SMALL:
        result = adapter.read_answer(request, answer)
        if isinstance(result, JobAccepted):
            assert adapter.jobs is not None
            result = _wait_for(client, adapter.jobs, endpoint, result.job_id)
        asked = time.monotonic()
        client.get(str(result.images[0].url)).raise_for_status()
        fetch = time.monotonic() - asked
    return Bare(time.monotonic() - began, fetch, time.process_time() - cpu)


def _wait_for(client: httpx.Client, jobs: Jobs, endpoint: Endpoint, job_id: str) -> ImageResult:
    while True:
        news = jobs.read_poll(_exchange(client, jobs.build_poll(endpoint, job_id)), job_id, 1)
        if isinstance(news, ImageResult):
            return news
        time.sleep(_TICK)


def _exchange(client: httpx.Client, message: HttpRequest) -> Answer:
    assert isinstance(message.body, bytes)
    headers = {**message.headers, **({"content-type": message.content_type} if message.content_type else {})}
    answer = client.request(message.method, message.url, headers=headers, content=message.body)
    return Answer(answer.status_code, dict(answer.headers), answer.content, len(answer.content), 0)


def _report(
    sheet: Sheet,
    kind: Kind,
    steps: Sequence[tuple[str, float, float, float]],
    pressed: Mapping[str, float],
    bare: Mapping[str, Bare],
    cpu: Sequence[float],
) -> None:
    whole = [1000 * (ended - pressed[prompt] - bare[prompt].total) for prompt, _, _, ended in steps]
    # Between the call and the news that its job has ended lie the provider's work and its pace.
    work = [
        1000 * (sent - pressed[prompt] + ended - ready - bare[prompt].fetch) for prompt, sent, ready, ended in steps
    ]
    added = work if kind.is_job else whole
    sheet.add(f"{kind.name}: bare call, p50", 1000 * percentile([call.total for call in bare.values()], 0.5), "ms")
    sheet.add(f"{kind.name}: added from submit to delivered, p50", percentile(added, 0.5), "ms")
    sheet.add(f"{kind.name}: added from submit to delivered, p95", percentile(added, 0.95), "ms")
    if kind.is_job:
        sheet.add(f"{kind.name}: the same with the waits between questions, p50", percentile(whole, 0.5), "ms")
        sheet.add(f"{kind.name}: the same with the waits between questions, p95", percentile(whole, 0.95), "ms")
        sheet.add(f"{kind.name}: CPU of a picture, scheduler, with its preview", cpu[1], "ms")
    sheet.add(f"{kind.name}: CPU of a picture, worker", cpu[0], "ms")
    sheet.add(f"{kind.name}: CPU of a bare call", 1000 * sum(call.cpu for call in bare.values()) / len(bare), "ms")
