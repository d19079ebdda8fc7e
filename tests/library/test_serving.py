"""Single files leave through this process, by the server in front or from the store: always by decision of the view."""

import threading
import time
from io import BytesIO
from typing import Any

import httpx
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image
from pytest_django import Settings

from studio.accounts.models import User
from studio.library import files, turns
from studio.library.binning import purge
from studio.library.models import Asset
from studio.library.provenance import marks_of
from studio.library.sniff import kind_of
from studio.library.upkeep import make_missing_previews
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import make_asset, small_png
from tests.library import corpus
from tests.library.downloads import fetch
from tests.stores import Bucket


def address(asset: Asset, variant: str = "original") -> str:
    return f"/t/halden-co/assets/{asset.pk}/file/{variant}/"


def receive(asset: Asset, data: bytes = b"as it came", name: str = "IMG 1.JPG") -> Asset:
    """Give a picture another file that it was received as."""
    Asset.objects.filter(pk=asset.pk).update(
        received_sha256="a" * 64,
        received_crc32=1,
        received_size=len(data),
        received_type="image/jpeg",
        file_name=name,
    )
    asset.refresh_from_db()
    default_storage.save(asset.received_name, ContentFile(data))
    return asset


@pytest.mark.usefixtures("store")
def test_every_variant_is_sent_from_either_store(team: Team, viewer: User, client_of: ClientOf) -> None:
    data = small_png(77)
    asset = receive(make_asset(team, data=data))
    client = client_of(viewer)
    assert fetch(client, address(asset, "preview")).body == data  # until the preview is made
    assert make_missing_previews(1) == 1
    asset.refresh_from_db()
    for variant, expected, kind in [
        ("original", data, "image/png"),
        ("thumb", files.read(asset.thumb_name), "image/webp"),
        ("preview", files.read(asset.preview_name), "image/webp"),
        ("received", b"as it came", "image/jpeg"),
    ]:
        answer = fetch(client, address(asset, variant))
        assert (answer.status, answer.body, answer.whole) == (200, expected, True)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        part = fetch(client, address(asset, variant), headers={"Range": "bytes=2-5"})
        assert (part.status, part.body) == (206, expected[2:6])


def test_received_file_is_saved_under_its_own_name(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = receive(make_asset(team))
    headers = fetch(client_of(viewer), address(asset, "received")).headers
    assert headers["content-disposition"] == 'attachment; filename="IMG 1.jpg"'
    assert headers["etag"] == f'"{"a" * 64}"'


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("variant", "kind", "size", "suffix"),
    [("webp-2048", "image/webp", (2048, 1024), "webp"), ("jpeg-1200", "image/jpeg", (1200, 600), "jpg")],
)
def test_picture_is_converted_while_one_waits(
    team: Team, viewer: User, client_of: ClientOf, variant: str, kind: str, size: tuple[int, int], suffix: str
) -> None:
    asset = make_asset(team, data=corpus.png(size=(2400, 1200)), prompt="Lantern")
    answer = fetch(client_of(viewer), address(asset, variant))
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["content-disposition"] == f'attachment; filename="lantern-{asset.pk}.{suffix}"'
    assert answer.headers["cache-control"] == "private, max-age=86400"
    assert kind_of(answer.body).content_type == kind
    assert Image.open(BytesIO(answer.body)).size == size
    assert marks_of(answer.body, kind) == ["iptc:trainedAlgorithmicMedia"]
    assert b"GPT Image 2" in answer.body


def test_small_picture_is_converted_as_large_as_it_is(team: Team, viewer: User, client_of: ClientOf) -> None:
    answer = fetch(client_of(viewer), address(make_asset(team), "webp-2048"))
    assert Image.open(BytesIO(answer.body)).size == (96, 64)


def test_conversion_waits_for_its_turn_and_not_for_ever(
    team: Team, viewer: User, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = make_asset(team)
    monkeypatch.setattr(turns, "_working", threading.Semaphore(0))
    monkeypatch.setattr(turns, "_PATIENCE", 0.01)
    answer = client_of(viewer).get(address(asset, "jpeg-1200"))
    assert answer.status_code == 503
    assert "Try again in a few seconds." in answer.content.decode()


def test_damaged_picture_is_not_converted(team: Team, viewer: User, client_of: ClientOf) -> None:
    data = bytearray(corpus.png(size=(700, 500)))
    asset = make_asset(team, data=bytes(data))
    data[200:400] = bytes(200)
    default_storage.save(asset.original_name, ContentFile(bytes(data)))
    assert client_of(viewer).get(address(asset, "webp-2048")).status_code == 400


def test_picture_kept_as_received_is_what_is_received(team: Team, viewer: User, client_of: ClientOf) -> None:
    data = small_png(3)
    asset = make_asset(team, data=data)
    assert fetch(client_of(viewer), address(asset, "received")).body == data


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("there", [None, b"short"], ids=["gone", "cut short"])
@pytest.mark.parametrize("variant", ["original", "webp-2048"])
def test_missing_file_is_gone(there: bytes | None, variant: str, team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    files.delete([asset.original_name])
    if there:
        default_storage.save(asset.original_name, ContentFile(there))
    answer = client_of(viewer).get(address(asset, variant))
    assert answer.status_code == 410
    assert f"The file of image {asset.pk} is missing or damaged on the server." in answer.content.decode()


def test_server_in_front_is_told_where_the_file_is(
    team: Team, viewer: User, client_of: ClientOf, settings: Settings
) -> None:
    settings.ACCEL_REDIRECT = "/_media/"
    asset = receive(make_asset(team))
    client = client_of(viewer)
    answer = client.get(f"{address(asset)}?download")
    assert (answer.status_code, answer.content) == (200, b"")
    expected = {
        "X-Accel-Redirect": f"/_media/{asset.original_name}",
        "ETag": f'"{asset.sha256}"',
        "Cache-Control": "private, max-age=86400",
        "Content-Type": "image/png",
        "Content-Disposition": f'attachment; filename="{asset.download_name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert client.get(address(asset))["Content-Disposition"].startswith("inline;")
    assert client.get(address(asset, "thumb"))["X-Accel-Redirect"] == f"/_media/{asset.thumb_name}"
    assert client.get(address(asset, "received"))["X-Accel-Redirect"] == f"/_media/{asset.received_name}"
    known = client.get(address(asset), headers={"If-None-Match": f'"{asset.sha256}"'})
    assert (known.status_code, "X-Accel-Redirect" in known.headers) == (304, False)


def test_server_in_front_is_not_sent_to_a_file_that_is_missing(
    team: Team, viewer: User, stranger: User, client_of: ClientOf, settings: Settings
) -> None:
    settings.ACCEL_REDIRECT = "/_media/"
    asset = make_asset(team)
    assert client_of(stranger).get(address(asset)).status_code == 404
    files.delete([asset.original_name, asset.thumb_name])
    for variant in ("original", "thumb"):
        answer = client_of(viewer).get(address(asset, variant))
        assert (answer.status_code, "X-Accel-Redirect" in answer.headers) == (410, False)


def test_download_is_fetched_from_the_store_itself(
    team: Team, viewer: User, stranger: User, client_of: ClientOf, bucket: Bucket, settings: Settings
) -> None:
    settings.STORAGES = bucket.storages(presigns=True)
    data = small_png(8)
    asset = receive(make_asset(team, data=data))
    client = client_of(viewer)
    answer = client.get(f"{address(asset)}?download")
    assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
    fetched = httpx.get(answer["Location"], headers={"Range": "bytes=1-3"}, trust_env=False)
    assert (fetched.status_code, fetched.content) == (206, data[1:4])
    assert fetched.headers["content-disposition"] == f'attachment; filename="{asset.download_name}"'
    received = httpx.get(client.get(address(asset, "received"))["Location"], trust_env=False)
    assert (received.content, received.headers["content-type"]) == (b"as it came", "image/jpeg")
    assert client_of(stranger).get(f"{address(asset)}?download").status_code == 404


def test_picture_on_a_page_and_a_question_come_from_this_site(
    team: Team, viewer: User, client_of: ClientOf, bucket: Bucket, settings: Settings
) -> None:
    settings.STORAGES = bucket.storages(presigns=True)
    data = small_png(9)
    asset = make_asset(team, data=data)
    client = client_of(viewer)
    assert fetch(client, address(asset)).body == data
    assert fetch(client, address(asset, "thumb")).status == 200
    headed = fetch(client, f"{address(asset)}?download", method="HEAD")
    assert (headed.status, headed.headers["content-length"]) == (200, str(len(data)))


def test_missing_object_is_gone_before_anybody_is_sent_to_it(
    team: Team, viewer: User, client_of: ClientOf, bucket: Bucket, settings: Settings
) -> None:
    settings.STORAGES = bucket.storages(presigns=True)
    asset = make_asset(team)
    files.delete([asset.original_name])
    assert client_of(viewer).get(f"{address(asset)}?download").status_code == 410


def test_store_that_is_away_is_said_so(team: Team, viewer: User, client_of: ClientOf, bucket: Bucket) -> None:
    asset = make_asset(team)
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + 60
    answer = client_of(viewer).get(address(asset, "thumb"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "3")
    assert "The place where pictures are kept does not answer." in answer.content.decode()
    storage._silent_until = 0.0
    assert fetch(client_of(viewer), address(asset, "thumb")).status == 200


def test_purged_picture_has_no_file_any_more(team: Team, viewer: User, client_of: ClientOf) -> None:
    asset = make_asset(team)
    client = client_of(viewer)
    assert fetch(client, address(asset)).status == 200
    from_the_bin(asset)
    for variant in ("original", "thumb", "preview", "received"):
        answer = client.get(address(asset, variant))
        assert answer.status_code == 410
        assert f"Image {asset.pk} was deleted for good." in answer.content.decode()


def from_the_bin(asset: Asset) -> None:
    """Purge a picture."""
    Asset.objects.filter(pk=asset.pk).update(binned_at=asset.created_at)
    assert purge(team_id=asset.team_id, asset_ids=[asset.pk], actor_id=asset.author_id) == [asset.pk]
