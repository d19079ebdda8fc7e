"""Primary keys as addresses and forms carry them."""

from collections.abc import Iterable
from typing import Final

# Every number of so many digits fits a key's column.
_LONGEST: Final = 18


def read_key(text: str | None) -> int | None:
    """Read a key; None for what cannot be one."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > _LONGEST:
        return None
    return int(text)


def read_keys(texts: Iterable[str]) -> list[int] | None:
    """Read keys, each once, in their order; None where one of them cannot be a key."""
    keys: dict[int, None] = {}
    for text in texts:
        key = read_key(text)
        if key is None:
            return None
        keys[key] = None
    return list(keys)
