"""A paid picture waits for a store that does not answer, and is neither lost nor fetched twice."""

import time
from collections import Counter
from typing import Any

import pytest
from django.core.files.storage import default_storage

from studio.accounts.models import User
from studio.generations import fulfilment, unpacking
from studio.generations.models import Attempt, AttemptState, Generation, GenerationState
from studio.generations.spool import spool_path
from studio.ledger.queries import balance
from studio.library import files
from studio.library.errors import StoreDown
from studio.library.models import Asset
from studio.providers.models import Connection
from studio.teams.models import Team
from tests.generations.making import submit
from tests.generations.test_fulfilment import lose_worker, outcome
from tests.stores import Bucket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("credits", "bucket")]


def silence_the_store(seconds: float) -> None:
    """Let the store be away for so long, as after a call that it did not answer."""
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + seconds


@pytest.fixture(autouse=True)
def pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask often whether the store is back."""
    monkeypatch.setattr(unpacking, "STORE_PAUSE", 0.02)


def fulfilled(connection: Connection, generation: Generation) -> Generation:
    fulfilment.fulfil_next(connection.pk)
    generation.refresh_from_db()
    return generation


def test_pictures_are_kept_in_the_object_store(team: Team, member: User, rehearsal: Connection, bucket: Bucket) -> None:
    generation = fulfilled(rehearsal, submit(team, member, n=2))
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    wanted = [name for asset in Asset.objects.all() for name in (asset.original_name, asset.thumb_name)]
    assert bucket.names() == sorted(wanted)
    assert {asset.size for asset in Asset.objects.all()} == {
        files.sizes_of([asset.original_name])[asset.original_name] for asset in Asset.objects.all()
    }


def test_pictures_wait_for_a_store_that_is_away(team: Team, member: User, rehearsal: Connection) -> None:
    silence_the_store(1)
    generation = fulfilled(rehearsal, submit(team, member, n=2))
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert Attempt.objects.count() == 1
    assert balance(team).available == 98


def test_pictures_that_waited_too_long_are_not_charged(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "STORE_PATIENCE", 0.1)
    silence_the_store(60)
    generation = fulfilled(rehearsal, submit(team, member, n=2))
    assert outcome(generation) == (GenerationState.FAILED, Counter(failed=2))
    assert set(generation.outputs.values_list("reason", "message")) == {("storage", unpacking.STORE_AWAY.message)}
    assert balance(team).available == 100


def test_worker_that_stops_meanwhile_leaves_the_pictures_to_another(
    team: Team, member: User, rehearsal: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = submit(team, member, n=2)
    silence_the_store(60)
    with monkeypatch.context() as patch:
        patch.setattr(unpacking, "is_stopping", lambda: True)
        with pytest.raises(StoreDown):
            fulfilment.fulfil_next(rehearsal.pk)
    assert Attempt.objects.get().state == AttemptState.ANSWERED
    assert spool_path(Attempt.objects.get().token).is_file()
    silence_the_store(0)
    lose_worker(generation)
    fulfilment.resume(generation.pk)
    generation.refresh_from_db()
    assert outcome(generation) == (GenerationState.SUCCEEDED, Counter(delivered=2))
    assert (Attempt.objects.count(), balance(team).available) == (1, 98)
