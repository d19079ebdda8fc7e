"""Many pictures at once: selected by pointer and keyboard, filed, taken back, binned and restored."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def tiles(page: Page) -> Locator:
    return page.locator(".shelf .tile")


def pick(page: Page, number: int) -> Locator:
    return tiles(page).nth(number).locator(".pick")


def bar(page: Page) -> Locator:
    return page.locator("#bulk")


def said(page: Page, text: str) -> Locator:
    toast = page.locator(".toast").filter(has_text=text)
    expect(toast).to_have_count(1)
    return toast


# More than a page waits for: copies of one picture, whose files are links to the same bytes.
MANY = 1200
_MULTIPLY = """
import os, uuid
from pathlib import Path
from django.core.files.storage import default_storage
from studio.library.models import Asset
found = Asset.objects.filter(team__slug={team!r}).latest("pk")
sources = [found.original_name, found.thumb_name]
copies = []
for _ in range({times}):
    found.pk, found.file_key, found.generation_id = None, uuid.uuid4(), None
    found.has_preview, found.preview_tries = False, 3
    copies.append(Asset(**{{each.attname: getattr(found, each.attname) for each in Asset._meta.local_fields}}))
    for source, target in zip(sources, [found.original_name, found.thumb_name]):
        path = Path(default_storage.path(target))
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(default_storage.path(source), path)
Asset.objects.bulk_create(copies)
"""
_TAG_ALL = """
from studio.library.models import Asset, Tag
from studio.library.tagging import add_tag
tag = Tag.objects.get(team__slug={team!r}, key="heroes")
add_tag(asset_ids=list(Asset.objects.for_team(tag.team).values_list("pk", flat=True)), tag=tag)
"""


_LINE = """(tile) => {
  const { outlineStyle, outlineWidth } = getComputedStyle(tile, "::after");
  return [outlineStyle, outlineWidth];
}"""
_SIX = """
from studio.teams.models import Team
from tests.factories import make_asset
for number in range(6):
    make_asset(Team.objects.get(slug={team!r}), prompt=f"Lighthouse {{number}}")
"""


def fill_library(visitor: Visitor) -> None:
    """Make eight pictures by two prompts."""
    for prompt in ("A kite above the dunes", "A boat in the fog"):
        visitor.make(prompt, n=4)


def test_keyboard_leads_to_the_bar_and_back_to_the_pictures(site: Site, visit: Visit) -> None:
    team = site.new_team("Bulk by keyboard", credits=1)
    site.manage("shell", "-c", _SIX.format(team=team))
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    page = maya.page
    link = tiles(page).locator("> a")
    expect(link).to_have_count(6)

    # B leads past all pictures to the bar, and back to the one that had the focus.
    link.nth(1).focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("b")
    expect(bar(page).get_by_role("button", name="Collect")).to_be_focused()
    page.keyboard.press("b")
    expect(link.nth(2)).to_be_focused()

    # The bar goes with the selection; whoever was on it, or in a dialog that it opened, is on that picture again.
    page.keyboard.press("b")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Tag 2 images")
    expect(dialog.get_by_label("Tag", exact=True)).to_be_focused()
    page.keyboard.type("coast")
    page.keyboard.press("Enter")
    said(page, "2 images tagged coast.")
    expect(bar(page)).to_be_hidden()
    expect(link.nth(2)).to_be_focused()
    page.keyboard.press("Control+z")
    said(page, "Undone for 2 images.")

    # Pictures that come anew, since somebody changed something, take the focus from nobody.
    tiles(page).nth(2).get_by_role("button", name="Favourite").focus()
    page.evaluate("""() => {
        for (const tile of document.querySelectorAll(".tile")) tile.dataset.former = "";
        document.body.dispatchEvent(new Event("library-changed"));
    }""")
    expect(page.locator("[data-former]")).to_have_count(0)
    expect(tiles(page).nth(2).get_by_role("button", name="Favourite")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("b")
    bar(page).get_by_role("button", name="Move to bin").press("Enter")
    toast = said(page, "1 image moved to the bin.")
    expect(link).to_have_count(5)
    expect(link.nth(2)).to_be_focused()

    # A message that had the focus goes as it is answered, and the focus is where it was before.
    toast.get_by_role("button", name="Undo").press("Enter")
    said(page, "Undone for 1 image.")
    expect(link).to_have_count(6)
    expect(link.nth(3)).to_be_focused()
    maya.hear_nothing()


def test_what_is_chosen_can_be_seen_in_the_readers_own_colours(site: Site, visit: Visit) -> None:
    team = site.new_team("Bulk in few colours", credits=1)
    site.manage("shell", "-c", _SIX.format(team=team))
    maya = visit(site, team=team).sign_in()
    page = maya.page
    page.emulate_media(forced_colors="active")
    maya.go("library/")
    tiles(page).nth(0).locator("> a").focus()
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    # What is chosen, what has the focus, and neither: a fine line, a broad one, and none.
    chosen, focused, neither = [tiles(page).nth(number).evaluate(_LINE) for number in range(3)]
    assert (chosen, focused) == (["solid", "2px"], ["solid", "4px"])
    assert neither[0] == "none"
    expect(bar(page)).to_have_css("border-top", re.compile("1px solid"))
    maya.hear_nothing()


def test_selecting_filing_binning_and_taking_back(site: Site, visit: Visit) -> None:
    team = site.new_team("Bulk by pointer", credits=100)
    maya = visit(site, team=team).sign_in()
    fill_library(maya)
    maya.go("library/")
    page = maya.page
    expect(tiles(page)).to_have_count(8)
    expect(bar(page)).to_be_hidden()

    # A pointer ticks pictures while selecting, Shift takes a range.
    page.get_by_role("button", name="Select", exact=True).click()
    tiles(page).nth(0).click()
    tiles(page).nth(2).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text("3 selected")
    expect(page.locator(".shelf .pick:checked")).to_have_count(3)
    expect(page.get_by_role("button", name="Download ZIP")).to_be_visible()
    maya.inspect("library-select")

    # Tag them by a dialog, and take that back from the toast.
    bar(page).get_by_role("button", name="Tag", exact=True).click()
    dialog = page.get_by_role("dialog", name="Tag 3 images")
    expect(dialog).to_be_visible()
    maya.inspect("library-select-tag")
    dialog.get_by_label("Tag", exact=True).fill("hero")
    dialog.get_by_role("button", name="Add tag").click()
    expect(dialog).to_be_hidden()
    expect(bar(page)).to_be_hidden()
    said(page, "3 images tagged hero.").get_by_role("button", name="Undo").click()
    said(page, "Undone for 3 images.")
    maya.go("library/?q=hero")
    expect(page.locator(".empty")).to_be_visible()

    # By keyboard: X, Shift + X, Ctrl + A, Esc.
    maya.go("library/")
    expect(tiles(page)).to_have_count(8)
    tiles(page).nth(1).locator("> a").focus()
    page.keyboard.press("x")
    expect(bar(page)).to_contain_text("1 selected")
    tiles(page).nth(4).locator("> a").focus()
    page.keyboard.press("Shift+X")
    expect(bar(page)).to_contain_text("4 selected")
    page.keyboard.press("Escape")
    expect(bar(page)).to_be_hidden()
    tiles(page).nth(0).locator("> a").focus()
    page.keyboard.press("Control+a")
    expect(bar(page)).to_contain_text("8 selected")

    # Everything that the search finds, chosen on the server.
    page.get_by_label("Search images").fill("kite")
    expect(tiles(page)).to_have_count(4)
    expect(bar(page)).to_be_hidden()
    pick(page, 0).check()
    page.get_by_role("button", name="More for the selection").click()
    page.get_by_role("button", name="Select all 4 matching").click()
    expect(bar(page)).to_contain_text("All 4 matching")
    bar(page).get_by_role("button", name="Approve").click()
    said(page, "4 images marked as approved.")
    expect(page.locator(".shelf .mark").filter(has_text="Approved")).to_have_count(4)

    # Into the bin: the grid follows at once, and the bin shows them.
    maya.go("library/")
    pick(page, 0).check()
    pick(page, 1).check()
    bar(page).get_by_role("button", name="Move to bin").click()
    said(page, "2 images moved to the bin.")
    expect(tiles(page)).to_have_count(6)
    maya.go("library/bin/")
    expect(tiles(page)).to_have_count(2)
    expect(tiles(page).first).to_contain_text("30 days left")
    pick(page, 0).check()
    # What others change meanwhile brings the bin anew and takes no tick away.
    with page.expect_response(lambda answer: answer.url.endswith("/library/bin/")):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('library-changed'))")
    expect(pick(page, 0)).to_be_checked()
    expect(bar(page)).to_contain_text("1 selected")
    maya.inspect("library-bin")
    bar(page).get_by_role("button", name="Restore").click()
    said(page, "1 image restored.")
    expect(tiles(page)).to_have_count(1)
    page.get_by_role("button", name="Empty bin").click()
    asked = page.get_by_role("dialog", name="Delete 1 image for good?")
    maya.inspect("library-purge")
    asked.get_by_role("button", name="Delete 1 image").click()
    said(page, "1 image deleted for good.")
    expect(page.get_by_role("heading", name="The bin is empty")).to_be_visible()
    maya.go("studio/")
    expect(page.get_by_role("img", name="Deleted").or_(page.get_by_text("Deleted", exact=True))).to_have_count(1)
    maya.go("library/rules/")
    maya.inspect("library-rules")
    maya.hear_nothing()


def test_filing_and_binning_without_script(site: Site, visit: Visit) -> None:
    team = site.new_team("Bulk by forms", credits=100)
    maya = visit(site, team=team).sign_in()
    maya.make("A kite above the dunes", n=2)
    plain = visit(site, team=team, quick=False).sign_in()
    page = plain.page
    plain.go("library/")
    page.get_by_role("button", name="Select", exact=True).click()
    pick(page, 0).check()
    pick(page, 1).check()
    bar(page).get_by_role("button", name="Collect").click()
    page.get_by_label("New collection").fill("Solstice launch")
    page.get_by_role("button", name="Create and add").click()
    expect(page.get_by_text("2 images added to Solstice launch.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone for 2 images.")).to_be_visible()
    page.get_by_role("link", name="Back to the library").click()
    page.get_by_role("button", name="Select", exact=True).click()
    pick(page, 0).check()
    bar(page).get_by_role("button", name="Move to bin").click()
    expect(page.get_by_text("1 image moved to the bin.")).to_be_visible()
    plain.go("library/bin/")
    page.get_by_role("button", name="Restore all").click()
    expect(page.get_by_text("1 image restored.")).to_be_visible()
    page.wait_for_url(re.compile(r"/library/bulk/\d+/$"))
    plain.hear_nothing()


def test_large_act_shows_how_far_it_is_and_is_taken_back(site: Site, visit: Visit) -> None:
    team = site.new_team("Bulk by thousands", credits=100)
    maya = visit(site, team=team).sign_in()
    maya.make("A kite above the dunes")
    site.manage("shell", "--no-imports", "-c", _MULTIPLY.format(team=team, times=MANY - 1))
    maya.go("library/")
    page = maya.page
    tiles(page).nth(0).locator("> a").focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="More for the selection").click()
    page.get_by_role("button", name="Select all 1,000+ matching").click()
    expect(bar(page)).to_contain_text("All 1,000+ matching")
    bar(page).get_by_role("button", name="Move to bin").click()
    strip = page.get_by_role("region", name="Changes to images")
    expect(strip.get_by_role("button", name="Stop").or_(strip.get_by_role("button", name="Undo"))).to_be_visible()
    expect(strip).to_contain_text("1,200 images moved to the bin.")
    expect(page.locator(".empty")).to_be_visible()
    strip.get_by_role("button", name="Undo").click()
    expect(strip).to_contain_text("Undone for 1,200 images.")
    expect(tiles(page).first).to_be_visible()

    # A tag of them all is merged in the same way: its page follows how far that is.
    for name in ("heroes", "hero"):
        maya.go("library/tags/new/")
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Make tag").click()
    site.manage("shell", "--no-imports", "-c", _TAG_ALL.format(team=team))
    maya.go("library/tags/")
    page.get_by_role("link", name="Merge heroes").click()
    page.get_by_role("dialog").get_by_label("Into").fill("hero")
    page.get_by_role("dialog").get_by_role("button", name="Merge").click()
    page.wait_for_url(re.compile(r"/library/bulk/\d+/$"))
    expect(page.get_by_text("heroes is part of hero now. 1,200 images now tagged hero.")).to_be_visible()
    maya.inspect("library-tag-merged")
    page.get_by_role("link", name="Back to the tags").click()
    expect(page.locator(".tagtable .chip")).to_have_text(["hero"])
    maya.hear_nothing()
