"""What a model refuses before anything is sent."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from studio.catalogue.capabilities import Capabilities
from studio.catalogue.errors import NotOffered
from studio.generations.spec import GenerationSpec

ABLE = Capabilities(
    sizes=["1024x1024"],
    qualities=["low"],
    backgrounds=["auto", "transparent"],
    formats=["png", "jpeg", "webp"],
    compression=True,
    moderation=["auto", "low"],
    prompt_limit=10,
    max_n=4,
)
PLAIN = Capabilities(sizes=["1024x1024"], qualities=["low"], formats=["png", "jpeg"])
GOOD = GenerationSpec(
    model_slug="able",
    prompt="A bowl",
    n=4,
    quality="low",
    size="1024x1024",
    background="auto",
    output_format="png",
)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"prompt": "x" * 10},
        {"background": "transparent", "output_format": "webp", "compression": 0},
        {"output_format": "jpeg", "compression": 100, "moderation": "low"},
    ],
)
def test_check_lets_through_what_the_model_can_do(change: dict[str, Any]) -> None:
    ABLE.check(replace(GOOD, **change))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n\t"}, "prompt"),
        ({"prompt": "x" * 11}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 5}, "n"),
        ({"n": "2"}, "n"),
        ({"background": "opaque"}, "background"),
        ({"output_format": "gif"}, "output_format"),
        ({"moderation": "none"}, "moderation"),
        ({"background": "transparent", "output_format": "jpeg"}, "output_format"),
        ({"compression": 50}, "compression"),
        ({"output_format": "webp", "compression": 101}, "compression"),
        ({"output_format": "webp", "compression": -1}, "compression"),
        ({"output_format": "webp", "compression": True}, "compression"),
    ],
)
def test_check_names_the_field_of_what_it_cannot_do(change: dict[str, Any], field: str) -> None:
    with pytest.raises(NotOffered) as caught:
        ABLE.check(replace(GOOD, **change))
    assert caught.value.field == field


def test_check_refuses_compression_where_the_model_has_none() -> None:
    with pytest.raises(NotOffered) as caught:
        PLAIN.check(replace(GOOD, output_format="jpeg", compression=50))
    assert caught.value.field == "compression"


def test_transparent_background_needs_a_format_that_has_it() -> None:
    with pytest.raises(ValidationError, match="needs png or webp"):
        Capabilities(sizes=["a"], qualities=["low"], backgrounds=["transparent"], formats=["jpeg"])
