"""Connections to emulators, and what a whole generation needs there."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.db.models.functions import Now

from studio.accounts.models import User
from studio.catalogue.models import ImageModel
from studio.catalogue.services import sync_catalogue
from studio.generations import fulfilment, jobs
from studio.generations.models import Attempt, AttemptState, Generation
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator
from tests.generations.making import submit

PROTOCOLS: Final = ("openai", "aigateway", "pixapi", "apiframe", "aimlapi", "cloudflare")
# The ones that answer with a job, and the setting that makes the emulator do so.
JOBS: Final[dict[str, dict[str, Any]]] = {
    "aigateway": {"answer_as_job": True, "poll_seconds": 0},
    "pixapi": {},
    "apiframe": {},
}
# What each family is asked for in tests; GPT Image 2 outlives the day on which 1.5 ends.
MODELS: Final = {
    "openai": "gpt-image-2",
    "aigateway": "aigateway-gpt-image-1.5",
    "pixapi": "pixapi-gpt-image-2",
    "apiframe": "apiframe-gpt-image-2",
    "aimlapi": "aimlapi-gpt-image-2",
    "cloudflare": "cloudflare-gpt-image-2",
}


@contextmanager
def all_emulators(names: tuple[str, ...] = PROTOCOLS) -> Iterator[dict[str, EmulatorControl]]:
    """Run several emulators for the length of a block."""
    if not names:
        yield {}
        return
    with running_emulator(names[0]) as first, all_emulators(names[1:]) as others:
        yield {names[0]: first, **others}


def connect(emulator: EmulatorControl, protocol: str, *, team: Team | None, name: str = "") -> Connection:
    """Connect a team to a running emulator, with the catalogue in place and no model at its end."""
    if not ImageModel.objects.exists():
        sync_catalogue()
    ImageModel.objects.update(retires_on=None)
    account = emulator.about.get("account_id", "")
    return create_connection(
        team=team,
        name=name or protocol,
        protocol=protocol,
        base_url=emulator.base_url,
        secret=emulator.key,
        options={"account_id": account} if account else {},
        actor=None,
    )


def order(team: Team, actor: User, protocol: str, prompt: str = "A red kite", **changes: Any) -> Generation:
    """Submit a request to the protocol's model, in settings that the model has."""
    model = ImageModel.objects.get(slug=MODELS[protocol])
    qualities = model.capabilities["qualities"]
    settings: dict[str, Any] = {
        "n": 1,
        "quality": "low" if "low" in qualities else qualities[0],
        "size": "1024x1024",
    } | changes
    return submit(team, actor, model_slug=model.slug, prompt=prompt, **settings)


def work(generation: Generation, *, rounds: int = 12) -> Generation:
    """Do the worker's and the upkeep's part until the generation has ended, with every pause skipped."""
    for _ in range(rounds):
        Generation.objects.filter(pk=generation.pk).update(next_try_at=None)
        Connection.objects.update(resume_at=None)
        generation.refresh_from_db()
        if not generation.is_live:
            break
        fulfilment.fulfil_next(generation.connection_id)
        poll()
        for pk in jobs.parked_ones(10):
            fulfilment.resume(pk)
    generation.refresh_from_db()
    return generation


def poll() -> set[int]:
    """Ask for every job now, however lately it was asked for."""
    Attempt.objects.filter(state=AttemptState.ACCEPTED).update(poll_at=Now() - timedelta(seconds=1))
    return set(jobs.poll_due())


def outcome(generation: Generation) -> tuple[str, Counter[str]]:
    """The state of a generation, and how many outputs are in which."""
    generation.refresh_from_db()
    return generation.state, Counter(generation.outputs.values_list("state", flat=True))
