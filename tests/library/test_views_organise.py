"""The inspector of a picture: what each role sees and may change, with htmx and without, and every bad input."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library.collecting import collect, create_collection
from studio.library.editing import favourite, set_title
from studio.library.filing import filing_of
from studio.library.models import Asset, AssetTag, Collection, Favourite, Tag
from studio.library.tagging import add_named_tags, create_tag
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

HTMX = {"HX-Request": "true"}


@pytest.fixture
def asset(team: Team) -> Asset:
    """A picture of the team."""
    return make_asset(team)


@pytest.fixture
def client(member: User, client_of: ClientOf) -> Client:
    """The browser of a member."""
    return client_of(member)


def at(asset: Asset, what: str) -> str:
    return f"/t/halden-co/assets/{asset.pk}/{what}/"


def page_of(client: Client, asset: Asset) -> str:
    return client.get(f"/t/halden-co/assets/{asset.pk}/").content.decode()


def state_of(asset: Asset) -> tuple[str, str, str, int]:
    asset.refresh_from_db()
    return asset.title, asset.notes, asset.status, asset.rating


# One picture's texts, status and rating


def test_each_field_is_changed_alone(client: Client, asset: Asset) -> None:
    here = f"/t/halden-co/assets/{asset.pk}/"
    for field, value in [("title", " Hero "), ("notes", "Ask\r\nMaya"), ("status", "approved"), ("rating", "4")]:
        answer = client.post(at(asset, "edit"), {field: value})
        assert (answer.status_code, answer["Location"]) == (302, here)
    assert state_of(asset) == ("Hero", "Ask\nMaya", "approved", 4)
    client.post(at(asset, "edit"), {"rating": "0"})
    assert state_of(asset) == ("Hero", "Ask\nMaya", "approved", 0)


def test_the_search_around_a_picture_is_kept(client: Client, asset: Asset) -> None:
    answer = client.post(at(asset, "edit") + "?q=dusk&tag=3", {"title": "Hero"})
    assert answer["Location"] == f"/t/halden-co/assets/{asset.pk}/?q=dusk&tag=3"


@pytest.mark.parametrize(
    ("data", "part", "shown"),
    [
        ({"title": "<b>Hero</b>"}, "inspector-head", "&lt;b&gt;Hero&lt;/b&gt;"),
        ({"status": "delivered"}, "inspector-head", "Status: Delivered"),
        ({"notes": "Ask <Maya>"}, "inspector-notes", "Ask &lt;Maya&gt;</textarea>"),
    ],
)
def test_htmx_gets_the_part_that_changed(
    client: Client, asset: Asset, data: dict[str, str], part: str, shown: str
) -> None:
    page = client.post(at(asset, "edit"), data, headers=HTMX).content.decode()
    assert re.findall(r'id="(inspector-\w+)"', page) == [part]
    assert shown in page
    assert "<html" not in page


def test_rating_answers_with_a_word(client: Client, asset: Asset) -> None:
    page = client.post(at(asset, "edit"), {"rating": "3"}, headers=HTMX).content.decode()
    assert page.strip() == '<span hx-swap-oob="innerHTML:#head-said">Rated 3 of 5.</span>'
    assert state_of(asset)[3] == 3
    assert 'value="3" checked' in page_of(client, asset)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({}, 400, "There is nothing to change"),
        ({"status": "sold"}, 400, "no such status or rating"),
        ({"rating": "6"}, 400, "no such status or rating"),
        ({"rating": "-1"}, 400, "no such status or rating"),
        ({"rating": "٣"}, 400, "no such status or rating"),
        ({"rating": "9" * 400}, 400, "no such status or rating"),
        ({"title": "x" * 201}, 400, "A title has at most 200 characters; this has 201."),
        ({"title": "two\nlines"}, 400, "A title is one line"),
        ({"notes": "x" * 4001}, 400, "Notes have at most 4,000 characters"),
    ],
)
@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "page"])
def test_bad_values_change_nothing_and_say_why(
    client: Client, asset: Asset, data: dict[str, str], code: int, message: str, headers: dict[str, str]
) -> None:
    answer = client.post(at(asset, "edit"), data, headers=headers)
    assert answer.status_code == code
    assert message in answer.content.decode()
    assert state_of(asset) == ("", "", "draft", 0)


def test_text_that_no_column_holds_is_refused(client: Client, asset: Asset) -> None:
    assert client.post(at(asset, "edit"), {"title": "a\x00b"}).status_code == 400
    assert state_of(asset) == ("", "", "draft", 0)


def test_refused_notes_stay_in_their_field(client: Client, asset: Asset) -> None:
    page = client.post(at(asset, "edit"), {"notes": "long " * 1000}, headers=HTMX).content.decode()
    assert "long long" in page
    assert 'role="alert"' in page


def test_picture_in_the_bin_is_not_changed(client: Client, asset: Asset) -> None:
    tag = create_tag(team=asset.team, name="hero")
    Asset.objects.update(binned_at=timezone.now())
    for what, data in [("edit", {"title": "X"}), ("tags", {"add": "X"}), ("tags", {"remove": tag.pk})]:
        answer = client.post(at(asset, what), data)
        assert answer.status_code == 409
        assert "This image is in the bin. Restore it to change it." in answer.content.decode()
    assert client.get(at(asset, "collections")).status_code == 409
    assert (state_of(asset)[0], AssetTag.objects.count()) == ("", 0)


# Favourites


def test_everybody_likes_for_themselves(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    looking = client_of(viewer)
    for value, number in [("1", 1), ("1", 1), ("0", 0), ("0", 0), ("1", 1)]:
        assert looking.post(at(asset, "favourite"), {"value": value}).status_code == 302
        assert Favourite.objects.count() == number
    assert filing_of(asset, viewer).is_favourite
    assert not filing_of(asset, member).is_favourite
    assert 'aria-pressed="true"' in page_of(looking, asset)
    assert 'aria-pressed="true"' not in page_of(client_of(member), asset)


def test_heart_comes_back_as_what_it_was_on(client: Client, asset: Asset) -> None:
    page = client.post(at(asset, "favourite"), {"value": "1"}, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<form class="heart"')
    assert 'value="0" aria-pressed="true"' in page
    tile = client.post(at(asset, "favourite"), {"value": "0", "in": "tile"}, headers=HTMX).content.decode()
    assert 'class="glyph' in tile
    assert 'value="1" aria-pressed="false"' in tile


@pytest.mark.parametrize("value", ["", "2", "yes", None])
def test_heart_says_what_it_shall_be(client: Client, asset: Asset, value: str | None) -> None:
    assert client.post(at(asset, "favourite"), {} if value is None else {"value": value}).status_code == 400
    assert not Favourite.objects.exists()


# Tags of one picture


def test_tags_are_added_by_name_and_taken_away(client: Client, asset: Asset) -> None:
    create_tag(team=asset.team, name="Hero", hue=2)
    client.post(at(asset, "tags"), {"add": "HERO, terracotta ,, été "})
    assert [tag.name for tag in filing_of(asset, asset.author).tags] == ["été", "Hero", "terracotta"]
    page = page_of(client, asset)
    assert f'/t/halden-co/library/?tag={Tag.objects.get(name="Hero").pk}"' in page
    assert 'class="chip tag removable h2"' in page
    part = client.post(at(asset, "tags"), {"remove": Tag.objects.get(name="Hero").pk}, headers=HTMX).content.decode()
    assert re.findall(r'id="(inspector-\w+)"', part) == ["inspector-filed"]
    assert [tag.name for tag in filing_of(asset, asset.author).tags] == ["été", "terracotta"]


@pytest.mark.parametrize(
    ("add", "message"),
    [
        ("", "Type the name of a tag."),
        (" , ,", "Type the name of a tag."),
        ("x" * 300, "A tag has at most 60 characters; this has 300."),
        ("good, bad\nline", "A tag is one line"),
        (",".join(f"t{number}" for number in range(21)), "At most 20 tags are added at once."),
    ],
)
def test_bad_tags_add_none(client: Client, asset: Asset, add: str, message: str) -> None:
    answer = client.post(at(asset, "tags"), {"add": add}, headers=HTMX)
    assert answer.status_code == 400
    assert message in answer.content.decode()
    assert (Tag.objects.count(), AssetTag.objects.count()) == (0, 0)


@pytest.mark.parametrize("name", ["..", "CON", "🎨", "%_*", "=cmd()", "עברית", "<script>", "'; --"])
def test_odd_names_are_names_like_others(client: Client, asset: Asset, name: str) -> None:
    assert client.post(at(asset, "tags"), {"add": name}).status_code == 302
    assert Tag.objects.get().name == name
    assert "<script>" not in page_of(client, asset)


@pytest.mark.parametrize("value", ["", "x", "9" * 30, "-1"])
def test_tag_to_take_away_that_is_none(client: Client, asset: Asset, value: str) -> None:
    assert client.post(at(asset, "tags"), {"remove": value}).status_code == 400
    assert client.post(at(asset, "tags"), {"remove": "123456"}).status_code == 404


# Collections of one picture


def test_picture_is_put_into_collections_and_out_again(client: Client, asset: Asset, member: User) -> None:
    one, two, three = (create_collection(team=asset.team, actor=member, name=name) for name in ("A", "B", "C"))
    collect(asset_ids=[asset.pk], collection=one, actor_id=member.pk)
    page = client.get(at(asset, "collections")).content.decode()
    assert f'name="collections" value="{one.pk}" checked' in page
    assert f'name="was" value="{one.pk}"' in page
    # Somebody else adds a third meanwhile: only what this person changed is changed.
    collect(asset_ids=[asset.pk], collection=three, actor_id=member.pk)
    client.post(at(asset, "collections"), {"was": one.pk, "collections": two.pk, "new": " Fresh "})
    assert [one.name for one in filing_of(asset, member).collections] == ["B", "C", "Fresh"]
    client.post(at(asset, "collections"), {"remove": two.pk})
    assert [one.name for one in filing_of(asset, member).collections] == ["C", "Fresh"]


def test_dialog_of_collections_is_a_part_for_htmx(client: Client, asset: Asset, member: User) -> None:
    page = client.get(at(asset, "collections"), headers=HTMX).content.decode()
    assert page.lstrip().startswith("<header>")
    answer = client.post(at(asset, "collections"), {"new": "x" * 121}, headers=HTMX)
    assert (answer.status_code, Collection.objects.count()) == (400, 0)
    assert "A collection has at most 120 characters" in answer.content.decode()


def test_collections_that_cannot_be_are_refused(client: Client, asset: Asset, other_team: Team, stranger: User) -> None:
    foreign = create_collection(team=other_team, actor=stranger, name="Foreign")
    for data in [{"collections": "x"}, {"collections": "9" * 40}, {"was": "-1"}, {"collections": ["1"] * 2001}]:
        assert client.post(at(asset, "collections"), data).status_code == 400
    assert client.post(at(asset, "collections"), {"remove": foreign.pk}).status_code == 404
    client.post(at(asset, "collections"), {"collections": [foreign.pk, 10**15]})
    assert not foreign.items.exists()


# Who may


def posts_to(asset: Asset) -> list[tuple[str, dict[str, str]]]:
    return [
        (at(asset, "edit"), {"title": "X"}),
        (at(asset, "tags"), {"add": "X"}),
        (at(asset, "collections"), {"new": "X"}),
    ]


def test_viewer_sees_values_and_no_controls(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    collection = create_collection(team=team, actor=member, name="Tide")
    collect(asset_ids=[asset.pk], collection=collection, actor_id=member.pk)
    add_named_tags(asset_ids=[asset.pk], team=team, names=["hero"])
    set_title(asset=asset, title="The title")
    Asset.objects.update(notes="The notes", status="approved", rating=4)
    client = client_of(viewer)
    page = page_of(client, asset)
    for text in ["The title", "The notes", "Approved", 'aria-label="Rated 4 of 5"', "Tide", "hero"]:
        assert text in page
    assert re.findall(r'action="/t/halden-co/assets/\d+/(\w+)/', page) == ["favourite"]
    for address, data in posts_to(asset):
        assert client.post(address, data).status_code == 403
    assert state_of(asset) == ("The title", "The notes", "approved", 4)


def test_stranger_and_other_teams_pictures_are_unknown(
    team: Team, other_team: Team, stranger: User, member: User, client_of: ClientOf
) -> None:
    asset, foreign = make_asset(team), make_asset(other_team)
    for user, target in [(stranger, asset), (member, foreign)]:
        client = client_of(user)
        for address, data in [*posts_to(target), (at(target, "favourite"), {"value": "1"})]:
            assert client.post(address, data).status_code == 404
    assert not Favourite.objects.exists()
    assert not Tag.objects.exists()


def test_purged_and_unheard_of_pictures_are_unknown(client: Client, team: Team) -> None:
    for pk in (10**15, 10**30):
        for what, data in [("edit", {"title": "X"}), ("favourite", {"value": "1"}), ("tags", {"add": "X"})]:
            assert client.post(f"/t/halden-co/assets/{pk}/{what}/", data).status_code == 404


def test_changes_are_posts(client: Client, asset: Asset) -> None:
    assert [client.get(at(asset, what)).status_code for what in ("edit", "favourite", "tags")] == [405] * 3


@pytest.mark.parametrize("count", [1, 5])
def test_filing_takes_three_queries(
    team: Team, member: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    asset = make_asset(team)
    add_named_tags(asset_ids=[asset.pk], team=team, names=[f"t{number}" for number in range(count)])
    outer = create_collection(team=team, actor=member, name="Outer")
    for number in range(count):
        made = create_collection(team=team, actor=member, name=f"C{number}", parent=outer)
        collect(asset_ids=[asset.pk], collection=made, actor_id=member.pk)
    favourite(team_id=team.pk, asset_ids=[asset.pk], user_id=member.pk)
    with django_assert_num_queries(3):
        filing = filing_of(asset, member)
        assert [one.parent for one in filing.collections] == [outer] * count
    assert (len(filing.tags), filing.is_favourite) == (count, True)
