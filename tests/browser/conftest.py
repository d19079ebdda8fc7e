"""Chromium, and an installation of real processes for it."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.site import FIRST_PERSON, Site
from tests.browser.visitor import Visitor
from tests.emulators.control import EmulatorControl
from tests.emulators.running import running_emulator
from tests.runtime.processes import new_home

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def emulator() -> Iterator[EmulatorControl]:
    """A strict OpenAI on loopback."""
    with running_emulator() as control:
        yield control


@pytest.fixture(scope="session")
def site(emulator: EmulatorControl) -> Iterator[Site]:
    """An installation with its first person, the rehearsal and the emulator; its books are right at the end."""
    with new_home() as home:
        started = Site(home, emulator, **FIRST_PERSON)
        try:
            started.connect_emulator()
            yield started
            started.audit()
        finally:
            started.stop()


@pytest.fixture
def fresh_site(emulator: EmulatorControl) -> Iterator[Site]:
    """An installation that nobody has set up."""
    with new_home() as home:
        started = Site(home, emulator)
        try:
            yield started
            started.audit()
        finally:
            started.stop()


# Not for the whole session: while it is open its event loop runs in this thread, where other tests use the database.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser that `make test` finds or installs."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    assert program, "`make test` installs Chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open browsers that share nothing: `visit(site, quick=False)`."""
    contexts = []

    def open_browser(site: Site, *, quick: bool = True, team: str = "halden-co") -> Visitor:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900},
            java_script_enabled=quick,
            locale="en-GB",
            timezone_id="UTC",
            accept_downloads=True,
        )
        contexts.append(context)
        return Visitor(site, context, team=team, quick=quick)

    yield open_browser
    for context in contexts:
        context.close()


@pytest.fixture
def maya(site: Site, visit: Visit) -> Visitor:
    """The owner of the first team, in the studio; her console stays silent."""
    return visit(site).sign_in()
