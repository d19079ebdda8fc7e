"""The models of a team: compared, turned off, and asked for in an order made by keyboard."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def connections_of(visitor: Visitor) -> list[str]:
    """The names in the route's order."""
    return visitor.page.locator(".route .med").all_text_contents()


def test_models_are_compared_turned_off_and_routed_by_keyboard(site: Site, maya: Visitor) -> None:
    site.connect_another()
    page = maya.page
    maya.make("A kite for the ranking", n=2)
    maya.go("team/members/")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Most used, last 30 days")).to_be_visible()
    maya.inspect("models")

    for title in ("GPT Image 2", "Rehearsal"):
        page.get_by_label(f"Compare {title}", exact=True).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader", name="Rehearsal")).to_be_visible()
    maya.inspect("models-compare")

    switch = page.get_by_role("switch", name="Available: Rehearsal")
    switch.focus()
    with page.expect_response(lambda answer: answer.url.endswith("/available/")):
        page.keyboard.press("Space")
    expect(switch).not_to_be_checked()
    expect(switch).to_be_focused()
    maya.go("studio/")
    expect(maya.field("Model").locator("option[value=rehearsal]")).to_have_count(0)
    maya.go("team/models/rehearsal/")
    with page.expect_response(lambda answer: answer.url.endswith("/available/")):
        page.get_by_role("switch").check()

    maya.go("team/models/gpt-image-2/")
    expect(page.get_by_text("no order set")).to_be_visible()
    page.get_by_role("button", name="Add").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".route > li")).to_have_count(2)
    assert connections_of(maya) == ["OpenAI", "Another"]
    up = page.get_by_role("button", name="Move Another up")
    up.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".route > li").first).to_contain_text("Another")
    expect(up).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Moved.")).to_have_count(1)
    maya.inspect("models-route")
    for name in ("Another", "OpenAI"):
        page.get_by_role("button", name=f"Remove {name}").click()
        expect(page.locator(".route > li").filter(has_text=name).get_by_role("button")).to_have_count(0)
    expect(page.get_by_text("no order set")).to_be_visible()
    maya.hear_nothing()


def test_models_are_turned_off_and_routed_without_script(site: Site, visit: Visit) -> None:
    site.connect_another()
    plain = visit(site, quick=False).sign_in()
    page = plain.page
    plain.go("team/models/")
    page.get_by_label("Compare GPT Image 2", exact=True).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Choose 2 to 4 models to compare.")).to_be_visible()
    for on in (False, True):
        page.get_by_role("switch", name="Available: GPT Image 2.5 Flare").set_checked(on)
        page.get_by_role("button", name="Save for GPT Image 2.5 Flare").click()
        expect(page.get_by_role("switch", name="Available: GPT Image 2.5 Flare")).to_be_checked(checked=on)

    plain.go("team/models/gpt-image-2.5-flare/")
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Move Another up").click()
    assert connections_of(plain) == ["Another", "OpenAI"]
    for name in ("Another", "OpenAI"):
        page.get_by_role("button", name=f"Remove {name}").click()
    expect(page.get_by_text("no order set")).to_be_visible()
    plain.hear_nothing()
