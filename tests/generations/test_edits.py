"""Edits that a provider may want put in another way, and what making their requests costs."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations.engine import engine
from studio.generations.models import Generation
from studio.ledger.services import grant
from studio.providers.adapters.base import Endpoint, HttpRequest, ImageRequest
from studio.providers.adapters.cloudflare import CloudflareAdapter
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.factories import make_asset
from tests.generations.making import submit
from tests.generations.providers import all_emulators, connect, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    with all_emulators(("pixapi", "cloudflare", "apiframe")) as running:
        yield running


@pytest.fixture
def connections(
    emulators: dict[str, EmulatorControl], team: Team, settings: Settings, tmp_path: Path
) -> dict[str, Connection]:
    """The team's connections, by protocol."""
    for emulator in emulators.values():
        emulator.reset()
        emulator.set(job_seconds=0)
    settings.PRIVATE_HOSTS = frozenset().union(*(emulator.places for emulator in emulators.values()))
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CALL_DEADLINE = 20
    return {name: connect(emulator, name, team=team) for name, emulator in emulators.items()}


def kinds(generation: Generation) -> Sequence[str]:
    return [attempt.error_kind or attempt.state for attempt in generation.attempts.order_by("number")]


def edit(team: Team, member: User, slug: str, references: int, prompt: str = "A red kite") -> Generation:
    grant(team=team, amount=100, reason="for edits", actor=None, key="edits")
    return submit(
        team,
        member,
        model_slug=slug,
        prompt=prompt,
        n=1,
        quality="low",
        references=[make_asset(team).pk for _ in range(references)],
    )


@pytest.mark.parametrize(
    ("protocol", "slug", "references", "switch"),
    [
        ("cloudflare", "cloudflare-gpt-image-1.5", 1, {"edit_field": "image"}),
        ("pixapi", "pixapi-gpt-image-2", 2, {"several_as": "image[]"}),
    ],
)
def test_edit_that_is_refused_is_put_in_the_other_form(
    team: Team,
    member: User,
    connections: dict[str, Connection],
    emulators: dict[str, EmulatorControl],
    protocol: str,
    slug: str,
    references: int,
    switch: dict[str, str],
) -> None:
    emulators[protocol].set(**switch)

    generation = work(edit(team, member, slug, references))

    assert kinds(generation) == ["invalid_request", "closed"]
    assert emulators[protocol].stats()["paid_pictures"] == 1


@pytest.mark.parametrize(
    ("slug", "references", "tries"),
    [
        ("cloudflare-gpt-image-1.5", 1, 2),
        ("cloudflare-gpt-image-1.5", 2, 1),
        ("cloudflare-gpt-image-2", 1, 1),
        ("pixapi-gpt-image-2", 1, 1),
        ("pixapi-gpt-image-2", 2, 2),
    ],
)
def test_edit_that_no_form_helps_says_what_the_provider_said(
    team: Team, member: User, connections: dict[str, Connection], slug: str, references: int, tries: int
) -> None:
    generation = work(edit(team, member, slug, references, "A red kite [fault:bad_request]"))

    assert kinds(generation) == ["invalid_request"] * tries
    assert "did not accept these settings" in generation.outputs.get().message


def test_upload_that_fails_costs_nothing(
    team: Team, member: User, connections: dict[str, Connection], emulators: dict[str, EmulatorControl]
) -> None:
    emulators["apiframe"].fail("error_in_200", at="upload")

    generation = work(edit(team, member, "apiframe-gpt-image-2", 1))

    assert kinds(generation) == ["bad_answer"]
    assert not generation.attempts.get().possible_cost


def test_pictures_are_made_into_text_by_as_many_threads_as_there_are_cores(
    team: Team, member: User, connections: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, cores = engine().cpu, os.cpu_count() or 1
    free = []
    build = CloudflareAdapter.build_request

    def watched(adapter: CloudflareAdapter, endpoint: Endpoint, request: ImageRequest) -> HttpRequest:
        entered = sum(gate.acquire(blocking=False) for _ in range(cores))
        for _ in range(entered):
            gate.release()
        free.append(entered)
        return build(adapter, endpoint, request)

    monkeypatch.setattr(CloudflareAdapter, "build_request", watched)
    work(edit(team, member, "cloudflare-gpt-image-2", 1))
    work(submit(team, member, model_slug="cloudflare-gpt-image-2", n=1))

    assert free == [cores - 1, cores]
