"""Looking at pictures: the viewer, the slideshow and the comparison, by keys, pointer and finger."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor
from tests.library import corpus

pytestmark = pytest.mark.browser

# One that is larger than its preview, so that there is something sharper to load.
_LARGE = """
from io import BytesIO
from PIL import Image
from studio.teams.models import Team
from tests.factories import make_asset
image = Image.linear_gradient("L").resize((2400, 1600)).convert("RGB")
buffer = BytesIO()
image.save(buffer, "PNG", compress_level=1)
make_asset(Team.objects.get(slug="{team}"), data=buffer.getvalue(), prompt="A wide gradient")
"""
# One prompt from right to left that is too long to stand there whole, and one from left to right.
_WORDS = """
from studio.library.tagging import add_tag, create_tag
from studio.teams.models import Team
from tests.factories import make_asset
team = Team.objects.get(slug="{team}")
make_asset(team, prompt="A lighthouse at dusk")
asset = make_asset(team, prompt="מגדלור על צוק מעל הים, אור רך וערפל כבד. " * 40)
add_tag(asset_ids=[asset.pk], tag=create_tag(team=team, name="קמפיין סתיו"))
"""
# How far from its left and its right end a paragraph begins.
_BEGINS = """(paragraph) => {
  const range = new Range();
  range.setStart(paragraph.firstChild, 0);
  range.setEnd(paragraph.firstChild, 1);
  const [all, first] = [paragraph, range].map((one) => one.getBoundingClientRect());
  return [first.left - all.left, all.right - first.right].map(Math.round);
}"""
_MATRIX = "(frame) => { const m = new DOMMatrix(getComputedStyle(frame).transform); return [m.a, m.e, m.f]; }"

# Past the last control the browser's own come, when nothing of the page has the focus.
_INSIDE = "() => document.activeElement === document.body || !!document.activeElement.closest('#viewer')"


class Viewer:
    """The viewer of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.locator("#viewer")
        self.position = self.dialog.locator("[data-position]")
        # The one in the middle: its neighbours are hidden from screen readers.
        self.frame = self.dialog.locator("figure:not([aria-hidden]) .frame")
        self.percent = self.dialog.locator("[data-percent]")

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    @property
    def matrix(self) -> list[float]:
        """Scale, and the way from the middle in both directions, as they are on the screen."""
        found: list[float] = self.frame.evaluate(_MATRIX)
        return found

    def wait_for_scale(self, condition: str) -> None:
        """Wait until the scale on the screen, `a`, is like this."""
        self.page.wait_for_function(
            f"""() => {{
              const frame = document.querySelector("#viewer figure:not([aria-hidden]) .frame");
              const a = new DOMMatrix(getComputedStyle(frame).transform).a;
              return {condition} && frame.getAnimations().length === 0;
            }}"""
        )


@pytest.fixture(scope="module")
def gallery(site: Site) -> str:
    """A team with a picture that is larger than its preview."""
    team = site.new_team("Lookers", credits=100)
    site.manage("shell", "-c", _LARGE.format(team=team))
    return team


# The widths that pictures of these shapes get in a box of 356 pixels, row by row.
LAY_OUT = """async (ratios) => {
  const loaded = performance.getEntriesByType("resource");
  const { layOut } = await import(loaded.find(({ name }) => name.includes("justify")).name);
  const node = document.createElement("div");
  const box = node.appendChild(document.createElement("div"));
  box.className = "justified";
  for (const ratio of ratios) {
    const picture = box.appendChild(document.createElement("div")).appendChild(document.createElement("img"));
    picture.setAttribute("width", 100 * ratio);
    picture.setAttribute("height", 100);
  }
  layOut(node, { width: 356, gap: 6, ideal: 150 });
  const rows = [];
  let room = 0;
  for (const width of [...box.children].map((tile) => parseFloat(tile.style.width))) {
    if (width > room) {
      rows.push([]);
      room = 356;
    }
    rows.at(-1).push(width);
    room -= width + 6;
  }
  return rows;
}"""


@pytest.fixture
def looker(site: Site, gallery: str, visit: Visit) -> Visitor:
    """The owner of the gallery, who has made four pictures since."""
    visitor = visit(site, team=gallery).sign_in()
    if visitor.page.locator("article[data-generation]").count() == 0:
        visitor.make("Four lighthouses at dusk", n=4)
    return visitor


@pytest.fixture
def phone(site: Site, gallery: str, chromium: Browser) -> Iterator[Visitor]:
    """A phone in the same team."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2, locale="en-GB"
    )
    yield Visitor(site, context, team=gallery).sign_in()
    context.close()


def tile(page: Page, number: int) -> Locator:
    """Return the link of a tile of the library."""
    return page.locator(".shelf .tile > a").nth(number)


def test_every_row_but_the_last_fills_the_grid(looker: Visitor) -> None:
    looker.go("library/")
    expect(tile(looker.page, 0)).to_be_visible()
    # A square, a tall and a very wide one on a phone; then two squares, which end the box.
    widths = looker.page.evaluate(LAY_OUT, [1, 0.47, 2.67, 1, 1])
    assert [sum(row) for row in widths[:2]] == [350, 356]
    assert [len(row) for row in widths] == [2, 1, 2]


def test_viewer_leafs_zooms_and_gives_the_focus_back(looker: Visitor) -> None:
    looker.go("library/")
    page = looker.page
    viewer = Viewer(page)
    tile(page, 1).focus()
    viewer.press("Space")
    expect(viewer.dialog).to_be_visible()
    expect(viewer.position).to_have_text("2 of 5")

    # Arrows go through the whole order and stop at its end, which is said.
    viewer.press("ArrowLeft")
    expect(viewer.position).to_have_text("1 of 5")
    expect(viewer.dialog.locator("[data-step='-1']")).to_be_disabled()
    for number in range(2, 6):
        viewer.press("ArrowRight")
        expect(viewer.position).to_have_text(f"{number} of 5")
    viewer.press("ArrowRight")
    expect(viewer.dialog.locator("[data-say]")).to_have_text("This is the last image")

    # The last one is larger than its preview: zoomed, the original takes its place.
    expect(viewer.frame.locator("img")).to_have_attribute("src", re.compile("/file/preview/$"))
    viewer.press("1")
    viewer.wait_for_scale("a > 1")
    expect(viewer.percent).to_have_text("100%")
    expect(viewer.frame.locator("img")).to_have_attribute("src", re.compile("/file/original/$"))
    assert viewer.frame.locator("img").count() == 1
    viewer.press("ArrowRight")
    viewer.wait_for_scale("new DOMMatrix(getComputedStyle(frame).transform).e < -40")
    viewer.press("0")
    viewer.wait_for_scale("a === 1")
    assert viewer.matrix == [1, 0, 0]

    # The wheel zooms where the pointer is, dragging moves, a double click fits again.
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -300)
    viewer.wait_for_scale("a > 1.5")
    before = viewer.matrix
    assert before[1] > 0
    assert before[2] > 0
    page.mouse.down()
    page.mouse.move(260, 280, steps=4)
    page.mouse.up()
    moved = f"{before[1]} - new DOMMatrix(getComputedStyle(frame).transform).e"
    viewer.wait_for_scale(f"{moved} > 30")
    page.mouse.dblclick(600, 400)
    viewer.wait_for_scale("a === 1")

    # F marks it for whoever looks, in the viewer and on the tile behind.
    viewer.press("f")
    expect(viewer.dialog.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    expect(tile(page, 4).locator("..").locator(".heart button")).to_have_attribute("aria-pressed", "true")

    # Tab stays inside, Escape leads back to the tile of the picture that was looked at last.
    for _ in range(15):
        viewer.press("Tab")
        assert page.evaluate(_INSIDE)
    viewer.press("Escape")
    expect(viewer.dialog).to_be_hidden()
    expect(tile(page, 4)).to_be_focused()
    looker.hear_nothing()


def test_picture_page_opens_the_viewer_and_ends_where_one_looked_last(looker: Visitor) -> None:
    looker.go("library/")
    page = looker.page
    tile(page, 0).press("Enter")
    page.wait_for_url(re.compile(r"/assets/\d+/"))
    looker.inspect("asset")
    first = page.url
    page.keyboard.press("v")
    viewer = Viewer(page)
    expect(viewer.position).to_have_text("1 of 5")
    looker.inspect("viewer")
    viewer.press("Escape")
    assert page.url == first
    page.keyboard.press("v")
    viewer.press("ArrowRight")
    expect(viewer.position).to_have_text("2 of 5")
    viewer.press("Escape")
    page.wait_for_url(lambda url: url != first)

    # The page itself goes on by arrows, marks by F, and says all of it under "?".
    second = page.url
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(first)
    heart = page.locator("#inspector-head").get_by_role("button", name="Favourite")
    for pressed in ("true", "false"):
        page.keyboard.press("f")
        expect(heart).to_have_attribute("aria-pressed", pressed)
    # Among the stars an arrow rates, and leads nowhere.
    page.get_by_role("radio", name="1 star").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="2 stars")).to_be_checked()
    assert page.url == first
    page.locator("main").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    looker.inspect("shortcuts")
    page.keyboard.press("Escape")

    # Switched off, letters do nothing any more; arrows still do.
    page.goto(f"{looker.site.url}/account/")
    page.get_by_role("switch", name="Single-letter shortcuts").uncheck()
    page.goto(first)
    page.keyboard.press("v")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(second)
    expect(viewer.dialog).to_be_hidden()
    looker.hear_nothing()


def test_words_run_their_own_way_and_long_ones_are_folded(site: Site, visit: Visit) -> None:
    team = site.new_team("Words both ways", credits=1)
    site.manage("shell", "-c", _WORDS.format(team=team))
    maya = visit(site, team=team).sign_in()
    maya.go("library/")
    page = maya.page
    expect(page.locator("#side").get_by_text("קמפיין סתיו")).to_have_css("direction", "rtl")
    tile(page, 0).press("Enter")
    prompt = page.locator("#prompt")
    assert prompt.evaluate(_BEGINS)[1] == 0
    expect(page.locator("#inspector-head h2")).to_have_css("direction", "rtl")
    maya.inspect("asset-from-right-to-left")

    folded = prompt.evaluate("(paragraph) => paragraph.clientHeight")
    whole = prompt.evaluate("(paragraph) => paragraph.scrollHeight")
    assert whole > 1.5 * folded
    page.get_by_text("Show all").click()
    assert prompt.evaluate("(paragraph) => paragraph.clientHeight") == whole
    page.get_by_text("Show less").click()
    assert prompt.evaluate("(paragraph) => paragraph.clientHeight") == folded

    page.get_by_role("link", name="Next image").click()
    expect(page.get_by_text("Show all")).to_have_count(0)
    assert prompt.evaluate(_BEGINS)[0] == 0
    expect(page.locator("#inspector-head h2")).to_have_css("direction", "ltr")
    maya.hear_nothing()


def test_slideshow_goes_on_by_itself_and_waits_where_it_should(looker: Visitor) -> None:
    page = looker.page
    page.clock.install()
    looker.go("library/")
    viewer = Viewer(page)
    tile(page, 0).focus()
    viewer.press("Space")
    expect(viewer.position).to_have_text("1 of 5")
    page.clock.pause_at(page.evaluate("() => Date.now() + 1000"))
    viewer.press("p")
    expect(viewer.dialog.get_by_role("button", name="Pause slideshow")).to_be_visible()
    expect(viewer.dialog.locator("[data-say]")).to_have_text("Slideshow playing, 5 seconds each")
    page.clock.run_for(4900)
    expect(viewer.position).to_have_text("1 of 5")
    page.clock.run_for(200)
    expect(viewer.position).to_have_text("2 of 5")

    # It waits while the pointer is on the controls, and while the picture is zoomed.
    viewer.dialog.get_by_role("group", name="Slideshow").hover()
    page.clock.run_for(20_000)
    expect(viewer.position).to_have_text("2 of 5")
    page.mouse.move(700, 400)
    page.clock.run_for(5100)
    expect(viewer.position).to_have_text("3 of 5")
    viewer.press("+")
    page.clock.run_for(10_000)
    expect(viewer.position).to_have_text("3 of 5")
    viewer.press("0")
    page.clock.run_for(5100)
    expect(viewer.position).to_have_text("4 of 5")

    # Another pace holds at once; the last is followed by the first; P pauses.
    viewer.dialog.get_by_label("Seconds for each image").select_option("3")
    page.mouse.move(700, 420)
    viewer.dialog.locator("[data-box]").focus()
    page.clock.run_for(3100)
    expect(viewer.position).to_have_text("5 of 5")
    page.clock.run_for(3100)
    expect(viewer.position).to_have_text("1 of 5")
    viewer.press("p")
    expect(viewer.dialog.locator("[data-say]")).to_have_text("Slideshow paused")
    page.clock.run_for(20_000)
    expect(viewer.position).to_have_text("1 of 5")
    looker.hear_nothing()


def test_comparison_zooms_together_and_lays_two_over_each_other(looker: Visitor) -> None:
    looker.go("library/")
    page = looker.page
    ids = [tile(page, number).locator("..").get_attribute("data-asset") for number in (0, 1, 4)]
    looker.go(f"compare/?ids={','.join(map(str, ids))}")
    frames = page.locator("[data-pane] .frame")
    expect(frames).to_have_count(3)
    looker.inspect("compare")

    def matrices() -> list[list[float]]:
        found: list[list[float]] = page.evaluate(
            f"() => [...document.querySelectorAll('[data-pane] .frame')].map((frame) => ({_MATRIX})(frame))"
        )
        return found

    def wait_for_scales(condition: str) -> None:
        page.wait_for_function(
            f"""() => {{
              const frames = [...document.querySelectorAll('[data-pane] .frame')];
              const [a, b, c] = frames.map((frame) => new DOMMatrix(getComputedStyle(frame).transform).a);
              return {condition} && frames.every((frame) => frame.getAnimations().length === 0);
            }}"""
        )

    # One is zoomed off its middle: the others show the same part, as far from the middle by their own measures.
    box = page.locator("[data-pane]").first.bounding_box()
    assert box is not None
    corner = (box["x"] + box["width"] / 2 - 60, box["y"] + box["height"] / 2 - 90)
    page.mouse.move(*corner)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    wait_for_scales("a > 2 && a === b && b === c")
    sizes = [frames.nth(number).evaluate("(frame) => [frame.offsetWidth, frame.offsetHeight]") for number in range(3)]
    shares = [[x / width, y / height] for (_, x, y), (width, height) in zip(matrices(), sizes, strict=True)]
    assert shares[0][0] > 0.05
    assert shares[1] == pytest.approx(shares[0], abs=0.01)
    # However deep: as deep as the largest of them can be looked into.
    page.keyboard.down("Control")
    page.mouse.wheel(0, -600)
    page.keyboard.up("Control")
    wait_for_scales("a > 12 && a === b && b === c")
    # Not together: only the one under the pointer.
    page.get_by_role("switch", name="Zoom together").uncheck()
    page.mouse.move(*corner)
    page.mouse.wheel(0, 100)
    wait_for_scales("a < b * 0.9 && b === c")
    page.keyboard.press("0")
    wait_for_scales("a === 1 && b === 1 && c === 1")

    # Under the slider the arrows move the edge; the pair can be chosen.
    page.get_by_label("Slider", exact=True).check()
    slider = page.get_by_label("Where the left image ends, in percent")
    expect(slider).to_be_visible()
    looker.inspect("compare-slider")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_value("49")
    expect(page.locator("[data-layer='0']")).to_have_css("clip-path", "inset(0px 51% 0px 0px)")
    expect(page.locator("[data-layer='1']")).to_have_css("clip-path", "inset(0px 0px 0px 49%)")
    page.get_by_label("Right image").select_option("2")
    expect(page.locator("[data-layer='1'] img")).to_have_attribute("src", re.compile(f"/assets/{ids[2]}/"))
    page.get_by_label("Difference").check()
    expect(page.locator("[data-layer='1']")).to_have_css("mix-blend-mode", "difference")
    page.get_by_label("Side by side").check()
    page.get_by_role("link", name="Remove B from the comparison").click()
    expect(page.get_by_role("heading", name="Compare 2")).to_be_visible()
    expect(page.locator("[data-pane]")).to_have_count(2)

    # One of them is picked, and another one is added by a search.
    page.get_by_role("button", name="Pick A").click()
    expect(page.get_by_role("button", name="Pick A")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".diff").filter(has_text="Shortlisted")).to_have_count(1)
    page.get_by_role("button", name="Pick A").click()
    expect(page.get_by_role("button", name="Pick A")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("link", name="Add image").click()
    dialog = page.get_by_role("dialog", name="Add an image")
    expect(dialog.locator("#offered a")).to_have_count(3)
    looker.inspect("compare-add")
    dialog.get_by_label("Search images").fill("nothing of this kind")
    expect(dialog).to_contain_text("No other image is found.")
    dialog.get_by_label("Search images").fill("four lighthouses")
    dialog.locator("#offered a").first.click()
    expect(page.get_by_role("heading", name="Compare 3")).to_be_visible()
    looker.hear_nothing()


class Finger:
    """One finger on a phone's screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session: CDPSession = page.context.new_cdp_session(page)

    def _send(self, kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def hold(self, target: Locator) -> None:
        """Press in the middle until the page answers, then let go."""
        box = target.bounding_box()
        assert box is not None
        self._send("touchStart", (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        expect(self.page.locator("#tile-menu")).to_be_visible()
        self._send("touchEnd")

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Go in a line from one place to another."""
        self._send("touchStart", start)
        for step in range(1, 6):
            self._send(
                "touchMove",
                (start[0] + (end[0] - start[0]) * step / 5, start[1] + (end[1] - start[1]) * step / 5),
            )
        self._send("touchEnd")

    def pinch(self, middle: tuple[float, float], start: float, end: float) -> None:
        """Move two fingers apart, or together."""
        x, y = middle
        self._send("touchStart", (x - start, y), (x + start, y))
        for step in range(1, 6):
            reach = start + (end - start) * step / 5
            self._send("touchMove", (x - reach, y), (x + reach, y))
        self._send("touchEnd")


def test_phone_holds_swipes_and_pinches(looker: Visitor, phone: Visitor) -> None:
    phone.go("library/")
    page = phone.page
    finger, viewer = Finger(page), Viewer(page)
    menu = page.locator("#tile-menu")

    # A finger that scrolls opens nothing.
    finger.drag((200, 700), (200, 300))
    page.wait_for_timeout(800)
    expect(menu).to_be_hidden()
    page.evaluate("() => scrollTo(0, 0)")

    # A long press opens the sheet of that picture, and letting go leaves it open, also where it lies under the finger.
    page.set_viewport_size({"width": 390, "height": 500})
    finger.hold(tile(page, 1))
    page.wait_for_timeout(300)
    expect(menu.get_by_role("button", name="View large")).to_be_visible()
    assert page.url.endswith("/library/")
    with page.expect_download() as download:
        menu.get_by_role("link", name="JPEG, up to 1200 px").tap()
    assert download.value.suggested_filename.endswith(".jpg")
    finger.hold(tile(page, 1))
    menu.get_by_role("button", name="Select").tap()
    expect(page.locator(".shelf .pick:checked")).to_have_count(1)
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Done", exact=True).tap()
    expect(page.locator(".shelf .pick:checked")).to_have_count(0)
    expect(page.get_by_role("button", name="Select", exact=True)).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    finger.hold(tile(page, 0))
    menu.get_by_role("button", name="View large").tap()
    expect(viewer.position).to_have_text("1 of 5")

    # Swiping leafs through, pinching zooms, a double tap fits again.
    finger.drag((320, 400), (60, 410))
    expect(viewer.position).to_have_text("2 of 5")
    finger.drag((60, 400), (320, 410))
    expect(viewer.position).to_have_text("1 of 5")
    finger.drag((60, 400), (320, 410))
    expect(viewer.position).to_have_text("1 of 5")
    finger.pinch((195, 420), 40, 120)
    viewer.wait_for_scale("a > 2")
    finger.drag((320, 400), (60, 410))
    expect(viewer.position).to_have_text("1 of 5")
    assert viewer.matrix[1] < 0
    for _ in range(2):
        page.touchscreen.tap(195, 420)
    viewer.wait_for_scale("a === 1")
    viewer.dialog.get_by_role("button", name="Close viewer").tap()
    expect(viewer.dialog).to_be_hidden()
    phone.hear_nothing()


def test_phone_held_across_gives_a_picture_the_whole_height(looker: Visitor, phone: Visitor) -> None:
    phone.go("library/")
    page = phone.page
    page.set_viewport_size({"width": 740, "height": 360})
    viewer = Viewer(page)
    tile(page, 4).press("Space")
    expect(viewer.position).to_have_text("5 of 5")
    assert viewer.frame.evaluate("(frame) => frame.offsetHeight") == 360

    # The controls over it leave by themselves, and a tap brings them back.
    expect(viewer.dialog.locator("header")).to_have_css("opacity", "0")
    page.touchscreen.tap(370, 180)
    expect(viewer.dialog.locator("header")).to_have_css("opacity", "1")
    phone.hear_nothing()


@pytest.fixture
def half_transparent(site: Site, tmp_path: Path) -> str:
    """A team with a picture that one sees through, and one that one does not."""
    team = site.new_team("Cut out", credits=1)
    for mode in ("RGB", "RGBA"):
        (tmp_path / f"{mode}.png").write_bytes(corpus.png(mode))
    return team


def checks(place: Locator) -> bool:
    """Whether what lies behind a picture, or behind its frame, is a chequerboard."""
    return "conic-gradient" in place.evaluate(
        "(one) => [one, ...one.querySelectorAll('img')].map((each) => getComputedStyle(each).backgroundImage).join()"
    )


def test_transparent_pictures_lie_on_a_chequerboard(
    site: Site, visit: Visit, half_transparent: str, tmp_path: Path
) -> None:
    maya = visit(site, team=half_transparent).sign_in()
    maya.go("library/upload/")
    maya.page.get_by_label("Choose images").set_input_files([tmp_path / "RGB.png", tmp_path / "RGBA.png"])
    expect(maya.page.locator('.transfer[data-outcome="added"]')).to_have_count(2)
    maya.go("library/")
    page = maya.page
    tiles = page.locator(".shelf .tile")
    expect(tiles).to_have_count(2)
    found = {bool(re.search("alpha", tile.get_attribute("class") or "")): checks(tile) for tile in tiles.all()}
    assert found == {True: True, False: False}

    see_through = page.locator(".shelf .tile.alpha")
    pk = see_through.get_attribute("data-asset")
    ids = ",".join(str(tile.get_attribute("data-asset")) for tile in tiles.all())
    see_through.get_by_role("link").first.focus()
    page.keyboard.press("Space")
    viewer = Viewer(page)
    expect(viewer.dialog).to_be_visible()
    assert checks(viewer.frame)
    viewer.press("Escape")

    # On its own page a picture is never larger than it is.
    for asset in ids.split(","):
        maya.go(f"assets/{asset}/")
        assert checks(page.locator("main .frame")) == (asset == pk)
        assert page.locator("main .frame img").evaluate("(image) => image.clientWidth === image.naturalWidth")
    maya.go(f"compare/?ids={ids}")
    expect(page.locator(".pane .frame")).to_have_count(2)
    assert sorted(checks(frame) for frame in page.locator(".pane .frame").all()) == [False, True]
    maya.hear_nothing()
