"""The pages by keyboard alone, and what pressing twice, going back or being quick does."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

_FOCUSED = """() => {
  const element = document.activeElement;
  return element.ariaLabel || element.labels?.[0]?.textContent.trim() || element.textContent.trim();
}"""
_LOOK = (
    "(element) => { const look = getComputedStyle(element); return [look.outline, look.boxShadow, look.borderColor]; }"
)


def tab(visitor: Visitor) -> str:
    """Press Tab and say what has the focus now."""
    visitor.page.keyboard.press("Tab")
    return str(visitor.page.evaluate(_FOCUSED))


@pytest.fixture
def studio(maya: Visitor) -> Visitor:
    """The studio, ready to rehearse."""
    maya.choose("Model", "rehearsal")
    return maya


def test_control_enter_submits(studio: Visitor) -> None:
    studio.field("Prompt").fill("By keyboard")
    studio.field("Prompt").press("Control+Enter")

    studio.wait_for(studio.card("By keyboard"), "succeeded")
    expect(studio.field("Prompt")).to_have_value("By keyboard")
    expect(studio.field("Prompt")).to_be_focused()
    studio.hear_nothing()


def test_skip_link_comes_first_and_leads_to_the_content(maya: Visitor) -> None:
    maya.go("library/")
    assert tab(maya) == "Skip to content"
    expect(maya.page.get_by_role("link", name="Skip to content")).to_be_in_viewport()

    maya.page.keyboard.press("Enter")

    expect(maya.page.locator("main")).to_be_focused()


def test_tab_goes_through_the_composer_in_reading_order(studio: Visitor) -> None:
    studio.field("Prompt").focus()
    order = [tab(studio) for _ in range(8)]
    pictures = ["Add reference images", "pick from the\xa0library"]
    assert order == [*pictures, "Model", "Quality", "Size", "Images", "Background", "Format"]


def test_focus_can_be_seen(studio: Visitor) -> None:
    plain = studio.field("Images").evaluate(_LOOK)
    studio.field("Size").focus()
    tab(studio)
    expect(studio.field("Images")).to_be_focused()
    assert studio.field("Images").evaluate(_LOOK) != plain


def test_focus_and_what_is_chosen_can_be_seen_in_the_readers_own_colours(studio: Visitor) -> None:
    # Shadows and backgrounds are gone there: only a line says it.
    line = "(element) => getComputedStyle(element).outlineStyle"
    studio.page.emulate_media(forced_colors="active")
    prompt = studio.field("Prompt")
    prompt.focus()
    assert prompt.locator("xpath=..").evaluate(line) == "solid"
    studio.field("Size").focus()
    tab(studio)
    assert studio.field("Images").evaluate(line) == "solid"
    assert studio.page.get_by_role("link", name="Team", exact=True).last.evaluate(line) == "solid"
    studio.go("library/")
    assert studio.page.locator("#side [aria-current]").evaluate(line) == "solid"


def test_phone_gives_the_prompt_the_focus_and_escape_closes_the_composer(studio: Visitor) -> None:
    studio.page.set_viewport_size({"width": 390, "height": 844})
    dock = studio.page.get_by_role("region", name="New image").get_by_role("link").first
    dock.click()
    expect(studio.field("Prompt")).to_be_focused()

    studio.page.keyboard.press("Escape")

    expect(studio.field("Prompt")).to_be_hidden()
    expect(dock).to_be_focused()


def test_escape_closes_a_dialog_and_gives_the_focus_back(maya: Visitor) -> None:
    maya.go("team/members/")
    opener = maya.page.get_by_role("link", name="Invite")
    opener.focus()
    maya.page.keyboard.press("Enter")
    dialog = maya.page.get_by_role("dialog")
    expect(dialog).to_be_visible()

    maya.page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_three_submits_in_a_row_make_three(studio: Visitor) -> None:
    studio.field("Prompt").fill("One of three")
    key = studio.page.locator("#key")
    for count in (1, 2, 3):
        used = key.input_value()
        studio.generate.click()
        expect(studio.card("One of three")).to_have_count(count)
        # The live stream may show the card before the answer has brought the key of the next one.
        expect(key).not_to_have_value(used)
    studio.go("studio/")
    expect(studio.card("One of three")).to_have_count(3)
    studio.hear_nothing()


def test_double_click_makes_one(studio: Visitor) -> None:
    studio.field("Prompt").fill("Only once")
    studio.generate.dblclick()

    studio.wait_for(studio.card("Only once"), "succeeded")
    studio.go("studio/")
    expect(studio.card("Only once")).to_have_count(1)
    studio.hear_nothing()


def test_another_prompt_sent_before_the_first_is_answered_waits_for_its_key(studio: Visitor) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    studio.page.route("**/generations/", hold, times=1)
    studio.field("Prompt").fill("The slow first")
    studio.generate.click()
    studio.field("Prompt").fill("The quick second")
    studio.generate.click()
    assert len(held) == 1

    held[0].continue_()

    expect(studio.card("The slow first")).to_have_count(1)
    expect(studio.card("The quick second")).to_have_count(1)
    studio.wait_for(studio.card("The quick second"), "succeeded")
    studio.go("studio/")
    expect(studio.card("The slow first")).to_have_count(1)
    expect(studio.card("The quick second")).to_have_count(1)
    studio.hear_nothing()


@pytest.mark.parametrize("quick", [True, False])
def test_submit_after_going_back_makes_another(site: Site, visit: Visit, quick: bool) -> None:
    visitor = visit(site, quick=quick).sign_in()
    site.emulator.reset()
    prompt = f"First and second, {'quick' if quick else 'plain'}"
    visitor.field("Prompt").fill(prompt)
    visitor.generate.click()
    expect(visitor.card(prompt)).to_have_count(1)
    if quick:  # the page with the form has to be left before there is a way back to it
        visitor.page.get_by_role("link", name="Library").first.click()
        visitor.page.wait_for_url(re.compile("/library/"))

    visitor.page.go_back()
    visitor.field("Prompt").fill(prompt)
    visitor.generate.click()

    expect(visitor.card(prompt)).to_have_count(2)
    visitor.hear_nothing()
