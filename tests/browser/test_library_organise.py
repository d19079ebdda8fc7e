"""Pictures described, filed and put in order: by pointer, by keyboard, by two people at once, and without script."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def open_first(visitor: Visitor) -> None:
    visitor.go("library/")
    visitor.page.locator(".shelf .tile > a").first.click()
    expect(visitor.page.locator("#inspector-head")).to_be_visible()


def order_of(page: Page) -> list[str]:
    return [item.get_attribute("data-item") or "" for item in page.locator("[data-item]").all()]


def handle(page: Page, item: str) -> Locator:
    return page.locator(f"[data-item='{item}'] .handle")


def settled(page: Page, order: list[str]) -> None:
    """The page shows this order, and so does a new one."""
    expect(page.locator("[data-item]").first).to_have_attribute("data-item", order[0])
    assert order_of(page) == order
    with page.expect_response(lambda answer: answer.url.endswith("/arrange/")):
        page.reload()
    assert order_of(page) == order


def test_describing_and_filing_a_picture(site: Site, visit: Visit) -> None:
    maya = visit(site, team=site.new_team("Organise by page", credits=50)).sign_in()
    maya.make("A lantern in the orchard", n=1)
    open_first(maya)
    page = maya.page
    head, filed = page.locator("#inspector-head"), page.locator("#inspector-filed")

    # The title, in place; Esc leaves it as it was.
    head.get_by_label("Rename").press("Enter")
    page.get_by_label("Title").fill("Nothing")
    page.keyboard.press("Escape")
    expect(head.get_by_label("Rename")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Title").fill("Solstice hero")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Solstice hero", level=1)).to_be_visible()
    expect(head.get_by_role("heading", name="Solstice hero")).to_be_visible()
    expect(head.get_by_label("Rename")).to_be_focused()

    # Stars by arrow keys, a status from its menu, a heart.
    page.get_by_role("radio", name="3 stars").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(head.get_by_role("status")).to_have_text("Rated 4 of 5.")
    expect(page.get_by_role("radio", name="4 stars")).to_be_focused()
    head.get_by_role("button", name="Status: Draft").click()
    head.get_by_role("button", name="Approved").click()
    expect(head.get_by_role("button", name="Status: Approved")).to_be_focused()
    expect(page.locator("#status-menu")).to_be_hidden()
    head.get_by_role("button", name="Favourite").click()
    expect(head.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")

    # Tags, several at once; a bad one says why and stays in its field.
    field = filed.get_by_label("Add tags")
    field.fill("hero, terracotta")
    page.keyboard.press("Enter")
    expect(filed.locator(".chip.tag")).to_have_count(2)
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    field.fill("x" * 61)
    with maya.ears.expecting("400"):
        page.keyboard.press("Enter")
        expect(filed.get_by_role("alert")).to_contain_text("A tag has at most 60 characters; this has 61.")
    expect(field).to_have_value("x" * 61)
    field.fill("ter")
    expect(page.locator("#tag-names option")).to_have_count(1)
    filed.get_by_role("button", name="Remove from tag terracotta").click()
    expect(filed.locator(".chip.tag")).to_have_count(1)

    # A collection that is made on the way, and notes.
    filed.get_by_role("link", name="Collection").click()
    dialog = page.get_by_role("dialog", name="Add to collections")
    dialog.get_by_label("New collection").fill("Solstice launch")
    maya.inspect("organise-collections-of-picture")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    expect(filed.get_by_role("link", name="Solstice launch")).to_be_visible()
    page.get_by_label("Notes", exact=True).fill("Ask Maya for the crop.")
    page.get_by_role("button", name="Save notes").click()
    expect(page.locator("#inspector-notes").get_by_role("status")).to_have_text("Notes saved.")
    maya.inspect("organise-picture")
    page.reload()
    expect(page.get_by_label("Notes", exact=True)).to_have_value("Ask Maya for the crop.")
    expect(page.get_by_role("radio", name="4 stars")).to_be_checked()

    # It is found by all of that.
    for query in ("q=solstice", "q=crop", "q=hero", "rating=4", "status=approved", "favourite=1"):
        maya.go(f"library/?{query}")
        expect(page.locator(".shelf .tile")).to_have_count(1)
    maya.hear_nothing()


def test_tags_are_looked_after(site: Site, visit: Visit) -> None:
    maya = visit(site, team=site.new_team("Organise tags", credits=10)).sign_in()
    page = maya.page
    maya.go("library/tags/")
    maya.inspect("organise-tags-none")
    for name, colour in (("Éclair", "Teal"), ("packshot", "Green"), ("pack shot", "Plain")):
        maya.go("library/tags/")
        page.get_by_role("link", name="New tag").first.click()
        dialog = page.get_by_role("dialog", name="New tag")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("radio", name=colour).check()
        dialog.get_by_role("button", name="Make tag").click()
        expect(page.locator(".tagtable .chip", has_text=re.compile(f"^{name}$"))).to_be_visible()
    maya.inspect("organise-tags")
    page.get_by_label("Search tags").fill("ECL")
    expect(page.locator(".tagtable .chip")).to_have_text(["Éclair"])
    page.get_by_label("Search tags").fill("")
    expect(page.locator(".tagtable .chip")).to_have_count(3)
    page.get_by_role("link", name="Merge pack shot").click()
    dialog = page.get_by_role("dialog", name="Merge pack shot")
    expect(page.locator("#tag-names option")).to_have_count(3)
    dialog.get_by_label("Into").fill("Packshot")
    maya.inspect("organise-tags-merge")
    dialog.get_by_role("button", name="Merge").click()
    expect(page.locator(".tagtable .chip")).to_have_text(["Éclair", "packshot"])
    page.get_by_role("link", name="Change Éclair").click()
    page.get_by_role("dialog").get_by_label("Name").fill("PACKSHOT")
    with maya.ears.expecting("422"):
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("There is a tag packshot already")).to_be_visible()
        maya.inspect("organise-tag-refused")


def test_putting_a_collection_in_order(site: Site, visit: Visit) -> None:
    team = site.new_team("Organise order", credits=50)
    maya = visit(site, team=team).sign_in()
    maya.make("Five boats at anchor", n=4)
    page = maya.page
    maya.go("library/collections/")
    page.get_by_role("link", name="New collection").first.click()
    dialog = page.get_by_role("dialog", name="New collection")
    dialog.get_by_label("Name").fill("Boats")
    dialog.get_by_label("Description").fill("For the harbour")
    maya.inspect("organise-collection-new")
    dialog.get_by_role("button", name="Make collection").click()
    expect(page.get_by_role("heading", name="Boats")).to_be_visible()
    collection = re.search(r"collection=(\d+)", page.url)
    assert collection

    # All four into it, by the bar of the selection.
    maya.go("library/")
    page.locator(".shelf .tile > a").first.focus()
    page.keyboard.press("Control+a")
    page.locator("#bulk").get_by_role("button", name="Collect", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Boats").click()
    expect(page.locator("#bulk")).to_be_hidden()
    maya.go(f"library/?collection={collection[1]}")
    expect(page.locator(".shelf .tile")).to_have_count(4)
    page.get_by_role("link", name="Arrange").click()
    expect(page.locator("[data-item]")).to_have_count(4)
    a, b, c, d = order_of(page)

    # By keyboard: taken, moved, put down; and put back by Esc.
    said = page.locator("#order-said")
    handle(page, a).focus()
    page.keyboard.press("Space")
    expect(said).to_contain_text("taken, 1 of 4.")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text("3 of 4.")
    maya.inspect("organise-arrange-held")
    with page.expect_response("**/order/") as told:
        page.keyboard.press("Space")
    assert told.value.status == 204
    expect(said).to_contain_text("put down, 3 of 4.")
    expect(handle(page, a)).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("put back, 3 of 4.")
    settled(page, [b, c, a, d])
    handle(page, d).focus()
    with page.expect_response("**/order/"):
        page.keyboard.press("Alt+ArrowLeft")
    settled(page, [b, c, d, a])

    # By pointer, two together; and by the buttons below.
    for item in (b, a):
        page.locator(f"[data-item='{item}'] .pick").check()
    target = page.locator(f"[data-item='{d}'] .pieceview").bounding_box()
    assert target
    handle(page, a).hover()
    page.mouse.down()
    page.mouse.move(target["x"] + target["width"] - 20, target["y"] + 80, steps=6)
    expect(page.locator(".carried .num")).to_have_text("2")
    expect(page.locator(f"[data-item='{d}']")).to_have_class(re.compile("goes-after"))
    with page.expect_response("**/order/"):
        page.mouse.up()
    settled(page, [c, d, b, a])
    with page.expect_response("**/order/"):
        page.locator(f"[data-item='{a}']").get_by_label("to the start").click()
    settled(page, [a, c, d, b])

    # Somebody else moves meanwhile: both moves hold.
    other = maya.other_tab()
    other.go(f"library/collections/{collection[1]}/arrange/")
    with other.page.expect_response("**/order/"):
        other.page.locator(f"[data-item='{b}']").get_by_label("to the start").click()
    with page.expect_response("**/order/"):
        page.locator(f"[data-item='{a}']").get_by_label("to the end").click()
    page.reload()
    assert order_of(page) == [b, c, d, a]

    # What the server does not take goes back to where it was.
    page.route("**/order/", lambda route: route.abort())
    with maya.ears.expecting("ERR_FAILED"):
        page.locator(f"[data-item='{a}']").get_by_label("earlier").click()
        expect(said).to_contain_text("Not moved")
    assert order_of(page) == [b, c, d, a]
    page.unroute("**/order/")
    maya.inspect("organise-arrange")

    # Its settings, and deleting it, which leaves the pictures.
    maya.go("library/collections/")
    maya.inspect("organise-collections")
    page.get_by_role("link", name="Settings of Boats").click()
    page.get_by_role("dialog").get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete Boats?")
    expect(dialog).to_contain_text("Its 4 images stay in the library")
    maya.inspect("organise-collection-delete")
    dialog.get_by_role("button", name="Delete collection").click()
    expect(page.locator(".shelf .tile")).to_have_count(4)


def test_organising_works_without_script(site: Site, visit: Visit) -> None:
    plain = visit(site, team=site.new_team("Organise plainly", credits=50), quick=False).sign_in()
    plain.make("A kettle on the stove", n=2)
    page = plain.page
    open_first(plain)
    page.locator("[data-rename] summary").click()
    page.get_by_label("Title").fill("Kettle one")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Kettle one", level=1)).to_be_visible()
    page.get_by_label("Add tags").fill("kitchen")
    page.get_by_role("button", name="Add tag").click()
    expect(page.get_by_role("link", name="kitchen")).to_be_visible()
    page.get_by_role("link", name="Collection").click()
    page.get_by_label("New collection").fill("Kettles")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Kettles")).to_be_visible()
    page.get_by_role("link", name="Next image").click()
    page.get_by_role("link", name="Collection").click()
    page.get_by_label("Kettles").check()
    page.get_by_role("button", name="Save").click()
    plain.go("library/collections/")
    page.get_by_role("link", name="Arrange Kettles").click()
    expect(page.locator("[data-item]")).to_have_count(2)
    first, second = order_of(page)
    page.locator(f"[data-item='{first}']").get_by_role("button", name="later").click()
    expect(page.locator("[data-item]").first).to_have_attribute("data-item", second)
    page.locator(f"[data-item='{first}']").get_by_role("button", name="cover of the collection").click()
    expect(page.locator(f"[data-item='{first}'] [aria-pressed=true]")).to_have_count(1)
    plain.hear_nothing()
