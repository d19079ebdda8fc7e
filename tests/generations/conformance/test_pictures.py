"""Pictures that are damaged, unusual or laden: each is kept or refused by itself, and nothing in it is ever run."""

import logging
import math
from dataclasses import replace

import pytest
from django.core.files.storage import default_storage

from studio.library import pixels
from studio.library.models import Asset
from studio.library.upkeep import make_missing_previews
from tests.conftest import ClientOf
from tests.emulators.oddities import DAMAGED, LADEN, UNUSUAL
from tests.generations.conformance.line import BASE64, Ending, Line, delivered, failed
from tests.library.downloads import fetch

pytestmark = pytest.mark.django_db(transaction=True)


def calls_of(line: Line, n: int) -> int:
    return math.ceil(n / line.capabilities.max_per_call)


def spoilt(line: Line, reason: str = "bad_image") -> Ending:
    """Return the ending in which one of two pictures is of no use."""
    calls = calls_of(line, 2)
    return Ending(
        state="partial",
        outputs={"delivered": 1, "failed": 1},
        reasons=frozenset({reason}),
        calls=("closed",) * calls,
        lost=True,
        requests=calls,
        paid=2,
    )


def test_damaged_picture_costs_nothing_and_harms_no_other(line: Line) -> None:
    for name in DAMAGED:
        line.renew()
        line.emulator.fail(name)
        assert line.make(n=2) == spoilt(line), name


def test_unusual_picture_is_kept_with_a_thumbnail(line: Line) -> None:
    calls = calls_of(line, 2)
    for name, make in UNUSUAL.items():
        line.renew()
        line.emulator.fail(name)
        generation = line.ask(n=2)
        assert line.end(generation) == delivered(2, calls=("closed",) * calls, requests=calls), name
        assert make() in line.pictures(generation)
    assert not Asset.objects.filter(has_thumb=False).exists()


def test_what_a_picture_carries_is_neither_run_nor_passed_on(line: Line, client_of: ClientOf) -> None:
    client = client_of(line.member)
    for name, make in LADEN.items():
        line.renew()
        generation = line.ask(name)
        assert line.end(generation) == delivered(), name
        asset = Asset.objects.get(generation_id=generation.pk)
        page = f"/t/halden-co/assets/{asset.pk}/"

        original = fetch(client, f"{page}file/original/")
        assert original.body == make()
        assert original.headers["content-type"] == asset.content_type
        assert original.headers["x-content-type-options"] == "nosniff"
        assert original.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert make_missing_previews(1) == 1
        asset.refresh_from_db()
        for derived in (asset.thumb_name, asset.preview_name):
            with default_storage.open(derived) as file:
                data = file.read()
            assert not [sign for sign in (b"canary", b"EXIF", b"PK\x05\x06") if sign in data], name
        assert "canary" not in client.get(page).content.decode()


def test_picture_heavier_than_allowed_is_refused(line: Line) -> None:
    line.emulator.fail("heavy_file")
    generation = line.ask(n=2)
    in_the_answer = line.protocol in BASE64 and line.way != "aigateway-jobs"
    expected = spoilt(line, "bad_answer" if in_the_answer else "bad_image")
    if in_the_answer and calls_of(line, 2) == 1:
        expected = failed("bad_answer", outputs={"failed": 2}, lost=True, paid=2)
    elif in_the_answer:
        expected = replace(expected, calls=("bad_answer", "closed"))

    ending = line.end(generation)

    assert replace(ending, calls=tuple(sorted(ending.calls))) == expected


def test_picture_without_a_thumbnail_is_delivered_and_gets_it_later(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(image: object, longest: int) -> object:
        raise MemoryError(longest)

    with monkeypatch.context() as broken, caplog.at_level(logging.ERROR):
        broken.setattr(pixels, "shrink", refuse)
        assert line.make() == delivered()
    assert Asset.objects.get().has_thumb is False

    assert make_missing_previews(1) == 1
    asset = Asset.objects.get()
    assert asset.has_thumb
    assert default_storage.exists(asset.thumb_name)
