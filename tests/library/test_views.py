"""The library's pages and downloads: works, for whom, and what they say when something is wrong."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.library.models import Asset
from studio.library.upkeep import make_missing_previews
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset
from tests.library import corpus
from tests.library.downloads import fetch

# The asset page


@pytest.mark.breaks_invariants  # an asset of a generation that is made up
def test_asset_page_tells_all_that_is_known(team: Team, member: User, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team, author=member, generation_id=41)
    Asset.objects.filter(pk=asset.pk).update(revised_prompt="A <b>tall</b> lighthouse")
    page = client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()
    for text in [
        f"a-lighthouse-at-dusk-long-exposure-{asset.pk}.png",
        "A lighthouse at dusk. Long exposure.",
        "A &lt;b&gt;tall&lt;/b&gt; lighthouse",
        "<dt>Model</dt><dd>GPT Image 2</dd>",
        "<dt>Quality</dt><dd>High</dd>",
        f"96 × 64, PNG, {asset.size} bytes",
        "4 credits",
        "Priya Nair",
        asset.sha256,
        f'href="/t/halden-co/assets/{asset.pk}/file/original/?download=1"',
    ]:
        assert text in page, text
    assert "Reuse prompt" not in page


def test_asset_page_folds_a_prompt_that_would_push_everything_else_away(
    team: Team, member: User, client_of: ClientOf
) -> None:
    client = client_of(member)
    short, long = (make_asset(team, prompt="A lighthouse. " * times) for times in (5, 500))
    assert "Show all" not in client.get(f"/t/halden-co/assets/{short.pk}/").content.decode()
    page = client.get(f"/t/halden-co/assets/{long.pk}/").content.decode()
    assert "Show all" in page
    assert ("A lighthouse. " * 500).strip() in page


@pytest.mark.breaks_invariants  # an asset of a generation that is made up
def test_asset_page_of_a_member_offers_to_reuse_the_prompt(team: Team, member: User, client_of: ClientOf) -> None:
    made, uploaded = make_asset(team, generation_id=41), make_asset(team)
    client = client_of(member)
    assert 'href="/t/halden-co/studio/?from=41"' in client.get(f"/t/halden-co/assets/{made.pk}/").content.decode()
    assert "Reuse prompt" not in client.get(f"/t/halden-co/assets/{uploaded.pk}/").content.decode()


def test_asset_page_leads_to_its_neighbours(team: Team, other_team: Team, viewer: User, client_of: ClientOf) -> None:
    old = make_asset(team)
    make_asset(other_team)
    middle, new = make_asset(team), make_asset(team)
    client = client_of(viewer)
    page = client.get(f"/t/halden-co/assets/{middle.pk}/").content.decode()
    assert f'href="/t/halden-co/assets/{new.pk}/" rel="prev" data-key="ArrowLeft" aria-label="Previous image"' in page
    assert f'href="/t/halden-co/assets/{old.pk}/" rel="next" data-key="ArrowRight" aria-label="Next image"' in page
    assert 'rel="next"' not in client.get(f"/t/halden-co/assets/{old.pk}/").content.decode()
    assert 'rel="prev"' not in client.get(f"/t/halden-co/assets/{new.pk}/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_asset_page_takes_the_same_queries_among_few_and_many(
    team: Team, viewer: User, client_of: ClientOf, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    asset, *_ = [make_asset(team) for _ in range(count)]
    client = client_of(viewer)
    with django_assert_num_queries(ASSET_QUERIES):
        assert client.get(f"/t/halden-co/assets/{asset.pk}/").status_code == 200


# Session, user, membership, asset with author, tags, collections, favourite, both neighbours, twins, balance, teams.
ASSET_QUERIES = 12


def test_asset_page_without_its_file_says_so(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    default_storage.delete(asset.original_name)
    page = client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/").content.decode()
    assert "The file of this image is missing or damaged" in page
    assert "Download original" not in page


# Files


def test_original_comes_back_byte_for_byte(team: Team, viewer: User, client_of: ClientOf) -> None:
    data = corpus.png(size=(700, 500)) + b"<script>alert(1)</script>"
    asset = make_asset(team, data=data, prompt="Größe zählt")
    path = f"/t/halden-co/assets/{asset.pk}/file/original/"
    reply = fetch(client_of(viewer), path)
    assert (reply.status, reply.body) == (200, data)
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["content-length"] == str(len(data))
    assert reply.headers["etag"] == f'"{asset.sha256}"'
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert reply.headers["cache-control"] == "private, max-age=86400"
    assert reply.headers["content-disposition"].startswith("inline; ")
    down = fetch(client_of(viewer), f"{path}?download=1")
    name = f"gr%C3%B6%C3%9Fe-z%C3%A4hlt-{asset.pk}.png"
    assert down.headers["content-disposition"].startswith('attachment; filename="')
    assert down.headers["content-disposition"].endswith(f"; filename*=UTF-8''{name}")


def test_original_answers_head_range_and_known_copies(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client, path = client_of(viewer), f"/t/halden-co/assets/{asset.pk}/file/original/"
    with default_storage.open(asset.original_name) as file:
        data = file.read()
    head = fetch(client, path, method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))
    part = fetch(client, path, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, data[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert fetch(client, path, headers={"If-None-Match": f'"{asset.sha256}"'}).status == 304
    assert fetch(client, path, headers={"Range": f"bytes={len(data)}-"}).status == 416


def test_small_pictures_are_kept_long_once_they_exist(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client, path = client_of(viewer), f"/t/halden-co/assets/{asset.pk}/file/"
    thumb = fetch(client, f"{path}thumb/")
    assert (thumb.status, thumb.headers["content-type"]) == (200, "image/webp")
    assert thumb.headers["cache-control"] == "private, max-age=2592000"
    early = fetch(client, f"{path}preview/")
    assert (early.headers["content-type"], early.headers["cache-control"]) == ("image/png", "private, no-cache")
    make_missing_previews(1)
    preview = fetch(client, f"{path}preview/")
    assert preview.headers["content-type"] == "image/webp"
    assert preview.headers["cache-control"] == "private, max-age=2592000"
    assert len({thumb.headers["etag"], early.headers["etag"], preview.headers["etag"]}) == 3


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_missing_file_is_gone_and_no_server_error(team: Team, viewer: User, client_of: ClientOf, damage: str) -> None:
    asset = make_asset(team)
    path = Path(default_storage.path(asset.original_name))
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"cut")
    answer = client_of(viewer).get(f"/t/halden-co/assets/{asset.pk}/file/original/")
    assert answer.status_code == 410
    assert "missing or damaged on the server" in answer.content.decode()


# For whom


PATHS = [
    "library/",
    "assets/{pk}/",
    "assets/{pk}/file/original/",
    "assets/{pk}/file/preview/",
    "assets/{pk}/file/thumb/",
    "assets/{pk}/file/webp-2048/",
]


@pytest.mark.parametrize("path", PATHS)
def test_stranger_finds_nothing(team: Team, stranger: User, client_of: ClientOf, path: str) -> None:
    asset = make_asset(team)
    reply = fetch(client_of(stranger), "/t/halden-co/" + path.format(pk=asset.pk))
    assert reply.status == 404
    assert "Halden" not in reply.body.decode()


@pytest.mark.parametrize("path", PATHS[2:])
def test_picture_of_another_team_is_not_found(
    team: Team, other_team: Team, stranger: User, client_of: ClientOf, path: str
) -> None:
    asset = make_asset(team)
    assert fetch(client_of(stranger), "/t/elsewhere/" + path.format(pk=asset.pk)).status == 404


@pytest.mark.parametrize("path", PATHS)
def test_signed_out_visitor_is_sent_to_sign_in(team: Team, path: str) -> None:
    asset = make_asset(team)
    reply = fetch(Client(), "/t/halden-co/" + path.format(pk=asset.pk))
    assert reply.status == 302
    assert reply.headers["location"].startswith("/auth/login/")


@pytest.mark.parametrize("path", ["assets/0/", "assets/999999/file/thumb/", "assets/1/file/../original/", "assets/x/"])
def test_address_of_nothing_is_not_found(team: Team, viewer: User, client_of: ClientOf, path: str) -> None:
    assert fetch(client_of(viewer), f"/t/halden-co/{path}").status == 404


def test_unknown_variant_is_not_found(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    assert fetch(client_of(viewer), f"/t/halden-co/assets/{asset.pk}/file/large/").status == 404


@pytest.mark.parametrize("path", PATHS[:1] + PATHS[2:])
def test_pages_are_only_read(team: Team, viewer: User, client_of: ClientOf, path: str) -> None:
    asset = make_asset(team)
    assert client_of(viewer).post("/t/halden-co/" + path.format(pk=asset.pk)).status_code == 405
