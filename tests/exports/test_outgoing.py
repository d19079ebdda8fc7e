"""`export_library` writes the whole archive, or goes on where it was cut off."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from pytest_django import Settings

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.exports import outgoing
from studio.exports.models import Export, State
from studio.exports.outgoing import Job, write_library
from studio.library import binning, files
from studio.library.models import Asset
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.exports.libraries import fill
from tests.factories import make_asset
from tests.serving import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def export(path: Path, *arguments: str) -> dict[str, Any]:
    """Run the command; return its facts."""
    out = io.StringIO()
    call_command("export_library", "halden-co", str(path), "--json", *arguments, stdout=out, stderr=io.StringIO())
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def manifest_of(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        found: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return found


def files_beside(path: Path) -> list[str]:
    return sorted(one.name for one in path.parent.iterdir() if one.name.startswith(path.name))


@pytest.mark.usefixtures("store")
def test_whole_library_is_in_the_archive(team: Team, owner: User, member: User, tmp_path: Path) -> None:
    assets = fill(team, owner, member)
    path = tmp_path / "library.zip"
    facts = export(path)
    assert facts == {
        "path": str(path),
        "bytes": path.stat().st_size,
        "etag": facts["etag"],
        "pictures": 7,
        "missing": 0,
        "resumed_at": 0,
    }
    assert files_beside(path) == ["library.zip"]
    assert path.stat().st_mode & 0o777 == 0o600
    found = manifest_of(path)
    assert [one["id"] for one in found["pictures"]] == [asset.pk for asset in assets]
    with zipfile.ZipFile(path) as archive:
        assert [archive.read(one["file"]) for one in found["pictures"]] == [
            files.read(asset.original_name) for asset in assets
        ]
        received = found["pictures"][6]["received"]
        assert archive.read(received["file"]) == files.read(assets[6].received_name)
        assert len(archive.namelist()) == 7 + 1 + 3
    assert found["pictures"][0]["favourites"] == ["priya@halden.example"]
    assert found["pictures"][1]["author_email"] == "maya@halden.example"
    assert found["summary"] == {"pictures": 7, "files": 7, "missing": 0}


def test_archive_is_whole_for_other_programs(team: Team, owner: User, member: User, tmp_path: Path) -> None:
    fill(team, owner, member)
    export(tmp_path / "library.zip")
    subprocess.run(["unzip", "-tqq", str(tmp_path / "library.zip")], check=True)


def test_collection_is_exported_in_its_order(team: Team, owner: User, member: User, tmp_path: Path) -> None:
    assets = fill(team, owner, member)
    export(tmp_path / "inner.zip", "--collection", "autumn / 秋")
    ids = [one["id"] for one in manifest_of(tmp_path / "inner.zip")["pictures"]]
    assert sorted(ids) == [asset.pk for asset in assets[:4]]
    export(tmp_path / "outer.zip", "--collection", "Campaigns")
    outer = [one["id"] for one in manifest_of(tmp_path / "outer.zip")["pictures"]]
    assert sorted(outer) == [asset.pk for asset in assets[:5]]


def test_operators_export_is_shown_to_nobody_in_the_team(
    team: Team, owner: User, client_of: ClientOf, tmp_path: Path
) -> None:
    make_asset(team)
    (tmp_path / "library.zip.part").mkdir()
    with pytest.raises(CommandError):
        export(tmp_path / "library.zip")
    (tmp_path / "library.zip.part").rmdir()
    job = Job(team, tmp_path / "library.zip")
    found = outgoing._new_export(job, owner)
    assert client_of(owner).get(f"/t/halden-co/downloads/{found.pk}/").status_code == 404
    assert client_of(owner).get("/t/halden-co/downloads/").context["exports"] == []


def test_finished_export_lets_go_of_its_pictures_and_is_on_record(team: Team, tmp_path: Path) -> None:
    make_asset(team)
    export(tmp_path / "library.zip")
    assert not Export.objects.live().exists()
    event = AuditEvent.objects.get(action="export.created")
    assert (event.team_id, event.actor_id, event.data["images"]) == (team.pk, None, 1)


def test_missing_file_is_named_in_the_manifest(team: Team, tmp_path: Path) -> None:
    lost, kept = make_asset(team), make_asset(team)
    files.delete([lost.original_name])
    assert export(tmp_path / "library.zip")["missing"] == 1
    pictures = manifest_of(tmp_path / "library.zip")["pictures"]
    assert [(one["id"], one["missing"]) for one in pictures] == [(lost.pk, True), (kept.pk, False)]


def test_nothing_is_ever_overwritten(team: Team, tmp_path: Path) -> None:
    make_asset(team)
    path = tmp_path / "library.zip"
    path.write_bytes(b"mine")
    with pytest.raises(CommandError, match="is there already, and nothing is ever overwritten"):
        export(path)
    assert path.read_bytes() == b"mine"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandError, match="is there already"):
        export(path)
    assert not (tmp_path / "elsewhere").exists()


def test_file_that_appears_meanwhile_is_kept(team: Team, owner: User, tmp_path: Path) -> None:
    make_asset(team)
    job = Job(team, tmp_path / "library.zip")

    def appear(what: str, done: int, total: int) -> None:
        job.path.write_bytes(b"mine")

    with pytest.raises(outgoing.PathTaken, match="has appeared meanwhile"):
        write_library(job, author=owner, on_progress=appear)
    assert job.path.read_bytes() == b"mine"
    assert zipfile.ZipFile(job.part).testzip() is None


def test_two_at_once_do_not_write_into_each_other(team: Team, tmp_path: Path) -> None:
    make_asset(team)
    with (tmp_path / "library.zip.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another export writes to"):
            export(tmp_path / "library.zip")
    export(tmp_path / "library.zip")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody", "/tmp/x.zip"), "There is no team 'nobody'."),
        (("halden-co", "/nowhere/x.zip"), "There is no folder /nowhere."),
        (("halden-co", "/tmp/none.zip", "--collection", "None"), "There is no collection 'None' in Halden & Co."),
        (("halden-co", "/tmp/none.zip", "--collection", "999"), "There is no collection '999' in Halden & Co."),
    ],
)
def test_what_is_not_there_is_said(team: Team, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError) as said:
        call_command("export_library", *arguments)
    assert str(said.value) == message


def test_empty_library_is_said(team: Team, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There are no images in this"):
        export(tmp_path / "library.zip")
    assert not Export.objects.exists()


class Cut(BaseException):
    """Stands for the end of the process."""


def cut_off(job: Job, owner: User, *, after: int) -> int:
    """Write until so many bytes are there; return how many are on disk."""

    def cut(what: str, done: int, total: int) -> None:
        if what == "written" and done >= after:
            raise Cut

    with pytest.raises(Cut):
        write_library(job, author=owner, on_progress=cut)
    return job.part.stat().st_size


def test_export_goes_on_where_it_was_cut_off(
    team: Team, owner: User, member: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(team, owner, member)
    whole = tmp_path / "whole.zip"
    monkeypatch.setattr(outgoing, "_SAFE_EVERY", 1)
    job = Job(team, tmp_path / "library.zip")
    there = cut_off(job, owner, after=1500)
    beginning = job.part.read_bytes()
    make_asset(team)  # added meanwhile: not of the frozen list
    facts = export(job.path)
    assert 1500 <= facts["resumed_at"] <= there
    assert facts["pictures"] == 7
    assert job.path.read_bytes()[: facts["resumed_at"]] == beginning[: facts["resumed_at"]]
    assert len(manifest_of(job.path)["pictures"]) == 7
    assert files_beside(job.path) == ["library.zip"]
    assert Export.objects.count() == 1
    assert export(whole)["pictures"] == 8


def test_what_was_not_safe_on_disk_is_written_again(
    team: Team, owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        make_asset(team)
    monkeypatch.setattr(outgoing, "_SAFE_EVERY", 400)
    job = Job(team, tmp_path / "library.zip")
    cut_off(job, owner, after=1200)
    safe = json.loads(job.state.read_text())["safe"]
    with job.part.open("r+b") as part:  # as a power cut may leave it
        part.seek(safe)
        part.write(b"\0" * 5000)
    assert export(job.path)["resumed_at"] == safe
    assert len(manifest_of(job.path)["pictures"]) == 5


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"export": 1, "etag": "x", "safe": "much"}', "\x00"])
def test_state_that_cannot_be_read_means_a_new_start(
    state: str, team: Team, owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_asset(team)
    job = Job(team, tmp_path / "library.zip")
    job.state.write_text(state)
    job.part.write_bytes(b"rubbish" * 10_000)
    assert export(job.path)["resumed_at"] == 0
    assert len(manifest_of(job.path)["pictures"]) == 1


def test_other_list_than_the_one_begun_is_written_from_the_start(team: Team, owner: User, tmp_path: Path) -> None:
    make_asset(team)
    job = Job(team, tmp_path / "library.zip")
    cut_off(job, owner, after=1)
    Export.objects.update(state=State.REVOKED, revoked_at=Export.objects.get().created_at)
    make_asset(team)
    facts = export(job.path)
    assert (facts["resumed_at"], facts["pictures"]) == (0, 2)


def test_file_that_vanishes_while_it_is_written_is_named_in_a_new_list(team: Team, owner: User, tmp_path: Path) -> None:
    lost, kept = make_asset(team), make_asset(team)
    job = Job(team, tmp_path / "library.zip")

    def vanish(what: str, done: int, total: int) -> None:
        if what == "written":
            files.delete([kept.original_name])

    written = write_library(job, author=owner, on_progress=vanish)
    pictures = manifest_of(job.path)["pictures"]
    assert [(one["id"], one["missing"]) for one in pictures] == [(lost.pk, False), (kept.pk, True)]
    assert written.length == job.path.stat().st_size


def test_pictures_of_an_unfinished_export_are_not_purged(team: Team, owner: User, tmp_path: Path) -> None:
    asset = make_asset(team)
    job = Job(team, tmp_path / "library.zip")
    cut_off(job, owner, after=1)
    Asset.objects.update(binned_at=asset.created_at)
    assert binning.purge(team_id=team.pk, asset_ids=[asset.pk], actor_id=None) == []
    export(job.path)
    assert binning.purge(team_id=team.pk, asset_ids=[asset.pk], actor_id=None) == [asset.pk]


def test_full_disk_is_said_and_gone_on_from(team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        make_asset(team)
    path = tmp_path / "library.zip"
    with monkeypatch.context() as patch:
        patch.setattr(outgoing, "_SAFE_EVERY", 1)
        patch.setattr(outgoing, "_write_all", _FullAfter(600))
        with pytest.raises(
            CommandError, match=r"cannot be written: No space left on device\. Run this again to go on\."
        ):
            export(path)
    assert export(path)["resumed_at"] >= 600
    assert len(manifest_of(path)["pictures"]) == 3


class _FullAfter:
    """A disk with room for so many bytes."""

    def __init__(self, room: int) -> None:
        self._room = room

    def __call__(self, file: int, data: bytes) -> None:
        if self._room <= 0:
            raise OSError(28, "No space left on device")
        self._room -= len(data)
        os.write(file, data)


def test_store_that_is_away_is_said(team: Team, tmp_path: Path, bucket: object) -> None:
    make_asset(team)
    storage: Any = default_storage
    storage._silent_until = time.monotonic() + 60
    with pytest.raises(CommandError, match="The place where pictures are kept does not answer"):
        export(tmp_path / "library.zip")


def test_killed_export_goes_on(team: Team, settings: Settings, tmp_path: Path) -> None:
    for _ in range(4):
        make_asset(team)
    path = tmp_path / "library.zip"
    code = (
        "import sys, time, django; django.setup()\n"
        "from django.conf import settings\n"
        "from django.core.management import call_command\n"
        "from studio.exports import outgoing\n"
        f"settings.DATABASES['default']['NAME'] = {settings.DATABASES['default']['NAME']!r}\n"
        f"settings.MEDIA_ROOT = {str(settings.MEDIA_ROOT)!r}\n"
        "outgoing._SAFE_EVERY = 1\n"
        "secure = outgoing._secure\n"
        "def slowly(job, file, state):\n"
        "    secure(job, file, state)\n"
        "    if state.safe > 800: time.sleep(600)\n"
        "outgoing._secure = slowly\n"
        f"call_command('export_library', 'halden-co', {str(path)!r})\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.test_settings"}
    started = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        state = path.with_name("library.zip.state")
        wait_until(lambda: started.poll() is not None or (state.exists() and _safe(state) > 800), seconds=60)
        assert started.poll() is None
    finally:
        started.send_signal(signal.SIGKILL)
        started.wait(10)
    safe = _safe(state)
    assert export(path)["resumed_at"] == safe
    assert len(manifest_of(path)["pictures"]) == 4


def _safe(state: Path) -> int:
    return int(json.loads(state.read_text())["safe"])
