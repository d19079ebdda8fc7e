"""Pictures brought in by people: chosen, dropped and pasted, with and without script."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.handing import drop, hand_over
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.factories import small_png

pytestmark = pytest.mark.browser


def lines(visitor: Visitor, outcome: str) -> Locator:
    return visitor.page.locator(f'.transfer[data-outcome="{outcome}"]')


def test_choosing_dropping_and_pasting(site: Site, visit: Visit, tmp_path: Path) -> None:
    team = site.new_team("Uploads by hand", credits=1)
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    page = maya.page
    folder = tmp_path / "shoot"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"beach-{number}.png").write_bytes(small_png(7000 + number))
    (tmp_path / "page.png").write_bytes(b"<html><body>not a picture</body></html>")

    # Chosen files, one of which is no picture: the refusal stands beside it, the others are added.
    page.get_by_role("link", name="Upload images").click()
    dialog = page.get_by_role("dialog", name="Upload images")
    expect(dialog).to_be_visible()
    chosen = [*sorted(folder.iterdir()), tmp_path / "page.png"]
    with maya.ears.expecting("status of 400"):
        dialog.get_by_label("Choose images").set_input_files(chosen)
        expect(dialog.get_by_role("status")).to_have_text("2 added, 1 refused")
    expect(lines(maya, "refused")).to_contain_text("What arrived is a web page, not a PNG, JPEG or WebP picture.")
    maya.inspect("library-upload")

    # What is added stands in the grid without a reload.
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator(".shelf .tile")).to_have_count(2)

    # Dropped anywhere, and pasted: the panel opens by itself; what is here already is said to be.
    hand_over(page, "drop", "dropped.png", small_png(7003))
    expect(dialog.get_by_role("status")).to_have_text("3 added, 1 refused")
    hand_over(page, "paste", "again.png", small_png(7003))
    expect(dialog.get_by_role("status")).to_have_text("3 added, 1 already here, 1 refused")
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator(".shelf .tile")).to_have_count(3)
    page.get_by_label("Search images").fill("beach")
    expect(page.locator(".shelf .tile")).to_have_count(2)
    maya.hear_nothing()


def test_folders_bring_the_pictures_in_them(site: Site, visit: Visit, tmp_path: Path) -> None:
    maya = visit(site, team=site.new_team("Uploads by folder", credits=1)).sign_in()
    maya.go("library/")
    page = maya.page
    for number, place in enumerate(("chosen", "chosen/deep/er", "dropped", "dropped/deep/er")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / f"beach-{number}.png").write_bytes(small_png(7020 + number))
        (tmp_path / place / "notes.txt").write_text("What is no picture is passed over.")
    page.get_by_role("link", name="Upload images").click()
    dialog = page.get_by_role("dialog", name="Upload images")
    dialog.get_by_label("Choose a folder").set_input_files(tmp_path / "chosen")
    expect(dialog.get_by_role("status")).to_have_text("2 added")
    dialog.get_by_role("button", name="Close").click()

    drop(page, tmp_path / "dropped")
    expect(dialog.get_by_role("status")).to_have_text("4 added")
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator(".shelf .tile")).to_have_count(4)
    maya.hear_nothing()


def test_uploading_without_script(site: Site, visit: Visit, tmp_path: Path) -> None:
    team = site.new_team("Uploads by form", credits=1)
    maya = visit(site, team=team, quick=False).sign_in()
    (tmp_path / "first.png").write_bytes(small_png(7010))
    (tmp_path / "empty.png").write_bytes(b"")
    maya.go("library/")
    maya.page.get_by_role("link", name="Upload images").click()
    maya.page.get_by_label("Choose images").set_input_files([tmp_path / "first.png", tmp_path / "empty.png"])
    maya.page.get_by_role("button", name="Upload", exact=True).click()
    expect(lines(maya, "added")).to_have_count(1)
    expect(lines(maya, "refused")).to_contain_text("The file is empty.")
    maya.page.get_by_role("link", name="first.png").click()
    expect(maya.page.get_by_role("link", name="Download original")).to_be_visible()
