"""What comes when all goes well: the pictures asked for, each stored, charged and paid for once."""

import io
import math
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from studio.catalogue.errors import NotOffered
from studio.generations.models import Attempt
from studio.library.models import Asset
from studio.usage.models import UsageRecord
from tests.emulators.pictures import Kind, draw, shows
from tests.factories import make_asset
from tests.generations.conformance.line import Ending, Line, delivered

pytestmark = pytest.mark.django_db(transaction=True)


def drawn(line: Line, many: int) -> list[tuple[int, bytes]]:
    """Put pictures of the three formats into the library; return ids and bytes."""
    pictures = [draw(Kind(256, 256, ("png", "jpeg", "webp")[number % 3], variant=number)) for number in range(many)]
    return [(make_asset(line.team, data=data).pk, data) for data in pictures]


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        return image.size


def test_one_picture_is_made_stored_and_charged_once(line: Line) -> None:
    generation = line.ask()

    assert line.end(generation) == delivered()
    assert [size_of(picture) for picture in line.pictures(generation)] == [(1024, 1024)]
    attempt = Attempt.objects.get()
    assert attempt.status_code in {200, 202}
    assert attempt.latency_ms is not None
    # Pixapi documents no request id.
    assert bool(attempt.request_id) is (line.protocol != "pixapi")


@pytest.mark.parametrize("per_call", [1, 2])
def test_more_pictures_than_a_call_makes_are_spread_over_calls(line: Line, per_call: int) -> None:
    per_call = min(per_call, line.capabilities.max_per_call)
    line.limit(per_call)
    calls = math.ceil(3 / per_call)

    assert line.make(n=3) == delivered(3, calls=("closed",) * calls, requests=calls)
    assert sorted(request["n"] for request in line.emulator.requests()) == ([1, 2] if per_call == 2 else [1, 1, 1])
    assert list(Asset.objects.order_by("slot").values_list("slot", flat=True)) == [0, 1, 2]


@pytest.mark.parametrize("way", ["openai", "apiframe"])
def test_ten_pictures_come_from_one_call_where_it_makes_so_many(line: Line) -> None:
    assert line.make(n=10) == delivered(10)


def test_one_call_of_three_that_is_refused_leaves_the_others_delivered(line: Line) -> None:
    line.limit(1)
    line.emulator.fail("content_refused")

    ending = line.make(n=3)

    assert ending == Ending(
        state="partial",
        outputs={"delivered": 2, "failed": 1},
        reasons=frozenset({"content_refused"}),
        calls=ending.calls,
        # Cloudflare's guardrail does not say whether it read the prompt or the picture.
        lost=line.protocol == "cloudflare",
        requests=3,
        paid=2,
    )
    assert sorted(ending.calls) == ["closed", "closed", "content_refused"]


@pytest.mark.parametrize("many", [1, 3])
def test_edit_is_made_from_every_reference(line: Line, many: int) -> None:
    references = drawn(line, many)
    wanted = [pk for pk, _ in references]
    if many > line.capabilities.references:
        with pytest.raises(NotOffered):
            line.ask(references=wanted)
        assert line.emulator.stats()["requests"] == 0
        return

    generation = line.ask(references=wanted)

    assert line.end(generation) == delivered()
    (picture,) = line.pictures(generation)
    assert [shows(picture, data, place) for place, (_, data) in enumerate(references)] == [True] * many
    assert Asset.objects.get(generation_id=generation.pk).spec["references"] == wanted
    assert line.emulator.stats()["calls"].get("upload", 0) == (many if line.protocol == "apiframe" else 0)


def test_edit_of_several_pictures_uploads_or_sends_the_references_for_every_call(line: Line) -> None:
    line.limit(1)
    ((reference, data),) = drawn(line, 1)

    generation = line.ask(references=[reference], n=2)

    assert line.end(generation) == delivered(2, calls=("closed", "closed"), requests=2)
    assert [shows(picture, data) for picture in line.pictures(generation)] == [True, True]


def test_mask_keeps_what_it_covers_where_one_is_taken(line: Line) -> None:
    kept = draw(Kind(256, 256, "png", variant=1))
    mask = Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 128, 256, 256))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    wanted: dict[str, Any] = {
        "references": [make_asset(line.team, data=kept).pk],
        "mask": make_asset(line.team, data=buffer.getvalue()).pk,
    }
    if not line.capabilities.mask:
        with pytest.raises(NotOffered):
            line.ask(**wanted)
        assert line.emulator.stats()["requests"] == 0
        return

    generation = line.ask(**wanted)

    assert line.end(generation) == delivered()
    assert sorted(name for name, _ in line.emulator.requests()[0]["parts"]) == ["image", "mask"]
    (picture,) = line.pictures(generation)
    with Image.open(io.BytesIO(picture)) as made, Image.open(io.BytesIO(kept)) as original:
        covered = (256, 300, 1000, 500)
        wanted_pixels = original.convert("RGB").resize(made.size).crop(covered).resize((1, 1))
        assert _is_near(made.convert("RGB").crop(covered).resize((1, 1)), wanted_pixels)


def _is_near(one: Image.Image, other: Image.Image) -> bool:
    pairs = zip(one.getpixel((0, 0)), other.getpixel((0, 0)), strict=True)  # type: ignore[arg-type]  # three bands
    return all(abs(left - right) < 12 for left, right in pairs)


# What each provider says that a picture cost, where it says anything.
REPORTED = {
    "aigateway": {"unit": "cents", "amount": "4.2000"},
    "pixapi": {"unit": "credits", "amount": "1"},
    "apiframe": {"unit": "credits", "amount": "4"},
    "aimlapi": {"unit": "usd", "amount": "0.006"},
}


def test_cost_is_kept_as_reported_beside_the_estimate(line: Line) -> None:
    switches = {"aigateway": {"cost_header": True}, "pixapi": {"cost_credits": True}}
    line.emulator.set(**switches.get(line.protocol, {}))

    assert line.make() == delivered()
    attempt, record = Attempt.objects.get(), UsageRecord.objects.get()
    # AIgateway reports the cost with the pictures, and is not documented to do so with a job.
    expected = None if line.way == "aigateway-jobs" else REPORTED.get(line.protocol)
    assert attempt.reported.get("cost") == expected
    if line.protocol == "openai":
        assert attempt.reported["usage"]["output_tokens"] == 196
    assert record.reported == attempt.reported
    assert record.latency_ms == attempt.latency_ms
    assert record.latency_ms is not None
    assert record.price_version == 1
    assert record.estimate_usd is not None
    assert record.estimate_usd > Decimal(0)


UNUSUAL = ("more", "other_size", "cookies", "chunked", "gzipped", "overflow", "absurd_usage")


def test_unusual_answer_is_taken_as_it_is(line: Line) -> None:
    assert line.each(UNUSUAL) == dict.fromkeys(UNUSUAL, delivered())
    sizes = Asset.objects.order_by("pk").values_list("width", flat=True)
    assert dict(zip(UNUSUAL, sizes, strict=True)) == {**dict.fromkeys(UNUSUAL, 1024), "other_size": 256}


@pytest.mark.parametrize("way", ["openai", "aigateway", "aimlapi"])
def test_revised_prompt_of_any_length_is_kept_clean(line: Line) -> None:
    assert line.make("hostile_text") == delivered()
    revised = Asset.objects.get().revised_prompt
    assert revised.startswith("<b>bold</b> red back xxx")
    assert len(revised) <= 32_000
