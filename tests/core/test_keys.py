"""Keys from outside."""

import pytest

from studio.core.keys import read_key, read_keys


@pytest.mark.parametrize(
    ("text", "key"),
    [(None, None), ("", None), ("42", 42), ("007", 7), ("9" * 18, 10**18 - 1)]
    + [(bad, None) for bad in ("-1", "+1", "4x", " 4", "4\n", "1_0", "1.0", "²", "٣", "9" * 19)],
)
def test_key_is_read_or_is_none(text: str | None, key: int | None) -> None:
    assert read_key(text) == key


def test_keys_are_read_once_each_in_their_order() -> None:
    assert read_keys(["3", "1", "03", "2", "1"]) == [3, 1, 2]
    assert read_keys([]) == []
    assert read_keys(["3", "x", "1"]) is None
