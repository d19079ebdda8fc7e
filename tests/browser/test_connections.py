"""An admin connects each provider, sees what a test shows, and how the connection does."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import FIRST_PERSON, Site
from tests.browser.visitor import Visitor
from tests.emulators.control import EmulatorControl
from tests.generations.providers import all_emulators
from tests.runtime.processes import new_home

pytestmark = pytest.mark.browser

TITLES = {
    "openai": "OpenAI",
    "aigateway": "AIgateway",
    "pixapi": "Pixapi",
    "apiframe": "Apiframe",
    "aimlapi": "AI/ML API",
    "cloudflare": "Cloudflare",
}
# One of each provider that outlives 2026 is what the composer offers.
MODEL = "gpt-image-2"


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, EmulatorControl]]:
    """All six providers on loopback."""
    with all_emulators() as running:
        yield running


@pytest.fixture(scope="module")
def connected_site(emulators: dict[str, EmulatorControl]) -> Iterator[Site]:
    """An installation that may call all of them, and has only the rehearsal."""
    places = ",".join(place for emulator in emulators.values() for place in emulator.places)
    with new_home() as home:
        started = Site(home, emulators["openai"], **FIRST_PERSON, PRIVATE_HOSTS=places)
        try:
            yield started
            started.audit()
        finally:
            started.stop()


def add(visitor: Visitor, protocol: str, emulator: EmulatorControl, *, key: str = "") -> None:
    """Add a connection by the page, as its provider needs it."""
    page = visitor.page
    visitor.go("team/providers/")
    page.get_by_role("link", name="Add connection").click()
    page.get_by_role("navigation", name="Provider").get_by_role("link", name=TITLES[protocol]).click()
    page.get_by_label("Name").fill(f"{TITLES[protocol]}, emulated")
    page.get_by_label("Base URL").fill(emulator.base_url)
    page.get_by_label("API key").fill(key or emulator.key)
    if protocol == "cloudflare":
        page.get_by_label("Account ID").fill(emulator.about["account_id"])
    if protocol == "openai":
        visitor.inspect("connection-new")
    page.get_by_role("button", name="Add and test").click()
    page.wait_for_url(re.compile("/team/providers/$"))


def test_six_providers_are_added_and_tested(
    connected_site: Site, emulators: dict[str, EmulatorControl], visit: Visit
) -> None:
    visitor = visit(connected_site).sign_in()
    page = visitor.page
    visitor.go("team/providers/")
    visitor.inspect("connections-shared-only")
    for protocol, emulator in emulators.items():
        add(visitor, protocol, emulator)
        line = page.locator(".links > li").filter(has_text=f"{TITLES[protocol]}, emulated")
        # The worker tests it, and the line says so by itself.
        expect(line.get_by_text("Never used")).to_be_visible()
        expect(line).to_contain_text(f"key ending {emulator.key[-4:]}")
    visitor.inspect("connections")

    visitor.go("studio/")
    visitor.make("Three stoneware vases", model=MODEL)
    visitor.go("team/providers/")
    line = page.locator(".links > li").filter(has_text="OpenAI, emulated")
    expect(line.get_by_text("Healthy")).to_be_visible()
    expect(line).to_contain_text(re.compile(r"Succeeded\s*100%"))
    visitor.inspect("connections-used")

    line.get_by_role("link", name="OpenAI, emulated", exact=True).click()
    expect(page.get_by_text("The key is accepted")).to_be_visible()
    page.get_by_role("button", name="Test OpenAI, emulated").click()
    expect(page.get_by_text("Testing")).to_have_count(0)
    visitor.inspect("connection")


def test_rejected_key_is_seen_and_replaced(
    connected_site: Site, emulators: dict[str, EmulatorControl], visit: Visit
) -> None:
    visitor = visit(connected_site, team=connected_site.new_team("Key trouble", credits=50)).sign_in()
    page, emulator = visitor.page, emulators["openai"]
    add(visitor, "openai", emulator, key="sk-wrong-0123456789-wxyz")
    line = page.locator(".links > li").filter(has_text="OpenAI, emulated")
    expect(line.get_by_text("Key rejected")).to_be_visible()
    visitor.inspect("connections-rejected")

    line.get_by_role("link", name="Fix key").click()
    visitor.inspect("connection-rejected")
    page.get_by_label("New API key").fill(emulator.key)
    page.get_by_role("button", name="Replace and test").click()
    expect(page.get_by_text("The key is accepted")).to_be_visible()

    visitor.go("studio/")
    card = visitor.make("A red kite [fault:moderation_blocked]", model=MODEL, state="failed")
    card.get_by_role("link", name="Attempts").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("HTTP 400")
    visitor.inspect("attempts")
    page.keyboard.press("Escape")

    visitor.go("team/providers/")
    line.get_by_role("link", name="OpenAI, emulated", exact=True).click()
    page.get_by_role("link", name="Remove").click()
    visitor.inspect("connection-remove")
    page.get_by_role("button", name="Remove connection").click()
    page.wait_for_url(re.compile("/team/providers/$"))
    expect(line).to_have_count(0)
    visitor.hear_nothing()


def test_connection_without_javascript(
    connected_site: Site, emulators: dict[str, EmulatorControl], visit: Visit
) -> None:
    team = connected_site.new_team("Plain connections", credits=50)
    visitor = visit(connected_site, team=team, quick=False).sign_in()
    page = visitor.page
    add(visitor, "pixapi", emulators["pixapi"])
    page.get_by_role("link", name="Pixapi, emulated", exact=True).click()
    page.get_by_label("Pictures a minute").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Pictures a minute")).to_have_value("7")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by an admin")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove connection").click()
    expect(page.get_by_text("Pixapi, emulated")).to_have_count(1)  # what the message says
