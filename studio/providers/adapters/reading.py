"""JSON, base64 and waiting times as providers send them: right, unusual or hostile."""

import binascii
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pybase64

# A real answer has some dozen commas and base64 has none; a hostile one would fill the memory with tiny values.
_MOST_COMMAS = 50_000
# Whole numbers of more digits fit no database column and no 64-bit field.
_MOST_DIGITS = 18
_MOST_WAIT = 86_400.0


class _NonFinite(str):
    """NaN or Infinity, which JSON does not have but some providers send."""

    __slots__ = ()


def read_json(raw: bytes) -> Any:
    """Return the JSON value; raises ValueError for everything a careful sender would not send.

    Absurd numbers become text. NaN and Infinity are let through inside `usage` only, as text: nothing is charged by
    what a provider reports there, so a strange count is no reason to lose a paid picture.
    """
    if raw.count(b",") > _MOST_COMMAS:
        raise ValueError("too many parts")
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_keys,
            parse_int=_bounded_integer,
            parse_float=_bounded_float,
            parse_constant=_NonFinite,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _holds_non_finite(value):
        raise ValueError("a number is not a number")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _bounded_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MOST_DIGITS else digits[:100]


def _bounded_float(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) and abs(number) < 10**_MOST_DIGITS else digits[:100]


def _holds_non_finite(value: Any) -> bool:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, _NonFinite):
            return True
        if isinstance(inner, dict):
            waiting.extend(held for key, held in inner.items() if key != "usage")
        elif isinstance(inner, list):
            waiting.extend(inner)
    return False


def decode_base64(text: str) -> bytes:
    """Return the bytes; takes line breaks, the URL-safe alphabet and data URLs, raises ValueError for damage."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        data = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = _decode_unusual(text)
    if not data:
        raise ValueError("no bytes")
    return data


def _decode_unusual(text: str) -> bytes:
    compact = "".join(text.split())
    if "-" in compact or "_" in compact:
        compact = compact.replace("-", "+").replace("_", "/").rstrip("=")
        # The URL-safe form is usually sent without its padding.
        compact += "=" * (-len(compact) % 4)
    return pybase64.b64decode(compact, validate=True)


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds to wait, at most a day: 0 for a date that has passed, None where nothing sensible is said."""
    milliseconds = _seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(milliseconds / 1000, _MOST_WAIT)
    value = headers.get("retry-after", "").strip()
    seconds = _seconds(value)
    if seconds is not None:
        return min(seconds, _MOST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _MOST_WAIT)


def _seconds(value: str) -> float | None:
    return float(value) if re.fullmatch(r"[0-9]{1,300}(\.[0-9]{1,9})?", value.strip()) else None
