"""Several browsers and tabs of one team: the same news for all, and nothing for those who have left."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import NAME, Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

JONAS, JONAS_PASSWORD = "Jonas Weber", "ein langes Wort im Winter"


def invite(owner: Visitor, *, email: str, role: str) -> str:
    """Invite by the dialog of the members page; return the link."""
    owner.go("team/members/")
    page = owner.page
    page.get_by_role("link", name="Invite").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Email address").fill(email)
    dialog.get_by_label("Role").select_option(label=role)
    owner.inspect("invite-dialog")
    dialog.get_by_role("button", name="Make invitation link").click()
    link = page.get_by_label("Invitation link").input_value()
    owner.inspect("members-invited")
    return link


def accept(visitor: Visitor, link: str) -> None:
    """Join with a new account."""
    page = visitor.page
    page.goto(link)
    visitor.inspect("invitation")
    page.get_by_label("Your name").fill(JONAS)
    page.get_by_label("Password").fill(JONAS_PASSWORD)
    page.get_by_role("button", name="Create account and join").click()
    page.wait_for_url(re.compile("/studio/"))


def wait_until_live(visitor: Visitor) -> None:
    """Wait until no news can be missed any more."""
    expect(visitor.page.locator("body")).to_have_attribute("data-live-state", "open")


def test_two_browsers_see_the_same_generation_finish(site: Site, visit: Visit) -> None:
    team = site.new_team("Two browsers", credits=50)
    maya, other = visit(site, team=team).sign_in(), visit(site, team=team).sign_in()
    wait_until_live(other)
    other.page.evaluate("window.notReloaded = true")
    site.emulator.reset()
    site.emulator.set(latency=1.0)

    mine = maya.submit("Paper boats on a still lake", model="gpt-image-2", n=2)
    theirs = other.card("Paper boats on a still lake")

    expect(theirs).to_have_attribute("data-state", re.compile("queued|running"))
    for visitor, card in ((maya, mine), (other, theirs)):
        visitor.wait_for(card, "succeeded")
        expect(card.locator("a[href*='/assets/'] img")).to_have_count(2)
        expect(visitor.page.locator("#balance")).to_contain_text("38")
    assert other.page.evaluate("window.notReloaded")
    maya.hear_nothing()
    other.hear_nothing()


def test_picture_comes_into_an_open_library(site: Site, visit: Visit) -> None:
    team = site.new_team("Open library", credits=50)
    maya, other = visit(site, team=team).sign_in(), visit(site, team=team).sign_in()
    other.go("library/")
    wait_until_live(other)
    other.page.evaluate("window.notReloaded = true")
    asked: list[str] = []
    other.page.on("request", lambda request: asked.append(request.url))
    model = other.page.get_by_role("button", name="Model", exact=True)
    expect(other.page.get_by_role("heading", name="No images yet")).to_be_visible()
    expect(model).to_have_count(0)

    for number, prompt in enumerate(["A paper crane", "A paper boat"], start=1):
        maya.make(prompt)
        expect(other.page.locator(".shelf .tile")).to_have_count(number)
    expect(other.page.get_by_role("button", name="Select", exact=True)).to_be_enabled()
    expect(model).to_be_visible()
    # All that match are those that there are now; what comes later is not among them.
    ticked = other.page.locator(".shelf .pick:checked")
    other.page.locator(".shelf .pick").first.check()
    other.page.get_by_role("button", name="More for the selection").click()
    other.page.get_by_role("button", name="Select all 2 matching").click()
    expect(ticked).to_have_count(2)
    maya.make("A paper plane")
    expect(other.page.locator(".shelf .tile")).to_have_count(3)
    expect(ticked).to_have_count(2)
    assert other.page.evaluate("window.notReloaded")
    assert [url for url in asked if "token" in url] == []
    other.hear_nothing()


def test_viewer_looks_on_and_a_removed_member_is_gone_at_once(site: Site, visit: Visit) -> None:
    team = site.new_team("Guests", credits=50)
    maya, jonas = visit(site, team=team).sign_in(), visit(site, team=team)
    maya.make("A quiet harbour")

    accept(jonas, invite(maya, email="jonas@halden.example", role="Viewer"))
    expect(jonas.page.get_by_text("You can look and download here.")).to_be_visible()
    expect(jonas.card("A quiet harbour").locator("img")).to_have_count(1)
    assert jonas.generate.count() == 0
    assert jonas.page.get_by_role("button", name=re.compile("Retry|Cancel")).count() == 0
    jonas.inspect("studio-viewer")
    with jonas.ears.expecting("status of 403"):
        assert jonas.go("team/credits/").status == 403
        jonas.inspect("not-allowed")
    jonas.go("studio/")
    wait_until_live(jonas)

    maya.go("team/members/")
    maya.page.get_by_role("link", name=f"Remove {JONAS}").click()
    dialog = maya.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Pictures, prompts and the credit history stay with the team.")
    dialog.get_by_role("button", name="Remove from team").click()
    expect(maya.page.get_by_text(JONAS)).to_have_count(0)

    # The promise is five seconds; the news of the removal usually comes at once.
    expect(jonas.page.locator("body")).to_have_attribute("data-live-state", "away", timeout=5_000)
    with jonas.ears.expecting("status of 404"):
        jonas.page.get_by_role("link", name="Library").first.click()
        expect(jonas.page.get_by_role("heading", name="Not found")).to_be_visible()
    jonas.hear_nothing()
    maya.hear_nothing()


def test_ninth_tab_loads_beside_eight(maya: Visitor) -> None:
    tabs = [maya.other_tab() for _ in range(8)]
    for tab in tabs:
        tab.go("studio/")
        wait_until_live(tab)
        tab.hide()
        expect(tab.page.locator("body")).to_have_attribute("data-live-state", "away")

    ninth = maya.other_tab()

    answer = ninth.go("library/")
    assert answer.status == 200
    ninth.go("studio/")
    wait_until_live(ninth)
    expect(ninth.generate).to_be_visible()
    for tab in (*tabs, ninth):
        tab.hear_nothing()


def test_name_of_the_author_stands_on_every_card(maya: Visitor) -> None:
    maya.page.goto(f"{maya.site.url}/account/")
    maya.page.get_by_label("Name").fill(NAME)
    maya.page.get_by_role("button", name="Save name").click()
    expect(maya.page.get_by_role("status").filter(has_text=re.compile("."))).to_be_visible()
    maya.go("studio/")

    card = maya.make("A paper crane")

    expect(card).to_contain_text(NAME)
    maya.hear_nothing()
