"""What tests of the studio's pages send and read."""

import re
from html import unescape
from typing import Any

STUDIO, CREATE, QUOTE = "/t/halden-co/studio/", "/t/halden-co/generations/", "/t/halden-co/quote/"
HTMX = {"HX-Request": "true"}
ASKED = {
    "prompt": "Three paper boats",
    "model": "rehearsal",
    "quality": "low",
    "size": "1024x1024",
    "n": "2",
    "background": "auto",
    "output_format": "png",
    "moderation": "auto",
    "quoted": "2",
    "quoted_for": "rehearsal low 1024x1024 2",
}


def text(response: Any) -> str:
    """What a reader sees, without tags and with single spaces."""
    body = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(body).split())


def hidden(response: Any, name: str) -> str:
    """The value of the one hidden field of that name."""
    [value] = re.findall(rf'<input type="hidden"[^>]* name="{name}" value="([^"]*)"', response.content.decode())
    return str(value)


def articles(response: Any) -> list[tuple[str, str]]:
    """Every generation on the page: its number and its state."""
    return re.findall(r'<article[^>]* data-generation="(\d+)" data-state="(\w+)"', response.content.decode())
