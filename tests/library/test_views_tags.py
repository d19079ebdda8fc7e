"""The page of a team's tags and its dialogs."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import finding, tagging
from studio.library.filing import tag_page
from studio.library.models import Asset, AssetTag, Tag
from studio.library.tagging import add_named_tags, add_tag, create_tag
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

TAGS = "/t/halden-co/library/tags/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(member: User, client_of: ClientOf) -> Client:
    """The browser of a member."""
    return client_of(member)


def names_on(page: str) -> list[str]:
    return re.findall(r'<a class="chip tag[^>]*><span class="clip" dir="auto">([^<]*)<', page)


def test_page_lists_tags_by_name_with_counts(team: Team, other_team: Team, client: Client) -> None:
    assets = [make_asset(team) for _ in range(2)]
    for name, number in [("zebra", 2), ("Éclair", 1), ("hero", 0)]:
        add_named_tags(asset_ids=[one.pk for one in assets[:number]], team=team, names=[name])
    create_tag(team=other_team, name="foreign")
    page = client.get(TAGS).content.decode()
    assert names_on(page) == ["Éclair", "hero", "zebra"]
    assert re.findall(r'<td class="num">([\d,+]+)<', page) == ["1", "0", "2"]
    Asset.objects.filter(pk=assets[0].pk).update(binned_at=timezone.now())
    assert re.findall(r'<td class="num">([\d,+]+)<', client.get(TAGS).content.decode()) == ["0", "0", "1"]


def test_count_stops_where_nobody_counts(team: Team, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_COUNTED", 2)
    add_named_tags(asset_ids=[make_asset(team).pk for _ in range(3)], team=team, names=["hero"])
    assert [str(row.counted) for row in tag_page(team).rows] == ["2+"]


@pytest.mark.parametrize("count", [1, 3])
def test_page_takes_the_same_queries_for_one_and_three(
    team: Team, client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_named_tags(asset_ids=[make_asset(team).pk], team=team, names=[f"t{number}" for number in range(count)])
    with django_assert_num_queries(6):  # session, user, membership with team, tags with counts, balance, teams
        assert len(names_on(client.get(TAGS).content.decode())) == count


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ECL", ["Éclair"]),
        ("%", ["50% grey"]),
        ("_", ["snake_case"]),
        ("\\", []),
        (".*", []),
        ("x" * 10_000, []),
        ("", ["50% grey", "Éclair", "snake_case"]),
    ],
)
def test_search_finds_any_part_of_a_name(team: Team, client: Client, q: str, found: list[str]) -> None:
    for name in ("Éclair", "50% grey", "snake_case"):
        create_tag(team=team, name=name)
    assert names_on(client.get(TAGS, {"q": q}).content.decode()) == found
    part = client.get(TAGS, {"q": q}, headers=HTMX).content.decode()
    assert names_on(part) == found
    assert part.lstrip().startswith('<div id="tags-found">')


def test_pages_follow_by_key(team: Team, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.views_tags.PAGE_SIZE", 2)
    for name in ("a&b", "b", "c"):
        create_tag(team=team, name=name)
    page = client.get(TAGS).content.decode()
    assert names_on(page) == ["a&amp;b", "b"]
    [more] = set(re.findall(r'href="(\?q=&amp;after=b)"', page))
    create_tag(team=team, name="aa")  # shifts nothing
    assert names_on(client.get(TAGS + more.replace("&amp;", "&")).content.decode()) == ["c"]
    rows = client.get(TAGS + "?after=b", headers=HTMX).content.decode()
    assert rows.lstrip().startswith("<tr>")
    assert "No more tags" in client.get(TAGS + "?after=zz").content.decode()


def test_tag_is_made_changed_and_deleted(team: Team, client: Client) -> None:
    assert client.post(f"{TAGS}new/", {"name": " Hero ", "hue": "3"})["Location"] == TAGS
    tag = Tag.objects.get()
    assert (tag.name, tag.hue) == ("Hero", 3)
    page = client.get(f"{TAGS}{tag.pk}/edit/").content.decode()
    assert 'value="Hero"' in page
    client.post(f"{TAGS}{tag.pk}/edit/", {"name": "Main", "hue": "0"})
    tag.refresh_from_db()
    assert (tag.name, tag.hue) == ("Main", 0)
    assert "taken off every image" in client.get(f"{TAGS}{tag.pk}/delete/").content.decode()
    assert client.post(f"{TAGS}{tag.pk}/delete/")["Location"] == TAGS
    assert not Tag.objects.exists()


def test_tags_are_merged_by_name(team: Team, client: Client) -> None:
    one, other = create_tag(team=team, name="heroes"), create_tag(team=team, name="Hero")
    asset = make_asset(team)
    add_tag(asset_ids=[asset.pk], tag=one)
    for into, message in [
        ("", "This field is required."),
        ("nobody", "There is no tag nobody."),
        ("HEROES", "That is this tag itself. Name another one."),
    ]:
        answer = client.post(f"{TAGS}{one.pk}/merge/", {"into": into})
        assert answer.status_code == 422
        assert message in answer.content.decode()
    assert client.post(f"{TAGS}{one.pk}/merge/", {"into": " héro "})["Location"] == TAGS
    assert list(AssetTag.objects.values_list("asset", "tag")) == [(asset.pk, other.pk)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 300}, "A tag has at most 60 characters; this has 300."),
        ({"name": "a\nb"}, "A tag is one line"),
        ({"name": "red, green"}, "A tag has no comma in its name"),
        ({"name": "HERO"}, "There is a tag hero already"),
        ({"name": "new", "hue": "9"}, "Select a valid choice"),
        ({"name": "new", "hue": "x"}, "Select a valid choice"),
    ],
)
def test_form_says_what_is_wrong_and_keeps_what_was_typed(
    team: Team, client: Client, data: dict[str, str], message: str
) -> None:
    tag = create_tag(team=team, name="hero")
    other = create_tag(team=team, name="other")
    for address in (f"{TAGS}new/", f"{TAGS}{other.pk}/edit/"):
        answer = client.post(address, data)
        assert answer.status_code == 422
        assert message in answer.content.decode()
    assert set(Tag.objects.all()) == {tag, other}


def test_full_team_is_told_so(team: Team, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tagging, "MOST_TAGS", 0)
    page = client.post(f"{TAGS}new/", {"name": "hero"}).content.decode()
    assert "A team has at most 0 tags. Merge or delete some first." in page


def test_dialogs_are_parts_for_htmx(team: Team, client: Client) -> None:
    tag = create_tag(team=team, name="hero")
    for address in ("new/", f"{tag.pk}/edit/", f"{tag.pk}/merge/", f"{tag.pk}/delete/"):
        part = client.get(TAGS + address, headers=HTMX).content.decode()
        assert part.lstrip().startswith("<header>")
        assert f'action="{TAGS}{address}"' in part


def test_names_are_suggested_for_the_last_of_several(team: Team, client: Client) -> None:
    for name in ("hero", "superhero", "<b>hermit", "tide"):
        create_tag(team=team, name=name)
    page = client.get(f"{TAGS}names/", {"add": "tide, HER"}).content.decode()
    assert re.findall(r'value="([^"]*)"', page) == ["tide, hero", "tide, &lt;b&gt;hermit", "tide, superhero"]
    page = client.get(f"{TAGS}names/", {"into": "tid"}).content.decode()
    assert re.findall(r'value="([^"]*)"', page) == ["tide"]
    assert len(re.findall("<option", client.get(f"{TAGS}names/").content.decode())) == 4


def test_viewer_reads_and_changes_nothing(team: Team, viewer: User, client_of: ClientOf) -> None:
    tag = create_tag(team=team, name="hero")
    client = client_of(viewer)
    page = client.get(TAGS).content.decode()
    assert names_on(page) == ["hero"]
    assert "/edit/" not in page
    assert "New tag" not in page
    for address in ("new/", f"{tag.pk}/edit/", f"{tag.pk}/merge/", f"{tag.pk}/delete/"):
        assert client.post(TAGS + address, {"name": "x"}).status_code == 403
    assert list(Tag.objects.all()) == [tag]


def test_other_teams_tags_are_unknown(team: Team, other_team: Team, client: Client) -> None:
    foreign = create_tag(team=other_team, name="hero")
    for pk in (foreign.pk, 10**15, 10**30):
        for what in ("edit", "merge", "delete"):
            assert client.post(f"{TAGS}{pk}/{what}/", {"name": "x", "into": "x"}).status_code == 404


def test_empty_page_says_what_a_tag_is(team: Team, viewer: User, client: Client, client_of: ClientOf) -> None:
    assert f'href="{TAGS}new/"' in client.get(TAGS).content.decode()
    page = client_of(viewer).get(TAGS).content.decode()
    assert "No tags yet" in page
    assert f'href="{TAGS}new/"' not in page
