"""Handing pictures over: a selection at once, the whole library converted, and taken back."""

import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from studio.core.templatetags.studio import filesize
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

PROMPT = "A paper crane on a windowsill, for handing over"


def saved(visitor: Visitor, button: Locator) -> zipfile.ZipFile:
    """Press a download button and open what comes; every file in it is as its checksum says."""
    with visitor.page.expect_download() as started:
        button.click()
    archive = zipfile.ZipFile(BytesIO(Path(started.value.path()).read_bytes()))
    assert archive.testzip() is None
    assert re.fullmatch(r"halden-co-[a-z-]+-\d{4}-\d\d-\d\d\.zip", started.value.suggested_filename)
    return archive


def pictures_in(archive: zipfile.ZipFile) -> list[str]:
    assert archive.namelist()[-3:] == ["manifest.json", "manifest.csv", "README.txt"]
    return archive.namelist()[:-3]


def test_selection_is_handed_over_and_a_library_converted_and_revoked(maya: Visitor) -> None:
    page = maya.page
    maya.make(PROMPT, n=2)
    maya.go("library/?q=crane")
    page.get_by_role("button", name="Select", exact=True).first.click()
    page.locator(".pick").nth(0).check()
    page.locator(".pick").nth(1).check()
    archive = saved(maya, page.get_by_role("button", name="Download ZIP"))
    originals = {path.read_bytes() for path in maya.site.originals()}
    assert {archive.read(name) for name in pictures_in(archive)} <= originals
    assert len(pictures_in(archive)) == 2
    size = sum(len(archive.read(name)) for name in pictures_in(archive))
    expect(page.locator("[data-bulk-size]")).to_have_text(filesize(size))
    assert "/library/?q=crane" in page.url
    told = page.get_by_role("status", name="Messages")
    expect(told).to_have_text("The download of the ZIP begins.")

    page.get_by_role("link", name="Download options").click()
    expect(page.get_by_text("Search “crane”: 2 images.")).to_be_visible()
    maya.inspect("download-options")
    expect(page.get_by_label("Convert to")).to_be_hidden()
    page.get_by_label("Files").select_option("Converted")
    page.get_by_label("Convert to").select_option("WebP")
    page.get_by_label("Longest side").select_option("512 px")
    page.get_by_label("File names").fill("for client/{slug}-{id}")
    page.get_by_role("button", name="Download ZIP").click()
    ready = page.get_by_role("link", name="Download ZIP")
    expect(ready).to_be_visible()
    maya.inspect("download-ready")
    archive = saved(maya, ready)
    expect(told).to_have_text("The download of the ZIP begins.")
    for name in pictures_in(archive):
        assert re.fullmatch(r"for client/a-paper-crane-on-a-windowsill-for-handing-over-\d+\.webp", name)
        with Image.open(BytesIO(archive.read(name))) as image:
            assert (image.format, max(image.size)) == ("WEBP", 512)
    manifest = json.loads(archive.read("manifest.json"))
    assert {picture["prompt"] for picture in manifest["pictures"]} == {PROMPT}

    maya.go("downloads/")
    maya.inspect("downloads")
    row = page.get_by_role("row", name="Search “crane”")
    address = row.get_by_role("link", name="ZIP").get_attribute("href")
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("row", name="Search “crane”")).to_contain_text("Revoked")
    gone = page.request.get(f"{maya.site.url}{address}")
    assert (gone.status, "This download was revoked" in gone.text()) == (410, True)

    maya.go("library/?q=crane")
    saved(maya, page.get_by_role("button", name="Download all, 2 images"))
    expect(told).to_have_text("The download of the ZIP begins.")
