"""The pages of acts on many pictures: who may, what is asked, and what bad input gets."""

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library import acting, bulk
from studio.library.models import Asset, AssetTag, BulkAct, BulkState, Collection, Favourite, Tag
from studio.teams.models import Membership, Role, Team
from tests.conftest import ClientOf
from tests.factories import make_asset

BULK = "/t/halden-co/library/bulk/"
HTMX = {"HX-Request": "true"}


def post(client: Client, act: str, *assets: Asset, htmx: bool = False, **data: Any) -> Any:
    fields = {"act": act, "ids": [asset.pk for asset in assets], **data}
    return client.post(BULK, fields, headers=HTMX if htmx else {})


def text_of(reply: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", reply.content.decode()).split())


def test_act_leads_to_its_page_with_undo(team: Team, member: User, client_of: ClientOf) -> None:
    assets = [make_asset(team) for _ in range(3)]
    client = client_of(member)
    reply = post(client, "status:approved", *assets)
    act = BulkAct.objects.get()
    assert (reply.status_code, reply["Location"]) == (302, f"{BULK}{act.pk}/")
    page = client.get(reply["Location"])
    assert "3 images marked as approved." in text_of(page)
    undone = client.post(f"{BULK}{act.pk}/undo/")
    assert (undone.status_code, undone["Location"]) == (302, f"{BULK}{act.pk}/")
    assert "Undone for 3 images." in text_of(client.get(undone["Location"]))
    assert set(Asset.objects.values_list("status", flat=True)) == {"draft"}


def test_act_by_htmx_answers_with_a_toast_that_undoes(team: Team, member: User, client_of: ClientOf) -> None:
    assets = [make_asset(team) for _ in range(2)]
    reply = post(client_of(member), "rate:4", *assets, htmx=True)
    act = BulkAct.objects.get()
    body = reply.content.decode()
    assert "2 images rated 4 stars." in text_of(reply)
    assert f'hx-post="{BULK}{act.pk}/undo/"' in body
    assert 'id="bulk-key"' in body
    assert set(json.loads(reply["HX-Trigger"])) == {"library-changed", "bulk-started"}
    undone = client_of(member).post(f"{BULK}{act.pk}/undo/", headers=HTMX)
    assert f"delete:#toast-{act.pk}" in undone.content.decode()
    assert "Undone for 2 images." in text_of(undone)


@pytest.mark.parametrize("act", ["collect:new", "tag:new", "status:approved", "rate:1", "bin", "restore", "untag:1"])
def test_viewer_may_not_organise(team: Team, viewer: User, client_of: ClientOf, act: str) -> None:
    asset = make_asset(team)
    assert post(client_of(viewer), act, asset, name="hero").status_code == 403
    assert BulkAct.objects.count() == 0


def test_viewer_has_favourites_of_their_own(team: Team, viewer: User, admin: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    assert post(client_of(viewer), "favourite", asset).status_code == 302
    assert list(Favourite.objects.values_list("user", "asset")) == [(viewer.pk, asset.pk)]
    act = BulkAct.objects.get()
    for address in (f"{BULK}{act.pk}/", f"{BULK}{act.pk}/undo/", f"{BULK}{act.pk}/cancel/"):
        reply = client_of(admin).get(address) if address.endswith(f"{act.pk}/") else client_of(admin).post(address)
        assert reply.status_code == 404
    assert post(client_of(viewer), "unfavourite", asset).status_code == 302
    assert not Favourite.objects.exists()


def test_who_became_a_viewer_takes_nothing_back(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(member)
    assert post(client, "bin", asset).status_code == 302
    address = f"{BULK}{BulkAct.objects.get().pk}/"
    Membership.objects.filter(user=member).update(role=Role.VIEWER)
    assert client.post(f"{address}undo/").status_code == 403
    page = client.get(address)
    assert (page.status_code, f"{address}undo/" in page.content.decode()) == (200, False)
    assert Asset.objects.binned().get() == asset


@pytest.mark.parametrize(
    ("act", "chosen"),
    [
        ("rate:4", {"all": "1", "query": "q=nowhere"}),
        ("favourite", {"all": "1", "query": "", "newest": "0"}),
        ("restore", {"bin": "1", "until": "2026-01-01T00:00:00Z"}),
    ],
)
def test_act_on_nothing_ends_at_once(
    team: Team, member: User, client_of: ClientOf, act: str, chosen: dict[str, str]
) -> None:
    make_asset(team)
    reply = client_of(member).post(BULK, {"act": act, **chosen}, follow=True)
    made = BulkAct.objects.get()
    assert (reply.status_code, made.state, made.total, made.done) == (200, BulkState.DONE, 0, 0)
    assert "0 images" in reply.content.decode()


def test_member_may_not_purge(team: Team, member: User, client_of: ClientOf) -> None:
    refused = post(client_of(member), "purge", make_asset(team), confirmed="1")
    assert (refused.status_code, "needs the role admin; yours is member." in text_of(refused)) == (403, True)


def test_stranger_finds_nothing(team: Team, member: User, stranger: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    post(client_of(member), "bin", asset)
    act = BulkAct.objects.get()
    client = client_of(stranger)
    assert post(client, "bin", asset).status_code == 404
    assert client.get(f"{BULK}{act.pk}/").status_code == 404
    assert client.post(f"{BULK}{act.pk}/undo/").status_code == 404
    assert client.get(f"{BULK}running/").status_code == 404


def test_act_of_another_member_is_only_an_admins(
    team: Team, member: User, viewer: User, admin: User, client_of: ClientOf
) -> None:
    asset = make_asset(team)
    post(client_of(member), "bin", asset)
    address = f"{BULK}{BulkAct.objects.get().pk}/"
    assert client_of(viewer).get(address).status_code == 404
    assert client_of(viewer).post(f"{address}undo/").status_code == 404
    assert client_of(admin).get(address).status_code == 200
    assert client_of(admin).post(f"{address}undo/").status_code == 302
    assert not Asset.objects.binned().exists()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 400),
        ({"act": "explode", "ids": "1"}, 400),
        ({"act": "bin"}, 400),
        ({"act": "bin", "ids": "one"}, 400),
        ({"act": "bin", "ids": "1' OR 1=1"}, 400),
        ({"act": "bin", "ids": "9" * 30}, 400),
        ({"act": "bin", "ids": "-1"}, 400),
        ({"act": "bin", "ids": "999999"}, 404),
        ({"act": "bin", "all": "1", "query": "rating=many"}, 400),
        ({"act": "bin", "all": "1", "query": "q=" + "x" * 10_000}, 400),
        ({"act": "bin", "all": "1", "newest": "soon"}, 400),
        ({"act": "restore", "bin": "1"}, 400),
        ({"act": "restore", "bin": "1", "until": "2026-13-45T00:00:00Z"}, 400),
        ({"act": "restore", "bin": "1", "until": "2026-01-01T00:00:00"}, 400),
        ({"act": "restore", "bin": "1", "until": "0001-01-01T00:00:00+23:59"}, 400),
        ({"act": "restore", "bin": "1", "until": "9999-12-31T23:59:59-23:59"}, 400),
        ({"act": "status:lost", "ids": "1"}, 400),
        ({"act": "status", "ids": "1"}, 400),
        ({"act": "rate:6", "ids": "1"}, 400),
        ({"act": "rate:-1", "ids": "1"}, 400),
        ({"act": "tag:0", "ids": "1"}, 404),
        ({"act": "tag:x", "ids": "1"}, 400),
        ({"act": "tag:new", "ids": "1"}, 400),
        ({"act": "tag:new", "ids": "1", "name": "n" * 301}, 400),
        ({"act": "collect:999", "ids": "1"}, 404),
        ({"act": "collect:new", "ids": "1", "name": "  "}, 400),
        ({"act": "uncollect", "ids": "1"}, 400),
        ({"act": "uncollect:new", "ids": "1", "name": "New"}, 400),
        ({"act": "untag:new", "ids": "1", "name": "new"}, 400),
        ({"act": "move:1", "ids": "1"}, 400),
        ({"act": "compare", "ids": "1"}, 400),
        ({"act": "compare", "all": "1"}, 400),
    ],
)
def test_bad_input_is_refused(team: Team, member: User, client_of: ClientOf, data: dict[str, str], status: int) -> None:
    asset = make_asset(team)
    data = {**data, "ids": str(asset.pk)} if data.get("ids") == "1" else data
    assert client_of(member).post(BULK, data).status_code == status
    assert BulkAct.objects.count() == 0


def test_selection_may_be_long_but_not_endless(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(member)
    assert client.post(BULK, {"act": "bin", "ids": [asset.pk] * 10_000}).status_code == 302
    reply = client.post(BULK, {"act": "restore", "ids": [asset.pk] * 10_001})
    assert reply.status_code == 400
    assert "at most 10,000 images" in text_of(reply)


def test_pictures_tags_and_collections_of_other_teams_are_not_found(
    team: Team, other_team: Team, member: User, stranger: User, client_of: ClientOf
) -> None:
    own, foreign = make_asset(team), make_asset(other_team)
    tag = Tag.objects.create(team=other_team, name="hero", key="hero")
    collection = Collection.objects.create(team=other_team, name="Secret", key="secret", created_by=stranger)
    client = client_of(member)
    assert post(client, "bin", own, foreign).status_code == 404
    assert post(client, f"tag:{tag.pk}", own).status_code == 404
    assert post(client, f"collect:{collection.pk}", own).status_code == 404
    assert post(client, "move:new", own, source=collection.pk, name="Stolen").status_code == 404
    assert post(client, "collect:new", own, foreign, name="Stolen").status_code == 404
    assert post(client, "tag:new", own, foreign, name="stolen").status_code == 404
    assert (BulkAct.objects.count(), Collection.objects.count(), Tag.objects.count()) == (0, 1, 1)


@pytest.mark.parametrize("act", ["collect:new", "tag:new"])
def test_form_that_comes_twice_makes_one_collection_or_tag(
    team: Team, member: User, client_of: ClientOf, act: str
) -> None:
    asset, other, key = make_asset(team), make_asset(team), str(uuid.uuid4())
    client = client_of(member)
    replies = [post(client, act, asset, name=" Hero ", key=key) for _ in range(2)]
    made = BulkAct.objects.get()
    assert [(reply.status_code, reply["Location"]) for reply in replies] == [(302, f"{BULK}{made.pk}/")] * 2
    assert (Collection.objects.count() + Tag.objects.count(), made.done) == (1, 1)
    assert post(client, act, other, name="Hero", key=key).status_code == 409
    assert post(client, act, asset, name="Other", key=key).status_code == 409


@pytest.mark.parametrize("act", ["bin:new", "favourite:new"])
def test_act_without_a_name_may_come_twice_with_one(team: Team, member: User, client_of: ClientOf, act: str) -> None:
    asset, key = make_asset(team), str(uuid.uuid4())
    for _ in range(2):
        assert post(client_of(member), act, asset, key=key, name="x").status_code == 302
    assert BulkAct.objects.count() == 1


def test_act_that_needs_a_value_asks_for_it_and_carries_the_selection(
    team: Team, owner: User, member: User, client_of: ClientOf
) -> None:
    first, second = make_asset(team), make_asset(team)
    top = Collection.objects.create(team=team, name="Solstice", key="solstice", created_by=owner)
    Collection.objects.create(team=team, parent=top, name="Key visuals", key="key visuals", created_by=owner)
    client = client_of(member)
    page = post(client, "collect", first, second)
    body = page.content.decode()
    assert "Add 2 images to a collection" in text_of(page)
    assert re.findall(r'name="ids" value="(\d+)"', body) == [str(first.pk), str(second.pk)] * 2
    assert re.findall(r'value="(collect:\w+)"', body) == [
        "collect:new",
        *(f"collect:{one.pk}" for one in Collection.objects.order_by("pk")),
    ]
    dialog = post(client, "collect", first, second, htmx=True)
    assert 'name="ids"' not in dialog.content.decode()
    assert "<html" not in dialog.content.decode()
    done = post(client, "collect:new", first, second, name="Autumn posters", htmx=True)
    assert "2 images added to Autumn posters." in text_of(done)


def test_tagging_makes_a_tag_or_finds_it_by_name(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(member)
    asked = post(client, "tag", asset, htmx=True)
    assert "Tag 1 image" in text_of(asked)
    post(client, "tag:new", asset, name="Hero")
    post(client, "tag:new", make_asset(team), name="HERO")
    tag = Tag.objects.get()
    assert (tag.name, tag.asset_tags.count()) == ("Hero", 2)
    offered = post(client, "untag", asset, htmx=True).content.decode()
    assert re.findall(r'value="(untag:\d+)"', offered) == [f"untag:{tag.pk}"]
    post(client, f"untag:{tag.pk}", asset)
    assert tag.asset_tags.count() == 1
    assert "None of these images has a tag" in text_of(post(client, "untag", asset, htmx=True))


def test_hostile_names_are_text(team: Team, member: User, client_of: ClientOf) -> None:
    reply = post(client_of(member), "tag:new", make_asset(team), name="<b>{name} %s</b>", htmx=True)
    assert "1 image tagged &lt;b&gt;{name} %s&lt;/b&gt;." in reply.content.decode()


def test_moving_leaves_the_collection_one_is_in(team: Team, owner: User, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    source, target = (
        Collection.objects.create(team=team, name=name, key=name, created_by=owner) for name in ("one", "two")
    )
    client = client_of(member)
    post(client, f"collect:{source.pk}", asset)
    offered = post(client, "move", asset, source=source.pk, htmx=True).content.decode()
    assert re.findall(r'value="(move:\w+)"', offered) == ["move:new", f"move:{target.pk}"]
    assert f'name="source" value="{source.pk}"' in offered
    assert post(client, f"move:{source.pk}", asset, source=source.pk).status_code == 400
    post(client, f"move:{target.pk}", asset, source=source.pk)
    assert list(asset.collection_items.values_list("collection", flat=True)) == [target.pk]


def test_same_form_twice_is_one_act(team: Team, member: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client, key = client_of(member), str(uuid.uuid4())
    first, second = (post(client, "bin", asset, key=key) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert BulkAct.objects.count() == 1
    assert post(client, "restore", asset, key=key).status_code == 409


def test_compare_leads_to_its_page(team: Team, viewer: User, client_of: ClientOf) -> None:
    assets = [make_asset(team) for _ in range(2)]
    reply = post(client_of(viewer), "compare", *assets)
    ids = ",".join(str(asset.pk) for asset in assets)
    assert (reply.status_code, reply["Location"]) == (303, f"/t/halden-co/compare/?ids={ids}")


def test_large_act_shows_how_far_it_is_and_can_be_stopped(
    team: Team, member: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "AT_ONCE", 1)
    monkeypatch.setattr(bulk, "BATCH", 2)
    for _ in range(4):
        make_asset(team)
    client = client_of(member)
    reply = post(client, "bin", all="1", query="", htmx=True)
    act = BulkAct.objects.get()
    assert "Finding the images." in text_of(reply)
    assert "Finding the images." in text_of(client.get(f"{BULK}running/", headers=HTMX))
    bulk.work(act.pk, seconds=0)
    bulk.work(act.pk, seconds=0)
    shown = client.get(f"{BULK}{act.pk}/", headers=HTMX)
    assert "2 of 4 images moved to the bin." in text_of(shown)
    assert f'hx-trigger="bulk-{act.pk} from:body' in shown.content.decode()
    stopped = client.post(f"{BULK}{act.pk}/cancel/", headers=HTMX)
    assert "Stopped: 2 of 4 images moved to the bin." in text_of(stopped)
    assert "hx-trigger" not in stopped.content.decode()
    assert text_of(client.get(f"{BULK}running/", headers=HTMX)) == ""
    act.refresh_from_db()
    assert act.state == BulkState.CANCELLED


@pytest.mark.parametrize("most", [0, 500])
def test_all_that_match_are_those_of_the_readers_days(
    team: Team, member: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(acting, "AT_ONCE", most)
    late, early = make_asset(team), make_asset(team)
    Asset.objects.filter(pk=late.pk).update(created_at=datetime(2026, 3, 3, 23, 30, tzinfo=UTC))
    Asset.objects.filter(pk=early.pk).update(created_at=datetime(2026, 3, 4, 15, 30, tzinfo=UTC))
    client = client_of(member)
    client.cookies["zone"] = "Asia/Tokyo"
    post(client, "rate:4", all="1", query="from=2026-03-04&to=2026-03-04")
    # What a task does it does for the same reader.
    bulk.work(BulkAct.objects.get().pk)
    assert list(Asset.objects.filter(rating=4)) == [late]


def test_acts_under_way_are_ones_own(
    team: Team, member: User, owner: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "AT_ONCE", 0)
    make_asset(team)
    post(client_of(member), "bin", all="1", query="")
    assert text_of(client_of(owner).get(f"{BULK}running/", headers=HTMX)) == ""


@pytest.mark.parametrize("number", [1, 3])
def test_act_takes_the_same_queries_for_one_and_three(
    team: Team, member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    assets = [make_asset(team) for _ in range(number)]
    tag = Tag.objects.create(team=team, name="hero", key="hero")
    client = client_of(member)
    with django_assert_num_queries(24):
        post(client, f"tag:{tag.pk}", *assets, htmx=True)
    assert AssetTag.objects.count() == number


@pytest.mark.parametrize("number", [1, 3])
def test_question_takes_the_same_queries_for_one_and_three(
    team: Team,
    owner: User,
    member: User,
    client_of: ClientOf,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    asset = make_asset(team)
    for name in map(str, range(number)):
        Collection.objects.create(team=team, name=name, key=name, created_by=owner)
    client = client_of(member)
    with django_assert_num_queries(6):
        post(client, "collect", asset, htmx=True)


@pytest.mark.parametrize("address", ["bulk/1/undo/", "bulk/1/cancel/", "bulk/"])
def test_writes_are_posts(team: Team, member: User, client_of: ClientOf, address: str) -> None:
    assert client_of(member).get(f"/t/halden-co/library/{address}").status_code == 405


def test_bar_offers_what_a_role_may(team: Team, viewer: User, member: User, client_of: ClientOf) -> None:
    make_asset(team)
    offered = {
        user: set(
            re.findall(r'name="act" value="([a-z]+)', client_of(user).get("/t/halden-co/library/").content.decode())
        )
        for user in (viewer, member)
    }
    assert offered[viewer] == {"favourite", "unfavourite", "compare"}
    assert offered[member] == offered[viewer] | {"collect", "tag", "untag", "status", "rate", "bin"}
