"""Pictures that go along reach the wire, or the call waits: what breaks here is ours, and no provider is blamed."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from PIL import Image
from pytest_django.fixtures import Settings

from studio.accounts.models import User
from studio.generations import fulfilment, requesting
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState
from studio.ledger.services import grant
from studio.library.intake import add_upload
from studio.library.models import Asset
from studio.providers.adapters.base import InputImage
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator
from tests.factories import make_asset
from tests.generations.providers import connect, order, work
from tests.generations.test_store_away import silence_the_store
from tests.library import corpus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits")]


@pytest.fixture(scope="module")
def running() -> Iterator[EmulatorControl]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: EmulatorControl, settings: Settings, tmp_path: Path) -> EmulatorControl:
    running.reset()
    settings.PRIVATE_HOSTS = running.places
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SPOOL_ROOT = tmp_path / "spool"
    return running


@pytest.fixture
def openai(emulator: EmulatorControl, team: Team) -> Connection:
    return connect(emulator, "openai", team=team)


@pytest.fixture
def edit(openai: Connection, team: Team, member: User) -> Generation:
    """An edit of one picture, submitted."""
    grant(team=team, amount=100, reason="for edits", actor=None, key="edits")
    return order(team, member, "openai", references=[make_asset(team).pk])


def hold_that_nothing_was_sent(edit: Generation, emulator: EmulatorControl, said: str) -> None:
    """Hold that the call waits for another try, and that its provider is blamed for nothing."""
    edit.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (edit.state, attempt.state, attempt.error_kind) == (
        GenerationState.QUEUED,
        AttemptState.FAILED,
        "not_ready",
    )
    assert said in attempt.provider_message
    assert not attempt.possible_cost
    assert emulator.stats()["requests"] == 0
    blamed = Connection.objects.get()
    assert (blamed.failures, blamed.paused_kind, blamed.resume_at) == (0, "", None)


def hold_that_it_is_made_after_all(edit: Generation, emulator: EmulatorControl) -> None:
    assert work(edit).state == GenerationState.SUCCEEDED
    assert emulator.stats()["requests"] == 1


@pytest.mark.usefixtures("bucket")
def test_edit_waits_for_a_store_that_is_away(edit: Generation, openai: Connection, emulator: EmulatorControl) -> None:
    silence_the_store(60)
    fulfilment.fulfil_next(openai.pk)

    hold_that_nothing_was_sent(edit, emulator, requesting.STORE_AWAY)
    silence_the_store(0)
    hold_that_it_is_made_after_all(edit, emulator)


@pytest.mark.parametrize(
    ("is_edit", "said"),
    [
        (True, "The call could not be made ready: Not a directory."),
        (False, "The spool cannot be written: Not a directory."),
    ],
)
def test_call_waits_for_a_disk_that_takes_nothing(
    openai: Connection,
    team: Team,
    member: User,
    emulator: EmulatorControl,
    settings: Settings,
    is_edit: bool,
    said: str,
) -> None:
    generation = order(team, member, "openai", references=[make_asset(team).pk] if is_edit else [])
    spool = Path(settings.SPOOL_ROOT)
    spool.write_text("a file where the folder should be")
    fulfilment.fulfil_next(openai.pk)

    hold_that_nothing_was_sent(generation, emulator, said)
    spool.unlink()
    hold_that_it_is_made_after_all(generation, emulator)


def test_edit_waits_for_a_database_that_is_away(
    edit: Generation, openai: Connection, emulator: EmulatorControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Attempt) -> int:
        raise DatabaseError("the server is gone")

    with monkeypatch.context() as gone:
        gone.setattr(requesting, "_forms_refused", away)
        fulfilment.fulfil_next(openai.pk)

    hold_that_nothing_was_sent(edit, emulator, "The call could not be made ready: the database did not answer.")
    hold_that_it_is_made_after_all(edit, emulator)


def test_reference_that_is_gone_ends_the_edit_and_says_so(
    edit: Generation, openai: Connection, emulator: EmulatorControl, settings: Settings
) -> None:
    [original] = Path(settings.MEDIA_ROOT).glob("originals/*/*/*")
    original.unlink()
    fulfilment.fulfil_next(openai.pk)

    edit.refresh_from_db()
    assert edit.state == GenerationState.FAILED
    assert edit.outputs.get().message == requesting.GONE
    assert emulator.stats()["requests"] == 0


def test_uploaded_reference_goes_along_upright_and_without_its_location(
    openai: Connection, team: Team, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = [corpus.turned_jpeg(6), corpus.with_metadata("41.40338, 2.17403")]
    uploads = [
        add_upload(team=team, actor=member, file=ContentFile(data), file_name="IMG_1.jpg").asset for data in received
    ]
    sent: list[bytes] = []
    put_down = requesting._put_down

    def watched(asset: Asset | None, path: Path) -> InputImage:
        made = put_down(asset, path)
        sent.append(path.read_bytes())
        return made

    monkeypatch.setattr(requesting, "_put_down", watched)
    edit = order(team, member, "openai", references=[upload.pk for upload in uploads])
    assert work(edit).state == GenerationState.SUCCEEDED
    turned, noted = sent
    assert Image.open(BytesIO(turned)).size == (64, 96)
    assert b"41.40338" not in noted


def test_no_database_connection_is_held_while_references_are_fetched(
    edit: Generation, openai: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    class Watched:
        @staticmethod
        def open(name: str) -> Any:
            held.append(connection.connection is not None)
            return default_storage.open(name)

    monkeypatch.setattr(requesting, "default_storage", Watched())
    assert work(edit).state == GenerationState.SUCCEEDED
    assert held == [False]
