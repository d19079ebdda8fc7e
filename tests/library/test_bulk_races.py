"""Acts on the same pictures at the same moment: each is whole, and none waits for ever."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from studio.library import acting, bulk
from studio.library.models import Asset, AssetTag, BulkAct, BulkState, Collection, CollectionItem, Tag
from studio.library.search import LibrarySearch
from studio.library.selection import Selection
from studio.teams.models import Team
from tests.factories import make_asset, make_member, make_team

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = 40


@pytest.fixture
def own_team() -> Team:
    """A team with pictures."""
    team = make_team("Racers")
    for _ in range(PICTURES):
        make_asset(team)
    return team


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run all of them at once, each on a connection of its own."""

    def run(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [future.result(timeout=60) for future in [threads.submit(run, call) for call in calls]]


def test_acts_on_the_same_pictures_do_not_wait_in_a_circle(own_team: Team) -> None:
    actors = [make_member(own_team) for _ in range(2)]
    tag = Tag.objects.create(team=own_team, name="hero", key="hero")
    collection = Collection.objects.create(team=own_team, name="x", key="x", created_by=actors[0])
    ids = list(Asset.objects.for_team(own_team).values_list("pk", flat=True))
    about: dict[str, dict[str, Any]] = {
        "tag": {"tag": tag.pk, "name": "hero"},
        "collect": {"collection": collection.pk, "name": "x"},
        "status": {"status": "approved", "name": "approved"},
        "favourite": {},
    }

    def press(act: str, *, is_backwards: bool) -> BulkAct:
        chosen = Selection(ids=tuple(reversed(ids) if is_backwards else ids))
        actor = actors[is_backwards]
        return acting.start(team=own_team, actor=actor, act=act, value=about[act], selection=chosen, key=uuid.uuid4())

    def call(act: str, *, is_backwards: bool) -> Callable[[], BulkAct]:
        return lambda: press(act, is_backwards=is_backwards)

    acts = together(*(call(act, is_backwards=bool(number % 2)) for number, act in enumerate([*about, *about])))
    assert [act.state for act in acts] == [BulkState.DONE] * 8
    assert AssetTag.objects.filter(tag=tag).count() == PICTURES
    assert CollectionItem.objects.filter(collection=collection).count() == PICTURES
    assert set(Asset.objects.for_team(own_team).values_list("status", flat=True)) == {"approved"}


def test_two_presses_of_one_form_are_one_act(own_team: Team) -> None:
    actor, key = make_member(own_team), uuid.uuid4()
    chosen = Selection(search=LibrarySearch(), newest=None)

    def press() -> BulkAct:
        return acting.start(team=own_team, actor=actor, act="bin", value={}, selection=chosen, key=key)

    acts = together(press, press, press)
    assert len({act.pk for act in acts}) == BulkAct.objects.count() == 1
    assert BulkAct.objects.get().done == PICTURES


def test_several_processes_on_one_act_do_each_batch_once(own_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "BATCH", 4)
    monkeypatch.setattr(acting, "AT_ONCE", 1)
    chosen = Selection(search=LibrarySearch(), newest=None)
    act = acting.start(
        team=own_team, actor=make_member(own_team), act="bin", value={}, selection=chosen, key=uuid.uuid4()
    )

    def work() -> None:
        """Go on as if the leases of the others were over."""
        while bulk.step(act.pk):
            pass

    together(work, work, work)
    act.refresh_from_db()
    assert (act.state, act.done, act.skipped, Asset.objects.binned().count()) == (BulkState.DONE, PICTURES, 0, PICTURES)
    acting.undo(act=act)
    together(work, work, work)
    act.refresh_from_db()
    assert (act.state, act.undone, act.kept, Asset.objects.binned().count()) == (BulkState.UNDONE, PICTURES, 0, 0)
