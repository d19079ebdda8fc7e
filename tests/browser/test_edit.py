"""Editing: pictures that are dropped, uploaded and picked go along with a prompt, and the result says so."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.handing import hand_over
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.factories import small_png
from tests.library import corpus

pytestmark = pytest.mark.browser


# Longer than a phone is wide.
BOAT = "boat by the long jetty, seen from the lighthouse on a clear morning in May.png"


def references(visitor: Visitor) -> Locator:
    return visitor.page.locator("#references input[name=reference]")


def test_dropped_pasted_and_picked_pictures_go_along(site: Site, visit: Visit) -> None:
    maya = visit(site, team=site.new_team("Edits", credits=20)).sign_in()
    page = maya.page
    maya.choose("Model", "rehearsal")
    maya.make("The first of all")

    # Two drops one right after the other, and a paste; what is no picture is said about and harms none.
    hand_over(page, "drop", "beach.png", small_png(7101))
    hand_over(page, "drop", "pier.png", small_png(7102))
    expect(references(maya)).to_have_count(2)
    hand_over(page, "paste", BOAT, small_png(7103))
    expect(references(maya)).to_have_count(3)
    with maya.ears.expecting("status of 422"):
        hand_over(page, "drop", "page.png", b"<html><body>not a picture</body></html>")
        expect(page.locator("#references")).to_contain_text("page.png: What arrived is a web page")
    maya.inspect("studio-references")

    page.get_by_role("button", name="Remove reference image 2").click()
    expect(references(maya)).to_have_count(2)

    # The library has what was made and what was uploaded; what is chosen already is not offered again.
    page.get_by_role("button", name="pick from the library").click()
    dialog = page.get_by_role("dialog", name="Pick reference images")
    expect(dialog.get_by_role("checkbox")).to_have_count(2)
    maya.inspect("studio-pick")
    dialog.get_by_role("checkbox", name="pier.png").check()
    dialog.get_by_label("Search images").fill("first")
    expect(dialog.get_by_role("checkbox")).to_have_count(2)  # what was ticked stays beside what is found
    dialog.get_by_role("checkbox", name="The first of all").check()
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(references(maya)).to_have_count(4)

    card = maya.make("All of them in one")
    expect(card.get_by_role("link", name=re.compile("Reference image"))).to_have_count(4)
    card.locator(".tile > a").click()
    expect(page.get_by_role("heading", name="Made from")).to_be_visible()
    expect(page.get_by_role("link", name=BOAT)).to_be_visible()
    maya.inspect("asset-made-from")

    # From its page on to the next edit, with the picture as reference and nothing else.
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(references(maya)).to_have_count(1)
    expect(maya.field("Prompt")).to_have_value("")
    maya.hear_nothing()


def test_mask_stays_with_models_that_use_it(site: Site, visit: Visit) -> None:
    site.emulator.reset()
    maya = visit(site, team=site.new_team("Masks", credits=50)).sign_in()
    page = maya.page
    maya.choose("Model", "gpt-image-2")
    page.get_by_label("Add reference images").set_input_files(
        {"name": "pier.png", "mimeType": "image/png", "buffer": corpus.png()}
    )
    with maya.ears.expecting("status of 422"):
        page.get_by_label("Add a mask").set_input_files(
            {"name": "mask.jpg", "mimeType": "image/jpeg", "buffer": corpus.encoded(corpus.picture(), "JPEG")}
        )
        expect(page.locator("#references")).to_contain_text("A mask is a PNG whose transparent parts")
    page.get_by_label("Add a mask").set_input_files(
        {"name": "mask.png", "mimeType": "image/png", "buffer": corpus.png("RGBA")}
    )
    remove = page.get_by_role("button", name="Remove the mask")
    expect(remove).to_be_visible()

    # Another model keeps it, says that it takes none, and refuses.
    maya.choose("Model", "rehearsal")
    expect(page.locator("#references")).to_contain_text("Rehearsal takes no mask.")
    maya.inspect("studio-mask")
    with maya.ears.expecting("status of 422"):
        maya.field("Prompt").fill("Only the sky")
        maya.generate.click()
        expect(page.locator("#references .bad")).to_contain_text("Rehearsal takes no mask.")
    expect(remove).to_be_visible()

    maya.choose("Model", "gpt-image-2")
    card = maya.make("Only the sky", model="gpt-image-2")
    expect(card.get_by_role("link", name="Mask")).to_be_visible()
    maya.hear_nothing()


def test_unfinished_pictures_are_shown_until_the_final_one_is_there(site: Site, visit: Visit) -> None:
    site.emulator.reset()
    site.emulator.set(stream_pause=5)
    ask = "from studio.providers.models import Connection as C; C.objects.filter(protocol='openai').update(options=%s)"
    site.manage("shell", "-c", ask % "{'previews': 3}")
    try:
        maya = visit(site, team=site.new_team("Previews", credits=50)).sign_in()
        card = maya.submit("Slowly", model="gpt-image-2", n=2)
        expect(card.locator(".tile.running > img")).to_have_count(2)
        expect(card).to_contain_text(re.compile(r"Preview \d of 3"))
        expect(card.get_by_role("progressbar")).to_have_count(2)
        # A picture may be replaced between the card that names it and the moment when it is asked for.
        with maya.ears.expecting("status of 404"):
            maya.inspect("studio-preview")
            maya.wait_for(card, "succeeded")
        expect(card.locator(".tile.running")).to_have_count(0)
        expect(card.locator(".tile > a > img")).to_have_count(2)
    finally:
        site.emulator.reset()
        site.manage("shell", "-c", ask % "{}")


def test_editing_without_script(site: Site, visit: Visit, tmp_path: Path) -> None:
    maya = visit(site, team=site.new_team("Edits by form", credits=5), quick=False).sign_in()
    page = maya.page
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(small_png(7110 + number))
    page.get_by_label("Add reference images").set_input_files([tmp_path / "1.png", tmp_path / "2.png"])
    maya.field("Prompt").fill("Without any script")
    maya.choose("Model", "rehearsal")
    page.get_by_role("button", name="Update options and price").click()
    expect(references(maya)).to_have_count(2)
    page.get_by_role("button", name="Remove reference image 1").click()
    expect(references(maya)).to_have_count(1)
    page.get_by_role("button", name="pick from the library").click()
    page.get_by_role("checkbox", name="1.png").check()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(references(maya)).to_have_count(2)
    expect(maya.field("Prompt")).to_have_value("Without any script")
    maya.generate.click()
    maya.wait_for(maya.card("Without any script"), "succeeded")
    expect(maya.card("Without any script").get_by_role("link", name=re.compile("Reference image"))).to_have_count(2)
