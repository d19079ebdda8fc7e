"""Tags of a team: made, renamed, merged, coloured and deleted."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import transaction

from studio.core.errors import BadInput
from studio.library import tagging
from studio.library.errors import BadName, NameTaken, TagGone, TooMany
from studio.library.models import Asset, AssetTag, Tag
from studio.library.tagging import (
    MOST_TAGS,
    add_tag,
    change_tag,
    create_tag,
    delete_tag,
    exchange_tag,
    get_or_create_tag,
    merge_tag,
)
from studio.teams.models import Team
from tests.factories import make_asset
from tests.serving import wait_until
from tests.together import at_once, is_waited_for


def tags_in_search(asset: Asset) -> list[str]:
    """Return the tags that the search vector of a picture knows."""
    vector = Asset.objects.filter(pk=asset.pk).values_list("search", flat=True).get()
    return sorted(word.strip("'").partition(":")[2] for word in vector.split() if ":tag:" in word)


def test_tag_is_made_once_whatever_its_case_and_accents(team: Team, other_team: Team) -> None:
    made = create_tag(team=team, name=" Éclair ", hue=3)
    assert (made.name, made.key, made.hue) == ("Éclair", "eclair", 3)
    for twin in ("eclair", "ECLAIR", "E\u0301CLAIR"):
        with pytest.raises(NameTaken, match="There is a tag Éclair already"):
            create_tag(team=team, name=twin)
        assert get_or_create_tag(team=team, name=twin) == made
    assert create_tag(team=other_team, name="eclair").pk != made.pk


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 300, "red, green"])
def test_tag_of_a_bad_name_is_refused_everywhere(team: Team, name: str) -> None:
    tag = create_tag(team=team, name="hero")
    with pytest.raises(BadName):
        create_tag(team=team, name=name)
    with pytest.raises(BadName):
        get_or_create_tag(team=team, name=name)
    with pytest.raises(BadName):
        change_tag(tag=tag, name=name, hue=0)
    assert list(Tag.objects.values_list("name", flat=True)) == ["hero"]


@pytest.mark.parametrize("hue", [-1, 7, 10**9])
def test_colour_is_of_the_closed_set(team: Team, hue: int) -> None:
    with pytest.raises(BadInput, match="no such colour"):
        create_tag(team=team, name="hero", hue=hue)
    tag = create_tag(team=team, name="hero")
    with pytest.raises(BadInput, match="no such colour"):
        change_tag(tag=tag, name="hero", hue=hue)


def test_tag_is_renamed_and_coloured_without_touching_pictures(team: Team) -> None:
    tag, asset = create_tag(team=team, name="hero"), make_asset(team)
    add_tag(asset_ids=[asset.pk], tag=tag)
    change_tag(tag=tag, name="HERO", hue=5)  # only its case
    tag.refresh_from_db()
    assert (tag.name, tag.key, tag.hue) == ("HERO", "hero", 5)
    create_tag(team=team, name="main")
    with pytest.raises(NameTaken, match="Merge the two instead"):
        change_tag(tag=tag, name="Main", hue=5)
    assert tags_in_search(asset) == [f"tag:{tag.pk}"]


def test_change_of_a_tag_that_is_gone_is_refused(team: Team) -> None:
    tag = create_tag(team=team, name="hero")
    Tag.objects.all().delete()
    with pytest.raises(TagGone, match="The tag hero was deleted or merged meanwhile"):
        change_tag(tag=tag, name="main", hue=0)


def test_merge_moves_what_is_not_there_yet(team: Team) -> None:
    both, one, other = make_asset(team), make_asset(team), make_asset(team)
    tag, into = create_tag(team=team, name="heroes"), create_tag(team=team, name="hero")
    add_tag(asset_ids=[both.pk, one.pk], tag=tag)
    add_tag(asset_ids=[both.pk, other.pk], tag=into)
    assert merge_tag(tag=tag, into=into) == 2
    assert list(AssetTag.objects.order_by("asset").values_list("asset", "tag")) == [
        (asset.pk, into.pk) for asset in (both, one, other)
    ]
    assert [tags_in_search(asset) for asset in (both, one, other)] == [[f"tag:{into.pk}"]] * 3
    with pytest.raises(TagGone):
        merge_tag(tag=tag, into=into)


def test_deleted_tag_leaves_its_pictures(team: Team) -> None:
    tag, asset = create_tag(team=team, name="hero"), make_asset(team)
    add_tag(asset_ids=[asset.pk], tag=tag)
    delete_tag(tag=tag)
    assert (Tag.objects.count(), AssetTag.objects.count(), tags_in_search(asset)) == (0, 0, [])
    with pytest.raises(TagGone):
        delete_tag(tag=tag)


def test_team_has_so_many_tags_and_no_more(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_TAGS == 2000
    monkeypatch.setattr(tagging, "MOST_TAGS", 2)
    kept = create_tag(team=team, name="one")
    get_or_create_tag(team=team, name="two")
    with pytest.raises(TooMany, match="at most 2 tags"):
        create_tag(team=team, name="three")
    with pytest.raises(TooMany):
        get_or_create_tag(team=team, name="three")
    assert get_or_create_tag(team=team, name="ONE") == kept


@pytest.mark.django_db(transaction=True)
def test_ten_people_make_the_same_tag_at_once(team: Team) -> None:
    asset = make_asset(team)

    def file_under(name: str) -> int:
        tag = get_or_create_tag(team=team, name=name)
        add_tag(asset_ids=[asset.pk], tag=tag)
        return tag.pk

    made = at_once([partial(file_under, name) for name in ["hero", "HERO"] * 5])
    assert set(made) == {Tag.objects.get().pk}
    assert AssetTag.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_tagging_and_merging_at_once_loses_no_picture(team: Team) -> None:
    assets = [make_asset(team).pk for _ in range(12)]
    tag, into = create_tag(team=team, name="heroes"), create_tag(team=team, name="hero")
    add_tag(asset_ids=assets[:6], tag=tag)
    merging = partial(merge_tag, tag=tag, into=into)
    adding = [partial(add_tag, asset_ids=assets[::-1][number::3], tag=tag) for number in (1, 2, 3)]
    results = at_once([merging, *adding], TagGone)
    late = {pk for number in (1, 2, 3) if results[number] is TagGone for pk in assets[::-1][number::3]}
    kept = set(AssetTag.objects.filter(tag=into).values_list("asset", flat=True))
    assert kept == set(assets[:6]) | ({pk for n in (1, 2, 3) for pk in assets[::-1][n::3]} - (late - set(assets[:6])))
    assert list(Tag.objects.all()) == [into]


@pytest.mark.django_db(transaction=True)
def test_tag_that_is_given_while_another_is_exchanged_for_it_is_there_once(team: Team) -> None:
    asset = make_asset(team)
    tag, into = create_tag(team=team, name="heroes"), create_tag(team=team, name="hero")
    add_tag(asset_ids=[asset.pk], tag=tag)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            add_tag(asset_ids=[asset.pk], tag=into)
            exchanged = pool.submit(at_once, [partial(exchange_tag, asset_ids=[asset.pk], tag=tag, into=into)])
            wait_until(is_waited_for)
        assert exchanged.result() == [[asset.pk]]
    assert list(asset.asset_tags.values_list("tag", flat=True)) == [into.pk]
    assert tags_in_search(asset) == [f"tag:{into.pk}"]
