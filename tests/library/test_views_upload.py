"""Uploading over HTTP: what becomes of each file, and what is said about it."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from studio.accounts.models import User
from studio.library import acting, emptying, intake
from studio.library.collecting import collect, create_collection
from studio.library.errors import StorageFull, StoreDown
from studio.library.models import Asset, Collection, CollectionItem, Source
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, small_png

pytestmark = pytest.mark.django_db

UPLOAD = "/t/halden-co/library/upload/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(member: User, client_of: ClientOf) -> Client:
    """The browser of a member."""
    return client_of(member)


def send(client: Client, *files: tuple[str, bytes], htmx: bool = False, **fields: object) -> Any:
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(UPLOAD, {"files": sent, **fields}, headers=HTMX if htmx else {})


def outcomes(answer: Any) -> list[str]:
    return re.findall(r'<li class="transfer" data-outcome="(\w+)"(?=>\s*<(?:img|span class="shown"))', _shown(answer))


def _shown(answer: Any) -> str:
    """The page without the template that script makes lines of."""
    return re.sub(r"<template.*?</template>", "", answer.content.decode(), flags=re.DOTALL)


def test_page_offers_the_form(client: Client) -> None:
    page = client.get(UPLOAD).content.decode()
    assert f'action="{UPLOAD}" enctype="multipart/form-data"' in page
    assert outcomes(client.get(UPLOAD)) == []


def test_files_are_added_each_with_its_outcome(team: Team, client: Client, member: User) -> None:
    data = small_png(9001)
    answer = send(client, ("beach.png", data), ("again.png", data), ("notes.png", b"<html><script>1</script>"))
    assert (answer.status_code, outcomes(answer)) == (200, ["added", "known", "refused"])
    assert "What arrived is a web page, not a PNG, JPEG or WebP picture." in answer.content.decode()
    added = Asset.objects.get(team=team)
    assert (added.source, added.file_name, added.author, added.credits) == (Source.UPLOADED, "beach.png", member, 0)


def test_all_refused_is_a_bad_request(team: Team, client: Client) -> None:
    answer = send(client, ("empty.png", b""), ("drawing.png", b"<svg xmlns='x'/>"))
    assert (answer.status_code, outcomes(answer)) == (400, ["refused", "refused"])
    assert not Asset.objects.filter(team=team).exists()


def test_one_file_by_script_is_answered_with_its_line(client: Client) -> None:
    first = send(client, ("a.png", small_png(9002)), htmx=True)
    second = send(client, ("a.png", small_png(9002)), htmx=True)
    third = send(client, ("a.png", b"GIF89a"), htmx=True)
    assert [answer.status_code for answer in (first, second, third)] == [201, 200, 400]
    assert [outcomes(answer) for answer in (first, second, third)] == [["added"], ["known"], ["refused"]]
    assert "<html" not in first.content.decode()


def test_binned_picture_comes_back(team: Team, client: Client) -> None:
    send(client, ("a.png", small_png(9003)), htmx=True)
    Asset.objects.filter(team=team).update(binned_at=timezone.now())
    answer = send(client, ("a.png", small_png(9003)), htmx=True)
    assert (answer.status_code, outcomes(answer)) == (200, ["restored"])
    assert Asset.objects.listed().filter(team=team).count() == 1


def test_picture_that_was_made_here_is_known(team: Team, client: Client) -> None:
    made = make_asset(team, data=small_png(9004))
    answer = send(client, ("exported.png", small_png(9004)), htmx=True)
    assert outcomes(answer) == ["known"]
    assert list(Asset.objects.filter(team=team)) == [made]


def test_upload_goes_into_the_collection(team: Team, owner: User, client: Client) -> None:
    into = Collection.objects.create(team=team, name="Beach", key="beach", created_by=owner)
    send(client, ("a.png", small_png(9005)), htmx=True, collection=into.pk)
    assert [item.asset.file_name for item in CollectionItem.objects.filter(collection=into)] == ["a.png"]


def test_upload_into_a_collection_that_goes_is_in_the_library(
    team: Team, owner: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "AT_ONCE", 0)
    going = create_collection(team=team, actor=owner, name="Boats")
    collect(asset_ids=[make_asset(team).pk], collection=going, actor_id=owner.pk)
    emptying.delete_collection(collection=going, actor=owner)
    answer = send(client, ("a.png", small_png(9008)), htmx=True, collection=going.pk)
    assert (answer.status_code, outcomes(answer)) == (201, ["added"])
    assert "In the library, but in no collection: this one is being deleted." in answer.content.decode()
    assert not CollectionItem.objects.filter(asset__file_name="a.png").exists()


@pytest.mark.parametrize(("value", "status"), [("x", 400), ("0", 404), ("9" * 30, 400), ("-1", 400)])
def test_bad_collection_adds_nothing(team: Team, client: Client, value: str, status: int) -> None:
    assert send(client, ("a.png", small_png(9006)), collection=value).status_code == status
    assert not Asset.objects.filter(team=team).exists()


def test_collection_of_another_team_is_none(other_team: Team, stranger: User, client: Client) -> None:
    theirs = Collection.objects.create(team=other_team, name="X", key="x", created_by=stranger)
    assert send(client, ("a.png", small_png(9007)), collection=theirs.pk).status_code == 404


def test_hostile_name_is_shown_as_text(team: Team, client: Client) -> None:
    answer = send(client, ("<img src=x onerror=alert(1)>\u202e.png", small_png(9008)), htmx=True)
    assert "<img src=x" not in answer.content.decode()
    assert Asset.objects.get(team=team).file_name == "<img src=x onerror=alert(1)>.png"


def test_no_files_is_a_bad_request(client: Client) -> None:
    answer = client.post(UPLOAD, {})
    assert answer.status_code == 400
    assert "No files came with this." in answer.content.decode()


def test_more_files_than_a_form_takes_are_refused(team: Team, client: Client) -> None:
    answer = send(client, *[(f"{number}.png", b"x") for number in range(101)])
    assert (answer.status_code, "Up to 100 files can be sent at once." in answer.content.decode()) == (400, True)
    assert not Asset.objects.filter(team=team).exists()


@pytest.mark.parametrize(("error", "status"), [(StorageFull, 507), (StoreDown, 503)])
def test_storage_that_fails_is_said_about_the_file(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: int
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(intake, "add_upload", fail)
    answer = send(client, ("a.png", small_png(9009)), htmx=True)
    assert (answer.status_code, outcomes(answer)) == (status, ["refused"])


def test_viewer_may_not_and_a_stranger_knows_nothing(
    team: Team, viewer: User, stranger: User, client_of: ClientOf
) -> None:
    for person, status in ((viewer, 403), (stranger, 404)):
        browser = client_of(person)
        assert browser.get(UPLOAD).status_code == status
        assert send(browser, ("a.png", small_png(9010))).status_code == status
    assert Client().post(UPLOAD).status_code == 302
    assert not Asset.objects.filter(team=team).exists()
