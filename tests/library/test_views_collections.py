"""Pages of collections: the list, settings, and the manual order."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import facets as facets_of
from studio.library import filing, finding, side
from studio.library.collecting import collect, create_collection
from studio.library.facets import facets
from studio.library.filing import shelf_of, shelf_page
from studio.library.models import Asset, Collection
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset

COLLECTIONS = "/t/halden-co/library/collections/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(member: User, client_of: ClientOf) -> Client:
    """The browser of a member."""
    return client_of(member)


@pytest.fixture
def collection(team: Team, member: User) -> Collection:
    """A collection of four pictures, in the order of their ids."""
    made = create_collection(team=team, actor=member, name="Solstice")
    collect(asset_ids=[make_asset(team).pk for _ in range(4)], collection=made, actor_id=member.pk)
    return made


def order_of(collection: Collection) -> list[int]:
    return list(collection.items.order_by("position", "asset").values_list("asset", flat=True))


def names_on(page: str) -> list[str]:
    return re.findall(r'<b class="clip" dir="auto">([^<]*)</b>', page)


# The list


def test_list_shows_each_with_those_in_it(team: Team, other_team: Team, member: User, client: Client) -> None:
    tide = create_collection(team=team, actor=member, name="Tide", description="Ceramics")
    create_collection(team=team, actor=member, name="autumn")
    create_collection(team=team, actor=member, name="Bowls", parent=tide)
    create_collection(team=other_team, actor=member, name="Foreign")
    collect(asset_ids=[make_asset(team).pk], collection=tide, actor_id=member.pk)
    page = client.get(COLLECTIONS).content.decode()
    assert names_on(page) == ["autumn", "Tide", "Bowls"]
    assert "1 image, Ceramics" in page


@pytest.mark.parametrize("count", [1, 3])
def test_list_takes_the_same_queries_for_one_and_three(
    team: Team, member: User, client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        made = create_collection(team=team, actor=member, name=f"C{number}")
        create_collection(team=team, actor=member, name="Inner", parent=made)
        collect(asset_ids=[make_asset(team).pk], collection=made, actor_id=member.pk)
    with django_assert_num_queries(8):  # session, user, membership, outer ones, inner ones, covers, balance, teams
        assert len(names_on(client.get(COLLECTIONS).content.decode())) == 2 * count


def test_list_goes_on_by_key(team: Team, member: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.views_collections.PAGE_SIZE", 1)
    for name in ("A & B", "C"):
        create_collection(team=team, actor=member, name=name)
    page = client.get(COLLECTIONS).content.decode()
    assert names_on(page) == ["A &amp; B"]
    [more] = set(re.findall(r'href="(\?after=[^"]*)"', page))
    assert names_on(client.get(COLLECTIONS + more, headers=HTMX).content.decode()) == ["C"]
    assert "No more collections" in client.get(f"{COLLECTIONS}?after=zz").content.decode()


def test_empty_list_offers_a_first_one_to_those_who_may(
    team: Team, viewer: User, client: Client, client_of: ClientOf
) -> None:
    assert f'href="{COLLECTIONS}new/"' in client.get(COLLECTIONS).content.decode()
    page = client_of(viewer).get(COLLECTIONS).content.decode()
    assert "No collections yet" in page
    assert f'href="{COLLECTIONS}new/"' not in page


# Settings


def test_collection_is_made_changed_and_deleted(team: Team, client: Client) -> None:
    top = client.post(f"{COLLECTIONS}new/", {"name": "Tide"})["Location"]
    outer = Collection.objects.get()
    assert top == f"/t/halden-co/library/?collection={outer.pk}"
    client.post(f"{COLLECTIONS}new/", {"name": "Bowls", "description": "All\r\nof them", "parent": outer.pk})
    inner = Collection.objects.get(name="Bowls")
    assert (inner.parent, inner.description) == (outer, "All\nof them")
    page = client.get(f"{COLLECTIONS}{inner.pk}/edit/").content.decode()
    assert f'<option value="{outer.pk}" selected>Tide</option>' in page
    client.post(f"{COLLECTIONS}{inner.pk}/edit/", {"name": "Plates", "description": "", "parent": ""})
    inner.refresh_from_db()
    assert (inner.name, inner.parent, inner.description) == ("Plates", None, "")
    answer = client.post(f"{COLLECTIONS}{inner.pk}/delete/")
    assert answer["Location"] == "/t/halden-co/library/"
    assert list(Collection.objects.all()) == [outer]


def test_dialog_says_what_a_deletion_leaves(team: Team, member: User, client: Client, collection: Collection) -> None:
    create_collection(team=team, actor=member, name="Key visuals", parent=collection)
    page = client.get(f"{COLLECTIONS}{collection.pk}/delete/", headers=HTMX).content.decode()
    assert "Its 4 images stay in the library and in other collections." in page
    assert "1 collection in it moves up and keeps its images: Key visuals." in page
    client.post(f"{COLLECTIONS}{collection.pk}/delete/")
    assert list(Collection.objects.values_list("name", "parent")) == [("Key visuals", None)]
    assert Asset.objects.count() == 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 300}, "A collection has at most 120 characters; this has 300."),
        ({"name": "a\tb"}, "A collection is one line"),
        ({"name": "TIDE"}, "There is a collection Tide here already"),
        ({"name": "New", "parent": "x"}, "Select a valid choice"),
        ({"name": "New", "parent": "9" * 30}, "Select a valid choice"),
        ({"name": "New", "description": "x" * 2001}, "A description has at most 2,000 characters"),
    ],
)
def test_form_says_what_is_wrong(team: Team, member: User, client: Client, data: dict[str, str], message: str) -> None:
    create_collection(team=team, actor=member, name="Tide")
    other = create_collection(team=team, actor=member, name="Other")
    for address in (f"{COLLECTIONS}new/", f"{COLLECTIONS}{other.pk}/edit/"):
        answer = client.post(address, data)
        assert answer.status_code == 422
        assert message in answer.content.decode()
    assert Collection.objects.count() == 2


def test_nesting_deeper_is_refused(team: Team, member: User, client: Client) -> None:
    outer = create_collection(team=team, actor=member, name="Outer")
    inner = create_collection(team=team, actor=member, name="Inner", parent=outer)
    other = create_collection(team=team, actor=member, name="Other")
    answer = client.post(f"{COLLECTIONS}new/", {"name": "X", "parent": inner.pk})
    assert "Select a valid choice" in answer.content.decode()
    answer = client.post(f"{COLLECTIONS}{outer.pk}/edit/", {"name": "Outer", "parent": other.pk})
    assert "A collection that holds collections cannot be put into another one." in answer.content.decode()


# The head of a collection


def test_cover_is_the_chosen_one_or_the_first(
    team: Team, client: Client, collection: Collection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second, *_ = order_of(collection)
    address = f"{COLLECTIONS}{collection.pk}/cover/"
    with django_assert_num_queries(3):  # the collection, those in it, covers
        shelf = shelf_of(collection)
    assert (str(shelf.counted), shelf.cover and shelf.cover.pk) == ("4", first)
    assert client.post(address, {"asset": second})["Location"] == f"{COLLECTIONS}{collection.pk}/arrange/"
    shelf = shelf_of(collection)
    assert (shelf.cover.pk if shelf.cover else None) == second
    Asset.objects.filter(pk=second).update(binned_at=timezone.now())
    shelf = shelf_of(collection)
    assert (str(shelf.counted), shelf.cover and shelf.cover.pk) == ("3", first)
    client.post(address, {"asset": ""})
    collection.refresh_from_db()
    assert collection.cover is None
    for wrong in (str(make_asset(team).pk), "x", "9" * 40):
        assert client.post(address, {"asset": wrong}).status_code == 400


def test_list_and_side_count_a_picture_once_wherever_it_is_inside(team: Team, member: User, client: Client) -> None:
    here, both, inside, binned = (make_asset(team).pk for _ in range(4))
    outer = create_collection(team=team, actor=member, name="Outer")
    collect(asset_ids=[here, both], collection=outer, actor_id=member.pk)
    for name, pictures in [("A", [both, inside, binned]), ("B", [both, inside]), ("C", [])]:
        inner = create_collection(team=team, actor=member, name=name, parent=outer)
        collect(asset_ids=pictures, collection=inner, actor_id=member.pk)
    Asset.objects.filter(pk=binned).update(binned_at=timezone.now())
    [shelf] = shelf_page(team, size=9).shelves
    assert [(str(one.counted), str(one.own)) for one in (shelf, *shelf.children)] == [
        ("3", "2"),
        ("2", "2"),
        ("2", "2"),
        ("0", "0"),
    ]
    [branch] = facets(team, member).collections
    assert [one.counted.number for one in (branch, *branch.children)] == [3, 2, 2, 0]
    page = client.get(f"{COLLECTIONS}{outer.pk}/delete/").content.decode()
    assert "Its 2 images stay in the library" in page


def test_side_shows_so_many_collections_and_always_the_one_looked_into(
    team: Team, member: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side, "COLLECTIONS_SHOWN", 2)
    outer = [create_collection(team=team, actor=member, name=name) for name in ("Autumn", "Spring", "Summer", "Winter")]
    inner = create_collection(team=team, actor=member, name="Snow", parent=outer[3])

    def listed(query: str) -> list[str]:
        page = client.get(f"/t/halden-co/library/{query}").content.decode()
        return re.findall(r"Autumn|Spring|Summer|Winter|\d+ more", page.split('id="side"')[1].split("</aside>")[0])

    assert listed("") == ["Autumn", "Spring", "2 more"]
    for within in (outer[3], inner):
        assert listed(f"?collection={within.pk}") == ["Autumn", "Spring", "Winter", "1 more"]


def test_count_of_many_inside_stops_where_nobody_counts_and_never_sooner(
    team: Team, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight collections of the same two pictures are still two, however few places are looked at."""
    for module in (finding, filing, facets_of):
        monkeypatch.setattr(module, "MOST_COUNTED", 3)
    assets = [make_asset(team).pk for _ in range(5)]
    outer = create_collection(team=team, actor=member, name="Outer")
    for number in range(8):
        inner = create_collection(team=team, actor=member, name=f"C{number}", parent=outer)
        collect(asset_ids=assets[:2], collection=inner, actor_id=member.pk)
    for said, more in [("2", assets[2:3]), ("3", assets[3:4]), ("3+", assets[4:]), ("3+", [])]:
        assert str(shelf_of(outer).counted) == str(facets(team, member).collections[0].counted) == said
        collect(asset_ids=more, collection=outer, actor_id=member.pk)


def test_count_stops_where_nobody_counts(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MOST_COUNTED", 3)
    assert str(shelf_of(collection).counted) == "3+"


# The order


def test_arrange_shows_pictures_in_order(team: Team, client: Client, collection: Collection) -> None:
    ids = order_of(collection)
    page = client.get(f"{COLLECTIONS}{collection.pk}/arrange/").content.decode()
    assert [int(pk) for pk in re.findall(r'data-item="(\d+)"', page)] == ids
    assert f'data-order="{COLLECTIONS}{collection.pk}/order/"' in page


def test_arrange_goes_on_by_place(client: Client, collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.views_collections.PAGE_SIZE", 3)
    ids = order_of(collection)
    collection.items.filter(asset__in=ids[1:]).update(position=77)  # the same place: by picture then
    collection.items.filter(asset=ids[0]).update(position=-5)
    address = f"{COLLECTIONS}{collection.pk}/arrange/"
    page = client.get(address).content.decode()
    assert [int(pk) for pk in re.findall(r'data-item="(\d+)"', page)] == ids[:3]
    [more] = set(re.findall(r'href="(\?after=[^"]*)"', page))
    part = client.get(address + more, headers=HTMX).content.decode()
    assert [int(pk) for pk in re.findall(r'data-item="(\d+)"', part)] == ids[3:]
    assert part.lstrip().startswith("<li")
    for after in ("x", ".", "1.", "9" * 40 + ".1", "1.2.3"):
        again = client.get(address, {"after": after}).content.decode()
        assert [int(pk) for pk in re.findall(r'data-item="(\d+)"', again)] == ids[:3]


@pytest.mark.parametrize("count", [1, 3])
def test_arrange_takes_the_same_queries_for_one_and_three(
    team: Team, member: User, client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made = create_collection(team=team, actor=member, name="Tide")
    collect(asset_ids=[make_asset(team).pk for _ in range(count)], collection=made, actor_id=member.pk)
    with django_assert_num_queries(8):  # session, user, membership, collection, items, pictures, balance, teams
        page = client.get(f"{COLLECTIONS}{made.pk}/arrange/").content.decode()
    assert page.count("data-item=") == count


def test_order_moves_beside_another(client: Client, collection: Collection) -> None:
    a, b, c, d = order_of(collection)
    address = f"{COLLECTIONS}{collection.pk}/order/"
    answer = client.post(address, {"item": [d, b], "before": a}, headers=HTMX)
    assert (answer.status_code, answer.content) == (204, b"")
    assert order_of(collection) == [b, d, a, c]
    answer = client.post(address, {"item": b, "after": c})
    assert answer["Location"] == f"{COLLECTIONS}{collection.pk}/arrange/#picture-{b}"
    assert order_of(collection) == [d, a, c, b]
    for to, wanted in [
        ("first", [b, d, a, c]),
        ("later", [d, b, a, c]),
        ("last", [d, a, c, b]),
        ("earlier", [d, a, b, c]),
    ]:
        client.post(address, {"item": b, "to": to})
        assert order_of(collection) == wanted


def test_order_that_cannot_be_is_refused(team: Team, client: Client, collection: Collection) -> None:
    a, b, *_ = ids = order_of(collection)
    outside = make_asset(team).pk
    for data, code in [
        ({}, 400),
        ({"item": a}, 400),
        ({"item": a, "before": ""}, 400),
        ({"item": a, "before": "x"}, 400),
        ({"item": "x", "before": b}, 400),
        ({"item": a, "before": a}, 400),
        ({"item": a, "before": [b, b]}, 400),
        ({"item": a, "to": "sideways"}, 400),
        ({"item": ["1"] * 1001, "before": b}, 400),
        ({"item": a, "before": "9" * 40}, 400),
        ({"item": outside, "before": a}, 409),
        ({"item": a, "before": outside}, 409),
        ({"item": outside, "to": "first"}, 409),
    ]:
        assert client.post(f"{COLLECTIONS}{collection.pk}/order/", data).status_code == code, data
    assert order_of(collection) == ids


# Who may


def test_viewer_reads_and_changes_nothing(viewer: User, client_of: ClientOf, collection: Collection) -> None:
    client = client_of(viewer)
    page = client.get(COLLECTIONS).content.decode()
    assert names_on(page) == ["Solstice"]
    assert "/edit/" not in page
    assert "/arrange/" not in page
    ids = order_of(collection)
    for what in ("edit", "delete", "cover", "order"):
        assert client.post(f"{COLLECTIONS}{collection.pk}/{what}/", {"item": ids[0], "to": "last"}).status_code == 403
    assert client.get(f"{COLLECTIONS}{collection.pk}/arrange/").status_code == 403
    assert client.post(f"{COLLECTIONS}new/", {"name": "X"}).status_code == 403
    assert (order_of(collection), Collection.objects.count()) == (ids, 1)


def test_other_teams_collections_are_unknown(other_team: Team, stranger: User, client: Client) -> None:
    foreign = create_collection(team=other_team, actor=stranger, name="Foreign")
    for pk in (foreign.pk, 10**15, 10**30):
        assert client.get(f"{COLLECTIONS}{pk}/arrange/").status_code == 404
        for what in ("edit", "delete", "cover", "order"):
            assert client.post(f"{COLLECTIONS}{pk}/{what}/", {"name": "X"}).status_code == 404
    assert Collection.objects.get() == foreign


# What the library shows of a collection


def test_empty_collection_says_how_to_fill_it(
    team: Team, member: User, viewer: User, client: Client, client_of: ClientOf
) -> None:
    make_asset(team)
    empty = create_collection(team=team, actor=member, name="Tide", description="Ceramics <new>")
    address = f"/t/halden-co/library/?collection={empty.pk}"
    page = client.get(address).content.decode()
    assert "Nothing in this collection yet" in page
    assert "Select images in the library and collect them here" in page
    assert "Ceramics &lt;new&gt;" in page
    assert f'href="{COLLECTIONS}{empty.pk}/edit/"' in page
    page = client_of(viewer).get(address).content.decode()
    assert "A member of the team can add images to it." in page
    assert f"{COLLECTIONS}{empty.pk}/edit/" not in page


def test_head_of_a_collection_leads_to_its_order(client: Client, collection: Collection) -> None:
    page = client.get(f"/t/halden-co/library/?collection={collection.pk}").content.decode()
    assert f'href="{COLLECTIONS}{collection.pk}/arrange/"' in page
    assert '<h2 id="collection-name">Solstice</h2>' in page


def test_collection_that_only_holds_others_has_no_order_and_borrows_a_cover(
    team: Team, member: User, client: Client
) -> None:
    outer = create_collection(team=team, actor=member, name="Outer")
    inner = create_collection(team=team, actor=member, name="Inner", parent=outer)
    assets = [make_asset(team).pk for _ in range(2)]
    collect(asset_ids=assets, collection=inner, actor_id=member.pk)
    for address in (COLLECTIONS, f"/t/halden-co/library/?collection={outer.pk}"):
        assert f"{COLLECTIONS}{outer.pk}/arrange/" not in client.get(address).content.decode()
    [shelf] = shelf_page(team, size=9).shelves
    assert [one.cover.pk if one.cover else None for one in (shelf, *shelf.children)] == [assets[0], assets[0]]


def test_cover_that_was_taken_out_stands_for_nothing(team: Team, client: Client, collection: Collection) -> None:
    first, second, *_ = order_of(collection)
    for cover, shown in ((second, second), (first, first)):
        client.post(f"{COLLECTIONS}{collection.pk}/cover/", {"asset": cover})
        assert cover_on(client, collection) == shown
    collection.items.filter(asset=first).delete()
    assert cover_on(client, collection) == second


def cover_on(client: Client, collection: Collection) -> int:
    """The picture at the head of a collection."""
    page = client.get(f"/t/halden-co/library/?collection={collection.pk}").content.decode()
    head = page[page.index('class="colhead"') :]
    return int(re.findall(r"/assets/(\d+)/file/", head)[0])
