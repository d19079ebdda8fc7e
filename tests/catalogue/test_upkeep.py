"""Ends of models: learned from a strict provider over real HTTP, and told to those who use them."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import time_machine
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from studio.accounts.models import User
from studio.catalogue.models import ImageModel
from studio.catalogue.services import sync_catalogue
from studio.catalogue.tasks import follow_ends, tell_end
from studio.catalogue.upkeep import claim_ends_to_tell, note_announced_ends
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.teams.models import Team
from tests.catalogue.making import connect, use
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator

SOON, LATER, LAST = "2026-11-20T12:00Z", "2026-11-21T12:00Z", date(2026, 12, 1)
# The upkeep lets go of the database while it waits for a provider.
asks = pytest.mark.django_db(transaction=True)
# Records of outputs that are made up.
tells = [pytest.mark.django_db, pytest.mark.breaks_invariants]


@pytest.fixture
def openai(settings: Settings) -> Iterator[EmulatorControl]:
    """One provider, whose models are in the catalogue."""
    with running_emulator("openai") as control:
        settings.PRIVATE_HOSTS = control.places
        yield control


def shared(emulator: EmulatorControl, **changes: Any) -> Connection:
    sync_catalogue()
    fields: dict[str, Any] = {"team": None, "name": "OpenAI", "secret": emulator.key} | changes
    return create_connection(protocol="openai", base_url=emulator.base_url, actor=None, **fields)


def announced() -> dict[str, date]:
    rows = ImageModel.objects.exclude(announced_end=None)
    return {row.slug: row.announced_end for row in rows if row.announced_end}


@asks
def test_announced_ends_are_noted_moved_and_taken_back(openai: EmulatorControl) -> None:
    shared(openai)
    for dates, noted in [
        ({"gpt-image-2": "2027-06-01"}, {"gpt-image-2": date(2027, 6, 1), "gpt-image-1.5": LAST}),
        ({"gpt-image-2": "2027-03-01"}, {"gpt-image-2": date(2027, 3, 1), "gpt-image-1.5": LAST}),
        ({"gpt-image-2": None}, {"gpt-image-1.5": LAST}),
    ]:
        openai.set(shutdown_dates=dates)
        note_announced_ends()
        assert announced() == noted


@asks
def test_model_that_is_not_listed_keeps_its_announced_end(openai: EmulatorControl) -> None:
    shared(openai)
    ImageModel.objects.filter(slug="gpt-image-2").update(announced_end=date(2027, 6, 1))
    openai.set(unlisted=["gpt-image-2"])
    note_announced_ends()
    assert announced()["gpt-image-2"] == date(2027, 6, 1)


@asks
def test_server_of_one_team_ends_no_model_for_all(openai: EmulatorControl, team: Team) -> None:
    shared(openai, team=team)
    note_announced_ends()
    assert announced() == {}


@asks
def test_connection_that_refuses_changes_nothing_and_stops_no_other(openai: EmulatorControl) -> None:
    shared(openai, name="Wrong key", secret="sk-wrong-key-of-nobody-0000000000")
    note_announced_ends()
    assert announced() == {}
    shared(openai)
    note_announced_ends()
    assert announced() == {"gpt-image-1.5": LAST}


class TestTelling:
    """Mail to the admins of teams that used a model that is about to end."""

    pytestmark = tells

    @pytest.fixture(autouse=True)
    def _in_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Do what is sent to a worker in its place, and ask no provider."""
        monkeypatch.setattr(tell_end, "delay", tell_end)
        sync_catalogue()

    @pytest.mark.usefixtures("other_team")
    @time_machine.travel(SOON)
    def test_admins_of_teams_that_used_a_model_hear_of_its_end_once(
        self,
        team: Team,
        owner: User,
        admin: User,
        member: User,
        settings: Settings,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        settings.BASE_URL = "https://studio.example"
        connect(team, "Rehearsal", "rehearsal")
        connect(team, "Cloudflare", "cloudflare")
        use(team, member, "gpt-image-1.5")
        use(team, member, "gpt-image-2")
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                follow_ends()
        assert sorted(address for letter in mail.outbox for address in letter.to) == sorted([owner.email, admin.email])
        letter = mail.outbox[0]
        assert letter.subject == "GPT Image 1.5 ends on 1 Dec 2026"
        assert "Halden & Co made images with GPT Image 1.5 in the last 30 days." in letter.body
        assert "Use GPT Image 2.5 Sunburst (Cloudflare) instead." in letter.body
        assert "https://studio.example/t/halden-co/team/models/gpt-image-1.5/" in letter.body

    def test_end_that_moves_is_told_again(self, team: Team, member: User) -> None:
        model = ImageModel.objects.get(slug="gpt-image-1.5")
        with time_machine.travel(SOON):
            use(team, member, "gpt-image-1.5")
            assert claim_ends_to_tell() == [(model.pk, team.pk)]
        with time_machine.travel(LATER):
            assert claim_ends_to_tell() == []
            ImageModel.objects.filter(pk=model.pk).update(announced_end=date(2026, 12, 20))
            assert claim_ends_to_tell() == [(model.pk, team.pk)]
            assert claim_ends_to_tell() == []

    @pytest.mark.parametrize("moment", ["2026-10-31T12:00Z", "2026-12-01T12:00Z"])
    def test_end_that_is_far_or_past_is_told_nobody(self, moment: str, team: Team, member: User) -> None:
        with time_machine.travel(moment):
            use(team, member, "gpt-image-1.5")
            assert claim_ends_to_tell() == []
        assert not ImageModel.objects.exclude(told_end=None).exists()
