"""Names of every kind: what is taken, as what, and what is refused in which words."""

import pytest

from studio.library.errors import BadName
from studio.library.labels import Label, read_label, read_line


def read(text: str) -> Label:
    return read_label(text, what="A tag", longest=60, key_length=120)


@pytest.mark.parametrize(
    ("text", "name", "key"),
    [
        ("hero", "hero", "hero"),
        ("  Key   visual ", "Key visual", "key visual"),
        ("Éclair", "Éclair", "eclair"),
        ("E\u0301clair", "Éclair", "eclair"),  # the accent apart
        ("STRASSE", "STRASSE", "strasse"),
        ("Straße", "Straße", "strasse"),
        ("..", "..", ".."),
        ("CON", "CON", "con"),
        ("../../etc/passwd", "../../etc/passwd", "../../etc/passwd"),
        ("%_\\'\"<b>", "%_\\'\"<b>", "%_\\'\"<b>"),
        ("🎨", "🎨", "🎨"),
        ("👩\u200d🎨 art", "👩\u200d🎨 art", "👩🎨 art"),
        ("夏の海", "夏の海", "夏の海"),
        ("ボトル", "ボトル", "ボトル"),
        ("שלום", "שלום", "שלום"),
        ("he\u200bro\u00ad\ufeff", "hero", "hero"),
        ("x" * 60, "x" * 60, "x" * 60),
        ("=1+1", "=1+1", "=1+1"),
    ],
)
def test_name_is_trimmed_and_folded(text: str, name: str, key: str) -> None:
    assert read(text) == (name, key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "A tag needs a name of 1 to 60 characters."),
        (" \u00a0\u3000", "A tag needs a name of 1 to 60 characters."),
        ("\u200b\u200d", "A tag needs a name of 1 to 60 characters."),
        ("\u0301", "A tag needs a name of 1 to 60 characters."),
        ("two\nlines", "A tag is one line: no line breaks, tabs or control characters."),
        ("two\u2028lines", "A tag is one line: no line breaks, tabs or control characters."),
        ("a\tb", "A tag is one line: no line breaks, tabs or control characters."),
        ("a\x00b", "A tag is one line: no line breaks, tabs or control characters."),
        ("gpj\u202etag", "A tag is one line: no line breaks, tabs or control characters."),
        ("half \ud83d", "A tag is one line: no line breaks, tabs or control characters."),
        ("x" * 61, "A tag has at most 60 characters; this has 61."),
        ("x" * 300, "A tag has at most 60 characters; this has 300."),
        ("x" * 1_000_000, "A tag has at most 60 characters; this has 1,000,000."),
        ("\ufdfa" * 60, "A tag cannot be called that. Use letters, digits or signs."),  # each folds into 18
    ],
)
def test_name_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadName) as refusal:
        read(text)
    assert refusal.value.message == message


def test_line_may_be_empty() -> None:
    assert read_line("  ", what="A title", longest=200) == ""
