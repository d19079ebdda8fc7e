from pathlib import Path

import pytest

from studio.runtime import static
from studio.runtime.static import StaticFiles


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one static file."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.css").write_text("a {}")
    monkeypatch.setattr(static, "ROOT", tmp_path)
    return tmp_path


def collected(home: Path) -> None:
    (home / "static").mkdir(parents=True)
    (home / "static" / "staticfiles.json").write_text("{}")


def test_files_are_not_fresh_before_they_are_collected(root: Path) -> None:
    assert not StaticFiles(root / "home").are_fresh()


def test_files_are_fresh_until_one_changes(root: Path) -> None:
    home = root / "home"
    collected(home)
    StaticFiles(home).mark_fresh()
    assert StaticFiles(home).are_fresh()
    (root / "static" / "app.css").write_text("a { color: red }")
    assert not StaticFiles(home).are_fresh()


def test_files_changed_while_they_are_collected_are_collected_again(root: Path) -> None:
    home = root / "home"
    collected(home)
    before = StaticFiles(home)
    (root / "static" / "new.js").write_text("1")
    before.mark_fresh()
    assert not StaticFiles(home).are_fresh()


def test_collected_files_that_were_removed_are_not_fresh(root: Path) -> None:
    home = root / "home"
    collected(home)
    StaticFiles(home).mark_fresh()
    (home / "static" / "staticfiles.json").unlink()
    assert not StaticFiles(home).are_fresh()
