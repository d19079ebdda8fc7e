"""Checks of one field each, and of a whole object that may hold no other fields.

A check returns what is wrong with a value, or None. The wording is ours: providers document names, types and limits.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

Check = Callable[[Any], str | None]


def text(*, least: int = 0, most: int | None = None) -> Check:
    """Accept a text of a certain length."""

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a text"
        if len(value) < least:
            return f"must have at least {least} characters"
        if most is not None and len(value) > most:
            return f"must have at most {most} characters"
        return None

    return check


def choice(*allowed: str) -> Check:
    """Accept one of some texts."""

    def check(value: Any) -> str | None:
        if isinstance(value, str) and value in allowed:
            return None
        expected = " | ".join(f"'{name}'" for name in allowed)
        return f"Invalid enum value. Expected {expected}, received {json.dumps(value)}"

    return check


def whole(least: int, most: int) -> Check:
    """Accept a whole number in a range."""

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be a whole number"
        if value < least:
            return f"must be {least} or more"
        if value > most:
            return f"must be {most} or less"
        return None

    return check


def address(value: Any) -> str | None:
    """Accept an absolute web address."""
    if not isinstance(value, str):
        return "must be a text"
    parts = urlsplit(value)
    return None if parts.scheme in {"http", "https"} and parts.netloc else "must be a URL"


def several(item: Check, *, least: int = 0, most: int | None = None) -> Check:
    """Accept a list whose items pass a check."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list):
            return "must be a list"
        if len(value) < least:
            return f"must have at least {least} items"
        if most is not None and len(value) > most:
            return f"must have at most {most} items"
        return next((problem for entry in value if (problem := item(entry))), None)

    return check


def nullable(inner: Check) -> Check:
    """Accept null as well."""
    return lambda value: None if value is None else inner(value)


def find_problems(
    value: Any, fields: Mapping[str, Check], *, required: Collection[str] = (), unknown: bool = False, under: str = ""
) -> dict[str, str]:
    """Return what is wrong by path, such as {"input.prompt": "must be a text"}; `unknown` lets other fields pass."""
    if not isinstance(value, dict):
        return {under: "must be an object"}
    prefix = f"{under}." if under else ""
    problems = {f"{prefix}{name}": "is required" for name in required if name not in value}
    for name, entry in value.items():
        if name not in fields and not unknown:
            problems[f"{prefix}{name}"] = "is not a known field"
        elif name in fields and (problem := fields[name](entry)):
            problems[f"{prefix}{name}"] = problem
    return problems
