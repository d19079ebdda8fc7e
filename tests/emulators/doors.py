"""The emulator's side of the control door."""

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.emulators.faults import Fault
from tests.emulators.loopback import Request, Wire

if TYPE_CHECKING:
    from tests.emulators.core import Emulator

CONTROL = "/_control/"


async def open_door(emulator: "Emulator", request: Request, wire: Wire) -> None:
    """Answer one request of a test."""
    body = json.loads(request.body or b"{}")
    status = 200
    try:
        document = await _act(emulator, request.path.removeprefix(CONTROL), body)
    except (KeyError, TypeError) as error:
        # A setting or a job that this emulator does not know is a mistake of the test, which has to hear of it.
        status, document = 400, {"error": str(error)}
    await wire.answer(status, json.dumps(document).encode(), content_type="application/json")


async def _act(emulator: "Emulator", door: str, body: dict[str, Any]) -> Any:
    if door == "reset":
        emulator.forget()
    elif door == "settings":
        emulator.set(body)
    elif door == "faults":
        fault = Fault(body["fault"], {key: str(value) for key, value in body.get("parameters", {}).items()})
        emulator.queued[fault.place].extend([fault] * int(body.get("times", 1)))
    elif door == "advance":
        await _advance(emulator, body["job"], int(body["steps"]))
    elif door == "hook":
        return await _send_hooks(emulator, body)
    return _shown(emulator, door)


def _shown(emulator: "Emulator", door: str) -> Any:
    if door == "about":
        return {
            "name": emulator.name,
            "key": emulator.key,
            "base_path": emulator.base_path,
            "account_id": emulator.account_id,
            "media": urlsplit(emulator.media.url).netloc,
        }
    if door == "requests":
        return [asdict(record) for record in emulator.records]
    if door == "jobs":
        return [
            {"id": job.id, "state": job.state, "polls": job.polls, "prompt": job.order.prompt, "hook_url": job.hook_url}
            for job in emulator.jobs.all.values()
        ]
    if door == "hooks":
        return [
            asdict(delivery) | {"body": delivery.body.decode("utf-8", "replace")}
            for delivery in emulator.hooks.deliveries
        ]
    if door == "fetches":
        return [asdict(fetch) for fetch in emulator.media.fetches]
    return _stats(emulator)


def _stats(emulator: "Emulator") -> dict[str, Any]:
    records = emulator.records
    return {
        "requests": len(records),
        "paid_requests": sum(1 for record in records if record.paid),
        "paid_pictures": sum(record.paid for record in records),
        "in_flight": emulator.in_flight,
        "most_in_flight": emulator.most_in_flight,
        "trapped": emulator.trapped + emulator.media.trapped,
        "queued_faults": sum(len(queue) for queue in emulator.queued.values()),
        "calls": Counter(place for _, _, place in emulator.calls),
        "by_path": Counter(f"{method} {path}" for method, path, _ in emulator.calls),
        "fetches": len(emulator.media.fetches),
        "hooks": len(emulator.hooks.deliveries),
        **emulator.counted,
    }


async def _advance(emulator: "Emulator", wanted: str, steps: int) -> None:
    jobs = [emulator.jobs.all[wanted]] if wanted else list(emulator.jobs.all.values())
    for job in jobs:
        for _ in range(steps):
            await emulator.jobs.move(job)


async def _send_hooks(emulator: "Emulator", body: dict[str, Any]) -> list[int]:
    job = emulator.jobs.all[body.pop("job")]
    event, times, at_once = body.pop("event"), body.pop("times"), body.pop("at_once")
    sendings = [emulator.send_hook(job, event, **body) for _ in range(times)]
    if at_once:
        return list(await asyncio.gather(*sendings))
    return [await sending for sending in sendings]
