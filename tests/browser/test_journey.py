"""From the first visit to a picture on disk, as a person goes, on every page as it looks."""

import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, expect

from tests.browser.conftest import Visit
from tests.browser.inspecting import inspect
from tests.browser.site import EMAIL, NAME, PASSWORD, TEAM, Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

PROMPT = "Three stoneware vases, raking morning light, plaster wall"


def bytes_of(download: Download) -> bytes:
    """Read what was downloaded."""
    return Path(download.path()).read_bytes()


def save(visitor: Visitor, button: Locator) -> tuple[str, bytes]:
    """Press a download button; return the file's name and content."""
    with visitor.page.expect_download() as started:
        button.click()
    return started.value.suggested_filename, bytes_of(started.value)


def set_up(visitor: Visitor) -> None:
    """Create the first person and team by the link of the console."""
    page = visitor.page
    page.goto(visitor.site.set_up_link)
    visitor.inspect("setup")
    page.get_by_label("Your name").fill(NAME)
    page.get_by_label("Email").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Team name").fill("Halden & Co")
    page.get_by_role("button", name="Set up and start").click()
    page.wait_for_url(re.compile(f"/t/{TEAM}/studio/$"))
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    visitor.inspect("studio-empty")


def take_pictures_home(visitor: Visitor, card: Locator, *, unit: int) -> None:
    """Download one original and a selection; read the credits page and the history; reuse the prompt."""
    page, site = visitor.page, visitor.site
    originals = {path.read_bytes() for path in site.originals()}
    card.locator("a[href*='/assets/']").first.click()
    expect(page.get_by_text(f"{unit} credit", exact=False).first).to_be_visible()
    visitor.inspect("asset")
    name, content = save(visitor, page.get_by_role("link", name="Download original"))
    assert re.fullmatch(r"three-stoneware-vases-raking-morning-light-plaster-wall-\d+\.png", name)
    assert content in originals

    page.get_by_role("link", name="Library").first.click()
    visitor.inspect("library")
    page.get_by_role("button", name="Select").first.click()
    page.locator(".pick").nth(0).check()
    page.locator(".pick").nth(1).check()
    visitor.inspect("library-selected")
    name, content = save(visitor, page.get_by_role("button", name="Download ZIP"))
    assert name.endswith(".zip")
    check_archive(content, originals, count=2)

    page.get_by_role("link", name="Team").first.click()
    lines = page.get_by_role("table").get_by_role("row")
    expect(lines.filter(has_text="2 images")).to_contain_text(f"−{2 * unit}")
    expect(lines.filter(has_text="Starting credits")).to_contain_text("Grant")
    visitor.inspect("credits")

    page.get_by_role("link", name="History").click()
    visitor.inspect("history")
    page.get_by_role("link", name="Reuse").first.click()
    expect(visitor.field("Prompt")).to_have_value(PROMPT)
    expect(visitor.field("Images")).to_have_value("2")
    visitor.hear_nothing()


def check_archive(content: bytes, originals: set[bytes], *, count: int) -> None:
    """Hold an archive to being whole and to hold originals."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[-3:] == ["manifest.json", "manifest.csv", "README.txt"]
        members = [archive.read(name) for name in archive.namelist()[:-3]]
    assert len(members) == count
    assert set(members) <= originals


def test_first_visit_to_pictures_on_disk(fresh_site: Site, visit: Visit) -> None:
    visitor = visit(fresh_site)
    set_up(visitor)
    visitor.choose("Quality", "high")
    expect(visitor.price).to_contain_text("1 credit")
    expect(visitor.price).to_contain_text("999 left after this")
    visitor.choose("Images", "2")
    expect(visitor.price).to_contain_text("2 credits")
    expect(visitor.price).to_contain_text("998 left after this")
    visitor.field("Prompt").fill(PROMPT)
    visitor.inspect("studio-composed")
    visitor.page.evaluate("window.notReloaded = true")

    visitor.generate.click()

    card = visitor.card(PROMPT)
    visitor.wait_for(card, "succeeded")
    expect(card.locator("a[href*='/assets/'] img")).to_have_count(2)
    expect(visitor.page.locator("#balance")).to_contain_text("998")
    assert visitor.page.evaluate("window.notReloaded")
    visitor.inspect("studio-done")
    take_pictures_home(visitor, card, unit=1)


def test_pictures_of_a_real_provider(site: Site, visit: Visit) -> None:
    team = site.new_team("Provider works", credits=500)
    visitor = visit(site, team=team).sign_in()
    site.emulator.reset()
    visitor.choose("Model", "gpt-image-2")
    visitor.choose("Images", "2")
    expect(visitor.price).to_contain_text("12 credits")
    visitor.choose("Quality", "low")
    low = visitor.price.inner_text()
    visitor.choose("Quality", "medium")
    assert low != visitor.price.inner_text()

    card = visitor.make(PROMPT, model="gpt-image-2", n=2)

    [call] = [call for call in site.emulator.requests() if call["prompt"] == PROMPT]
    assert (call["model"], call["n"], call["body"]["quality"], call["paid"]) == ("gpt-image-2", 2, "medium", 2)
    take_pictures_home(visitor, card, unit=6)


def test_whole_journey_without_javascript(site: Site, visit: Visit) -> None:
    team = site.new_team("Plain pages", credits=100)
    visitor = visit(site, team=team, quick=False).sign_in()
    visitor.choose("Model", "rehearsal")
    visitor.choose("Images", "2")
    expect(visitor.price).to_contain_text("2 credits")
    expect(visitor.price).to_contain_text("98 left after this")

    card = visitor.make(PROMPT, n=2)

    expect(card.locator("a[href*='/assets/'] img")).to_have_count(2)
    expect(visitor.page.locator("#balance")).to_contain_text("98")
    take_pictures_home(visitor, card, unit=1)


def test_pages_of_the_account_and_the_door(maya: Visitor, visit: Visit) -> None:
    for name, address in {
        "account": "/account/",
        "account-email": "/auth/email/",
        "account-password": "/auth/password/change/",
        "sign-out": "/auth/logout/",
        "members": f"/t/{TEAM}/team/members/",
        "top-up": f"/t/{TEAM}/team/credits/top-up/",
        "invite": f"/t/{TEAM}/team/members/invite/",
    }.items():
        maya.page.goto(maya.site.url + address)
        maya.inspect(name)
    with maya.ears.expecting("status of 404"):
        maya.go("assets/999999/")
        maya.inspect("not-found")
    stranger = visit(maya.site)
    stranger.page.goto(f"{maya.site.url}/auth/login/")
    inspect(stranger.page, "sign-in")
    stranger.page.goto(f"{maya.site.url}/auth/password/reset/")
    stranger.inspect("password-reset")
