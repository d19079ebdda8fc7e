"""Files to hand over: the right format and size, upright, sRGB, and saying what made them."""

from io import BytesIO

import pytest
from PIL import Image

from studio.library.convert import TYPES, convert
from studio.library.errors import BadImage
from studio.library.models import Asset, Source
from studio.library.provenance import marks_of
from studio.library.sniff import kind_of
from tests.library import corpus


def made(source: Source = Source.GENERATED, marks: list[str] | None = None) -> Asset:
    return Asset(source=source, model_title="GPT Image 2", marks=marks or [])


def opened(data: bytes) -> Image.Image:
    kind_of(data).check(data)
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", TYPES)
def test_picture_has_the_format_and_the_size_that_were_asked_for(kind: str) -> None:
    data = convert(corpus.png(size=(300, 200)), asset=made(), format=kind, side=150, quality=85)
    assert kind_of(data).content_type == TYPES[kind]
    assert opened(data).size == (150, 100)
    assert marks_of(data, TYPES[kind]) == ["iptc:trainedAlgorithmicMedia"]
    assert b"GPT Image 2" in data


@pytest.mark.parametrize("side", [None, 5000])
def test_picture_is_never_blown_up(side: int | None) -> None:
    data = convert(corpus.png(), asset=made(), format="png", side=side, quality=85)
    assert opened(data).tobytes() == corpus.picture().tobytes()


@pytest.mark.parametrize("kind", TYPES)
def test_turned_picture_is_upright_without_a_note_of_it(kind: str) -> None:
    image = opened(convert(corpus.turned_jpeg(6), asset=made(), format=kind, side=None, quality=95))
    assert image.size == (64, 96)
    assert dict(image.getexif()) in ({}, {0x0112: 1})
    red, green, _ = image.convert("RGB").getpixel((60, 3))  # type: ignore[misc]  # Pillow's type covers all modes
    assert (red > 200, green < 90) == (True, True)


def test_transparency_is_kept_or_laid_on_white() -> None:
    data = corpus.encoded(Image.new("RGBA", (40, 40), (255, 0, 0, 0)), "PNG")
    flat = opened(convert(data, asset=made(), format="jpeg", side=None, quality=90))
    assert (flat.mode, flat.getpixel((20, 20))) == ("RGB", (255, 255, 255))
    for kind in ("png", "webp"):
        kept = opened(convert(data, asset=made(), format=kind, side=None, quality=90))
        assert kept.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.encoded(corpus.picture("CMYK"), "JPEG"), id="cmyk"),
        pytest.param(corpus.encoded(corpus.picture("L").convert("I;16"), "PNG"), id="16 bit"),
        pytest.param(corpus.palette_with_key(), id="palette"),
        pytest.param(corpus.animated("WEBP"), id="animated"),
        pytest.param(corpus.png("1"), id="bitmap"),
        pytest.param(corpus.with_profile(corpus.lab_profile()), id="wrong profile"),
    ],
)
@pytest.mark.parametrize("kind", TYPES)
def test_unusual_picture_becomes_a_plain_one(data: bytes, kind: str) -> None:
    image = opened(convert(data, asset=made(), format=kind, side=40, quality=80))
    assert image.mode in {"RGB", "RGBA"}
    assert max(image.size) == 40
    assert "icc_profile" not in image.info


def test_notes_of_the_original_are_not_handed_over() -> None:
    for kind in TYPES:
        data = convert(corpus.with_metadata("canary"), asset=made(), format=kind, side=None, quality=80)
        assert b"canary" not in data


def test_upload_repeats_only_what_it_said() -> None:
    silent = convert(corpus.png(), asset=made(Source.UPLOADED), format="jpeg", side=None, quality=80)
    assert marks_of(silent, "image/jpeg") == []
    assert b"GPT Image 2" not in silent
    labelled = made(Source.UPLOADED, ["c2pa", "iptc:digitalArt"])
    data = convert(corpus.png(), asset=labelled, format="jpeg", side=None, quality=80)
    assert marks_of(data, "image/jpeg") == ["iptc:digitalArt"]


def test_same_picture_converted_again_is_the_same_file() -> None:
    files = {convert(corpus.png(), asset=made(), format="png", side=50, quality=80) for _ in range(2)}
    assert len(files) == 1


def test_damaged_original_cannot_be_converted() -> None:
    with pytest.raises(BadImage):
        convert(corpus.png()[:-30], asset=made(), format="png", side=None, quality=80)
