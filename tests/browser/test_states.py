"""Everything that may become of a generation, in words that a designer understands."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import Site

pytestmark = pytest.mark.browser


def test_states_say_what_happened_and_what_it_cost(site: Site, visit: Visit) -> None:
    visitor = visit(site, team=site.new_team("All states", credits=200)).sign_in()
    site.emulator.reset()
    model = "gpt-image-2"

    failed = visitor.make("Refused [fault:moderation_blocked]", model=model, n=2, state="failed")
    expect(failed).to_contain_text("content rules refused this prompt")
    expect(failed).to_contain_text("Not charged.")
    expect(failed).to_contain_text("12 held credits were returned.")
    expect(failed.get_by_role("link", name="Edit and retry")).to_be_visible()

    partial = visitor.make("Half of them [fault:mixed]", model=model, n=4, state="partial")
    expect(partial).to_contain_text("2 of 4")
    expect(partial).to_contain_text("12 of 24 credits charged")
    expect(partial.locator("a[href*='/assets/'] img")).to_have_count(2)
    expect(partial.get_by_role("group", name="Failed")).to_have_count(2)
    expect(partial.get_by_role("group", name="Failed").first).to_contain_text("Not charged.")

    interrupted = visitor.make("Broken off [fault:reset_body]", model=model, state="interrupted")
    expect(interrupted).to_contain_text("The line to the provider broke")
    expect(interrupted).to_contain_text("Not charged.")
    expect(interrupted).to_contain_text("It was not sent again, because the provider may have finished it.")

    expect(visitor.page.locator("#balance")).to_contain_text("188")
    visitor.inspect("studio-states")
    partial.get_by_role("button", name="Retry 2 images").click()
    expect(visitor.card("Half of them [fault:mixed]")).to_have_count(2)
    visitor.hear_nothing()


def test_generation_that_waits_for_its_provider_can_be_cancelled(site: Site, visit: Visit) -> None:
    visitor = visit(site, team=site.new_team("Patience", credits=50)).sign_in()
    site.emulator.reset()
    waiting = visitor.submit("Busy [fault:overloaded retry_after=60]", model="gpt-image-2")
    expect(waiting).to_contain_text("Provider is busy, tries again at")
    expect(waiting).to_contain_text("6 credits held")
    visitor.inspect("studio-waiting")

    waiting.get_by_role("button", name="Cancel").click()

    visitor.wait_for(waiting, "cancelled")
    expect(waiting).to_contain_text("Not charged.")
    expect(waiting).to_contain_text("6 held credits were returned.")
    expect(visitor.page.locator("#balance")).to_contain_text("50")
    visitor.inspect("studio-cancelled")


def test_composer_says_how_many_credits_are_missing_and_what_would_do(site: Site, visit: Visit) -> None:
    visitor = visit(site, team=site.new_team("Nearly spent", credits=6)).sign_in()
    visitor.choose("Model", "gpt-image-2")
    visitor.choose("Images", "2")

    expect(visitor.page.locator("#quote")).to_contain_text("6 credits short. This needs 12 and 6 are left.")
    expect(visitor.generate).to_have_attribute("aria-disabled", "true")
    visitor.field("Prompt").fill("Too dear")
    visitor.generate.click(force=True)
    visitor.field("Prompt").press("Control+Enter")
    visitor.inspect("studio-short")
    assert visitor.cards.count() == 0

    visitor.page.get_by_role("button", name="Make 1 image, 6 credits").click()
    expect(visitor.field("Images")).to_have_value("1")
    expect(visitor.field("Prompt")).to_have_value("Too dear")
    expect(visitor.generate).not_to_have_attribute("aria-disabled", "true")
    site.emulator.reset()
    visitor.generate.click()
    visitor.wait_for(visitor.card("Too dear"), "succeeded")
    visitor.go("team/credits/")
    expect(visitor.page.get_by_text("No credits left.")).to_be_visible()
    visitor.inspect("credits-low")


def test_dock_on_a_phone_says_what_is_composed(site: Site, visit: Visit) -> None:
    visitor = visit(site).sign_in()
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    dock = visitor.page.get_by_role("region", name="New image")
    opener = dock.get_by_role("link").first
    expect(opener).to_contain_text("Describe the image")
    for typed, said in (("  Amber bottle on stone", "Amber bottle on stone"), ("  ", "Describe the image")):
        opener.click()
        visitor.field("Prompt").fill(typed)
        visitor.page.get_by_role("link", name="Close composer").click()
        expect(opener).to_contain_text(said)
    visitor.hear_nothing()


def test_refused_form_keeps_what_was_typed(site: Site, visit: Visit) -> None:
    visitor = visit(site, team=site.new_team("Refusals", credits=20)).sign_in()
    visitor.choose("Model", "rehearsal")
    with visitor.ears.expecting("status of 422"):
        visitor.field("Prompt").fill("   ")
        visitor.generate.click()
        expect(visitor.page.get_by_text("Describe the image first.")).to_be_visible()
        visitor.inspect("studio-refused")

    card = visitor.make("Now with words")

    expect(visitor.page.get_by_text("Describe the image first.")).to_have_count(0)
    expect(card).to_have_attribute("data-generation", re.compile(r"\d+"))
    visitor.hear_nothing()
