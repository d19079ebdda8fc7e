"""What is shown of an upload: the same pixels, without the notes around them."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms

from studio.library.clean import cleaned
from studio.library.containers import jpeg_segment, parts_of, riff, webp_chunk
from studio.library.sniff import kind_of
from studio.library.store import check_image
from tests.library import corpus

SECRET = "canary-41.40338N-2.17403E"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noted(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A picture with EXIF, XMP and a colour profile; the notes hold a secret."""
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif.get_ifd(0x8825)[1] = "N"
    xmp = f"<x>{SECRET}</x>".encode()
    return corpus.encoded(corpus.picture(mode), kind, exif=exif, xmp=xmp, icc_profile=SRGB, **options)


def pixels_of(data: bytes) -> Image.Image:
    """Decode, and complain as a browser would not: the container has to be right too."""
    kind_of(data).check(data)
    image = Image.open(BytesIO(data))
    image.load()
    return image


def is_same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.mode == other.mode and one.tobytes() == other.tobytes()


def worst_of(one: Image.Image, other: Image.Image) -> int:
    """The greatest difference of any channel of any pixel."""
    return max(ImageChops.difference(one, other).tobytes())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(corpus.png(), id="png"),
        pytest.param(corpus.png("RGBA"), id="png with alpha"),
        pytest.param(corpus.palette_with_key(), id="palette with a key"),
        pytest.param(corpus.with_profile(SRGB), id="png with a profile"),
        pytest.param(corpus.encoded(corpus.picture(), "JPEG", icc_profile=SRGB, dpi=(300, 300)), id="jpeg"),
        pytest.param(corpus.encoded(corpus.picture("CMYK"), "JPEG"), id="cmyk"),
        pytest.param(corpus.encoded(corpus.picture(), "JPEG", progressive=True), id="progressive"),
        pytest.param(corpus.encoded(corpus.picture(), "WEBP"), id="webp"),
        pytest.param(corpus.encoded(corpus.picture("RGBA"), "WEBP", icc_profile=SRGB), id="webp with all it may have"),
        pytest.param(corpus.encoded(corpus.picture("L").convert("I;16"), "PNG"), id="16 bit"),
    ],
)
def test_picture_without_notes_is_the_very_same_file(data: bytes) -> None:
    assert cleaned(data) is data


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 90}), ("JPEG", {"progressive": True}), ("WEBP", {"quality": 80})],
)
def test_notes_go_and_every_pixel_and_the_profile_stay(kind: str, options: dict[str, Any]) -> None:
    data = noted(kind, **options)
    assert SECRET.encode() in data
    shown = cleaned(data)
    assert SECRET.encode() not in shown
    before, after = pixels_of(data), pixels_of(shown)
    assert is_same(before, after)
    assert after.info["icc_profile"] == SRGB
    assert dict(after.getexif()) == {}
    assert "xmp" not in after.info
    assert cleaned(shown) is shown


def test_text_of_a_png_goes() -> None:
    data = corpus.with_metadata(SECRET)
    shown = cleaned(data)
    assert [part.name for part in parts_of(shown, "image/png")] == ["IHDR", "IDAT", "IEND"]
    assert is_same(pixels_of(data), pixels_of(shown))


def test_segments_of_a_jpeg_that_tell_of_people_go() -> None:
    plain = corpus.encoded(corpus.picture(), "JPEG")
    notes = [
        (0xFE, b"comment "),
        (0xED, b"Photoshop 3.0\x00"),
        (0xEB, b"JP\x00\x01"),
        (0xE2, b"MPF\x00"),
        (0xEC, b"Ducky"),
    ]
    added = b"".join(jpeg_segment(marker, start + SECRET.encode()) for marker, start in notes)
    assert cleaned(plain[:20] + added + plain[20:]) == plain


def test_note_between_the_scans_of_a_jpeg_goes() -> None:
    plain = corpus.encoded(corpus.picture(size=(256, 256)), "JPEG", progressive=True)
    scan = plain.rindex(b"\xff\xda")
    assert cleaned(plain[:scan] + jpeg_segment(0xFE, SECRET.encode()) + plain[scan:]) == plain


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_what_follows_the_end_goes(kind: str) -> None:
    plain = corpus.encoded(corpus.picture(), kind)
    assert cleaned(plain + b"PK\x03\x04<script>alert(1)</script>") == plain


def test_flags_of_a_webp_promise_only_what_is_there() -> None:
    shown = cleaned(noted("WEBP"))
    head = next(parts_of(shown, "image/webp"))
    assert (head.name, shown[head.body]) == ("VP8X", 0x20)
    assert int.from_bytes(shown[4:8], "little") == len(shown) - 8


def test_unknown_chunks_of_a_webp_go() -> None:
    plain = corpus.encoded(corpus.picture("RGBA"), "WEBP")
    chunks = [plain[part.start : part.stop] for part in parts_of(plain, "image/webp")]
    assert cleaned(riff([*chunks, webp_chunk(b"C2PA", SECRET.encode()), webp_chunk(b"odd ", b"x")])) == plain


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_jpeg_is_encoded_upright(orientation: int) -> None:
    data = corpus.turned_jpeg(orientation)
    shown = cleaned(data)
    upright = pixels_of(shown)
    assert dict(upright.getexif()) == {}
    checked, again = check_image(data), check_image(shown)
    assert (again.width, again.height) == (checked.width, checked.height) == upright.size
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}[orientation]
    expected = pixels_of(data).transpose(Image.Transpose(turn))
    assert worst_of(upright, expected) <= 12


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [("PNG", "RGBA", {}), ("PNG", "L", {}), ("PNG", "P", {"transparency": 3}), ("WEBP", "RGBA", {"lossless": True})],
)
def test_other_turned_pictures_lose_nothing(kind: str, mode: str, options: dict[str, Any]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = corpus.encoded(corpus.picture(mode), kind, exif=exif, icc_profile=SRGB, **options)
    upright = pixels_of(cleaned(data))
    assert is_same(upright, pixels_of(data).transpose(Image.Transpose.ROTATE_270))
    assert upright.info["icc_profile"] == SRGB
    assert upright.info.get("transparency") == pixels_of(data).info.get("transparency")


def test_turned_cmyk_keeps_its_inks() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    data = corpus.encoded(corpus.picture("CMYK"), "JPEG", exif=exif, quality=95, subsampling=0)
    upright = pixels_of(cleaned(data))
    expected = pixels_of(data).transpose(Image.Transpose.ROTATE_180)
    assert upright.mode == "CMYK"
    assert worst_of(upright, expected) <= 12


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animation_becomes_its_first_frame(kind: str) -> None:
    still = pixels_of(cleaned(corpus.animated(kind)))
    assert getattr(still, "n_frames", 1) == 1
    red, green, blue = still.convert("RGB").getpixel((32, 24))  # type: ignore[misc]  # Pillow's type covers all modes
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("data", [corpus.palette_with_key(), corpus.encoded(corpus.picture("CMYK"), "JPEG")])
def test_unusual_picture_with_a_tail_keeps_its_mode(data: bytes) -> None:
    assert is_same(pixels_of(cleaned(data + b"tail")), pixels_of(data))
