"""Words that no picture has any more: forgotten soon, and never while a picture that has them is on its way."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from studio.accounts.models import User
from studio.library import binning, word_upkeep
from studio.library.models import Asset, FormerWord, Word
from studio.library.search import LibrarySearch
from studio.library.word_upkeep import forget_words
from studio.library.words import vector_of
from studio.teams.models import Team
from tests.library.test_queries import plant, walked


def words_of(team: Team) -> set[str]:
    return set(Word.objects.filter(team=team).values_list("word", flat=True))


def purge(team: Team, *assets: Asset) -> None:
    ids = [asset.pk for asset in assets]
    Asset.objects.filter(pk__in=ids).update(binned_at=timezone.now())
    assert binning.purge(team_id=team.pk, asset_ids=ids, actor_id=None) == ids


def name_anew(asset: Asset, text: str) -> None:
    Asset.objects.filter(pk=asset.pk).update(words=vector_of(text))


def test_purged_pictures_leave_no_word_behind(team: Team, other_team: Team, viewer: User) -> None:
    gone, kept, binned = plant(team, viewer, ["sea fox 東京 🦊 don't", "red sea", "old fox"])
    plant(other_team, viewer, ["東京"])
    Asset.objects.filter(pk=binned.pk).update(binned_at=timezone.now())
    purge(team, gone)
    assert forget_words() == 7
    assert (words_of(team), words_of(other_team)) == ({"red", "sea", "old", "fox"}, {"東京", "京"})
    assert not FormerWord.objects.exists()
    assert forget_words() == 0
    assert walked(team, viewer, LibrarySearch(q="se"), size=5) == [kept.pk]


def test_words_of_former_texts_are_forgotten_too(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["secret sea"])
    name_anew(asset, "open sea")
    assert (forget_words(), words_of(team)) == (1, {"open", "sea"})


def test_forgetting_goes_on_where_it_stopped(team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_upkeep, "_BATCH", 4)
    purge(team, *plant(team, viewer, [f"a{number} b{number} c" for number in range(5)]))
    assert forget_words(seconds=0) == 0
    assert len(words_of(team)) == 11
    assert forget_words() == 15
    assert words_of(team) == set()


# Two at once


def beside(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> Future[Any]:
    """Run it at the same time, on a connection of its own."""

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return pool.submit(run)


@pytest.mark.django_db(transaction=True)
def test_word_of_a_picture_on_its_way_is_kept(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["fox"])
    name_anew(asset, "owl")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            plant(team, viewer, ["fox"])
            assert beside(pool, forget_words).result(timeout=60) == 0
        assert beside(pool, forget_words).result(timeout=60) == 1
    assert words_of(team) == {"fox", "owl"}


@pytest.mark.django_db(transaction=True)
def test_word_that_is_just_being_forgotten_is_kept_anew(team: Team, viewer: User) -> None:
    [asset] = plant(team, viewer, ["fox"])
    name_anew(asset, "owl")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert (forget_words(), words_of(team)) == (1, {"owl"})
            coming = beside(pool, lambda: plant(team, viewer, ["fox"]))
            _wait_until_one_waits()
        coming.result(timeout=60)
    assert words_of(team) == {"fox", "owl"}


def _wait_until_one_waits() -> None:
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
                "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
            )
            if cursor.fetchone() == (1,):
                return
        time.sleep(0.05)
    raise AssertionError("the picture does not wait")
