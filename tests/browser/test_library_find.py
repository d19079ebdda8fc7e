"""Finding pictures: search as it is typed, filters, orders, views, and a grid of which only a part is there."""

import json
import re
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

MADE = 200
# Three shapes; every fifth is a lighthouse, every second of those approved. One day, so that pages are full.
_MAKE = """
from io import BytesIO
from PIL import Image
from studio.library.models import Asset
from studio.teams.models import Team
from tests.factories import make_asset
team = Team.objects.get(slug="{team}")
for number in range({made}):
    size = [(96, 64), (64, 96), (64, 64)][number % 3]
    buffer = BytesIO()
    Image.new("RGB", size, (number, 90, 160)).save(buffer, "PNG")
    what = "Lighthouse" if number % 5 == 0 else "Harbour"
    asset = make_asset(team, data=buffer.getvalue(), prompt=f"{{what}} number {{number:03}}. At dusk.")
    Asset.objects.filter(pk=asset.pk).update(status="approved" if number % 10 == 0 else "draft", rating=number % 6)
"""
_BIN = """
from django.utils import timezone
from studio.library.models import Asset
ids = Asset.objects.filter(team__slug="{team}", binned_at=None).order_by("-pk").values_list("pk", flat=True)
Asset.objects.filter(pk__in=list(ids)[::3]).update(binned_at=timezone.now())
"""
_LISTED = """
from studio.library.models import Asset
listed = Asset.objects.filter(team__slug="{team}", binned_at=None)
print(list(listed.order_by({order}).values_list("pk", flat=True)))
"""
_SEEN = """() => [...document.querySelectorAll("[data-shelf] .tile")].filter((one) => {
  const { top, bottom } = one.getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}).map((one) => Number(one.dataset.asset))"""
_ON = "() => { const before = scrollY; scrollBy({ top: 500, behavior: 'instant' }); return scrollY > before; }"
_SHIFTS = """() => {
  window.shifted = 0;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((one) => {
    if (!one.hadRecentInput) window.shifted += one.value;
  }));
  observer.observe({ type: "layout-shift", buffered: true });
}"""
# The first picture below the toolbar, and where its upper edge is.
_TOP = """() => {
  const tile = [...document.querySelectorAll(".tile")].find((one) => one.getBoundingClientRect().top > 110);
  return tile && [tile.dataset.asset, Math.round(tile.getBoundingClientRect().top)];
}"""
_FOCUSED = "() => document.activeElement.closest('.tile')?.querySelector('img').alt ?? document.activeElement.tagName"


class Library:
    """The library's page."""

    def __init__(self, visitor: Visitor) -> None:
        self.page: Page = visitor.page
        self.field = self.page.get_by_role("searchbox", name="Search images")
        self.found = self.page.locator(".found > .num")
        self.tiles = self.page.locator("[data-shelf] .tile")
        self.leaves = self.page.locator("[data-shelf] .leaf")

    def says(self, text: str) -> None:
        """Wait until it says how many images were found."""
        expect(self.found).to_have_text(text)

    def at(self, query: str) -> None:
        """Wait until the address is this search."""
        expect(self.page).to_have_url(re.compile(rf"/library/{re.escape(query)}$"))

    def filter(self, menu: str, value: str) -> None:
        """Choose a value in one of the toolbar's menus."""
        self.page.get_by_role("button", name=menu, exact=True).click()
        self.page.locator(".filter").get_by_role("link", name=value, exact=True).click()

    def chip(self, label: str) -> Locator:
        """The filter that is on."""
        return self.page.get_by_role("link", name=f"Remove filter {label}")

    def named(self, role: Literal["button", "checkbox"], name: str) -> Locator:
        """What acts on a picture, as a screen reader calls it."""
        return self.tiles.get_by_role(role, name=name, exact=True)

    def scroll_to_end(self) -> None:
        """Scroll as far as there are pictures."""
        self.page.wait_for_function(
            """() => {
              scrollBy({ top: innerHeight, behavior: "instant" });
              const last = [...document.querySelectorAll("[data-shelf] .leaf")].at(-1);
              return last.dataset.next === "" && scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
            }""",
            polling=50,
        )

    def to_start(self) -> None:
        """Scroll to the first pictures."""
        self.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        self.rest()
        assert self.page.evaluate("scrollY") == 0

    def walked(self) -> list[int]:
        """Scroll from the start to the end; returns every picture that could be seen, in order."""
        self.to_start()
        seen: dict[int, None] = {}
        while True:
            seen |= dict.fromkeys(self.page.evaluate(_SEEN))
            if not self.page.evaluate(_ON):
                return list(seen)
            self.rest()

    def rest(self) -> None:
        """Wait until everything in reach is there and built; a scroll is answered in a frame that follows it."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_function("() => !document.querySelector('.leaf.waiting, [data-shelf][aria-busy=true]')")


def fill(site: Site, team: str, made: int = MADE) -> None:
    """Put pictures into a team."""
    site.manage("shell", "-c", _MAKE.format(team=team, made=made))


def listed(site: Site, team: str, *order: str) -> list[int]:
    """Return the pictures of a team's library in an order."""
    told = site.manage("shell", "--no-imports", "-c", _LISTED.format(team=team, order=", ".join(map(repr, order))))
    return list(json.loads(told))


def test_search_filters_and_order_are_in_the_address(site: Site, visit: Visit) -> None:
    team = site.new_team("Finders", credits=10)
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    expect(maya.page.get_by_role("heading", name="No images yet")).to_be_visible()
    select = maya.page.get_by_role("button", name="Select", exact=True)
    expect(select).to_be_disabled()
    maya.inspect("library-empty")
    # By what the browser says here the server counts days.
    assert [each["value"] for each in maya.page.context.cookies() if each["name"] == "zone"] == ["UTC"]
    fill(site, team)
    maya.go("library/")
    expect(select).to_be_enabled()
    library = Library(maya)
    library.says("200 images")

    maya.page.keyboard.press("/")
    expect(library.field).to_be_focused()
    maya.page.keyboard.type("lighth")
    library.says("40 images")
    expect(library.field).to_be_focused()
    maya.page.keyboard.type("ouse num")
    library.at("?q=lighthouse+num")
    maya.hear_nothing()

    library.filter("Status", "Approved")
    library.says("20 images")
    expect(library.field).to_have_value("lighthouse num")
    # More than one status may follow, so the menu stays, with the focus where it was.
    expect(maya.page.locator("#menu-status")).to_be_visible()
    expect(maya.page.locator("#menu-status").get_by_role("link", name="Approved")).to_be_focused()
    maya.page.keyboard.press("Escape")
    library.filter("Shape", "Portrait")
    library.says("7 images")
    maya.page.keyboard.press("Escape")
    library.filter("Order: Newest first", "Oldest first")
    library.at("?q=lighthouse+num&status=approved&shape=portrait&sort=oldest")
    expect(library.tiles.first.get_by_role("img")).to_have_attribute("alt", "Lighthouse number 010.")
    maya.inspect("library-filtered")

    # Somebody else who is given the address sees the same.
    other = maya.other_tab()
    other.page.goto(maya.page.url)
    Library(other).says("7 images")
    expect(Library(other).field).to_have_value("lighthouse num")
    # Inside the search one goes on from picture to picture.
    Library(other).tiles.first.get_by_role("link").press("Enter")
    expect(other.page).to_have_url(re.compile(r"/assets/\d+/\?q=lighthouse\+num&status=approved"))
    other.hear_nothing()

    library.chip("Portrait").click()
    library.says("20 images")
    # What was typed in one go is one step.
    lighthouses = "?q=lighthouse+num"
    for query, says in (
        (f"{lighthouses}&status=approved&shape=portrait&sort=oldest", "7 images"),
        (f"{lighthouses}&status=approved&shape=portrait", "7 images"),
        (f"{lighthouses}&status=approved", "20 images"),
        (lighthouses, "40 images"),
        ("", "200 images"),
    ):
        maya.page.go_back()
        library.at(query)
        library.says(says)
    expect(library.field).to_have_value("")
    maya.page.go_forward()
    library.says("40 images")
    expect(library.field).to_have_value("lighthouse num")

    herd = "zebra" * 30  # wider than the page, and nowhere to break
    library.field.fill(herd)
    expect(maya.page.get_by_role("heading", name=f"No images match “{herd}”")).to_be_visible()
    maya.inspect("library-nothing")
    maya.page.get_by_role("link", name="Show all images").click()
    library.says("200 images")
    maya.hear_nothing()


def test_all_filters_are_in_one_sheet_and_views_are_saved(site: Site, visit: Visit) -> None:
    team = site.new_team("Savers", credits=10)
    fill(site, team, 30)
    maya = visit(site, team=team).sign_in()
    maya.page.set_viewport_size({"width": 390, "height": 844})
    maya.go("library/")
    library = Library(maya)
    maya.page.get_by_role("button", name="Filters").click()
    sheet = maya.page.get_by_role("dialog", name="Filters")
    sheet.get_by_label("Approved").check()
    sheet.get_by_label("Rating").select_option("4")
    maya.inspect("library-sheet")
    sheet.get_by_role("button", name="Show images").click()
    library.at("?status=approved&rating=4")
    library.says("1 image")
    expect(maya.page.get_by_role("button", name="Filters, 2 on")).to_be_visible()

    maya.page.set_viewport_size({"width": 1440, "height": 900})
    maya.page.get_by_role("link", name="Save view").click()
    maya.page.get_by_label("Name", exact=True).fill("The best")
    maya.inspect("library-views")
    maya.page.get_by_role("button", name="Save view").click()
    side = maya.page.get_by_role("complementary", name="Library")
    expect(side.get_by_role("link", name="The best")).to_have_attribute("aria-current", "page")
    side.get_by_role("link", name="All images").click()
    library.says("30 images")
    side.get_by_role("link", name="The best").click()
    library.says("1 image")
    side.get_by_role("link", name="All images").click()
    library.says("30 images")

    # What stays above the pictures goes with them where the window is low, as when a page is magnified four times.
    for height, stays in ((900, True), (225, False)):
        maya.page.set_viewport_size({"width": 360, "height": height})
        maya.page.evaluate("scrollTo({ top: 400, behavior: 'instant' })")
        assert maya.page.evaluate("scrollY") == 400
        expect(library.field).to_be_in_viewport() if stays else expect(library.field).not_to_be_in_viewport()
    maya.hear_nothing()


def test_pages_come_and_go_and_nothing_jumps(site: Site, visit: Visit) -> None:
    team = site.new_team("Scrollers", credits=10)
    fill(site, team)
    maya = visit(site, team=team).sign_in()
    maya.page.add_init_script(f"({_SHIFTS})()")
    # The second page, which is fetched ahead as soon as the first one is there.
    maya.page.route("**/library/?cursor=*", lambda route: route.abort(), times=1)
    library = Library(maya)
    with maya.ears.expecting("Failed to (load resource|fetch)"):
        maya.go("library/")
        expect(library.tiles.first).to_be_visible()
        library.tiles.first.get_by_role("link").focus()
        maya.page.mouse.move(800, 500)
        maya.page.mouse.wheel(0, 3000)
        expect(maya.page.get_by_text("These images did not load.")).to_be_visible()
        maya.inspect("library-failed")
        # An answer that is no page of pictures is none.
        maya.page.route("**/library/?cursor=*", lambda route: route.fulfill(body="<p>Elsewhere</p>"), times=1)
        maya.page.get_by_role("button", name="Retry").click()
        expect(maya.page.get_by_text("These images did not load.")).to_be_visible()
    maya.page.get_by_role("button", name="Retry").click()
    expect(maya.page.get_by_text("These images did not load.")).to_have_count(0)

    library.scroll_to_end()
    library.rest()
    expect(library.leaves).to_have_count(3)
    expect(maya.page.get_by_role("img", name="Lighthouse number 000.")).to_be_visible()
    # The picture that had the focus is not in the document any more, and the focus is on one that can be seen.
    expect(maya.page.get_by_role("img", name="Harbour number 199.")).to_have_count(0)
    assert maya.page.evaluate(_FOCUSED) != "BODY"

    # What acts on a picture works without leaving the page also where the picture has come by scrolling.
    library.tiles.last.hover()
    heart = library.named("button", "Favourite Lighthouse number 000.")
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(library.named("checkbox", "Select Lighthouse number 000.")).to_have_count(1)
    for act in ("Download", "More actions for"):
        expect(library.named("button", f"{act} Lighthouse number 000.")).to_have_count(1)
    # The focus scrolls to the picture, and with that another page comes before it: the first is then another.
    first = maya.page.locator(f'[data-asset="{library.tiles.first.get_attribute("data-asset")}"]')
    first.get_by_role("link").focus()
    maya.page.keyboard.press("f")
    expect(first.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    expect(library.leaves).to_have_count(3)

    maya.page.evaluate("scrollBy({ top: -1500, behavior: 'instant' })")
    library.rest()
    place = maya.page.evaluate(_TOP)
    maya.page.locator(f'[data-asset="{place[0]}"] > a').press("Enter")
    maya.page.wait_for_url(re.compile("/assets/"))
    maya.page.go_back()
    expect(maya.page.locator(f'[data-asset="{place[0]}"]')).to_be_visible()
    maya.page.wait_for_function(f"(place) => JSON.stringify(({_TOP})()) === JSON.stringify(place)", arg=place)
    library.rest()
    assert maya.page.evaluate(_TOP) == place

    maya.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    expect(maya.page.get_by_role("img", name="Harbour number 199.")).to_be_visible()
    library.rest()
    expect(library.leaves).to_have_count(3)
    assert maya.page.evaluate("() => window.shifted") == 0
    maya.hear_nothing()


@pytest.mark.parametrize(("sort", "order"), [("newest", ["-pk"]), ("name", ["sort_name", "pk"])])
def test_library_that_changes_while_it_is_open_shows_every_picture(
    site: Site, visit: Visit, sort: str, order: list[str]
) -> None:
    team = site.new_team(f"Changing by {sort}", credits=10)
    fill(site, team)
    maya = visit(site, team=team).sign_in()
    library = Library(maya)
    maya.go(f"library/?sort={sort}")
    library.rest()
    expect(library.leaves).to_have_count(3)

    def changed(said: str) -> None:
        maya.page.evaluate("document.body.dispatchEvent(new CustomEvent('library-changed'))")
        library.says(said)
        library.rest()

    fill(site, team, 20)
    changed("220 images")
    assert library.walked() == listed(site, team, *order)

    # More than a page, while one looks further down.
    place = maya.page.evaluate(_TOP)
    fill(site, team, 80)
    changed("300 images")
    assert sort != "newest" or maya.page.evaluate(_TOP) == place
    assert library.walked() == listed(site, team, *order)

    library.to_start()
    site.manage("shell", "-c", _BIN.format(team=team))
    changed("200 images")
    assert library.walked() == listed(site, team, *order)

    # While one is on a picture's page.
    library.to_start()
    maya.page.mouse.wheel(0, 1500)
    library.rest()
    maya.page.locator(f'[data-asset="{maya.page.evaluate(_TOP)[0]}"] > a').press("Enter")
    maya.page.wait_for_url(re.compile("/assets/"))
    fill(site, team, 20)
    maya.page.go_back()
    library.says("220 images")
    library.rest()
    assert library.walked() == listed(site, team, *order)
    maya.hear_nothing()


def test_arrows_home_and_end_move_among_pictures(site: Site, visit: Visit) -> None:
    team = site.new_team("Arrows", credits=10)
    fill(site, team, 30)
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    library = Library(maya)
    library.tiles.first.get_by_role("link").focus()

    def press(key: str) -> str:
        maya.page.keyboard.press(key)
        return str(maya.page.evaluate(_FOCUSED))

    assert press("ArrowRight") == "Harbour number 028."
    assert press("ArrowLeft") == "Harbour number 029."
    below = press("ArrowDown")
    assert below != "Harbour number 029."
    assert press("ArrowUp") == "Harbour number 029."
    end = press("End")
    assert end not in {below, "Harbour number 029."}
    assert press("Home") == "Harbour number 029."
    assert press("Control+End") == "Lighthouse number 000."
    assert press("Control+Home") == "Harbour number 029."
    maya.hear_nothing()


def test_library_is_found_in_without_script(site: Site, visit: Visit) -> None:
    team = site.new_team("Plain", credits=10)
    fill(site, team, 70)
    maya = visit(site, quick=False, team=team).sign_in()
    maya.go("library/")
    library = Library(maya)
    maya.page.get_by_role("link", name="Load more").click()
    expect(library.tiles).to_have_count(10)
    maya.page.get_by_role("link", name="To the start").click()
    expect(library.tiles).to_have_count(60)

    library.field.fill("lighthouse")
    library.field.press("Enter")
    library.says("14 images")
    maya.page.get_by_role("button", name="Filters").click()
    sheet = maya.page.get_by_role("dialog", name="Filters")
    sheet.get_by_label("Approved").check()
    sheet.get_by_role("button", name="Show images").click()
    library.says("7 images")
    library.filter("Order: Newest first", "Name")
    expect(library.tiles.first.get_by_role("img")).to_have_attribute("alt", "Lighthouse number 000.")
    library.chip("Approved").click()
    library.says("14 images")
    maya.page.get_by_role("button", name="Select").click()
    expect(maya.page.get_by_role("button", name="Done")).to_be_visible()
    library.says("14 images")
    maya.hear_nothing()


def test_search_without_an_answer_keeps_what_was_found_and_can_be_asked_again(site: Site, visit: Visit) -> None:
    team = site.new_team("Cut off", credits=10)
    fill(site, team, 20)
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    library = Library(maya)
    note = maya.page.get_by_role("alert").filter(has_text="The search got no answer.")
    with maya.ears.expecting("Failed to (load resource|fetch)"):
        maya.page.route("**/library/?q=*", lambda route: route.abort(), times=1)
        library.field.fill("lighthouse")
        expect(note).to_be_visible()
        library.says("20 images")
        note.get_by_role("button", name="Retry").click()
        library.says("4 images")
        library.at("?q=lighthouse")
        expect(note).to_have_count(0)

        maya.page.route("**/library/?q=*", lambda route: route.fulfill(status=503, body="<h1>Busy</h1>"), times=1)
        library.field.fill("harbour")
        expect(note).to_be_visible()
        library.says("4 images")

    # A menu that takes several stays open below its button.
    library.field.fill("")
    library.says("20 images")
    status = maya.page.get_by_role("button", name="Status")
    status.click()
    menu = maya.page.locator("#menu-status")
    menu.get_by_role("link", name="Approved").click()
    library.says("2 images")
    expect(menu).to_be_visible()
    below, button = menu.bounding_box(), status.bounding_box()
    assert below
    assert button
    assert below["x"] >= button["x"] - 1
    assert below["y"] >= button["y"] + button["height"] - 1
    maya.hear_nothing()
