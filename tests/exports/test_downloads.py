"""Archives over real connections: exact, resumable, honest about what is gone, ended when the right ends."""

import http.client
import select
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from config.asgi import application, stop_streams
from studio.accounts.models import User
from studio.exports import services, watching
from studio.exports.models import Export, State
from studio.exports.services import revoke_export
from studio.library import files
from studio.library.models import Asset
from studio.live.grants import LiveGrant
from studio.teams.models import Membership, Team
from tests.conftest import ClientOf
from tests.exports.archives import make_export, opened
from tests.exports.downloads import SMALL_BUFFER, Reader
from tests.factories import make_asset
from tests.serving import Server, serving, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

# More than what sockets keep on their way, so that a sender has to wait for its reader.
BIG = 24_000_000


@pytest.fixture
def server(db: None) -> Iterator[Server]:
    """The whole web process, on a port of its own."""
    with serving(application, on_stop=stop_streams) as running:
        yield running


@pytest.fixture
def reader(server: Server, viewer: User, client_of: ClientOf) -> Reader:
    """A viewer of the team."""
    return Reader(server, client_of(viewer))


def address(export: Export) -> str:
    return f"/t/halden-co/downloads/{export.pk}/"


def make_big(team: Team, author: User) -> Export:
    """Export a picture whose file is made of holes."""
    asset = make_asset(team)
    path = Path(default_storage.path(asset.original_name))
    with path.open("r+b") as file:
        file.truncate(BIG)
    Asset.objects.filter(pk=asset.pk).update(size=BIG, crc32=0)
    return make_export(team, author)


# What comes over the wire


def test_archive_is_sent_whole(team: Team, viewer: User, reader: Reader) -> None:
    assets = [make_asset(team, prompt=f"Picture {number}") for number in range(3)]
    export = make_export(team, viewer)
    got = reader.get(address(export))
    part = export.parts.get()
    assert (got.status, got.whole, len(got.body)) == (200, True, part.length)
    assert got.headers["content-length"] == str(part.length)
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["etag"] == f'"{part.etag}"'
    assert got.headers["cache-control"] == "private, no-cache"
    today = f"{timezone.localtime(export.created_at):%Y-%m-%d}"
    assert got.headers["content-disposition"] == f'attachment; filename="halden-co-library-{today}.zip"'
    with opened(got.body) as archive:
        assert archive.namelist() == [
            *(f"{today}-picture-{number}-{asset.pk}.png" for number, asset in enumerate(assets)),
            "manifest.json",
            "manifest.csv",
            "README.txt",
        ]
        for name, asset in zip(archive.namelist(), assets, strict=False):
            assert archive.read(name) == files.read(asset.original_name)


def test_head_says_the_same_and_sends_nothing(team: Team, viewer: User, reader: Reader) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    head, got = reader.get(address(export), method="HEAD"), reader.get(address(export))
    assert (head.status, head.body) == (200, b"")
    shown = ("content-length", "etag", "content-type", "accept-ranges", "content-disposition")
    assert [head.headers[name] for name in shown] == [got.headers[name] for name in shown]


def test_every_kind_of_range(team: Team, viewer: User, reader: Reader) -> None:
    for _ in range(3):
        make_asset(team)
    export = make_export(team, viewer)
    whole = reader.get(address(export))
    length = len(whole.body)
    for asked, start, stop in [
        ("0-0", 0, 1),
        ("100-", 100, length),
        ("-50", length - 50, length),
        ("300-499", 300, 500),
        (f"{length - 1}-{length + 1000}", length - 1, length),
    ]:
        part = reader.get(address(export), Range=f"bytes={asked}")
        assert (part.status, part.body) == (206, whole.body[start:stop]), asked
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{length}"
    beyond = reader.get(address(export), Range=f"bytes={length}-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{length}")
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "pictures=1-2", "bytes=a-b"):
        everything = reader.get(address(export), Range=asked)
        assert (everything.status, everything.body) == (200, whole.body), asked
    known = reader.get(address(export), If_None_Match=whole.headers["etag"])
    assert (known.status, known.body) == (304, b"")


def test_download_goes_on_after_a_restart_though_pictures_came(team: Team, viewer: User, client_of: ClientOf) -> None:
    for _ in range(3):
        make_asset(team)
    export = make_export(team, viewer)
    client = client_of(viewer)
    with serving(application, on_stop=stop_streams) as first:
        begun = Reader(first, client).get(address(export), Range="bytes=0-999")
    make_asset(team)
    with serving(application, on_stop=stop_streams) as second:
        rest = Reader(second, client).get(address(export), Range="bytes=1000-", If_Range=begun.headers["etag"])
    assert (begun.status, rest.status) == (206, 206)
    data = begun.body + rest.body
    assert len(data) == export.parts.get().length
    assert len(opened(data).namelist()) == 6


def test_part_of_another_version_is_the_whole_new_one(team: Team, viewer: User, reader: Reader) -> None:
    make_asset(team)
    export = make_export(team, viewer)
    got = reader.get(address(export), Range="bytes=100-", If_Range='"another"')
    assert (got.status, got.whole, len(got.body)) == (200, True, export.parts.get().length)


# What goes wrong on the way


def test_file_that_is_gone_ends_the_connection_and_the_next_request_names_it(
    team: Team, viewer: User, reader: Reader
) -> None:
    kept, lost = make_asset(team, prompt="Kept"), make_asset(team, prompt="Lost")
    export = make_export(team, viewer)
    old = export.parts.get()
    default_storage.delete(lost.original_name)
    broken = reader.get(address(export))
    assert (broken.status, broken.whole) == (200, False)
    assert 0 < len(broken.body) < old.length
    assert Export.objects.get().state == State.STALE
    again = reader.get(address(export), Range=f"bytes={len(broken.body)}-", If_Range=f'"{old.etag}"')
    new = export.parts.get()
    assert (again.status, again.headers["etag"]) == (200, f'"{new.etag}"')
    assert new.etag != old.etag
    assert len(again.body) == new.length != old.length
    with opened(again.body) as archive:
        day = f"{timezone.localtime(kept.created_at):%Y-%m-%d}"
        assert archive.namelist()[:-3] == [f"{day}-kept-{kept.pk}.png"]
        assert f"{day}-lost-{lost.pk}.png" in archive.read("README.txt").decode()
        assert '"missing": true' in archive.read("manifest.json").decode()
    assert (Export.objects.get().state, Export.objects.get().missing) == (State.READY, 1)


def test_download_that_goes_on_within_a_file_that_is_gone_is_told_to_come_again(
    team: Team, viewer: User, reader: Reader
) -> None:
    asset = make_asset(team)
    export = make_export(team, viewer)
    tag = reader.get(address(export)).headers["etag"]
    files.delete([asset.original_name])
    got = reader.get(address(export), Range="bytes=150-", If_Range=tag)
    assert (got.status, got.headers["retry-after"]) == (503, "10")
    assert b"is gone" in got.body
    again = reader.get(address(export), Range="bytes=150-", If_Range=tag)
    assert (again.status, again.whole, len(opened(again.body).namelist())) == (200, True, 3)


def test_file_of_another_length_is_as_good_as_gone(team: Team, viewer: User, reader: Reader) -> None:
    asset = make_asset(team)
    export = make_export(team, viewer)
    Path(default_storage.path(asset.original_name)).write_bytes(b"cut")
    reader.get(address(export))
    assert Export.objects.get().state == State.STALE


def test_list_that_is_written_anew_ends_a_running_download(team: Team, viewer: User, reader: Reader) -> None:
    export = make_big(team, viewer)
    with reader.asked(address(export)) as answer:
        assert answer.read(1000)
        Export.objects.update(state=State.STALE)
        services.renewed(Export.objects.get())
        rest = drained(answer)
    assert rest < export.parts.get().length - 1000


def drained(answer: http.client.HTTPResponse) -> int:
    """Read what still comes, to the close of the connection; return how much it was."""
    return sum(map(len, iter(lambda: answer.read1(1_000_000), b"")))


def drained_until_reset(answer: http.client.HTTPResponse) -> int:
    """Read what still comes, to the reset of the connection; return how much it was."""
    length = 0
    try:
        while data := answer.read1(1_000_000):
            length += len(data)
    except ConnectionResetError:
        return length
    pytest.fail("The connection was closed and not reset.")


def is_reset(answer: http.client.HTTPResponse) -> bool:
    """Say whether the connection was reset, without reading from it."""
    poll = select.poll()
    poll.register(answer.fileno(), 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def remove(team: Team, viewer: User, export: Export) -> None:
    Membership.objects.get(team=team, user=viewer).delete()


def deactivate(team: Team, viewer: User, export: Export) -> None:
    User.objects.filter(pk=viewer.pk).update(is_active=False)


def take_back(team: Team, viewer: User, export: Export) -> None:
    assert revoke_export(export=export, actor=viewer)


def let_expire(team: Team, viewer: User, export: Export) -> None:
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now())


@pytest.mark.parametrize("end", [remove, deactivate, take_back, let_expire])
def test_download_ends_with_the_right_to_it(
    team: Team, viewer: User, reader: Reader, end: Callable[[Team, User, Export], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHECK_SECONDS", 0.05)
    export = make_big(team, viewer)
    with reader.asked(address(export)) as answer:
        assert answer.read(1000)
        end(team, viewer, export)
        # The reader takes nothing, and still the sender lets go of it.
        wait_until(lambda: is_reset(answer))
        assert not watching._running
        # It finds what its own system holds for it, and nothing of the megabytes that the sender's does.
        assert drained_until_reset(answer) <= 2 * SMALL_BUFFER


def test_right_is_asked_about_often_enough() -> None:
    """Twice within the five seconds that are promised, the asking included."""
    assert watching.CHECK_SECONDS <= 2.5


def test_download_of_who_keeps_the_right_goes_on(
    team: Team, viewer: User, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHECK_SECONDS", 0.02)
    asked: list[bool] = []
    may_go_on = watching._may_go_on

    def noted(export_id: int, grant: LiveGrant) -> bool:
        asked.append(may_go_on(export_id, grant))
        return asked[-1]

    monkeypatch.setattr(watching, "_may_go_on", noted)
    export = make_big(team, viewer)
    with reader.asked(address(export)) as answer:
        first = len(answer.read(1000))
        wait_until(lambda: len(asked) >= 3)
        assert first + drained(answer) == export.parts.get().length
    assert all(asked)


def test_team_runs_only_so_many_downloads_at_once(
    team: Team, viewer: User, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_AT_ONCE", 1)
    export = make_big(team, viewer)
    with reader.asked(address(export)) as answer:
        assert answer.read(1000)
        refused = reader.get(address(export), Range="bytes=0-9")
        assert (refused.status, refused.headers["retry-after"]) == (429, "30")
        assert "running 1 downloads at once" in refused.body.decode()
        assert reader.get(address(export), method="HEAD").status == 200
    wait_until(lambda: not watching._running)
    assert reader.get(address(export), Range="bytes=0-9").status == 206


def test_paused_download_gives_its_place_up_when_another_wants_it(
    team: Team, viewer: User, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(watching, "PAUSED_SECONDS", 0)
    export = make_big(team, viewer)
    with reader.asked(address(export)) as paused:
        begun = paused.read(1000)
        assert reader.get(address(export), Range="bytes=0-999").body == begun
        # An ordinary close: what is on its way need not be sent again.
        assert drained(paused) < BIG - 1000
    wait_until(lambda: not watching._running)


# Programs that people use


def test_curl_goes_on_where_it_stopped(
    team: Team, viewer: User, reader: Reader, server: Server, tmp_path: Path
) -> None:
    assert_resumed(
        team, viewer, reader, server, tmp_path, ["curl", "--silent", "--show-error", "--fail", "-C", "-", "-o"]
    )


def test_wget_goes_on_where_it_stopped(
    team: Team, viewer: User, reader: Reader, server: Server, tmp_path: Path
) -> None:
    assert_resumed(team, viewer, reader, server, tmp_path, ["wget", "--quiet", "--no-proxy", "-c", "-O"])


def assert_resumed(team: Team, viewer: User, reader: Reader, server: Server, folder: Path, command: list[str]) -> None:
    for _ in range(5):
        make_asset(team)
    export = make_export(team, viewer)
    whole = reader.get(address(export)).body
    target = folder / "library.zip"
    target.write_bytes(whole[:700])
    done = subprocess.run(
        [*command, str(target), "--header", f"Cookie: {reader.cookie}", f"{server.url}{address(export)}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "no_proxy": "*"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert target.read_bytes() == whole
