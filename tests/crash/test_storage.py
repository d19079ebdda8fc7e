"""A store that takes nothing: no picture, no charge, and a picture again once there is room."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.browser import Browser
from tests.crash.conftest import Install
from tests.crash.installation import Installation, Outcome

pytestmark = pytest.mark.crash

DONE = Outcome("succeeded", 1, 1, ["closed"], possible_cost=False, paid_calls=1)
UNSTORED = Outcome("failed", 0, 0, ["closed"], possible_cost=True, paid_calls=1)


def test_media_with_a_file_in_the_way(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")
    media = installation.home / "media"
    media.rmdir()
    media.write_text("a file where the folder should be")

    [generation] = installation.submit(browser)
    installation.wait_until_ended([generation])
    assert installation.outcome(generation) == UNSTORED
    assert installation.rows("SELECT reason FROM generations_output") == [("storage",)]
    assert "Storage may be full" in browser.page("studio/").text

    media.unlink()
    assert_works_again(installation, browser)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a disk small enough to be full")
def test_media_on_a_full_disk(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")

    with small_disk(installation.home / "media"):
        [generation] = installation.submit(browser)
        installation.wait_until_ended([generation])
        assert installation.outcome(generation) == UNSTORED
        assert [path for path in installation.home.glob("media/**/*") if path.is_file()] == []

    assert_works_again(installation, browser)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a disk small enough to be full")
def test_spool_on_a_full_disk(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")

    with small_disk(installation.home / "spool"):
        [generation] = installation.submit(browser)
        installation.wait_until_ended([generation])
        outcome = installation.outcome(generation)
        assert (outcome.delivered, outcome.charged, outcome.paid_calls) == (0, 0, 1)
        assert outcome.possible_cost

    assert_works_again(installation, browser)


def test_media_that_refuses_writes_keeps_what_it_has(install: Install) -> None:
    installation = install()
    browser = installation.open("scheduler", "worker")
    [kept] = installation.submit(browser)
    installation.wait_until_ended([kept])
    originals = installation.home / "media" / "originals"
    originals.rename(originals.with_name("away"))
    originals.write_text("")

    [generation] = installation.submit(browser)
    installation.wait_until_ended([generation])
    assert installation.outcome(generation) == UNSTORED

    originals.unlink()
    originals.with_name("away").rename(originals)
    assert_works_again(installation, browser)
    assert installation.outcome(kept) == DONE


def assert_works_again(installation: Installation, browser: Browser) -> None:
    """A picture is made as ever."""
    [generation] = installation.submit(browser)
    installation.wait_until_ended([generation])
    assert installation.outcome(generation) == DONE


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Put a file system of 64 KiB there for the length of the block."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
