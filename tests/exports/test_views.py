"""The pages of downloads: works, for whom, and what they say when something is wrong."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.exports import services, upkeep
from studio.exports.models import Export, State
from studio.library.models import Asset
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.exports.archives import make_export, names_of
from tests.factories import make_asset
from tests.library.downloads import fetch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection")]

DOWNLOADS = "/t/halden-co/downloads/"


def rows_of(page: str) -> list[int]:
    """Return the exports that a page lists, in order."""
    return [int(pk) for pk in re.findall(r'<tr id="export-(\d+)"', page)]


# Making one


def test_selection_is_downloaded_in_two_steps(team: Team, viewer: User, client_of: ClientOf) -> None:
    assets = [make_asset(team, prompt=f"Picture {number}") for number in range(3)]
    client = client_of(viewer)
    answer = client.post(DOWNLOADS, {"ids": [assets[2].pk, assets[0].pk, assets[0].pk]})
    export = Export.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"{DOWNLOADS}{export.pk}/")
    assert (export.scope, export.name, export.state, export.total) == ("selection", "Selection", "ready", 2)
    assert [int(re.findall(r"-(\d+)\.png", name)[0]) for name in names_of(export)] == [assets[0].pk, assets[2].pk]
    got = fetch(client, answer["Location"], method="HEAD")
    assert (got.status, got.headers["content-type"]) == (200, "application/zip")
    assert got.headers["content-disposition"].startswith('attachment; filename="halden-co-selection-')
    [event] = AuditEvent.objects.filter(action="export.created")
    assert (event.actor, event.subject, event.data["images"]) == (viewer, "Selection", 2)


def test_everything_that_matches_is_downloaded_up_to_the_newest_shown(
    team: Team, viewer: User, client_of: ClientOf
) -> None:
    fox, _, later = (
        make_asset(team, prompt="A fox"),
        make_asset(team, prompt="A cat"),
        make_asset(team, prompt="Fox two"),
    )
    data = {"all": "1", "query": "q=fox", "newest": later.pk - 1}
    client_of(viewer).post(DOWNLOADS, data)
    export = Export.objects.get()
    assert (export.scope, export.name, export.query) == ("search", "Search “fox”", "q=fox")
    assert [page.asset_ids for page in export.pages.all()] == [[fox.pk]]


def test_search_is_downloaded_as_the_readers_days_are(team: Team, viewer: User, client_of: ClientOf) -> None:
    late, early = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=late.pk).update(created_at=datetime(2026, 3, 3, 23, 30, tzinfo=UTC))
    Asset.objects.filter(pk=early.pk).update(created_at=datetime(2026, 3, 4, 15, 30, tzinfo=UTC))
    client = client_of(viewer)
    client.cookies["zone"] = "Asia/Tokyo"
    query = "from=2026-03-04&to=2026-03-04"
    assert client.get(f"{DOWNLOADS}new/?{query}").context["count"] == 1
    client.post(DOWNLOADS, {"all": "1", "query": query})
    [name] = names_of(Export.objects.get())
    assert f"-{late.pk}." in name


def test_options_are_kept(team: Team, viewer: User, client_of: ClientOf, bells: list[str]) -> None:
    asset = make_asset(team)
    options = {"what": "converted", "format": "webp", "side": "1024", "quality": "70", "pattern": "{id}", "parts": "2"}
    answer = client_of(viewer).post(DOWNLOADS, {"ids": asset.pk, **options})
    export = Export.objects.get()
    assert answer.status_code == 303
    assert (export.what, export.format, export.side, export.quality) == ("converted", "webp", 1024, 70)
    assert (export.pattern, export.part_bytes, export.state) == ("{id}", 2_000_000_000, "preparing")
    page = client_of(viewer).get(answer["Location"]).content.decode()
    assert "Converting to WebP, 1,024 px: 0 of 1 image." in page
    assert f'hx-trigger="export-{export.pk} from:body' in page


def test_options_of_a_conversion_count_only_for_one(team: Team, viewer: User, client_of: ClientOf) -> None:
    options = {"what": "originals", "format": "webp", "side": "1024", "quality": "70"}
    client_of(viewer).post(DOWNLOADS, {"ids": make_asset(team).pk, **options})
    export = Export.objects.get()
    assert (export.what, export.format, export.side, export.quality, export.state) == (
        "originals",
        "",
        None,
        None,
        "ready",
    )


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        ({}, 400, "Nothing is selected"),
        ({"ids": "abc"}, 400, "something that is not an image"),
        ({"ids": "1" * 19}, 400, "something that is not an image"),
        ({"ids": "999999999"}, 404, "not in this library"),
        ({"all": "1", "query": "q=nothing", "newest": "99"}, 400, "There are no images in this"),
        ({"all": "1", "query": "rating=9", "newest": "99"}, 400, ""),
        ({"all": "1", "query": "collection=999999", "newest": "99"}, 400, "There are no images in this"),
    ],
)
def test_bad_selection_is_refused(
    team: Team, viewer: User, client_of: ClientOf, data: dict[str, str], status: int, text: str
) -> None:
    make_asset(team)
    answer = client_of(viewer).post(DOWNLOADS, data)
    assert answer.status_code == status
    assert text in answer.content.decode()
    assert not Export.objects.exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"what": "everything"}, "Select a valid choice"),
        ({"what": "converted", "format": "svg"}, "Select a valid choice"),
        ({"what": "converted", "side": "7"}, "Select a valid choice"),
        ({"what": "converted", "quality": "101"}, "less than or equal to 100"),
        ({"what": "converted", "quality": "x"}, "Enter a whole number"),
        ({"parts": "3"}, "Select a valid choice"),
        ({"pattern": "../{id}"}, "called . or .."),
        ({"pattern": "{prompt}"}, "{prompt} is not known"),
        ({"pattern": "x" * 201}, "at most 200 characters"),
    ],
)
def test_bad_option_is_shown_beside_its_field_with_the_selection_kept(
    team: Team, viewer: User, client_of: ClientOf, options: dict[str, str], text: str
) -> None:
    asset = make_asset(team)
    answer = client_of(viewer).post(DOWNLOADS, {"ids": asset.pk, **options})
    page = answer.content.decode()
    assert (answer.status_code, Export.objects.count()) == (422, 0)
    assert text in page
    assert f'<input type="hidden" name="ids" value="{asset.pk}">' in page


def test_only_the_teams_own_pictures_are_downloaded(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf
) -> None:
    mine, theirs = make_asset(team), make_asset(other_team)
    assert client_of(viewer).post(DOWNLOADS, {"ids": [mine.pk, theirs.pk]}).status_code == 404
    client_of(viewer).post(DOWNLOADS, {"all": "1", "query": "", "newest": theirs.pk})
    assert [page.asset_ids for page in Export.objects.get().pages.all()] == [[mine.pk]]


def test_only_what_is_new_since_the_same_persons_last_download(
    team: Team, viewer: User, member: User, client_of: ClientOf
) -> None:
    make_asset(team)
    client, all_of_it = client_of(viewer), {"all": "1", "query": "", "only_new": "on"}
    client.post(DOWNLOADS, all_of_it)
    assert Export.objects.latest("pk").total == 1
    nothing = client.post(DOWNLOADS, all_of_it)
    assert (nothing.status_code, "There is nothing new since" in nothing.content.decode()) == (400, True)
    new = make_asset(team)
    client.post(DOWNLOADS, all_of_it)
    assert [page.asset_ids for page in Export.objects.latest("pk").pages.all()] == [[new.pk]]
    client_of(member).post(DOWNLOADS, all_of_it)
    assert Export.objects.latest("pk").total == 2


def test_ticked_pictures_are_downloaded_as_they_are_ticked(team: Team, viewer: User, client_of: ClientOf) -> None:
    one, two, three = (make_asset(team) for _ in range(3))
    client = client_of(viewer)
    for ids in ([two.pk, three.pk], [one.pk, two.pk]):
        assert client.post(DOWNLOADS, {"ids": ids, "only_new": "on"}).status_code == 303
        assert [page.asset_ids for page in Export.objects.latest("pk").pages.all()] == [ids]
    assert not Export.objects.filter(only_new=True).exists()


def test_bin_is_downloaded_by_those_who_see_it(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    Asset.objects.filter(pk=asset.pk).update(binned_at=timezone.now(), binned_by=member)
    the_bin = {"bin": "1", "until": timezone.now().isoformat()}
    for address in (DOWNLOADS, f"{DOWNLOADS}new/"):
        assert client_of(viewer).post(address, the_bin).status_code == 403
    assert client_of(member).post(DOWNLOADS, the_bin).status_code == 303
    assert [page.asset_ids for page in Export.objects.get().pages.all()] == [[asset.pk]]


@pytest.mark.parametrize("until", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_moment_that_no_database_knows_is_refused(team: Team, member: User, client_of: ClientOf, until: str) -> None:
    assert client_of(member).post(DOWNLOADS, {"bin": "1", "until": until}).status_code == 400


# The form


def test_form_carries_a_search_on_that_names_no_newest_picture(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team)
    page = client_of(viewer).post(f"{DOWNLOADS}new/", {"all": "1", "query": ""}).content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="(all|query|newest)" value="([^"]*)">', page))
    assert fields == {"all": "1", "query": ""}
    assert client_of(viewer).post(DOWNLOADS, fields).status_code == 303


def test_form_says_what_it_is_about(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(viewer)
    page = client.get(f"{DOWNLOADS}new/").content.decode()
    assert "Library: 1 image." in page
    assert f'<input type="hidden" name="newest" value="{asset.pk}">' in page
    assert "Only what is new since my last download of this" in page
    page = client.post(f"{DOWNLOADS}new/", {"ids": asset.pk}).content.decode()
    assert "A lighthouse at dusk. Long exposure.: 1 image." in page
    assert "Only what is new" not in page
    assert not Export.objects.exists()


def test_form_for_htmx_is_a_dialog(team: Team, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(f"{DOWNLOADS}new/", headers={"HX-Request": "true"}).content.decode()
    assert page.strip().startswith("<header>")
    assert "<html" not in page


@pytest.mark.parametrize("address", ["new/?rating=99", "new/?from=x", "new/?q=" + "x" * 3000])
def test_form_of_an_impossible_search_is_refused(team: Team, viewer: User, client_of: ClientOf, address: str) -> None:
    assert client_of(viewer).get(DOWNLOADS + address).status_code == 400


# The list


def test_list_shows_the_teams_downloads_newest_first(
    team: Team, other_team: Team, stranger: User, viewer: User, client_of: ClientOf
) -> None:
    make_asset(team)
    make_asset(other_team)
    made = [make_export(team, viewer) for _ in range(2)]
    make_export(other_team, stranger)
    page = client_of(viewer).get(DOWNLOADS).content.decode()
    assert rows_of(page) == [made[1].pk, made[0].pk]
    assert "Jonas Weber" in page
    assert f'href="{DOWNLOADS}{made[0].pk}/"' in page
    assert page.count(">Revoke<") == 2


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_the_same_queries_for_one_and_three(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_asset(team)
    for _ in range(count):
        make_export(team, viewer)
    client = client_of(viewer)
    with django_assert_num_queries(LIST_QUERIES):
        page = client.get(DOWNLOADS).content.decode()
    assert len(rows_of(page)) == count


LIST_QUERIES = 7  # session, user, membership with team, exports, their parts, balance, the switch's teams


def test_list_goes_on_by_pages(team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.exports.views.PAGE_SIZE", 2)
    make_asset(team)
    made = [make_export(team, viewer) for _ in range(3)]
    client = client_of(viewer)
    page = client.get(DOWNLOADS).content.decode()
    assert rows_of(page) == [made[2].pk, made[1].pk]
    more = client.get(f"{DOWNLOADS}?before={made[1].pk}", headers={"HX-Request": "true"}).content.decode()
    assert (rows_of(more), more.strip().startswith("<tr")) == ([made[0].pk], True)
    end = client.get(f"{DOWNLOADS}?before={made[0].pk}").content.decode()
    assert "No older downloads" in end


def test_empty_list_says_what_comes_here(team: Team, viewer: User, client_of: ClientOf) -> None:
    page = client_of(viewer).get(DOWNLOADS).content.decode()
    assert "No downloads yet" in page
    assert "Download library" in page


def test_row_tells_each_state(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team)
    export, client = make_export(team, viewer), client_of(viewer)
    row = f"{DOWNLOADS}{export.pk}/?part=row"
    states: list[tuple[dict[str, Any], str]] = [
        ({}, "Ready"),
        ({"state": State.STALE}, "A file is gone"),
        ({"state": State.PREPARING, "done": 0}, "0 of 1"),
        ({"state": State.FAILED, "failure": "It broke."}, "It broke."),
        ({"state": State.REVOKED, "revoked_at": timezone.now(), "revoked_by": viewer}, "Revoked"),
        ({"state": State.READY, "revoked_at": None, "expires_at": timezone.now()}, "Expired"),
    ]
    for changes, text in states:
        Export.objects.filter(pk=export.pk).update(**changes)
        page = client.get(row, headers={"HX-Request": "true"}).content.decode()
        assert rows_of(page) == [export.pk]
        assert text in page


# One download


def test_progress_page_leads_to_the_archive(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, bells: list[str]
) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 0)
    make_asset(team)
    export, client = make_export(team, viewer), client_of(viewer)
    answer = client.get(f"{DOWNLOADS}{export.pk}/")
    assert answer.status_code == 202
    assert "Checking that every file is there: 0 of 1 image." in answer.content.decode()
    upkeep.prepare(seconds=60)
    part = client.get(f"{DOWNLOADS}{export.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "Download ZIP, " in part
    assert "hx-get" not in part


def test_download_that_is_prepared_anew_is_no_page_for_who_wants_the_rest(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    monkeypatch.setattr(services, "AT_ONCE", 0)
    Export.objects.update(state=State.STALE)
    for address in ("", "parts/1/"):
        answer = client_of(viewer).get(f"{DOWNLOADS}{export.pk}/{address}", headers={"Range": "bytes=10-"})
        assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert Export.objects.get().state == State.PREPARING


def test_parts_are_listed_and_sent_one_by_one(team: Team, viewer: User, client_of: ClientOf) -> None:
    for _ in range(2):
        make_asset(team)
    export, client = make_export(team, viewer, part_bytes=1), client_of(viewer)
    page = client.get(f"{DOWNLOADS}{export.pk}/").content.decode()
    assert "2 parts" in page
    assert f'href="{DOWNLOADS}{export.pk}/parts/2/"' in page
    sizes = {}
    for number in (1, 2):
        got = fetch(client, f"{DOWNLOADS}{export.pk}/parts/{number}/", method="HEAD")
        assert got.status == 200
        assert f"-part-{number}-of-2.zip" in got.headers["content-disposition"]
        sizes[number] = int(got.headers["content-length"])
    assert sizes == {part.number: part.length for part in export.parts.all()}
    assert client.get(f"{DOWNLOADS}{export.pk}/parts/3/").status_code == 404


def test_failed_download_says_so(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    Export.objects.update(state=State.FAILED, failure="It could not be prepared.")
    answer = client_of(viewer).get(f"{DOWNLOADS}{export.pk}/")
    assert (answer.status_code, "It could not be prepared." in answer.content.decode()) == (200, True)


# Ends


def test_author_and_admins_revoke_and_nobody_else(
    team: Team, viewer: User, member: User, admin: User, client_of: ClientOf
) -> None:
    make_asset(team)
    mine, other = make_export(team, viewer), make_export(team, viewer)
    refused = client_of(member).post(f"{DOWNLOADS}{mine.pk}/revoke/")
    assert (refused.status_code, Export.objects.live().count()) == (403, 2)
    for user, export in [(viewer, mine), (admin, other)]:
        assert client_of(user).post(f"{DOWNLOADS}{export.pk}/revoke/")["Location"] == DOWNLOADS
        gone = client_of(user).get(f"{DOWNLOADS}{export.pk}/")
        assert (gone.status_code, "was revoked" in gone.content.decode()) == (410, True)
        assert client_of(user).get(f"{DOWNLOADS}{export.pk}/parts/1/").status_code == 410
    assert [event.actor for event in AuditEvent.objects.filter(action="export.revoked").order_by("pk")] == [
        viewer,
        admin,
    ]
    client_of(admin).post(f"{DOWNLOADS}{other.pk}/revoke/")
    assert AuditEvent.objects.filter(action="export.revoked").count() == 2


def test_expired_download_is_over(team: Team, viewer: User, client_of: ClientOf) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    assert export.expires_at - export.created_at > timedelta(days=6, hours=23)
    Export.objects.update(expires_at=timezone.now())
    gone = client_of(viewer).get(f"{DOWNLOADS}{export.pk}/")
    assert (gone.status_code, "has expired" in gone.content.decode()) == (410, True)


def test_team_keeps_only_so_many_downloads(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset(team)
    client = client_of(viewer)
    monkeypatch.setattr(services, "MOST_LIVE", 1)
    assert client.post(DOWNLOADS, {"ids": asset.pk}).status_code == 303
    refused = client.post(DOWNLOADS, {"ids": asset.pk})
    assert (refused.status_code, "Your team keeps 1 downloads" in refused.content.decode()) == (409, True)
    Export.objects.update(expires_at=timezone.now())
    assert client.post(DOWNLOADS, {"ids": asset.pk}).status_code == 303


def test_team_prepares_only_so_many_at_once(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset(team)
    monkeypatch.setattr(services, "AT_ONCE", 0)
    monkeypatch.setattr(services, "MOST_PREPARING", 1)
    client = client_of(viewer)
    assert client.post(DOWNLOADS, {"ids": asset.pk}).status_code == 303
    assert client.post(DOWNLOADS, {"ids": asset.pk}).status_code == 409


@pytest.mark.parametrize("address", ["", "new/", "{pk}/", "{pk}/parts/1/", "{pk}/revoke/"])
def test_downloads_are_unknown_to_strangers(
    team: Team, viewer: User, stranger: User, other_team: Team, client_of: ClientOf, address: str
) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    client = client_of(stranger)
    path = address.format(pk=export.pk)
    assert client.get(DOWNLOADS + path).status_code == 404
    assert client.post(DOWNLOADS + path).status_code == 404
    if address.startswith("{pk}"):
        assert client.get(f"/t/elsewhere/downloads/{path}").status_code in {404, 405}
        assert client.post(f"/t/elsewhere/downloads/{path}").status_code in {404, 405}
    assert Asset.objects.count() == 1
