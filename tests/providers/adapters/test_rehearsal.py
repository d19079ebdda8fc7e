import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFont

from studio.providers.adapters.base import Check, Endpoint, ImageRequest, ImageResult, InputImage
from studio.providers.adapters.errors import ProviderError, Unsupported
from studio.providers.adapters.practice import Practice, draw, wrapped
from studio.providers.adapters.registry import ADAPTERS
from studio.providers.adapters.rehearsal import FAILURES
from tests.emulators import mishaps
from tests.emulators.openai import REFUSALS
from tests.providers.adapters.door import send
from tests.providers.adapters.parts import picture

ADAPTER = ADAPTERS["rehearsal"]
SMALL = ImageRequest(model="rehearsal", prompt="Three paper boats", size="256x256", quality="low")
BOATS = Practice("Boats", slot=0, take="", width=256, height=256, quality="low")


def rehearse(spool: Path, request: ImageRequest, deadline: float = 60, **options: Any) -> ImageResult:
    built = ADAPTER.build_request(Endpoint("rehearsal", "rehearsal://studio", options=options), request)
    result = ADAPTER.read_answer(request, send(built, spool, deadline=deadline))
    assert isinstance(result, ImageResult)
    return result


def opened(result: ImageResult) -> list[Image.Image]:
    images: list[Image.Image] = [Image.open(io.BytesIO(image.data or b"")) for image in result.images]
    for image in images:
        image.load()
    return images


@pytest.mark.parametrize(
    ("size", "pixels"),
    [("", (1024, 1024)), ("auto", (1024, 1024)), ("1536x1024", (1536, 1024)), ("128x512", (128, 512))],
)
def test_picture_has_the_size_that_was_asked(spool: Path, size: str, pixels: tuple[int, int]) -> None:
    assert [image.size for image in opened(rehearse(spool, replace(SMALL, size=size)))] == [pixels]


@pytest.mark.parametrize(
    ("output_format", "sniffed"), [("", "PNG"), ("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")]
)
def test_picture_has_the_format_that_was_asked(spool: Path, output_format: str, sniffed: str) -> None:
    result = rehearse(spool, replace(SMALL, output_format=output_format))

    assert [image.format for image in opened(result)] == [sniffed]
    assert result.reported["output_format"] == (output_format or "png")


@pytest.mark.parametrize("output_format", ["png", "webp"])
def test_transparent_picture_is_clear_where_nothing_is_drawn(spool: Path, output_format: str) -> None:
    request = replace(SMALL, background="transparent", output_format=output_format)

    (image,) = opened(rehearse(spool, request))

    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)


def test_opaque_picture_has_no_alpha(spool: Path) -> None:
    assert [image.mode for image in opened(rehearse(spool, replace(SMALL, background="opaque")))] == ["RGB"]


def painted(folder: Path, colour: str, name: str = "a.png", **how: Any) -> InputImage:
    path = folder / f"{colour}-{name}"
    Image.new("RGB", (300, 200), colour).save(path, **how)
    return InputImage(path, path.stat().st_size, f"image/{path.suffix[1:]}", name)


@pytest.mark.parametrize("background", ["opaque", "transparent"])
def test_references_are_shown_in_the_drawing(tmp_path: Path, spool: Path, background: str) -> None:
    references = (
        painted(tmp_path, "red"),
        painted(tmp_path, "blue", "b.jpeg"),
        painted(tmp_path, "lime", "c.webp", lossless=True),
    )

    (image,) = opened(rehearse(spool, replace(SMALL, references=references, background=background)))

    shown = image.convert("RGB")
    colours = [shown.getpixel((10 + number * 58 + 25, 41 + 25)) for number in range(3)]
    assert colours == [(255, 0, 0), (0, 0, 254), (0, 255, 0)]
    assert image.getpixel((35, 66)) == ((255, 0, 0, 255) if background == "transparent" else (255, 0, 0))


def test_many_references_fit(tmp_path: Path, spool: Path) -> None:
    references = (painted(tmp_path, "red"),) * 16

    (image,) = opened(rehearse(spool, replace(SMALL, references=references)))

    assert [image.getpixel((10 + number * 29 + 12, 41 + 29 + 12)) for number in range(8)] == [(255, 0, 0)] * 8


def test_reference_that_is_no_picture_is_refused(tmp_path: Path, spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        rehearse(spool, replace(SMALL, references=(picture(tmp_path),)))

    assert (caught.value.kind, caught.value.provider_message) == (
        "invalid_request",
        "A reference picture cannot be read.",
    )


def test_mask_is_not_offered(tmp_path: Path, spool: Path) -> None:
    with pytest.raises(Unsupported):
        rehearse(spool, replace(SMALL, references=(picture(tmp_path),), mask=picture(tmp_path)))


def check(spool: Path, **options: Any) -> Check:
    endpoint = Endpoint("rehearsal", "rehearsal://studio", options=options)
    return ADAPTER.read_check(endpoint, send(ADAPTER.build_check(endpoint), spool))


def test_check_says_that_there_is_nothing_to_check(spool: Path) -> None:
    assert check(spool) == Check(
        checked="Practice pictures are drawn on this machine: no key, no cost.", models=frozenset({"rehearsal"})
    )


def test_check_fails_as_the_connection_rehearses(spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        check(spool, failure="unauthorized")

    assert caught.value.kind == "auth"


def test_pictures_of_one_call_differ(spool: Path) -> None:
    result = rehearse(spool, replace(SMALL, n=4))

    assert len({image.data for image in result.images}) == 4


def test_compression_makes_files_smaller() -> None:
    order = replace(BOATS, width=512, height=512, quality="high", format="jpeg")

    assert len(draw(replace(order, compression=20))) < len(draw(replace(order, compression=95))) / 2


def test_quality_changes_the_picture() -> None:
    order = BOATS

    assert len({draw(replace(order, quality=quality)) for quality in ("low", "medium", "high")}) == 3


def test_same_order_gives_the_same_picture() -> None:
    order = BOATS

    assert draw(order) == draw(replace(order))


@pytest.mark.parametrize(
    "prompt",
    [
        "狐と雪",
        "Привет, мир",
        "مرحبا بالعالم",
        "🦊🎨",
        "e\u0301\u0301\u0301",
        "\x00\x07",
        "half \ud83d",
        "x" * 32_000,
        "a " * 16_000,
    ],
)
def test_any_prompt_can_be_drawn(prompt: str) -> None:
    image = Image.open(io.BytesIO(draw(replace(BOATS, prompt=prompt, height=128))))
    image.load()

    assert image.size == (256, 128)


def test_wrapped_lines_are_never_wider_than_the_room() -> None:
    font = ImageFont.load_default(20)

    lines = wrapped("short words and one " + "w" * 300, font, 200)

    assert all(font.getlength(line) <= 200 for line in lines)
    assert "".join(lines).replace(" ", "") == "shortwordsandone" + "w" * 300


def test_request_id_marks_a_rehearsal(spool: Path) -> None:
    assert re.fullmatch(r"rehearsal-[0-9a-f]{12}", rehearse(spool, SMALL).request_id)


def test_failures_are_faults_of_the_emulator() -> None:
    assert {*REFUSALS, *mishaps.NAMES} >= FAILURES


@pytest.mark.parametrize("failure", sorted(FAILURES - {"fewer", "truncated_base64"}))
def test_failure_fails_like_a_provider(spool: Path, failure: str) -> None:
    kinds = {
        "bad_request": "invalid_request",
        "unauthorized": "auth",
        "payment_required": "insufficient_funds",
        "insufficient_quota": "insufficient_funds",
        "moderation_blocked": "content_refused",
        "model_not_found": "model_unavailable",
        "rate_limited": "rate_limited",
        "server_error": "upstream_transient",
        "overloaded": "upstream_transient",
        "hang": "outcome_unknown",
        "reset_before": "outcome_unknown",
    }

    with pytest.raises(ProviderError) as caught:
        rehearse(spool, SMALL, deadline=0.3 if failure == "hang" else 60, failure=failure)

    assert caught.value.kind == kinds.get(failure, "bad_answer")


def test_partial_failures_leave_the_rest(spool: Path) -> None:
    two = replace(SMALL, n=2)

    assert len(rehearse(spool, two, failure="fewer").images) == 1
    assert [image.data for image in rehearse(spool, two, failure="truncated_base64").images] == [None, None]


def test_failure_rate_of_zero_never_fails(spool: Path) -> None:
    assert len(rehearse(spool, SMALL, failure="server_error", failure_rate=0).images) == 1


def test_delay_is_kept_within_the_deadline(spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        rehearse(spool, SMALL, deadline=0.3, delay=30)

    assert caught.value.kind == "outcome_unknown"


@pytest.mark.parametrize(
    "options", [{"delay": -1}, {"delay": "soon"}, {"delay": float("nan")}, {"failure": "flood"}, {"failure_rate": 2}]
)
def test_wrong_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ADAPTER.build_request(Endpoint("rehearsal", "rehearsal://studio", options=options), SMALL)


def test_size_that_cannot_be_drawn_is_refused(spool: Path) -> None:
    with pytest.raises(ProviderError) as caught:
        rehearse(spool, replace(SMALL, size="9999x9999"))

    assert caught.value.kind == "invalid_request"


def test_base_url_of_the_connection_leads_nowhere_else() -> None:
    built = ADAPTER.build_request(Endpoint("rehearsal", "http://169.254.169.254/", "secret"), SMALL)

    assert (built.url, "authorization" in built.headers) == ("rehearsal://studio/v1/images/generations", False)
