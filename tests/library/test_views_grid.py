"""The grid: what it shows, for whom, how it is asked for, and what it says when there is nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import views_grid
from studio.library.models import Asset, Collection, CollectionItem, Status
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

LIBRARY = "/t/halden-co/library/"
SCRIPT = {"HX-Request": "true"}


def tiles_of(page: str) -> list[int]:
    """Return the assets that a page shows, in order."""
    return [int(pk) for pk in re.findall(r'<a href="/t/halden-co/assets/(\d+)/[^"]*"><', page)]


def headings_of(page: str) -> list[str]:
    return re.findall(r'<h2 class="sm">([^<]*)</h2>', page)


def next_of(page: str) -> str:
    """Return the address of the next page."""
    [found] = re.findall(r'data-next="([^"]*)"', page)
    return str(found).replace("&amp;", "&")


def test_grid_shows_the_teams_pictures_newest_first(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf
) -> None:
    assets = [make_asset(team, prompt=f"Picture <{number}>. And more.") for number in range(3)]
    make_asset(other_team)
    page = client_of(viewer).get(LIBRARY).content.decode()
    assert tiles_of(page) == [asset.pk for asset in reversed(assets)]
    assert 'alt="Picture &lt;2&gt;."' in page
    assert f'src="/t/halden-co/assets/{assets[0].pk}/file/thumb/" width="96" height="64"' in page
    assert f'<rect width="100%" height="100%" fill="{assets[0].colour}"/>' in page
    assert headings_of(page) == ["Today"]
    assert '<span class="count">3 images</span>' in page


@pytest.mark.parametrize("count", [1, 3])
def test_grid_takes_the_same_queries_for_one_and_three(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        make_asset(team, prompt="A long prompt. " * 100)
    client = client_of(viewer)
    with django_assert_num_queries(GRID_QUERIES):
        page = client.get(LIBRARY).content.decode()
    assert len(tiles_of(page)) == count


# Session, user, membership with team, ids and count, assets, newest, balance, the switch's teams.
GRID_QUERIES = 8


def test_pages_are_stable_while_new_pictures_arrive(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_grid, "PAGE_SIZE", 2)
    first, second, third, fourth, fifth = (make_asset(team) for _ in range(5))
    client = client_of(viewer)
    page = client.get(LIBRARY).content.decode()
    assert tiles_of(page) == [fifth.pk, fourth.pk]
    make_asset(team)
    page = client.get(next_of(page)).content.decode()
    assert tiles_of(page) == [third.pk, second.pk]
    # The day began on the page before, so it has no heading here; and there is a way back.
    assert headings_of(page) == []
    assert ">To the start</a>" in page.replace("</svg>", ">")
    page = client.get(next_of(page)).content.decode()
    assert tiles_of(page) == [first.pk]
    assert next_of(page) == ""


def test_next_page_for_script_is_only_the_next_pictures(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_grid, "PAGE_SIZE", 1)
    old, new = make_asset(team), make_asset(team)
    client = client_of(viewer)
    page = client.get(f"{LIBRARY}?cursor={new.pk}", headers=SCRIPT).content.decode()
    assert page.strip().startswith('<div class="leaf"')
    assert tiles_of(page) == [old.pk]
    # An empty cursor is the first page, without what is around it.
    page = client.get(f"{LIBRARY}?cursor=", headers=SCRIPT).content.decode()
    assert page.strip().startswith('<div class="leaf"')
    assert tiles_of(page) == [new.pk]


def test_search_by_script_gets_the_whole_page(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team, prompt="Sand arches")
    page = client_of(viewer).get(f"{LIBRARY}?q=arches", headers=SCRIPT).content.decode()
    assert all(f'id="{part}"' in page for part in ("results", "side", "tools", "kept"))


def test_days_have_headings(team: Team, viewer: User, client_of: ClientOf) -> None:
    old, new = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=1))
    client = client_of(viewer)
    assert headings_of(client.get(LIBRARY).content.decode()) == ["Today", "Yesterday"]
    assert headings_of(client.get(f"{LIBRARY}?cursor={new.pk}").content.decode()) == ["Yesterday"]
    assert headings_of(client.get(f"{LIBRARY}?sort=oldest").content.decode()) == ["Yesterday", "Today"]
    assert headings_of(client.get(f"{LIBRARY}?sort=name").content.decode()) == []


@pytest.mark.parametrize(
    ("zone", "headings"),
    [
        ("", ["Today", "Yesterday"]),
        ("Asia/Tokyo", ["Today"]),
        ("America/New_York", ["Yesterday"]),
        ("Nowhere/Atlantis", ["Today", "Yesterday"]),
        ("../../etc/passwd", ["Today", "Yesterday"]),
        ("a" * 5000, ["Today", "Yesterday"]),
    ],
)
def test_days_are_the_readers(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, zone: str, headings: list[str]
) -> None:
    late, early = make_asset(team), make_asset(team)
    # 23:30 and 00:30 in UTC: of one day everywhere else.
    Asset.objects.filter(pk=late.pk).update(created_at=datetime(2026, 3, 3, 23, 30, tzinfo=UTC))
    Asset.objects.filter(pk=early.pk).update(created_at=datetime(2026, 3, 4, 0, 30, tzinfo=UTC))
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 4, 12, 0, tzinfo=UTC))
    client = client_of(viewer)
    client.cookies["zone"] = zone
    assert headings_of(client.get(LIBRARY).content.decode()) == headings
    assert headings_of(client.get(f"{LIBRARY}?cursor={early.pk}").content.decode()) == headings[1:]
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(("zone", "found"), [("", 1), ("Asia/Tokyo", 2), ("America/New_York", 0)])
def test_dates_mean_the_days_of_the_headings(
    team: Team, viewer: User, client_of: ClientOf, zone: str, found: int
) -> None:
    assets = [make_asset(team) for _ in range(2)]
    moments = [datetime(2026, 3, 3, 23, 30, tzinfo=UTC), datetime(2026, 3, 4, 0, 30, tzinfo=UTC)]
    for asset, moment in zip(assets, moments, strict=True):
        Asset.objects.filter(pk=asset.pk).update(created_at=moment)
    shown = [asset.pk for asset in reversed(assets)][:found]
    client = client_of(viewer)
    client.cookies["zone"] = zone
    query = "from=2026-03-04&to=2026-03-04"
    page = client.get(f"{LIBRARY}?{query}").content.decode()
    assert (tiles_of(page), len(headings_of(page))) == (shown, min(found, 1))
    # So do the pages that show one picture of what was found.
    older = shown[1:]
    page = client.get(f"/t/halden-co/assets/{assets[1].pk}/?{query}").content.decode()
    assert [int(pk) for pk in re.findall(r'<a [^>]*href="/t/halden-co/assets/(\d+)/[^"]*" rel="next"', page)] == older
    slides = client.get(f"/t/halden-co/assets/{assets[1].pk}/around/?way=after&{query}").json()["slides"]
    assert [int(re.findall(r"/assets/(\d+)/", slide["href"])[0]) for slide in slides] == older


def test_a_few_of_a_day_at_the_end_of_a_page_wait_for_the_next_one(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_grid, "PAGE_SIZE", 3)
    made = [make_asset(team) for _ in range(4)]
    Asset.objects.filter(pk__in=[asset.pk for asset in made[:2]]).update(created_at=timezone.now() - timedelta(days=1))
    client = client_of(viewer)
    page = client.get(LIBRARY).content.decode()
    assert tiles_of(page) == [made[3].pk, made[2].pk]
    # So the day before them is whole: it says how many it has, and its last row is an end.
    assert ('<span class="count">2 images</span>' in page, 'class="justified" data-open' in page) == (True, False)
    page = client.get(next_of(page)).content.decode()
    assert (tiles_of(page), headings_of(page)) == ([made[1].pk, made[0].pk], ["Yesterday"])


def test_day_of_pictures_that_were_brought_in_is_another_one_than_the_day_at_the_end(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_grid, "PAGE_SIZE", 5)
    ages = [1, 1, 0, 0, 1]  # the last was brought in: made yesterday, and the newest here
    made = [make_asset(team) for _ in [*ages, 1]]
    for asset, age in zip(made, [1, *ages], strict=True):
        Asset.objects.filter(pk=asset.pk).update(created_at=timezone.now() - timedelta(days=age))
    client = client_of(viewer)
    page = client.get(LIBRARY).content.decode()
    assert tiles_of(page) == [asset.pk for asset in reversed(made[3:])]
    assert headings_of(page) == ["Yesterday", "Today"]
    page = client.get(next_of(page)).content.decode()
    assert (tiles_of(page), headings_of(page)) == ([asset.pk for asset in reversed(made[:3])], ["Yesterday"])


@pytest.mark.parametrize("cursor", ["abc", "-1", "9" * 30, "", "²", "1.5"])
def test_unreadable_page_is_the_first_page(team: Team, viewer: User, client_of: ClientOf, cursor: str) -> None:
    asset = make_asset(team)
    answer = client_of(viewer).get(LIBRARY, {"cursor": cursor})
    assert (answer.status_code, tiles_of(answer.content.decode())) == (200, [asset.pk])


def test_empty_library_says_what_comes_here(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    for user, act in [(member, "Make the first image"), (viewer, "See the studio")]:
        page = client_of(user).get(LIBRARY).content.decode()
        assert "No images yet" in page
        assert act in page
        assert tiles_of(page) == []


def test_page_behind_the_end_leads_back(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    page = client_of(viewer).get(f"{LIBRARY}?cursor={asset.pk}").content.decode()
    assert "No more images" in page


def test_search_without_result_names_its_filters_and_a_way_out(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team, prompt="Sand arches")
    client = client_of(viewer)
    page = client.get(f"{LIBRARY}?status=approved&favourite=1&q=sand").content.decode()
    assert "No images match “sand”" in page
    assert "2 filters are on: Approved and Favourites. Without them there is 1 image." in page
    assert 'href="/t/halden-co/library/?q=sand">Clear filters</a>' in page
    # Where there would be none without them either, it leads out of the search.
    page = client.get(f"{LIBRARY}?q=zebra&status=approved").content.decode()
    assert page[page.index('class="empty"') :].count('href="/t/halden-co/library/">Show all images</a>') == 1
    page = client.get(f"{LIBRARY}?q=glass").content.decode()
    assert "There is 1 image in the library." in page
    assert 'href="/t/halden-co/library/">Show all images</a>' in page


def test_filters_are_chips_that_take_them_away(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team, prompt="Sand arches")
    Asset.objects.filter(pk=asset.pk).update(status=Status.APPROVED, rating=4)
    page = client_of(viewer).get(f"{LIBRARY}?q=sand&status=approved&rating=3&from=2020-01-31").content.decode()
    assert tiles_of(page) == [asset.pk]
    chips = re.findall(r'<a class="chip on" href="([^"]*)" aria-label="([^"]*)"', page)
    assert chips == [
        ("/t/halden-co/library/?q=sand&amp;rating=3&amp;from=2020-01-31", "Remove filter Approved"),
        ("/t/halden-co/library/?q=sand&amp;status=approved&amp;from=2020-01-31", "Remove filter 3 stars or more"),
        ("/t/halden-co/library/?q=sand&amp;status=approved&amp;rating=3", "Remove filter From 31 Jan 2020"),
    ]
    assert '<input type="hidden" name="rating" value="3">' in page
    assert (
        f'<a href="/t/halden-co/assets/{asset.pk}/?q=sand&amp;status=approved&amp;rating=3&amp;from=2020-01-31">'
        in page
    )


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("?status=lost", "The filter status takes draft, shortlisted, approved, delivered."),
        ("?rating=9", "A rating goes up to 5."),
        ("?from=yesterday", "A date is written as year-month-day"),
        ("?q=" + "a" * 600, "A search may be up to 500 characters long"),
        ("?by=me", "The filter by takes a number."),
        ("?sort=colour", "The order is one of"),
    ],
)
def test_search_that_cannot_be_meant_says_why(
    team: Team, viewer: User, client_of: ClientOf, address: str, text: str
) -> None:
    answer = client_of(viewer).get(LIBRARY + address)
    assert answer.status_code == 400
    assert text in answer.content.decode()


def test_selection_works_without_script(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(viewer)
    page = client.get(LIBRARY).content.decode()
    assert 'name="select" value="1" data-select' in page
    page = client.get(f"{LIBRARY}?select=1").content.decode()
    assert '<div class="shelf selecting"' in page
    assert f'name="ids" value="{asset.pk}" form="bulk"' in page


def test_collection_shows_its_chosen_cover_also_beyond_the_page(
    team: Team, viewer: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    chosen, shown = make_asset(team), make_asset(team, prompt="heron")
    outer = Collection.objects.create(team=team, name="Outer", key="outer", created_by=viewer)
    inner = Collection.objects.create(
        team=team, name="Inner", key="inner", created_by=viewer, parent=outer, cover=chosen, description="By the sea"
    )
    for position, asset in enumerate((chosen, shown)):
        CollectionItem.objects.create(collection=inner, asset=asset, position=position, added_by=viewer)
    client = client_of(viewer)
    with django_assert_num_queries(8):
        page = client.get(f"{LIBRARY}?collection={inner.pk}&q=heron").content.decode()
    head = page.partition('class="colhead"')[2].partition("</section>")[0]
    assert f"/assets/{chosen.pk}/" in head.partition("<h2")[0]
    assert "Outer" in head
    assert "By the sea" in head
    assert tiles_of(page) == [shown.pk]
    Asset.objects.filter(pk=chosen.pk).update(binned_at=Now(), binned_by=viewer)
    page = client.get(f"{LIBRARY}?collection={inner.pk}&q=heron").content.decode()
    head = page.partition('class="colhead"')[2].partition("</section>")[0]
    assert f"/assets/{shown.pk}/" in head.partition("<h2")[0]
