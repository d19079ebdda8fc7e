"""Only what is new since the last download of the same: exact, also long after the lists of then have been cleared."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from studio.accounts.models import User
from studio.exports import freezing, services, upkeep
from studio.exports.errors import NothingToExport
from studio.exports.models import Export, ExportPage, HandedList, State
from studio.library import binning
from studio.library.models import Asset, Collection, CollectionItem
from studio.library.words import fold
from studio.teams.models import Team
from tests.exports.archives import make_export
from tests.factories import make_asset
from tests.together import at_once

pytestmark = pytest.mark.django_db


def pass_time() -> None:
    """Let all downloads end and be cleared away."""
    Export.objects.update(expires_at=timezone.now(), lease_expires_at=None)
    while upkeep.clear_over():
        pass
    assert not ExportPage.objects.exists()


@pytest.fixture(params=[lambda: None, pass_time], ids=["within a week", "long after"])
def later(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Let some time pass between two downloads, or a long one."""
    passing: Callable[[], None] = request.param
    return passing


def new_to(team: Team, author: User, *, query: str = "", **wish: Any) -> list[Asset]:
    """Download only what is new and return that."""
    try:
        export = make_export(team, author, query=query, only_new=True, **wish)
    except NothingToExport:
        return []
    ids = [pk for page in export.pages.order_by("first") for pk in page.asset_ids]
    return [Asset.objects.get(pk=pk) for pk in ids]


def test_everything_comes_once(team: Team, owner: User, later: Callable[[], None]) -> None:
    first = [make_asset(team), make_asset(team)]
    assert new_to(team, owner) == first
    for _ in range(3):
        later()
        assert new_to(team, owner) == []
        new = make_asset(team)
        assert new_to(team, owner) == [new]
    later()
    assert new_to(team, owner) == []


@pytest.mark.django_db(transaction=True)
def test_whoever_asks_twice_at_once_gets_everything_once(team: Team, owner: User) -> None:
    asset = make_asset(team)
    outcomes = at_once([lambda: new_to(team, owner)] * 4)
    assert sorted(outcomes, key=len) == [[], [], [], [asset]]


def test_picture_that_a_search_finds_only_now_is_new(team: Team, owner: User, later: Callable[[], None]) -> None:
    assets = [make_asset(team) for _ in range(3)]
    for asset in reversed(assets):
        Asset.objects.filter(pk=asset.pk).update(status="approved")
        assert [found.pk for found in new_to(team, owner, query="status=approved")] == [asset.pk]
        later()
    assert new_to(team, owner, query="status=approved") == []


def test_older_picture_that_came_into_a_collection_is_new(team: Team, owner: User, later: Callable[[], None]) -> None:
    collection = Collection.objects.create(team=team, name="Autumn", key=fold("Autumn"), created_by=owner)
    old, newer = make_asset(team), make_asset(team)
    for number, asset in enumerate((newer, old)):
        CollectionItem.objects.create(collection=collection, asset=asset, position=number * 1024, added_by=owner)
        assert new_to(team, owner, query=f"collection={collection.pk}") == [asset]
        later()
    assert new_to(team, owner) == [old, newer]


def test_bin_changes_nothing_about_what_was_handed_over(team: Team, owner: User, later: Callable[[], None]) -> None:
    handed, hidden, lost = make_asset(team), make_asset(team), make_asset(team)

    def to_bin(*assets: Asset) -> None:
        ids = [asset.pk for asset in assets]
        binning.bin_assets(team_id=team.pk, asset_ids=ids, actor_id=owner.pk, at=timezone.now())

    to_bin(hidden)
    assert new_to(team, owner) == [handed, lost]
    to_bin(handed, lost)
    pass_time()  # until then the purge has to wait
    assert binning.purge(team_id=team.pk, asset_ids=[lost.pk], actor_id=owner.pk) == [lost.pk]
    binning.restore_assets(team_id=team.pk, asset_ids=[handed.pk, hidden.pk])
    assert new_to(team, owner) == [hidden]
    later()
    assert new_to(team, owner) == []


def test_last_one_of_everything_counts_and_none_before_it(team: Team, owner: User, later: Callable[[], None]) -> None:
    one, two = make_asset(team), make_asset(team)
    make_export(team, owner)
    Asset.objects.filter(pk=one.pk).update(binned_at=timezone.now(), binned_by=owner)
    later()
    make_export(team, owner)
    later()
    Asset.objects.filter(pk=one.pk).update(binned_at=None, binned_by=None)
    assert new_to(team, owner) == [one]
    later()
    assert new_to(team, owner) == []
    assert set(HandedList.objects.latest("pk").asset_ids) | {two.pk} == {one.pk, two.pk}


def test_revoked_download_was_handed_over_unless_nobody_could_have_it(
    team: Team, owner: User, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_asset(team)
    services.revoke_export(export=make_export(team, owner), actor=owner)
    later()
    assert new_to(team, owner) == []
    second = make_asset(team)
    with monkeypatch.context() as patched:
        patched.setattr(services, "AT_ONCE", 0)
        waiting = make_export(team, owner)
    assert new_to(team, owner) == []  # those are on their way
    services.revoke_export(export=waiting, actor=owner)
    later()
    assert new_to(team, owner) == [second]
    assert [kept.asset_ids for kept in HandedList.objects.order_by("pk")] == [[first.pk], [second.pk]]


@pytest.mark.parametrize("ending", ["failed", "expired"])
def test_download_that_never_got_ready_was_not_handed_over(
    team: Team, owner: User, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    asset = make_asset(team)
    with monkeypatch.context() as patched:
        patched.setattr(services, "AT_ONCE", 0)
        make_export(team, owner)
    if ending == "failed":
        Export.objects.update(strikes=freezing.MOST_STRIKES)
        assert freezing.claim() is None
        assert Export.objects.get().state == State.FAILED
    else:
        pass_time()
    assert new_to(team, owner) == [asset]


def test_missing_picture_is_new_when_its_file_is_back(team: Team, owner: User, later: Callable[[], None]) -> None:
    whole, lost = make_asset(team), make_asset(team)
    with default_storage.open(lost.original_name) as file:
        data = file.read()
    default_storage.delete(lost.original_name)
    assert new_to(team, owner) == [whole, lost]
    later()
    assert new_to(team, owner) == [lost]  # and named as missing once more
    default_storage.save(lost.original_name, ContentFile(data))
    later()
    assert new_to(team, owner) == [lost]
    later()
    assert new_to(team, owner) == []


def test_picture_that_went_missing_and_came_back_was_handed_over(team: Team, owner: User) -> None:
    asset = make_asset(team)
    export = make_export(team, owner)
    with default_storage.open(asset.original_name) as file:
        data = file.read()
    for files in (0, 1):
        default_storage.delete(asset.original_name)
        if files:
            default_storage.save(asset.original_name, ContentFile(data))
        services.mark_stale(export.pk)
        export = services.renewed(Export.objects.get(pk=export.pk))
        assert (export.files, export.missing, len(HandedList.objects.get().asset_ids)) == (files, 1 - files, files)


def test_what_is_new_is_new_to_one_person(
    team: Team, owner: User, member: User, other_team: Team, later: Callable[[], None]
) -> None:
    asset = make_asset(team)
    make_export(team, owner)
    later()
    assert [new_to(team, each) for each in (owner, member, member)] == [[], [asset], []]
    theirs = make_asset(other_team)
    assert new_to(other_team, owner) == [theirs]


def test_other_form_is_another_thing_and_other_names_are_not(
    team: Team, owner: User, later: Callable[[], None]
) -> None:
    asset = make_asset(team)
    forms: list[dict[str, Any]] = [
        {"what": "originals"},
        {"what": "previews"},
        {"what": "converted", "format": "jpeg"},
        {"what": "converted", "format": "webp"},
        {"what": "converted", "format": "webp", "side": 512},
        {"what": "converted", "format": "webp", "side": 512, "quality": 50},
    ]
    for form in forms:
        assert new_to(team, owner, **form) == [asset]
        upkeep.prepare(seconds=60)
    later()
    for form in forms:
        assert new_to(team, owner, pattern="{id}", part_bytes=10**9, **form) == []


def test_ticked_pictures_are_not_noted_and_lists_go_with_their_successors(team: Team, owner: User) -> None:
    assets = [make_asset(team) for _ in range(3)]
    make_export(team, owner, ids=[assets[0].pk, assets[1].pk])
    assert not HandedList.objects.exists()
    whole = make_export(team, owner)
    make_asset(team)
    assert len(new_to(team, owner)) == 1
    again = make_export(team, owner)
    assert HandedList.objects.count() == 3
    services.revoke_export(export=again, actor=owner)
    Export.objects.update(lease_expires_at=None)
    assert upkeep.clear_over() == 1
    assert HandedList.objects.count() == 3  # live ones keep theirs
    pass_time()
    later = make_export(team, owner)
    pass_time()
    assert list(HandedList.objects.values_list("export", flat=True)) == [later.pk]
    assert whole.pk < again.pk < later.pk
