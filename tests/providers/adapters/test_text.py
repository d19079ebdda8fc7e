import pytest

from studio.providers.adapters.text import WINDOW, clean_message, storable_json, storable_text

SECRET = "sk-live-abcdefghijkl"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("two\n lines\tand\x00 \x1b[31mred\x1b[0m", "two lines and red"),
        ("turned \u202etxt.exe\u2066", "turned txt.exe"),
        ("half \ud83d character", "half ? character"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        (f"key {SECRET} was wrong", "key [key] was wrong"),
        ("key sk-live-\x00abcdefghijkl was wrong", "key [key] was wrong"),
        ("key sk-proj-****wxyz was wrong", "key [key] was wrong"),
        ("header Authorization: Bearer abc.def", "header Authorization: [key]"),
        ("about A red fox in snow", "about [prompt]"),
        ("x" * 1_000_000, "x" * 500),
    ],
)
def test_clean_message_leaves_nothing_dangerous(text: str, cleaned: str) -> None:
    assert clean_message(text, secret=SECRET, prompt="A red fox in snow") == cleaned


def test_clean_message_leaves_short_prompts_alone() -> None:
    assert clean_message("concatenate", prompt="cat") == "concatenate"


def test_key_cut_by_the_window_leaves_no_half() -> None:
    odd_secret = "Zz9" * 10
    text = "\x00" * (WINDOW - 10) + odd_secret

    assert clean_message(text, secret=odd_secret) == ""


def test_storable_text_keeps_line_breaks() -> None:
    assert storable_text("one\ntwo\x00\x07", 100) == "one\ntwo"


def test_storable_json_is_bounded() -> None:
    value = {"a": [[[[[[1]]]]]], "b\x00": "\ud800" + "x" * 600, "c": list(range(60)), "d": None, "e": 1.5, "f": True}

    assert storable_json(value) == {
        "a": [[[["…"]]]],
        "b": "?" + "x" * 499,
        "c": list(range(50)),
        "d": None,
        "e": 1.5,
        "f": True,
    }
