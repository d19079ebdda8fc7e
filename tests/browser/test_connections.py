"""An admin connects each provider, makes pictures with it, and sees how the connection does."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Visit
from tests.browser.handing import hand_over
from tests.browser.site import FIRST_PERSON, Site
from tests.browser.visitor import Visitor
from tests.emulators.control import EmulatorControl
from tests.factories import small_png
from tests.generations.providers import MODELS, all_emulators
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
MODEL = MODELS["openai"]
CANNOT_EDIT = "aimlapi-gpt-image-1.5"
# What an operator may write: these two are announced to end, and are wanted here after that too.
CATALOGUE = f"""
model = [
  {{ slug = "{MODELS["aigateway"]}", retires_on = 2999-01-01 }},
  {{ slug = "{CANNOT_EDIT}", retires_on = 2999-01-01 }},
]
"""


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
        (home / "catalogue").mkdir()
        (home / "catalogue" / "lasting.toml").write_text(CATALOGUE)
        started = Site(home, emulators["openai"], **FIRST_PERSON, PRIVATE_HOSTS=places)
        try:
            yield started
            started.audit()
        finally:
            started.stop()


def add(visitor: Visitor, protocol: str, emulator: EmulatorControl, *, key: str = "", look: bool = False) -> None:
    """From the list of connections, add one as its provider needs it; that leads back to the list."""
    page = visitor.page
    page.get_by_role("link", name="Add connection").click()
    page.get_by_role("navigation", name="Provider").get_by_role("link", name=TITLES[protocol]).click()
    page.get_by_label("Name").fill(f"{TITLES[protocol]}, emulated")
    page.get_by_label("Base URL").fill(emulator.base_url)
    page.get_by_label("API key").fill(key or emulator.key)
    if protocol == "cloudflare":
        page.get_by_label("Account ID").fill(emulator.about["account_id"])
    if look:
        visitor.inspect("connection-new")
    page.get_by_role("button", name="Add and test").click()
    page.wait_for_url(re.compile("/team/providers/$"))


def line_of(visitor: Visitor, protocol: str) -> Locator:
    """The connection's line in the list."""
    return visitor.page.locator(".links > li").filter(has_text=f"{TITLES[protocol]}, emulated")


def take_to_composer(visitor: Visitor, card: Locator) -> None:
    """Press Edit on the card's picture, and see the picture and its model in the composer."""
    card.locator(".tile").hover()
    card.get_by_role("button", name=re.compile("^Edit ")).click()
    expect(visitor.page.get_by_role("button", name="Remove reference image 1")).to_be_visible()


def see_that_it_cannot_edit(visitor: Visitor, model: str) -> None:
    """With a picture in the composer, choose a model that takes none: it says so, refuses, and then offers none."""
    references = visitor.page.locator("#references")
    visitor.choose("Model", model)
    expect(references).to_contain_text("takes no reference images.")
    expect(references.get_by_label("Add reference images")).to_have_count(0)
    with visitor.ears.expecting("status of 422"):
        visitor.field("Prompt").fill("Never sent")
        visitor.generate.click()
        expect(references.locator(".bad")).to_contain_text("takes no reference images.")
    references.get_by_role("button", name="Remove reference image 1").click()
    expect(references).to_have_text("")
    hand_over(visitor.page, "paste", "boat.png", small_png(7301))
    expect(visitor.page.locator("#composer-note")).to_have_text("This model takes no reference images.")


def test_six_providers_are_added_and_generate_and_edit(
    connected_site: Site, emulators: dict[str, EmulatorControl], visit: Visit
) -> None:
    visitor = visit(connected_site).sign_in()
    page = visitor.page
    visitor.go("team/providers/")
    visitor.inspect("connections-shared-only")
    for protocol, emulator in emulators.items():
        add(visitor, protocol, emulator, look=protocol == "cloudflare")
    # The worker tests each, and the lines say so by themselves.
    for protocol, emulator in emulators.items():
        expect(line_of(visitor, protocol)).to_contain_text(re.compile(r"Never used.*Tested \S+\. \S", re.DOTALL))
        expect(line_of(visitor, protocol)).to_contain_text(f"key ending {emulator.key[-4:]}")

    visitor.go("studio/")
    made = {protocol: visitor.submit(f"Vases by {protocol}", model=MODELS[protocol]) for protocol in emulators}
    edited = {}
    for protocol, card in made.items():
        visitor.wait_for(card, "succeeded")
        take_to_composer(visitor, card)
        expect(visitor.field("Model")).to_have_value(MODELS[protocol])
        edited[protocol] = visitor.submit(f"Bowls by {protocol}", model=MODELS[protocol])
    take_to_composer(visitor, made["aimlapi"])
    see_that_it_cannot_edit(visitor, CANNOT_EDIT)
    for protocol, card in edited.items():
        visitor.wait_for(card, "succeeded")
        expect(card.get_by_role("link", name="Reference image 1")).to_be_visible()
        paid = [(record["prompt"], record["paid"]) for record in emulators[protocol].requests()]
        assert paid == [(f"Vases by {protocol}", 1), (f"Bowls by {protocol}", 1)]

    visitor.go("team/providers/")
    for protocol in emulators:
        line = line_of(visitor, protocol)
        expect(line.get_by_text("Healthy")).to_be_visible()
        expect(line).to_contain_text(re.compile(r"Last success \S"))
        expect(line).to_contain_text(re.compile(r"Succeeded\s*100%"))
    routing = page.get_by_role("table")
    for protocol in emulators:
        expect(routing.get_by_role("cell", name=f"{TITLES[protocol]}, emulated")).to_be_visible()
    visitor.inspect("connections-used")

    line_of(visitor, "openai").get_by_role("link", name="OpenAI, emulated", exact=True).click()
    expect(page.get_by_text("The key is accepted")).to_be_visible()
    page.get_by_role("button", name="Test OpenAI, emulated").click()
    expect(page.get_by_text("Testing")).to_have_count(0)
    page.get_by_label("Name").fill("OpenAI" * 13)  # wider than a phone, and nowhere to break
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="OpenAI" * 13)).to_be_visible()
    visitor.inspect("connection")


def test_rejected_key_is_seen_and_replaced(
    connected_site: Site, emulators: dict[str, EmulatorControl], visit: Visit
) -> None:
    visitor = visit(connected_site, team=connected_site.new_team("Key trouble", credits=50)).sign_in()
    page, emulator = visitor.page, emulators["openai"]
    visitor.go("team/providers/")
    # A page that is open meanwhile shows what another admin does.
    witness = visitor.other_tab()
    witness.go("team/providers/")
    add(visitor, "openai", emulator, key="sk-wrong-0123456789-wxyz")
    line = line_of(visitor, "openai")
    for each in (visitor, witness):
        expect(line_of(each, "openai").get_by_text("Key rejected")).to_be_visible()
    witness.hear_nothing()
    witness.page.close()
    visitor.inspect("connections-rejected")

    line.get_by_role("link", name="Fix key").click()
    expect(page.get_by_label("New API key")).to_be_focused()
    visitor.inspect("connection-rejected")
    page.get_by_label("New API key").fill(" ")
    with visitor.ears.expecting("status of 422"):
        page.get_by_role("button", name="Replace and test").click()
        expect(page.get_by_text("This field is required.")).to_be_visible()
    # It is at the end of a long page.
    expect(page.get_by_label("New API key")).to_be_focused()
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
    visitor.go("team/providers/")
    add(visitor, "pixapi", emulators["pixapi"])
    page.get_by_role("link", name="Pixapi, emulated", exact=True).click()
    page.get_by_label("Per minute").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Per minute")).to_have_value("7")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by an admin")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove connection").click()
    expect(page.get_by_text("Pixapi, emulated")).to_have_count(1)  # what the message says
