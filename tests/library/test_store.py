"""Hostile and unusual pictures, and what is kept of good ones."""

import contextlib
import hashlib
import logging
import zlib
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.storage import default_storage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, UnidentifiedImageError
from pytest_django import Settings

from studio.library import pixels, store
from studio.library.errors import BadImage
from studio.library.sniff import DAMAGED, INCOMPLETE, TOO_LARGE
from studio.library.store import check_image, make_preview, put_image
from studio.teams.models import Team
from tests.factories import make_asset
from tests.library import corpus

KEY = UUID("0b0e7a40-1111-4222-8333-444455556666")


def thumbnail_of(data: bytes) -> Image.Image:
    thumbnail = check_image(data).thumbnail
    assert thumbnail is not None
    image = Image.open(BytesIO(thumbnail), formats=["WEBP"])
    image.load()
    return image


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [("PNG", "image/png", "png"), ("JPEG", "image/jpeg", "jpg"), ("WEBP", "image/webp", "webp")],
)
def test_picture_is_described_exactly(kind: str, content_type: str, extension: str) -> None:
    data = corpus.encoded(corpus.picture(size=(800, 600)), kind)
    checked = check_image(data)
    assert (checked.width, checked.height) == (800, 600)
    assert (checked.content_type, checked.extension) == (content_type, extension)
    assert checked.sha256 == hashlib.sha256(data).hexdigest()
    assert (checked.crc32, checked.size) == (zlib.crc32(data), len(data))
    assert not checked.has_alpha
    thumbnail = thumbnail_of(data)
    assert (thumbnail.size, thumbnail.mode) == ((512, 384), "RGB")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_cut_picture_is_refused_wherever_it_is_cut(kind: str) -> None:
    data = corpus.encoded(corpus.picture(), kind)
    for length in [12, 40, len(data) // 2, len(data) - 12, len(data) - 3, len(data) - 1]:
        with pytest.raises(BadImage) as caught:
            check_image(data[:length])
        assert caught.value.reason in {INCOMPLETE, DAMAGED}, length


def test_png_with_a_flipped_bit_is_refused() -> None:
    data = bytearray(corpus.png())
    data[len(data) // 2] ^= 1
    with pytest.raises(BadImage, match="damaged"):
        check_image(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.png_bomb(30_000, 30_000), id="png 30000"),
        pytest.param(corpus.png_bomb(65_535, 65_535), id="png 65535"),
        pytest.param(corpus.png_bomb(5001, 5000), id="png one row too many"),
        pytest.param(corpus.webp_bomb(16_000, 16_000), id="webp canvas"),
        pytest.param(corpus.jpeg_bomb_header(5001, 5000), id="jpeg one row too many"),
        pytest.param(corpus.jpeg_bomb_header(30_000, 30_000), id="jpeg 30000"),
    ],
)
def test_too_many_pixels_are_refused(data: bytes) -> None:
    with pytest.raises(BadImage) as caught:
        check_image(data)
    assert caught.value.reason == TOO_LARGE


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(_: Image.Image) -> None:
        pytest.fail("a bomb was decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", load)
    with pytest.raises(BadImage):
        check_image(corpus.png_bomb(30_000, 30_000))


def test_pixel_limit_itself_is_allowed(settings: Settings) -> None:
    settings.MAX_PIXELS = 96 * 64
    assert check_image(corpus.png()).width == 96
    settings.MAX_PIXELS = 96 * 64 - 1
    with pytest.raises(BadImage):
        check_image(corpus.png())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.jpeg_with_scans(200), id="jpeg with 200 scans"),
        pytest.param(corpus.compressed_text_bomb(), id="zTXt"),
        pytest.param(corpus.profile_bomb(), id="iCCP"),
        pytest.param(corpus.png_bomb(0, 10), id="no width"),
        pytest.param(b"\xff\xd8\xff\xd9", id="jpeg without a picture"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + corpus.chunk(b"tEXt", b"") * 200_001, id="endless chunks"),
        pytest.param(b"\xff\xd8" + b"\xff" * 1_000_000 + b"\x00", id="endless fill bytes"),
    ],
)
def test_other_bombs_are_refused(data: bytes) -> None:
    with pytest.raises(BadImage) as caught:
        check_image(data)
    assert caught.value.reason in {DAMAGED, INCOMPLETE}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty."),
        (b"Sorry, no picture today.", "What arrived is text, not a PNG, JPEG or WebP picture."),
        (b'{"error": "nope"}', "What arrived is data, not a PNG, JPEG or WebP picture."),
        (b"<!DOCTYPE html><html></html>", "What arrived is a web page, not a PNG, JPEG or WebP picture."),
        (
            b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
            "What arrived is a drawing (SVG), not a PNG, JPEG or WebP picture.",
        ),
        (b"%PDF-1.7\n", "What arrived is a PDF, not a PNG, JPEG or WebP picture."),
        (b"PK\x03\x04rest", "What arrived is a ZIP archive, not a PNG, JPEG or WebP picture."),
        (b"\x00\x00\x00\x20ftypisom", "What arrived is a video, not a PNG, JPEG or WebP picture."),
        (b"\x7fELF\x02\x01\x01\x00", "What arrived is a file of another kind, not a PNG, JPEG or WebP picture."),
        (corpus.encoded(corpus.picture(), "GIF"), "What arrived is a GIF, not a PNG, JPEG or WebP picture."),
        (b"\x89PNG\r\n\x1a\n", INCOMPLETE),
    ],
)
def test_what_is_no_picture_is_refused_in_plain_words(data: bytes, reason: str) -> None:
    with pytest.raises(BadImage) as caught:
        check_image(data)
    assert caught.value.reason == reason


def test_heavy_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.library.sniff.MAX_BYTES", 100)
    with pytest.raises(BadImage, match="larger than 128 MB"):
        check_image(corpus.png())


@pytest.mark.parametrize(
    ("data", "has_alpha"),
    [
        pytest.param(corpus.png("RGBA"), True, id="rgba"),
        pytest.param(corpus.png("LA"), True, id="grey with alpha"),
        pytest.param(corpus.png("L"), False, id="grey"),
        pytest.param(corpus.png("1"), False, id="bitmap"),
        pytest.param(corpus.png("P"), False, id="palette"),
        pytest.param(corpus.palette_with_key(), True, id="palette with a key"),
        pytest.param(corpus.encoded(corpus.picture("RGB"), "PNG", transparency=(1, 2, 3)), False, id="rgb, unused key"),
        pytest.param(corpus.encoded(corpus.picture("L").convert("I;16"), "PNG"), False, id="16 bit"),
        pytest.param(corpus.encoded(corpus.picture("CMYK"), "JPEG"), False, id="cmyk"),
        pytest.param(corpus.encoded(corpus.picture("RGBA"), "WEBP", lossless=True), True, id="webp with alpha"),
        pytest.param(corpus.encoded(corpus.picture().convert("RGBA"), "PNG"), False, id="opaque alpha"),
        pytest.param(corpus.animated("PNG"), False, id="animated png"),
        pytest.param(corpus.animated("WEBP"), False, id="animated webp"),
        pytest.param(corpus.with_profile(corpus.lab_profile()), False, id="wrong profile"),
        pytest.param(corpus.with_profile(b"no profile at all"), False, id="broken profile"),
        pytest.param(corpus.png() + b"<script>alert(1)</script>", False, id="polyglot"),
    ],
)
def test_unusual_picture_is_kept_with_a_thumbnail(data: bytes, has_alpha: bool) -> None:
    checked = check_image(data)
    assert checked.has_alpha is has_alpha
    assert checked.size == len(data)
    assert thumbnail_of(data).mode == ("RGBA" if has_alpha else thumbnail_of(data).mode)


def test_16_bit_grey_keeps_its_lightness() -> None:
    data = corpus.encoded(Image.new("I;16", (64, 64), 0x8000), "PNG")
    assert Image.open(BytesIO(data)).getextrema() == (0x8000, 0x8000)
    assert check_image(data).colour == "#808080"


def test_single_pixel_has_a_thumbnail_of_one_pixel() -> None:
    data = corpus.encoded(Image.new("RGB", (1, 1), (10, 20, 30)), "PNG")
    checked = check_image(data)
    assert (checked.width, checked.height, checked.colour) == (1, 1, "#0a141e")
    assert thumbnail_of(data).size == (1, 1)


def test_very_long_picture_keeps_a_thumbnail_of_some_height() -> None:
    assert thumbnail_of(corpus.encoded(Image.new("RGB", (4000, 2), "navy"), "PNG")).size == (512, 1)


def test_small_picture_is_not_blown_up() -> None:
    assert thumbnail_of(corpus.png()).size == (96, 64)


def test_colour_counts_what_is_visible() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 200, 255), (0, 0, 32, 64))
    assert check_image(corpus.encoded(image, "PNG")).colour in {"#0000c7", "#0000c8"}  # half of it, rounded
    nothing = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert check_image(corpus.encoded(nothing, "PNG")).colour == "#808080"


@pytest.mark.parametrize(("orientation", "size"), [(1, (96, 64)), (3, (96, 64)), (6, (64, 96)), (8, (64, 96))])
def test_turned_picture_is_measured_and_shown_upright(orientation: int, size: tuple[int, int]) -> None:
    data = corpus.turned_jpeg(orientation)
    checked = check_image(data)
    assert (checked.width, checked.height) == size
    thumbnail = thumbnail_of(data).convert("RGB")
    assert thumbnail.size == size
    width, height = size
    corner = {1: (3, 3), 3: (width - 4, height - 4), 6: (width - 4, 3), 8: (3, height - 4)}[orientation]
    red, green, _ = thumbnail.getpixel(corner)  # type: ignore[misc]  # Pillow's type covers all modes at once
    assert red > 200
    assert green < 90


def test_derived_pictures_carry_no_metadata_of_the_original(team: Team) -> None:
    asset = make_asset(team, data=corpus.with_metadata("canary-7f3a"))
    make_preview(asset)
    for name in (asset.thumb_name, asset.preview_name):
        with default_storage.open(name) as file:
            data = file.read()
        assert b"canary" not in data
        assert b"EXIF" not in data
        assert data.count(b"XMP ") == (name == asset.preview_name)
        assert b"ICCP" not in data


def test_failing_thumbnail_does_not_fail_the_picture(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(image: Image.Image, longest: int) -> Image.Image:
        raise MemoryError(longest)

    monkeypatch.setattr(pixels, "shrink", refuse)
    with caplog.at_level(logging.ERROR):
        checked = check_image(corpus.png("RGBA"))
    assert (checked.thumbnail, checked.colour, checked.has_alpha, checked.width) == (None, "", True, 96)
    assert caplog.messages == ["No thumbnail could be made of a RGBA picture of (96, 64)"]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_scrambled_picture_is_refused_or_kept_but_never_an_error(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"]))
    scrambled = bytearray(corpus.encoded(corpus.picture(size=(40, 30)), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        scrambled[data.draw(st.integers(0, len(scrambled) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadImage):
        checked = check_image(bytes(scrambled))
        assert 0 < checked.width * checked.height <= 25_000_000
        assert checked.size == len(scrambled)


def test_stored_original_is_what_was_received(media: Path) -> None:
    data = corpus.png() + b"trailing bytes of a polyglot"
    checked = check_image(data)
    for _ in range(2):
        put_image(team_id=7, file_key=KEY, checked=checked, data=data)
    files = sorted(path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file())
    assert files == [f"originals/7/0b/{KEY}.png", f"thumbs/7/0b/{KEY}.webp"]
    assert (media / files[0]).read_bytes() == data
    assert (media / files[1]).read_bytes() == checked.thumbnail


def test_preview_is_made_from_the_original_and_brings_a_missing_thumbnail(team: Team) -> None:
    asset = make_asset(team, data=corpus.png(size=(3200, 1600)))
    default_storage.delete(asset.thumb_name)
    asset.has_thumb = False
    make_preview(asset)
    with default_storage.open(asset.preview_name) as preview, default_storage.open(asset.thumb_name) as thumb:
        assert Image.open(preview).size == (1600, 800)
        assert Image.open(thumb).size == (512, 256)


def test_preview_of_a_lost_original_is_an_error(team: Team) -> None:
    asset = make_asset(team)
    default_storage.delete(asset.original_name)
    with pytest.raises(FileNotFoundError):
        make_preview(asset)


def test_pillow_raises_only_what_is_expected() -> None:
    assert issubclass(UnidentifiedImageError, pixels.DECODE_ERRORS)
    assert store.BadImage is BadImage
