"""A person at a browser: signs in, writes prompts, waits for pictures."""

import re

from playwright.sync_api import BrowserContext, Locator, Page, Response, expect

from tests.browser.inspecting import Ears, inspect
from tests.browser.site import EMAIL, PASSWORD, TEAM, Site

# Composed pages wait for real processes on a busy machine; a healthy one needs a fraction of it.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)
LIVE = ("queued", "running")
_HIDE = """() => {
  Object.defineProperty(document, "hidden", { get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Visitor:
    """One tab of one browser; `quick` is whether the browser runs JavaScript."""

    def __init__(self, site: Site, context: BrowserContext, *, team: str = TEAM, quick: bool = True) -> None:
        self.site = site
        self.team = team
        self.quick = quick
        self.context = context
        context.set_default_timeout(PATIENCE)
        self.page: Page = context.new_page()
        self.ears = Ears(self.page)

    def other_tab(self, *, team: str = "") -> "Visitor":
        """Open another tab of the same browser."""
        return Visitor(self.site, self.context, team=team or self.team, quick=self.quick)

    def go(self, address: str) -> Response:
        """Open one of the team's pages by its address."""
        answer = self.page.goto(f"{self.site.url}/t/{self.team}/{address}")
        assert answer is not None
        return answer

    def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> "Visitor":
        """Sign in by the page and open the studio of the visitor's team."""
        self.page.goto(f"{self.site.url}/auth/login/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(re.compile("/studio/$"))
        self.go("studio/")
        return self

    def hide(self) -> None:
        """Tell the tab that another lies on top of it; a headless browser calls every tab visible."""
        self.page.evaluate(_HIDE)

    def inspect(self, name: str) -> None:
        """Inspect the page as it is, or only keep its complaints where no script can run."""
        if self.quick:
            inspect(self.page, name)
        self.hear_nothing()

    def hear_nothing(self) -> None:
        """Fail on whatever the console has heard so far."""
        assert not self.ears.complaints, "\n".join(self.ears.complaints)

    def field(self, label: str) -> Locator:
        """Return one of the composer's fields by its accessible name."""
        return self.page.get_by_label(label, exact=True)

    @property
    def generate(self) -> Locator:
        """The button that spends."""
        return self.page.get_by_role("button", name="Generate")

    @property
    def price(self) -> Locator:
        """What the quote says."""
        return self.page.locator("#quote dl")

    @property
    def cards(self) -> Locator:
        """The generations of the feed, newest first."""
        return self.page.locator("article[data-generation]")

    def card(self, prompt: str) -> Locator:
        """The generations of this prompt."""
        return self.cards.filter(has_text=prompt)

    def choose(self, label: str, value: str) -> None:
        """Choose a setting and wait for what the page fetches for it."""
        box = self.field(label)
        if box.input_value() == value:
            return
        if not self.quick:
            box.select_option(value)
            self.page.get_by_role("button", name="Update options and price").click()
            return
        part = "?part=options" if label == "Model" else ""
        with self.page.expect_response(lambda answer: answer.url.endswith(f"/quote/{part}")):
            box.select_option(value)
        expect(self.page.locator(f"#{box.get_attribute('id')}")).to_have_value(value)
        self.page.wait_for_function("() => !document.querySelector('.htmx-request, .htmx-settling')")

    def submit(self, prompt: str, *, model: str = "rehearsal", n: int = 1) -> Locator:
        """Fill the composer, press Generate and return the new card."""
        self.choose("Model", model)
        self.choose("Images", str(n))
        self.field("Prompt").fill(prompt)
        self.generate.click()
        expect(self.card(prompt)).to_have_count(1)
        return self.card(prompt)

    def make(self, prompt: str, *, model: str = "rehearsal", n: int = 1, state: str = "succeeded") -> Locator:
        """Submit and wait for the end, which has to be this one."""
        card = self.submit(prompt, model=model, n=n)
        self.wait_for(card, state)
        return card

    def wait_for(self, card: Locator, state: str) -> None:
        """Wait for a state; without JavaScript by loading the page again."""
        if not self.quick:
            while card.get_attribute("data-state") in LIVE:
                self.page.reload()
        expect(card).to_have_attribute("data-state", state)
