"""How values look on a page: credits, sizes, times, people, shapes and icons. Nothing here decides anything."""

import math
import re
import uuid
import zlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from django import forms, template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

register = template.Library()

MINUS = "\N{MINUS SIGN}"
MULTIPLY = "\N{MULTIPLICATION SIGN}"
HUES = 6
# The shapes pictures.css knows as [data-ar="…"]: a closed set, because the content policy allows no inline style.
SHAPES = ("1:1", "5:4", "4:5", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16", "2:1", "1:2", "3:1", "1:3")
_SYMBOL = re.compile(r'<symbol id="([a-z0-9-]+)" viewBox="0 0 24 24">(.*?)</symbol>', re.DOTALL)


@register.filter("credits")
def credit_amount(amount: int) -> str:
    """2418 → `2,418`, −24 with a real minus sign."""
    return f"{amount:,}".replace("-", MINUS)


@register.filter
def signed(amount: int) -> str:
    """A change of a balance: `+500`, `−24`, `0`."""
    return f"{amount:+,}".replace("-", MINUS) if amount else "0"


@register.filter
def usd(amount: Decimal) -> str:
    """0.05300 → `$0.053`, 1.5 → `$1.50`, 0.42816 → `$0.428`: at least cents, and parts of one where they count."""
    whole, _, parts = f"{amount:,.{3 if amount >= Decimal('0.01') else 4}f}".partition(".")
    return f"${whole}.{parts.rstrip('0').ljust(2, '0')}"


@register.filter
def filesize(size: int) -> str:
    """7_912_345 → `7.9 MB`: decimal units, as browsers and disks count; whole kilobytes are exact enough."""
    if size < 1000:
        return f"{size} {'byte' if size == 1 else 'bytes'}"
    value, unit = size / 1000, "KB"
    for bigger in ("MB", "GB", "TB"):
        if round(value) < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{value:.0f} KB" if unit == "KB" else f"{value:,.1f} {unit}".replace(".0 ", " ")


@register.filter
def pixels(size: str) -> str:
    """`1024x1536` → `1024 × 1536`; `auto` → `Auto`."""
    width, mark, height = size.partition("x")
    return f"{width} {MULTIPLY} {height}" if mark else size.capitalize()


@register.filter
def day_of(day: date) -> str:
    """A day without a time: `1 Dec 2026`."""
    return f"{day.day} {day:%b %Y}"


def _short(moment: datetime, now: datetime) -> str:
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    if timedelta() < now.date() - moment.date() < timedelta(days=7):
        return f"{moment:%a %H:%M}"
    return day_of(moment.date())


def _time_element(moment: datetime, text: str, style: str) -> SafeString:
    """A <time>; local-time.js rewrites its text for the reader's own time zone by `data-when`."""
    return format_html(
        '<time datetime="{}" data-when="{}" title="{} {}">{}</time>',
        moment.isoformat(timespec="seconds"),
        style,
        day_of(moment.date()),
        f"{moment:%H:%M}",
        text,
    )


@register.filter
def when(moment: datetime) -> SafeString:
    """`12:04` today, `Thu 17:40` within the last week, `18 Nov 2026` before that and for what is to come."""
    local = timezone.localtime(moment)
    return _time_element(local, _short(local, timezone.localtime()), "short")


@register.filter
def moment(value: datetime) -> SafeString:
    """Day and time in full: `18 Nov 2026, 14:02`."""
    local = timezone.localtime(value)
    return _time_element(local, f"{day_of(local.date())}, {local:%H:%M}", "full")


@register.filter
def clock(value: datetime) -> SafeString:
    """The time of day alone, `12:05`, for what is about to happen."""
    local = timezone.localtime(value)
    return _time_element(local, f"{local:%H:%M}", "clock")


@register.filter
def day(value: datetime) -> str:
    """The heading of a day in a feed: `Today`, `Yesterday`, `Thu 19 Nov`, `18 Nov 2025`."""
    local, today = timezone.localtime(value).date(), timezone.localdate()
    if local == today:
        return "Today"
    if local == today - timedelta(days=1):
        return "Yesterday"
    return f"{local:%a} {local.day} {local:%b}" if local.year == today.year else day_of(local)


@register.filter
def initials(name: str) -> str:
    """`Maya Lindqvist` → `ML`, `maya` → `M`; of a long name the first and the last word count."""
    words = name.split()
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def hue(value: object) -> int:
    """One of the six avatar colours, always the same for the same person."""
    return zlib.crc32(str(value).encode()) % HUES + 1


def _ratio(shape: str) -> float:
    width, _, height = shape.partition(":")
    return int(width) / int(height)


@register.filter
def aspect(value: object) -> str:
    """The nearest known shape of `1024x1536`, or of anything with a width and a height; square when unknown."""
    if isinstance(value, str):
        width, _, height = value.replace(":", "x").partition("x")
        measures = (int(width), int(height)) if width.isdecimal() and height.isdecimal() else (1, 1)
    else:
        measures = (getattr(value, "width", 1), getattr(value, "height", 1))
    if min(measures) < 1:
        return SHAPES[0]
    wanted = math.log(measures[0] / measures[1])
    return min(SHAPES, key=lambda shape: abs(math.log(_ratio(shape)) - wanted))


@register.simple_tag
def icon(name: str, classes: str = "", *, is_drawn: bool = False) -> SafeString:
    """One symbol of the sprite, hidden from screen readers: a word beside it or an aria-label says what it means.

    Drawn, it holds the symbol's shapes itself: a browser asks for the sprite and copies the symbol anew with every
    reference, which is too much for what stands in a page hundreds of times.
    """
    look = f"i {classes}".strip()
    if is_drawn:
        return format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">{}</svg>', look, _shapes()[name])
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>', look, static("img/icons.svg"), name
    )


@cache
def _shapes() -> Mapping[str, SafeString]:
    """What each symbol of the sprite consists of; all of them have the same box."""
    sprite = Path(str(finders.find("img/icons.svg"))).read_text()
    return {name: SafeString(shapes) for name, shapes in _SYMBOL.findall(sprite)}


@register.filter
def control(field: BoundField, classes: str = "") -> SafeString:
    """A form field's widget in the look that fits it: text, choice, long text; ticks and radios stay as they are.

    The first that was refused takes the focus, wherever on the page it stands. A placeholder that only says the label
    again, as allauth's do, is left out.
    """
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
        return field.as_widget()
    looks = {forms.Textarea: "textarea", forms.Select: "select"}
    look = next((look for widget_type, look in looks.items() if isinstance(widget, widget_type)), "input")
    attrs: dict[str, str | bool] = {"class": " ".join([look, *widget.attrs.get("class", "").split(), *classes.split()])}
    if str(widget.attrs.get("placeholder", "")).casefold().startswith(str(field.label).casefold()):
        attrs["placeholder"] = ""
    if field.errors:
        attrs["autofocus"] = True
    return field.as_widget(attrs=attrs)


@register.filter
def kind(field: BoundField) -> str:
    """What a form field is, as far as its frame differs: `check`, `select` or `text`."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return "check"
    return "select" if isinstance(widget, forms.Select) else "text"


@register.filter
def alt(prompt: str) -> str:
    """The text that stands for a picture: the first sentence of its prompt."""
    first = re.split(r"(?<=[.!?])\s|\n", prompt.strip(), maxsplit=1)[0]
    return Truncator(first).chars(140) or "Picture without a prompt"


@register.simple_tag
def sign_up_is_open() -> bool:
    """Whether anybody may make an account, so that the sign-in page can say so."""
    return bool(settings.OPEN_SIGNUP)


@register.simple_tag
def new_key() -> str:
    """A key for a form, so that a second press of its button is known to be one."""
    return str(uuid.uuid4())
