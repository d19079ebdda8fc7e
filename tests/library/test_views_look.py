"""Looking at pictures: the page of one within a search, what the viewer leafs through, and comparisons."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import binning, editing, views_look
from studio.library.models import Asset, Source, Status
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, small_png

HOME = "/t/halden-co"
made_up = pytest.mark.breaks_invariants  # assets of a generation that is made up


def page_of(client: Client, path: str) -> str:
    """Return a page that has to be there."""
    answer = client.get(f"{HOME}/{path}")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def slides_of(client: Client, asset: Asset, way: str, query: str = "") -> tuple[list[int], bool]:
    """Return the assets around one, and whether that is all there is this way."""
    answer = client.get(f"{HOME}/assets/{asset.pk}/around/?way={way}&{query}")
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()
    return [int(re.findall(r"/assets/(\d+)/", slide["href"])[0]) for slide in data["slides"]], data["is_end"]


def purge_asset(asset: Asset) -> None:
    """Delete it for good, as the bin does."""
    Asset.objects.filter(pk=asset.pk).update(binned_at=timezone.now())
    assert binning.purge(team_id=asset.team_id, asset_ids=[asset.pk], actor_id=None) == [asset.pk]


# The page of one picture


def test_neighbours_follow_the_search(team: Team, viewer: User, client_of: ClientOf) -> None:
    first, other, last = (make_asset(team, prompt=prompt) for prompt in ("A fox", "A heron", "A fox again"))
    page = page_of(client_of(viewer), f"assets/{first.pk}/?q=fox")
    assert f'href="{HOME}/assets/{last.pk}/?q=fox" rel="prev"' in page
    assert f'href="{HOME}/library/?q=fox"' in page
    assert f"/assets/{other.pk}/" not in page


def test_search_that_cannot_be_read_is_said(team: Team, viewer: User, client_of: ClientOf) -> None:
    answer = client_of(viewer).get(f"{HOME}/assets/{make_asset(team).pk}/?rating=many")
    assert answer.status_code == 400
    assert "The filter rating takes a number." in answer.content.decode()


@made_up
def test_pictures_of_the_same_generation_stand_below(team: Team, viewer: User, client_of: ClientOf) -> None:
    one, two, three = (make_asset(team, generation_id=41, slot=slot) for slot in (2, 0, 1))
    Asset.objects.filter(pk=three.pk).update(status=Status.APPROVED)
    page = page_of(client_of(viewer), f"assets/{two.pk}/")
    strip = page[page.index('<ol class="lineage">') : page.index("</ol>")]
    assert re.findall(r'href="/t/halden-co/assets/(\d+)/"', strip) == [str(two.pk), str(three.pk), str(one.pk)]
    assert re.findall(r'aria-current="page"><img class="thumb" src="/t/halden-co/assets/(\d+)', strip) == [str(two.pk)]
    assert re.findall(r"</b>([^<]+)</span>", strip) == ["4 credits", "Approved", "4 credits"]
    assert f'href="{HOME}/compare/?ids={two.pk},{three.pk},{one.pk}"' in page


@made_up
def test_picture_that_is_alone_has_no_strip(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset, binned = make_asset(team, generation_id=41), make_asset(team, generation_id=41, slot=1)
    Asset.objects.filter(pk=binned.pk).update(binned_at=timezone.now())
    page = page_of(client_of(viewer), f"assets/{asset.pk}/")
    assert 'class="lineage"' not in page
    assert "/compare/" not in page


@made_up
@pytest.mark.parametrize("count", [2, 9])
def test_page_of_a_generation_takes_one_query_more(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    data = small_png(77)
    assets = [make_asset(team, data=data, generation_id=41, slot=slot) for slot in range(count)]
    client = client_of(viewer)
    with django_assert_num_queries(13):  # as in test_views.py, and the siblings
        page_of(client, f"assets/{assets[0].pk}/")


def test_exact_duplicates_are_shown(team: Team, other_team: Team, viewer: User, client_of: ClientOf) -> None:
    data = small_png(500)
    asset, twin = make_asset(team, data=data), make_asset(team, data=data, prompt="The very same")
    make_asset(other_team, data=data, prompt="Elsewhere")
    binned = make_asset(team, data=data, prompt="In the bin")
    Asset.objects.filter(pk=binned.pk).update(binned_at=timezone.now())
    page = page_of(client_of(viewer), f"assets/{asset.pk}/")
    twins = page[page.index('<ul class="twins">') :]
    twins = twins[: twins.index("</ul>")]
    assert re.findall(r'href="/t/halden-co/assets/(\d+)/"', twins) == [str(twin.pk)]
    assert "The very same" in twins


def test_binned_picture_says_so_and_comes_back(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    at = timezone.now()
    Asset.objects.filter(pk=asset.pk).update(binned_at=at, binned_by=member)
    goes = timezone.localtime(at + timedelta(days=30))
    page = page_of(client_of(viewer), f"assets/{asset.pk}/")
    assert "<strong>This image is in the bin.</strong> Priya Nair put it there" in page
    assert f"{goes.day} {goes:%b %Y}, {goes:%H:%M}" in page
    assert 'value="restore"' not in page
    client = client_of(member)
    page = page_of(client, f"assets/{asset.pk}/")
    assert 'name="act" value="restore"' in page
    assert 'value="bin"' not in page
    answer = client.post(f"{HOME}/library/bulk/", {"ids": asset.pk, "act": "restore"})
    assert answer.status_code == 302
    asset.refresh_from_db()
    assert asset.binned_at is None
    assert "This image is in the bin" not in page_of(client, f"assets/{asset.pk}/")


def test_members_move_a_picture_to_the_bin_from_its_page(
    team: Team, member: User, viewer: User, client_of: ClientOf
) -> None:
    asset = make_asset(team)
    assert "Move to bin" in page_of(client_of(member), f"assets/{asset.pk}/")
    assert "Move to bin" not in page_of(client_of(viewer), f"assets/{asset.pk}/")


def test_purged_picture_leaves_what_is_on_record(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team, prompt="A secret")
    purge_asset(asset)
    page = page_of(client_of(viewer), f"assets/{asset.pk}/")
    assert "This image was deleted for good" in page
    assert "<dt>Model</dt><dd>GPT Image 2</dd>" in page
    assert "4 credits" in page
    assert "Download" not in page[page.index("<main") : page.index("</main>")]
    assert client_of(viewer).get(f"{HOME}/assets/{asset.pk}/around/?way=after").status_code == 404


def test_upload_says_who_uploaded_it_and_costs_nothing(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team, author=member)
    Asset.objects.filter(pk=asset.pk).update(source=Source.UPLOADED, prompt="", file_name="Müller.png", credits=0)
    page = page_of(client_of(member), f"assets/{asset.pk}/")
    assert "<dt>Uploaded by</dt>" in page
    assert "<dt>Cost</dt>" not in page
    assert "Uploaded, so there is none." in page


def test_picture_goes_to_the_viewer_with_all_it_needs(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team, prompt='A "quoted" <fox>. And more.')
    page = page_of(client_of(viewer), f"assets/{asset.pk}/?q=fox")
    [text] = set(re.findall(r'data-view="([^"]+)"', page))
    unescaped = text.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    base = f"{HOME}/assets/{asset.pk}/"
    assert json.loads(unescaped) == {
        "href": f"{base}?q=fox",
        "caption": 'A "quoted" <fox>. And more.',
        "alt": 'A "quoted" <fox>.',
        "width": 96,
        "height": 64,
        "hasAlpha": False,
        "isFavourite": False,
        "thumb": f"{base}file/thumb/",
        "preview": f"{base}file/preview/",
        "original": f"{base}file/original/",
    }


# Around one picture


def test_viewer_gets_what_comes_before_and_after(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_look, "AROUND", 2)
    assets = [make_asset(team) for _ in range(6)]
    make_asset(other_team)
    client = client_of(viewer)
    newest_first = [asset.pk for asset in reversed(assets)]
    assert slides_of(client, assets[3], "after") == (newest_first[3:5], False)
    assert slides_of(client, assets[3], "before") == (newest_first[:2], True)
    assert slides_of(client, assets[2], "before") == (newest_first[1:3], False)
    assert slides_of(client, assets[1], "after") == (newest_first[5:], True)
    assert slides_of(client, assets[0], "after") == ([], True)


@pytest.mark.parametrize("sort", ["newest", "oldest", "rating", "name"])
def test_viewer_follows_the_order_of_the_page(team: Team, viewer: User, client_of: ClientOf, sort: str) -> None:
    assets = [make_asset(team, prompt=prompt) for prompt in ("fox 10", "fox 2", "heron", "fox 1")]
    for asset, rating in zip(assets, (1, 5, 4, 1), strict=True):
        Asset.objects.filter(pk=asset.pk).update(rating=rating)
    ten, two, _, one = (asset.pk for asset in assets)
    wanted = {
        "newest": [one, two, ten],
        "oldest": [ten, two, one],
        "rating": [two, one, ten],
        "name": [one, two, ten],
    }[sort]
    client = client_of(viewer)
    start = Asset.objects.get(pk=wanted[0])
    end = Asset.objects.get(pk=wanted[2])
    assert slides_of(client, start, "after", f"q=fox&sort={sort}") == (wanted[1:], True)
    assert slides_of(client, end, "before", f"q=fox&sort={sort}") == (wanted[:2], True)


@pytest.mark.parametrize("count", [1, 9])
def test_slides_take_the_same_queries_for_few_and_many(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, *_ = [make_asset(team) for _ in range(count + 1)]
    client = client_of(viewer)
    with django_assert_num_queries(SLIDES_QUERIES):
        assert len(slides_of(client, first, "before")[0]) == count


SLIDES_QUERIES = 6  # session, user, membership, asset, the ids around it, their rows


@pytest.mark.parametrize("query", ["", "way=up", "way=after&rating=9", f"way=after&q={'a' * 10_000}"])
def test_way_that_cannot_be_read_is_refused(team: Team, viewer: User, client_of: ClientOf, query: str) -> None:
    answer = client_of(viewer).get(f"{HOME}/assets/{make_asset(team).pk}/around/?{query}")
    assert answer.status_code == 400


def test_viewer_knows_a_persons_own_favourites(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    first, liked = make_asset(team), make_asset(team)
    editing.favourite(team_id=team.pk, asset_ids=[liked.pk], user_id=viewer.pk)
    for user, is_favourite in ((viewer, True), (member, False)):
        answer = client_of(user).get(f"{HOME}/assets/{first.pk}/around/?way=before")
        assert [slide["isFavourite"] for slide in answer.json()["slides"]] == [is_favourite]


# Comparisons


def test_comparison_shows_the_pictures_in_the_order_asked_for(team: Team, viewer: User, client_of: ClientOf) -> None:
    one, two, three = (make_asset(team, prompt=f"Picture {number}") for number in (1, 2, 3))
    page = page_of(client_of(viewer), f"compare/?ids={three.pk},{one.pk}&ids={two.pk}")
    assert "<title>Compare 3 · Atelier</title>" in page.replace("\n", "")
    assert re.findall(r'<article aria-label="([^"]+)"', page) == ["A: Picture 3", "B: Picture 1", "C: Picture 2"]
    assert re.findall(r'href="\?ids=([\d,]+)"', page) == [
        f"{one.pk},{two.pk}",
        f"{three.pk},{two.pk}",
        f"{three.pk},{one.pk}",
    ]


def test_only_what_differs_is_marked(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    one, two = make_asset(team, author=member), make_asset(team, author=member)
    now = timezone.now()
    Asset.objects.filter(pk__in=[one.pk, two.pk]).update(created_at=now)
    Asset.objects.filter(pk=two.pk).update(
        rating=4, status=Status.APPROVED, credits=1, spec={}, size=one.size, model_title="GPT Image 1.5"
    )
    page = page_of(client_of(viewer), f"compare/?ids={one.pk},{two.pk}")
    facts = re.findall(r"<dt>([^<]+)</dt><dd>(?:<span class=\"diff\">)?([^<]*)", page)
    different = re.findall(r'<dt>([^<]+)</dt><dd><span class="diff">([^<]*)', page)
    assert different == [
        ("Model", "GPT Image 2"),
        ("Quality", "High"),
        ("Cost", "4 credits"),
        ("Rating", "Not rated"),
        ("Status", "Draft"),
        ("Model", "GPT Image 1.5"),
        ("Quality", "None"),
        ("Cost", "1 credit"),
        ("Rating", "4 of 5"),
        ("Status", "Approved"),
    ]
    assert ("Size", "96 × 64") in facts
    assert ("Made by", "Priya Nair") in facts


def test_two_are_left_when_there_are_two(team: Team, viewer: User, client_of: ClientOf) -> None:
    one, two = make_asset(team), make_asset(team)
    assert "from the comparison" not in page_of(client_of(viewer), f"compare/?ids={one.pk},{two.pk}")


@pytest.mark.parametrize("count", [2, 4])
def test_comparison_takes_the_same_queries_for_two_and_four(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assets = [make_asset(team) for _ in range(count)]
    client = client_of(viewer)
    with django_assert_num_queries(6):  # session, user, membership, assets with authors, balance, teams
        page_of(client, "compare/?ids=" + ",".join(str(asset.pk) for asset in assets))


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ("", "needs two images at least"),
        ("?ids=1", "needs two images at least"),
        ("?ids=7,7&ids=7", "needs two images at least"),
        ("?ids=1,2,3,4,5", "At most four images can be compared at once; these are 5."),
        ("?ids=" + ",".join(map(str, range(500))), "these are 500"),
        ("?ids=1,abc", "something that is not an image"),
        ("?ids=1,-2", "something that is not an image"),
        ("?ids=1,²", "something that is not an image"),
        ("?ids=1," + "9" * 19, "something that is not an image"),
    ],
)
def test_comparison_of_something_else_is_refused(
    team: Team, viewer: User, client_of: ClientOf, ids: str, words: str
) -> None:
    answer = client_of(viewer).get(f"{HOME}/compare/{ids}")
    assert answer.status_code == 400
    assert words in answer.content.decode()


def test_comparison_holds_only_the_teams_own_living_pictures(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf
) -> None:
    mine, purged, theirs = make_asset(team), make_asset(team), make_asset(other_team)
    purge_asset(purged)
    client = client_of(viewer)
    for other in (purged.pk, theirs.pk, 999_999_999_999_999_999):
        assert client.get(f"{HOME}/compare/?ids={mine.pk},{other}").status_code == 404


def pick(client: Client, ids: str, asset: object, status: str, *, htmx: bool = False) -> Any:
    """Press Pick."""
    data = {"ids": ids, "asset": asset, "status": status}
    return client.post(f"{HOME}/compare/pick/", data, headers={"HX-Request": "true"} if htmx else {})


def test_picked_picture_is_shortlisted_and_let_go(team: Team, member: User, client_of: ClientOf) -> None:
    one, two = make_asset(team), make_asset(team)
    ids = f"{one.pk},{two.pk}"
    client = client_of(member)
    answer = pick(client, ids, two.pk, "shortlisted")
    assert (answer.status_code, answer["Location"]) == (302, f"{HOME}/compare/?ids={ids}")
    assert set(Asset.objects.values_list("pk", "status")) == {(one.pk, "draft"), (two.pk, "shortlisted")}
    part = pick(client, ids, two.pk, "draft", htmx=True).content.decode()
    assert re.findall(r'id="((?:pick|facts)-\d+)" hx-swap-oob="true"', part) == [
        f"{name}-{pk}" for pk in (one.pk, two.pk) for name in ("pick", "facts")
    ]
    assert Asset.objects.get(pk=two.pk).status == "draft"


def test_pick_leaves_an_approved_picture_as_it_is(team: Team, member: User, client_of: ClientOf) -> None:
    one, two = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=one.pk).update(status=Status.APPROVED)
    client = client_of(member)
    assert "Pick A" not in page_of(client, f"compare/?ids={one.pk},{two.pk}")
    assert pick(client, f"{one.pk},{two.pk}", one.pk, "draft").status_code == 302
    assert Asset.objects.get(pk=one.pk).status == "approved"


def test_pick_of_something_else_is_refused(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    one, two, three = (make_asset(team) for _ in range(3))
    ids, client = f"{one.pk},{two.pk}", client_of(member)
    for asset, status in ((three.pk, "shortlisted"), ("x", "shortlisted"), (one.pk, "approved"), (one.pk, "")):
        assert pick(client, ids, asset, status).status_code == 400
    assert pick(client, "1", one.pk, "draft").status_code == 400
    assert client.get(f"{HOME}/compare/pick/").status_code == 405
    assert pick(client_of(viewer), ids, one.pk, "shortlisted").status_code == 403
    assert "Pick A" not in page_of(client_of(viewer), f"compare/?ids={ids}")
    assert set(Asset.objects.values_list("status", flat=True)) == {"draft"}


def test_picture_in_the_bin_is_not_picked(team: Team, member: User, client_of: ClientOf) -> None:
    one, two = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=one.pk).update(binned_at=timezone.now())
    assert pick(client_of(member), f"{one.pk},{two.pk}", one.pk, "shortlisted").status_code == 409
    assert Asset.objects.get(pk=one.pk).status == "draft"


def test_image_is_added_from_the_newest_or_a_search(team: Team, viewer: User, client_of: ClientOf) -> None:
    fox, heron, one = (make_asset(team, prompt=prompt) for prompt in ("A fox", "A heron", "A lighthouse"))
    client = client_of(viewer)
    assert f"compare/add/?ids={one.pk},{fox.pk}" in page_of(client, f"compare/?ids={one.pk},{fox.pk}")
    page = page_of(client, f"compare/add/?ids={one.pk}")
    assert re.findall(r'href="/t/halden-co/compare/\?ids=([\d,]+)"', page) == [
        f"{one.pk},{heron.pk}",
        f"{one.pk},{fox.pk}",
    ]
    page = page_of(client, f"compare/add/?ids={one.pk}&q=fox")
    assert re.findall(r'href="/t/halden-co/compare/\?ids=([\d,]+)"', page) == [f"{one.pk},{fox.pk}"]
    assert "No other image is found." in page_of(client, f"compare/add/?ids={one.pk}&q=walrus")
    part = client.get(f"{HOME}/compare/add/?ids={one.pk}", headers={"HX-Request": "true"}).content.decode()
    assert part.strip().startswith("<header>")


def test_comparison_of_four_takes_no_more(team: Team, viewer: User, client_of: ClientOf) -> None:
    ids = ",".join(str(make_asset(team).pk) for _ in range(4))
    client = client_of(viewer)
    assert "compare/add/" not in page_of(client, f"compare/?ids={ids}")
    assert client.get(f"{HOME}/compare/add/?ids={ids}").status_code == 400
    assert client.get(f"{HOME}/compare/add/").status_code == 400


@pytest.mark.parametrize("count", [1, 9])
def test_offer_takes_the_same_queries_for_few_and_many(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, *_ = [make_asset(team) for _ in range(count + 1)]
    client = client_of(viewer)
    with django_assert_num_queries(7):  # session, user, membership, ids of the search, their rows, balance, teams
        page_of(client, f"compare/add/?ids={first.pk}")


# For whom

PATHS = ["compare/add/?ids={one}", "compare/?ids={one},{two}", "assets/{one}/around/?way=after"]


@pytest.mark.parametrize("path", PATHS)
def test_stranger_finds_nothing(team: Team, stranger: User, client_of: ClientOf, path: str) -> None:
    one, two = make_asset(team), make_asset(team)
    answer = client_of(stranger).get(f"{HOME}/" + path.format(one=one.pk, two=two.pk))
    assert answer.status_code == 404
    assert "Halden" not in answer.content.decode()


@pytest.mark.parametrize("path", PATHS[1:])
def test_pictures_of_another_team_are_not_found(
    team: Team, other_team: Team, stranger: User, client_of: ClientOf, path: str
) -> None:
    one, two = make_asset(team), make_asset(team)
    assert client_of(stranger).get("/t/elsewhere/" + path.format(one=one.pk, two=two.pk)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_pages_are_only_read(team: Team, viewer: User, client_of: ClientOf, path: str) -> None:
    one, two = make_asset(team), make_asset(team)
    assert client_of(viewer).post(f"{HOME}/" + path.format(one=one.pk, two=two.pk)).status_code == 405
