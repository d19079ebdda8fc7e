import os
import shutil
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from studio.runtime import place
from studio.runtime.place import SYSTEM_FOLDER, Account, Place, PostgresError
from studio.runtime.postgres import EmbeddedPostgres
from tests.runtime.processes import remove_home

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
stranger = Account("stranger", 4_000_000, 4_000_000)


@pytest.fixture
def closed_home(tmp_path: Path) -> Generator[Path]:
    """A home behind a folder that nobody but its owner can enter."""
    (tmp_path / "closed").mkdir(mode=0o700)
    home = tmp_path / "closed" / "home"
    home.mkdir()
    yield home
    remove_home(home)


def test_account_that_may_not_enter_a_parent_cannot_reach_the_folder(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        folder.chmod(0o711)
    assert stranger.can_reach(inner) == stranger.can_reach(tmp_path)
    inner.parent.chmod(0o700)
    assert not stranger.can_reach(inner)


def test_account_is_judged_by_the_one_right_that_is_meant_for_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o077)  # the owner has nothing, though everybody else has all
    status = tmp_path.stat()
    try:
        assert not Account("owner", status.st_uid, 4_000_000).may(tmp_path, 1)
        assert Account("group", 4_000_000, status.st_gid).may(tmp_path, 4)
        assert stranger.may(tmp_path, 1)
    finally:
        tmp_path.chmod(0o700)


@as_root
def test_database_of_root_is_in_a_home_the_account_can_reach(home: Path) -> None:
    assert Place(home).base == home / "postgres"


@as_root
def test_database_of_root_is_elsewhere_if_the_home_is_closed(closed_home: Path) -> None:
    assert Place(closed_home).base.parent == SYSTEM_FOLDER


@as_root
def test_database_stays_where_it_is_when_the_way_there_is_closed(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    home.chmod(0o700)
    assert Place(home).base == home / "postgres"


@as_root
def test_server_runs_as_the_owner_of_the_data(home: Path) -> None:
    data = home / "postgres" / "data"
    data.mkdir(parents=True)
    os.chown(data, 4_000_000, 4_000_001)
    assert Place(home).account == Account("4000000", 4_000_000, 4_000_001)


@as_root
def test_data_of_root_is_refused(home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(PostgresError, match="belongs to root"):
        _ = Place(home).account


def test_socket_of_a_long_path_is_in_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    sockets = Place(deep).sockets
    assert len(os.fsencode(sockets)) < 60
    assert sockets == Place(deep).sockets
    assert sockets != Place(deep.parent).sockets


def test_socket_folder_that_others_can_open_is_refused(home: Path) -> None:
    spot = Place(home)
    spot.make_folders()
    spot.sockets.chmod(0o755)
    with pytest.raises(PostgresError, match="must be a folder that only"):
        spot.make_folders()


@as_root
@pytest.mark.crash
def test_server_behind_closed_folders_works_and_opens_none_of_them(
    closed_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "closed" / "packages"
    installed = place._installed_tree()
    shutil.copytree(installed, packages / place.PACKAGE / installed.name, copy_function=os.link)
    libraries = installed.parent.with_name(f"{place.PACKAGE}.libs")
    shutil.copytree(libraries, packages / libraries.name, copy_function=os.link)
    monkeypatch.setattr(place, "_installed_tree", lambda: packages / place.PACKAGE / installed.name)
    server = EmbeddedPostgres(closed_home, durable=False)
    server.start()
    try:
        with psycopg.connect(server.dsn()) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    finally:
        server.stop()
    assert row == (str(SYSTEM_FOLDER / server.data_dir.parent.name / "data"),)
    assert (server.data_dir.parent / "binaries").is_dir()
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700
