"""The base of every emulator: paid pictures, results, jobs, webhooks.

Settings of all emulators (`EmulatorControl.set`): `latency`, `keys`, `heavy` (pictures weigh what real ones do),
`job_seconds` (see `jobs`), `hooks`, `hook_tries`, `hook_retry_seconds` (see `hooks`), `url_seconds`, `gone_status`
(see `media`), `retired` (model ids that are gone). A provider's own switches stand in its module.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tests.emulators import faults, pictures
from tests.emulators.doors import CONTROL, open_door
from tests.emulators.faults import Fault
from tests.emulators.forms import Unreadable
from tests.emulators.hooks import Hooks
from tests.emulators.jobs import FINAL, Job, Jobs
from tests.emulators.loopback import Request, Wire
from tests.emulators.media import TRAP, Media
from tests.emulators.orders import Order, Refusal
from tests.emulators.pictures import Kind, Picture
from tests.emulators.serving import Exchange, Serving


class Emulator(Serving):
    """Counts every picture that the real provider would have billed, and can fail on demand."""

    name: ClassVar[str]
    key: ClassVar[str]
    base_path: ClassVar[str] = "/v1"
    account_id: ClassVar[str] = ""

    def __init__(self) -> None:
        self._drawn: dict[Kind, asyncio.Task[Picture]] = {}
        self._sendings: set[asyncio.Task[None]] = set()
        self.media = Media()
        self.jobs = Jobs(self._job_moved)
        self.hooks = Hooks(self.sign)
        super().__init__()

    def forget(self) -> None:
        """Start anew, with no job, file or webhook either."""
        super().forget()
        self.settings.keys = [self.key]
        self._spent: Counter[str] = Counter()
        self.trapped = 0
        self.media.forget()
        self.jobs.forget()
        self.hooks.forget()
        self.set({})

    def set(self, changes: Mapping[str, Any]) -> None:
        """Change settings; an unknown name is an error."""
        self.settings = replace(self.settings, **changes)
        self.media.seconds, self.media.gone_status = self.settings.url_seconds, self.settings.gone_status

    async def handle(self, request: Request, wire: Wire) -> None:
        """Answer a client or a test."""
        if request.path.startswith(CONTROL):
            await open_door(self, request, wire)
        elif request.path == TRAP:
            self.trapped += 1
            await wire.answer(200, b"trapped", content_type="text/plain")
        else:
            await self.serve(request, wire)

    async def take(self, exchange: Exchange, order: Order) -> list[Picture]:
        """Accept an order: find its fault, wait, draw and bill; return the results as the fault would have them."""
        record = exchange.record
        record.prompt, record.model, record.n = order.prompt, order.model, order.n
        if order.model in self.settings.retired:
            raise self.refusal_on_demand("model_not_found")
        fault = self._next_fault(order.prompt)
        record.fault = fault.name if fault else ""
        if fault and fault.place == "submit":
            exchange.fault = fault
        else:
            exchange.later = fault
        if self.settings.latency:
            await asyncio.sleep(self.settings.latency)
        results = [await self.draw(order, number) for number in range(order.n)]
        record.paid = order.n if self._is_paid(exchange.fault) else 0
        self.refuse_on_demand(exchange)
        return faults.spelled(results, exchange.fault) if exchange.fault else results

    def _is_paid(self, fault: Fault | None) -> bool:
        if fault is None:
            return True
        free = fault.name in faults.UNPAID or (fault.name in self.refusals and fault.name != "server_error_charged")
        return fault.parameters.get("charged", "0" if free else "1") != "0"

    def _next_fault(self, prompt: str) -> Fault | None:
        if self.queued["submit"]:
            return self.queued["submit"].popleft()
        fault = faults.find_marker(prompt)
        if fault and fault.place == "submit" and "times" in fault.parameters:
            self._spent[prompt] += 1
            return fault if self._spent[prompt] <= fault.number("times", 1) else None
        return fault

    async def draw(self, order: Order, number: int) -> Picture:
        """Return picture `number` of an order."""
        width, height = order.pixels
        kind = Kind(
            width,
            height,
            order.output_format,
            transparent=order.background == "transparent",
            compression=order.compression,
            heavy=self.settings.heavy,
            variant=(len(self.records) + number) % pictures.VARIANTS,
        )
        if order.references:
            return Picture(await _edited(kind, order), kind.format)
        if kind not in self._drawn:
            self._drawn[kind] = asyncio.create_task(asyncio.to_thread(_drawn, kind))
        return await asyncio.shield(self._drawn[kind])

    def item(self, picture: Picture, fault: Fault | None, form: str) -> dict[str, Any]:
        """Return one result as `url` or `b64_json`, or as the fault would have it."""
        name = fault.name if fault else ""
        item: dict[str, Any] = {"b64_json": picture}
        if name == "url_and_base64":
            item["url"] = self.media.put(picture)
        elif form == "url" or name.startswith(("url_", "result_url")):
            item = {"url": self.media.put(picture, fault)}
        return faults.ITEMS[name](item) if name in faults.ITEMS else item

    def start_job(self, exchange: Exchange, job_id: str, order: Order, results: list[Picture], **details: Any) -> Job:
        """Store a new job; the answer's `then` has to be `follow(job)`."""
        fault = exchange.fault or exchange.later or Fault("")
        job = Job(job_id, order, exchange.record, results, fault, **details)
        self.jobs.add(job)
        return job

    def follow(self, job: Job) -> Callable[[], None]:
        """Return what starts the job's way once its first answer is out."""
        return lambda: self.jobs.follow(job, self.settings.job_seconds)

    def shown_id(self, job: Job) -> str | None:
        """Return the id in the first answer: the job's, or what its fault makes of it."""
        wrong: dict[str, str | None] = {
            "job_without_id": None,
            "job_huge_id": "x" * 10_240,
            "job_reused_id": next(iter(self.jobs.all)),
        }
        return wrong.get(job.fault.name, job.id)

    def polled(self, exchange: Exchange, job_id: str) -> Job:
        """Return the job that is asked for, and let this poll meet the job's fault; refuse one that is not there."""
        job = self.jobs.all.get(job_id)
        if job:
            job.polls += 1
        if job is None or job.is_lost:
            raise self.unknown_job()
        if exchange.fault and exchange.fault.name == "job_swapped":
            return next(other for other in self.jobs.all.values() if other is not job)
        fault = job.fault
        if fault.name in faults.DOCUMENTS or (fault.place == "poll" and job.polls <= fault.number("times", 10**9)):
            exchange.fault = exchange.fault or fault
        return job

    def unknown_job(self) -> Refusal:
        """Return the answer to an id that is not known."""
        raise NotImplementedError

    async def _job_moved(self, job: Job) -> None:
        event = job.state if job.state in FINAL else "progress"
        if job.hook_url and event in job.hook_events and self.settings.hooks == "send":
            sending = asyncio.create_task(self._deliver(job, event))
            self._sendings.add(sending)
            sending.add_done_callback(self._sendings.discard)

    async def _deliver(self, job: Job, event: str) -> None:
        for number in range(self.settings.hook_tries):
            if number:
                await asyncio.sleep(self.settings.hook_retry_seconds)
            if 200 <= await self.send_hook(job, event) < 300:
                return

    async def send_hook(self, job: Job, event: str, url: str = "", **how: Any) -> int:
        """Send one webhook about a job now; return the status of the answer."""
        headers = dict(self.hook_headers(event))
        document = self.hook_document(job, event)
        return await self.hooks.send(url or job.hook_url, document, self.hook_secret(job), headers=headers, **how)

    def sign(self, raw: bytes, secret: str, moment: int | None) -> Mapping[str, str]:
        """Return the headers that sign a webhook."""
        raise NotImplementedError

    def hook_document(self, job: Job, event: str) -> dict[str, Any]:
        """Return the body of a webhook."""
        raise NotImplementedError

    def hook_secret(self, job: Job) -> str:
        """Return the secret that signs webhooks."""
        raise NotImplementedError

    def hook_headers(self, event: str) -> Mapping[str, str]:
        """Return the headers of a webhook besides type and signature."""
        return {}


async def _edited(kind: Kind, order: Order) -> bytes:
    try:
        return await asyncio.to_thread(pictures.draw, kind, order.references, order.mask)
    except (OSError, SyntaxError) as error:
        # How Pillow says that a file with the right beginning is broken further on.
        raise Unreadable("The image cannot be read.") from error


def _drawn(kind: Kind) -> Picture:
    picture = Picture(pictures.draw(kind), kind.format)
    # Encoded here, in a thread, and not while all other calls wait.
    assert picture.text
    return picture
