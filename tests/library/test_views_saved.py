"""Saved views and duplicates: works, stranger, reader, bad input."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.core.errors import NotFound
from studio.library import saving
from studio.library.errors import NameTaken, TooMany
from studio.library.models import Asset, SavedView
from studio.library.queries import duplicate_groups, duplicates_of
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, make_member, small_png
from tests.serving import wait_until
from tests.together import at_once, is_waited_for

VIEWS = "/t/halden-co/library/views/"
DUPLICATES = "/t/halden-co/library/duplicates/"


def kept(team: Team) -> list[tuple[str, str, bool]]:
    return list(SavedView.objects.filter(team=team).order_by("name").values_list("name", "query", "is_shared"))


def test_view_is_saved_as_its_canonical_address_and_shown(team: Team, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    page = client.get(f"{VIEWS}?q=fox&status=draft&unknown=1").content.decode()
    assert 'name="query" value="q=fox&amp;status=draft"' in page
    answer = client.post(VIEWS, {"name": "  Foxes  ", "query": "status=draft&q=fox&nothing=2"})
    assert (answer.status_code, answer["Location"]) == (302, "/t/halden-co/library/?q=fox&status=draft")
    assert kept(team) == [("Foxes", "q=fox&status=draft", False)]
    assert 'href="/t/halden-co/library/?q=fox&amp;status=draft"' in client.get(VIEWS).content.decode()


def test_view_is_its_owners_until_it_is_shared(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    view = saving.create_view(team=team, user=viewer, name="Mine", query="q=fox")
    address = f"{VIEWS}{view.pk}/"
    other = client_of(member)
    assert "Mine" not in other.get(VIEWS).content.decode()
    assert other.post(address, {"act": "delete"}).status_code == 404
    assert client_of(viewer).post(address, {"act": "share", "shared": "1"}).status_code == 302
    assert "Mine" in other.get(VIEWS).content.decode()
    assert other.post(address, {"act": "delete"}).status_code == 403
    assert other.post(address, {"act": "rename", "name": "Ours"}).status_code == 403
    assert kept(team) == [("Mine", "q=fox", True)]
    assert client_of(viewer).post(address, {"act": "share"}).status_code == 302
    assert kept(team) == [("Mine", "q=fox", False)]


def test_admin_may_unshare_and_delete_but_not_rename_what_is_shared(
    team: Team, viewer: User, admin: User, client_of: ClientOf
) -> None:
    view = saving.create_view(team=team, user=viewer, name="Mine", query="q=fox", is_shared=True)
    address, client = f"{VIEWS}{view.pk}/", client_of(admin)
    assert client.post(address, {"act": "rename", "name": "Ours"}).status_code == 403
    assert client.post(address, {"act": "delete"}).status_code == 302
    assert kept(team) == []


def test_names_are_unique_for_each_person(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    view = saving.create_view(team=team, user=viewer, name="Foxes", query="q=fox")
    saving.create_view(team=team, user=member, name="Foxes", query="q=fox")
    with pytest.raises(NameTaken):
        saving.create_view(team=team, user=viewer, name="FOXES", query="")
    other = saving.create_view(team=team, user=viewer, name="Owls", query="q=owl")
    with pytest.raises(NameTaken):
        saving.rename_view(view=other, name="Foxes")
    assert saving.rename_view(view=view, name="foxes").name == "foxes"
    answer = client_of(viewer).post(VIEWS, {"name": "Owls", "query": "q=snow"})
    assert answer.status_code == 422
    assert "You have a view called Owls already." in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_view_that_is_made_while_another_takes_its_name_is_refused(team: Team, viewer: User) -> None:
    view = saving.create_view(team=team, user=viewer, name="Foxes", query="q=fox")
    make = partial(saving.create_view, team=team, user=viewer, name="Owls", query="q=owl")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            saving.rename_view(view=view, name="Owls")
            made = pool.submit(at_once, [make], NameTaken)
            wait_until(is_waited_for)
        assert made.result() == [NameTaken]
    assert kept(team) == [("Owls", "q=fox", False)]


def test_fifty_views_are_the_most(team: Team, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert saving.MOST_VIEWS == 50
    monkeypatch.setattr(saving, "MOST_VIEWS", 1)
    saving.create_view(team=team, user=viewer, name="One", query="")
    with pytest.raises(TooMany):
        saving.create_view(team=team, user=viewer, name="Two", query="")


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 81, "a\tb", "\u202eabc"])
def test_view_needs_a_name_of_one_line(team: Team, viewer: User, client_of: ClientOf, name: str) -> None:
    assert client_of(viewer).post(VIEWS, {"name": name, "query": "q=fox"}).status_code == 422
    assert kept(team) == []


def test_view_of_an_impossible_search_is_refused(team: Team, viewer: User, client_of: ClientOf) -> None:
    assert client_of(viewer).post(VIEWS, {"name": "Bad", "query": "status=lost"}).status_code == 400
    assert client_of(viewer).get(f"{VIEWS}?rating=nine").status_code == 400
    assert kept(team) == []


def test_views_are_kept_from_strangers_and_bad_acts(
    team: Team, viewer: User, stranger: User, other_team: Team, client_of: ClientOf
) -> None:
    view = saving.create_view(team=team, user=viewer, name="Mine", query="q=fox", is_shared=True)
    client = client_of(stranger)
    assert client.get(VIEWS).status_code == 404
    assert client.post(f"{VIEWS}{view.pk}/", {"act": "delete"}).status_code == 404
    assert client.post(f"/t/elsewhere/library/views/{view.pk}/", {"act": "delete"}).status_code == 404
    assert client_of(viewer).post(f"{VIEWS}{view.pk}/", {"act": "burn"}).status_code == 400
    assert client_of(viewer).get(f"{VIEWS}{view.pk}/").status_code == 405
    assert client_of(viewer).post(f"{VIEWS}999999999999/", {"act": "delete"}).status_code == 404


@pytest.mark.parametrize("number", [1, 3])
def test_views_take_the_same_queries_for_one_and_three(
    team: Team, viewer: User, client_of: ClientOf, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for at in range(number):
        user = make_member(team)
        saving.create_view(team=team, user=user, name=f"View {at}", query="q=fox", is_shared=True)
    client = client_of(viewer)
    with django_assert_num_queries(6):  # session, user, membership with team, views, balance, the switch's teams
        assert client.get(VIEWS).content.decode().count("View ") >= number


def test_duplicates_are_listed_without_what_is_in_the_bin(
    team: Team, other_team: Team, viewer: User, client_of: ClientOf
) -> None:
    first, second, third = (make_asset(team, data=small_png(1), prompt=f"Twin {at}") for at in range(3))
    alone, binned = (make_asset(team, data=small_png(2)) for _ in range(2))
    foreign = make_asset(other_team, data=small_png(1), prompt="Foreign")
    Asset.objects.filter(pk__in=[third.pk, binned.pk]).update(binned_at=first.created_at, binned_by=viewer)
    page = duplicate_groups(team, viewer)
    assert [[asset.pk for asset in group.items] for group in page.groups] == [[first.pk, second.pk]]
    assert list(duplicates_of(first)) == [second]
    assert list(duplicates_of(alone)) == []
    shown = client_of(viewer).get(DUPLICATES).content.decode()
    assert (shown.count('class="tile"'), f"/assets/{foreign.pk}/" in shown) == (2, False)


def test_duplicates_come_in_pages_by_hash(team: Team, viewer: User, client_of: ClientOf) -> None:
    pairs = [sorted(make_asset(team, data=small_png(at)).pk for _ in range(2)) for at in range(3)]
    found, cursor = [], None
    for _ in range(3):
        page = duplicate_groups(team, viewer, cursor=cursor, size=1)
        found += [[asset.pk for asset in group.items] for group in page.groups]
        cursor = page.next_cursor
    assert (sorted(found), cursor) == (pairs, None)
    assert "No duplicates" not in client_of(viewer).get(DUPLICATES, {"cursor": "zz\x00"}).content.decode()


def test_no_duplicates_says_so(team: Team, viewer: User, stranger: User, client_of: ClientOf) -> None:
    make_asset(team)
    assert "No duplicates" in client_of(viewer).get(DUPLICATES).content.decode()
    assert client_of(stranger).get(DUPLICATES).status_code == 404


def test_view_that_is_deleted_meanwhile_is_not_changed_any_more(team: Team, viewer: User) -> None:
    view = saving.create_view(team=team, user=viewer, name="Mine", query="q=fox")
    stale = SavedView.objects.get(pk=view.pk)
    saving.delete_view(view=view)
    with pytest.raises(NotFound):
        saving.rename_view(view=stale, name="Yours")
    with pytest.raises(NotFound):
        saving.share_view(view=stale, is_shared=True)
    saving.delete_view(view=stale)
    assert kept(team) == []
