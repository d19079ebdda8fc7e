"""Text and JSON from outside, made safe to store, show and log."""

import re
from collections.abc import Mapping
from typing import Any

MESSAGE_LIMIT = 500
# Only the beginning is worth reading; everything behind it is dropped before any expression runs over it.
WINDOW = 20_000
# Terminal sequences, control characters, and the marks that turn the direction of text.
_CONTROLS = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]"
)
# What looks like a key, whole or masked in the middle as providers echo it.
_KEYS = re.compile(r"(?i)\b(?:sk|afk|papi|cfk|cfut|cfat)[-_.][\w*.\u2022\u2026-]{4,}|\bbearer\s+\S+")
_DEPTH, _BREADTH = 5, 50


def storable_text(text: str, limit: int) -> str:
    """Return the text cut, without control characters and halves of characters: PostgreSQL refuses those."""
    return _CONTROLS.sub("", text[:WINDOW]).encode("utf-8", "replace").decode()[:limit]


def clean_message(text: str, *, secret: str = "", prompt: str = "", limit: int = MESSAGE_LIMIT) -> str:
    """Return a provider's message on one line, without the key, the prompt or anything that looks like a key."""
    message = storable_text(text, WINDOW)
    if secret:
        if len(text) > WINDOW:
            # The end of the window may cut through the key and leave a half that no longer matches.
            message = message[: -len(secret)]
        message = message.replace(secret, "[key]")
    shown_prompt = storable_text(prompt, WINDOW)
    if len(shown_prompt) >= 8:
        message = message.replace(shown_prompt, "[prompt]")
    return " ".join(_KEYS.sub("[key]", message).split())[:limit]


def storable_json(value: Any, depth: int = _DEPTH) -> Any:
    """Return the value as JSON that PostgreSQL takes, bounded in depth, breadth and length of text."""
    if isinstance(value, str):
        return storable_text(value, MESSAGE_LIMIT)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_BREADTH]
        return {storable_text(str(key), 100): storable_json(inner, depth - 1) for key, inner in pairs}
    return [storable_json(inner, depth - 1) for inner in list(value)[:_BREADTH]]
