"""Draws practice pictures: soft hills under a sun, decided by the prompt, plainly marked as practice."""

import hashlib
import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps

from studio.providers.adapters.text import storable_text

MARK = "Rehearsal · practice picture"
Colour = tuple[int, int, int]

# Sky above, sky at the horizon, sun, nearest hill. The hills in between are mixed from the last and the horizon.
PALETTES: Sequence[tuple[Colour, Colour, Colour, Colour]] = (
    ((38, 58, 158), (190, 205, 255), (255, 244, 224), (20, 26, 84)),
    ((250, 205, 150), (255, 240, 219), (232, 92, 84), (92, 45, 88)),
    ((18, 92, 104), (196, 232, 224), (255, 236, 184), (10, 46, 62)),
    ((232, 170, 176), (255, 233, 226), (255, 252, 240), (116, 42, 74)),
    ((28, 30, 44), (120, 126, 160), (240, 232, 214), (14, 14, 22)),
    ((206, 214, 190), (246, 244, 228), (244, 176, 74), (48, 74, 58)),
)
_HILLS = {"low": 3, "medium": 5}
_MOST_HILLS = 7
_CAPTION_LETTERS = 240
_THUMBNAIL = 512


@dataclass(frozen=True)
class Practice:
    """One picture to draw; `slot` of `count` makes the pictures of one call differ, `take` those of two calls."""

    prompt: str
    slot: int
    take: str
    count: int = 1
    width: int = 1024
    height: int = 1024
    quality: str = "auto"
    transparent: bool = False
    format: str = "png"
    compression: int | None = None
    references: tuple[Image.Image, ...] = ()


def thumbnails(paths: Sequence[Path]) -> list[Image.Image]:
    """Return the references small, to be shown in the drawing; raises OSError for what is no picture."""
    found: list[Image.Image] = []
    for path in paths:
        with Image.open(path) as image:
            # JPEG files are read small at once.
            image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))
            image.thumbnail((_THUMBNAIL, _THUMBNAIL))
            found.append(ImageOps.exif_transpose(image).convert("RGBA"))
    return found


def draw(practice: Practice) -> bytes:
    """Return the encoded picture; the same order always gives the same picture."""
    seed = hashlib.sha256(f"{practice.take}/{practice.slot}/{practice.prompt}".encode("utf-8", "replace")).digest()
    dice = random.Random(seed)  # noqa: S311  # decides colours, guards nothing
    sky, horizon, sun, near = dice.choice(PALETTES)
    image = _ramp(practice, sky, horizon)
    if practice.transparent:
        image.putalpha(0)
    _sun(image, practice, dice, sun)
    hills = _HILLS.get(practice.quality, _MOST_HILLS)
    for number in range(hills):
        depth = (number + 1) / hills
        _hill(image, practice, dice, depth, _mix(horizon, near, depth))
    if practice.quality not in _HILLS:
        image = _grained(image, practice)
    _references(image, practice)
    _caption(image, practice)
    return _encoded(image, practice)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ramp(practice: Practice, top: Colour, bottom: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((practice.width, practice.height), Image.Resampling.BICUBIC)
    return ImageOps.colorize(ramp, top, bottom)


def _sun(image: Image.Image, practice: Practice, dice: random.Random, colour: Colour) -> None:
    edge = min(practice.width, practice.height)
    radius = round(edge * dice.uniform(0.09, 0.17))
    x = round(practice.width * dice.uniform(0.25, 0.75))
    y = round(practice.height * dice.uniform(0.24, 0.42))
    glow = ImageOps.invert(Image.radial_gradient("L")).resize((radius * 6, radius * 6))
    # The gradient has not ended at the sides of its square: what is left there is taken off, so no side shows.
    glow = glow.point([round(max(0, level - 80) ** 2 / 240) for level in range(256)])
    disc = Image.new("L", (radius * 8, radius * 8))
    ImageDraw.Draw(disc).ellipse((0, 0, radius * 8 - 1, radius * 8 - 1), fill=255)
    for mask in (glow, disc.resize((radius * 2, radius * 2), Image.Resampling.BOX)):
        image.paste(colour, (x - mask.width // 2, y - mask.height // 2), mask)


def _hill(image: Image.Image, practice: Practice, dice: random.Random, depth: float, colour: Colour) -> None:
    width, height = practice.width, practice.height
    top = height * (0.46 + 0.42 * depth) + height * dice.uniform(-0.03, 0.03)
    waves = [(dice.uniform(0.7, 2.6) * (1 + i), dice.uniform(0, math.tau), height * 0.05 / (1 + i)) for i in range(3)]
    step = max(2, width // 256)
    ridge = [
        (x, top + sum(size * math.sin(math.tau * pace * x / width + start) for pace, start, size in waves))
        for x in range(0, width + step, step)
    ]
    # Drawn twice as large and scaled down, because polygons have hard edges.
    mask = Image.new("L", (width * 2, height * 2))
    shape = [(2 * x, 2 * y) for x, y in ridge] + [(2 * width + 2 * step, 2 * height), (0, 2 * height)]
    ImageDraw.Draw(mask).polygon(shape, fill=255)
    mask = mask.reduce(2)
    shaded = _ramp(practice, _mix(colour, (255, 255, 255), 0.18), _mix(colour, (0, 0, 0), 0.12))
    image.paste(shaded, (0, 0), mask)


def _grained(image: Image.Image, practice: Practice) -> Image.Image:
    grain = Image.effect_noise((practice.width // 2, practice.height // 2), 4).resize(image.size)
    bands = list(image.split())
    bands[:3] = [ImageChops.add(band, grain, 1, -128) for band in bands[:3]]
    return Image.merge(image.mode, bands)


def _references(image: Image.Image, practice: Practice) -> None:
    """Lay the references over the sky, four in a row or, of many, eight."""
    edge = min(practice.width, practice.height)
    in_row = 4 if len(practice.references) <= 4 else 8
    margin, gap = round(edge * 0.04), round(edge * 0.012)
    tile = (edge - 2 * margin) // in_row - gap
    for number, reference in enumerate(practice.references):
        row, column = divmod(number, in_row)
        shown = ImageOps.fit(reference, (tile, tile))
        card = Image.new(image.mode, (tile, tile), (236, 236, 240))
        card.paste(shown.convert(image.mode), (0, 0), shown.getchannel("A"))
        place = margin + column * (tile + gap), round(edge * 0.16) + row * (tile + gap)
        image.paste(card, place)


def _caption(image: Image.Image, practice: Practice) -> None:
    edge = min(practice.width, practice.height)
    margin, small, large = round(edge * 0.04), max(11, round(edge * 0.022)), max(13, round(edge * 0.032))
    facts = [practice.quality, f"{practice.width}x{practice.height}"]
    if practice.references:
        facts.insert(0, f"from {len(practice.references)} reference{'s' if len(practice.references) > 1 else ''}")
    if practice.count > 1:
        facts.insert(0, f"{practice.slot + 1} of {practice.count}")
    _label(image, [MARK, " · ".join(facts)], small, margin, top=True)
    prompt = " ".join(storable_text(practice.prompt, 2000).split())
    shown = prompt if len(prompt) <= _CAPTION_LETTERS else prompt[:_CAPTION_LETTERS].rstrip() + "…"
    font = ImageFont.load_default(large)
    room = practice.width - 4 * margin
    _label(image, wrapped(shown, font, room)[:6], large, margin, top=False)


def _label(image: Image.Image, lines: Sequence[str], size: int, margin: int, *, top: bool) -> None:
    font = ImageFont.load_default(size)
    line_height = round(size * 1.35)
    pad = round(size * 0.7)
    width = round(max(font.getlength(line) for line in lines)) + 2 * pad
    height = line_height * len(lines) + 2 * pad - (line_height - size)
    y = margin if top else image.height - margin - height
    box = Image.new("L", (width, height))
    ImageDraw.Draw(box).rounded_rectangle((0, 0, width - 1, height - 1), radius=pad, fill=150)
    image.paste((16, 17, 22), (margin, y), box)
    if image.mode == "RGBA":
        # Pasting keeps the picture's own transparency, and words must be readable everywhere.
        image.paste(Image.new("RGBA", (width, height), (16, 17, 22, 200)), (margin, y), box.point(_OPAQUE))
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((margin + pad, y + pad + number * line_height), line, font=font, fill=(255, 255, 255), anchor="lt")


_OPAQUE = [255 if level else 0 for level in range(256)]


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    """Return the text in lines no wider than `room`; words that are wider are cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return lines


def _encoded(image: Image.Image, practice: Practice) -> bytes:
    out = io.BytesIO()
    if practice.format == "png":
        image.save(out, "PNG", compress_level=4)
    else:
        quality = 92 if practice.compression is None else practice.compression
        image.save(out, practice.format.upper(), quality=quality)
    return out.getvalue()
