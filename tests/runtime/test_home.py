import os
import stat
import threading
from pathlib import Path

import pytest

from studio.runtime.home import ROOT, AlreadyRunningError, Lock, home_dir, make_home, read_or_create_key


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_dir_without_setting_is_beside_manage_py() -> None:
    assert home_dir({}) == ROOT / "var"
    assert (ROOT / "manage.py").is_file()


def test_home_dir_of_a_link_is_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert home_dir({"ATELIER_HOME": f" {tmp_path}/link "}) == (tmp_path / "real").resolve()


def test_make_home_keeps_folders_to_their_owner(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        make_home(tmp_path / "a" / "home")
    finally:
        os.umask(previous)
    through = 0o711 if os.geteuid() == 0 else 0o700
    assert mode(tmp_path / "a" / "home") == through
    assert {path.name: mode(path) for path in (tmp_path / "a" / "home").iterdir()} == {
        "keys": 0o700,
        "media": 0o700,
        "spool": 0o700,
    }


def test_make_home_leaves_the_rights_of_an_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o750)
    (tmp_path / "home").chmod(0o750)
    make_home(tmp_path / "home")
    assert mode(tmp_path / "home") == 0o750


def test_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret_key"
    assert read_or_create_key(path, lambda: "first") == "first"
    assert read_or_create_key(path, lambda: "second") == "first"
    assert mode(path) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_key_made_by_many_at_once_is_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret_key"
    barrier = threading.Barrier(8)
    found: list[str] = []

    def make(number: int) -> str:
        barrier.wait()  # everybody has found no key and makes one
        return f"key {number}"

    def ask(number: int) -> None:
        found.append(read_or_create_key(path, lambda: make(number)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [path.read_text().strip()] * 8
    assert list(path.parent.iterdir()) == [path]


def test_lock_taken_twice_names_the_holder(tmp_path: Path) -> None:
    with Lock(tmp_path), pytest.raises(AlreadyRunningError) as refusal, Lock(tmp_path):
        pass
    assert str(refusal.value) == f"Atelier is already running on {tmp_path} (process {os.getpid()})."


def test_lock_let_go_can_be_taken_again(tmp_path: Path) -> None:
    with Lock(tmp_path):
        pass
    with Lock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
