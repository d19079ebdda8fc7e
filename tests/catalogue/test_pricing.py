"""The price of a request, as a pure function."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.catalogue.errors import NotOffered
from studio.catalogue.pricing import PricedModel, PricePoint, Quote, credits_for, quote, with_auto

LOW, HIGH = PricePoint(1, Decimal("0.006")), PricePoint(22, Decimal("0.211"), estimate=True)
MODEL = PricedModel(
    slug="m", title="Model", version=3, max_n=4, prices={("low", "1024x1024"): LOW, ("high", "auto"): HIGH}
)


def test_quote_multiplies_the_unit() -> None:
    assert quote(model=MODEL, quality="high", size="auto", n=4) == Quote(22, 88, 3, Decimal("0.211"), estimate=True)


@pytest.mark.parametrize(
    ("quality", "size", "n", "field"),
    [
        ("low", "1024x1024", 0, "n"),
        ("low", "1024x1024", 5, "n"),
        ("low", "1024x1024", -1, "n"),
        ("low", "1024x1024", True, "n"),
        ("low", "1024x1024", "2", "n"),
        ("max", "1024x1024", 1, "quality"),
        ("", "1024x1024", 1, "quality"),
        ("low", "auto", 1, "size"),
        ("high", "1024x1024", 1, "size"),
        ("low", "1x1", 1, "size"),
    ],
)
def test_quote_of_what_is_not_offered_names_the_field(quality: str, size: str, n: Any, field: str) -> None:
    with pytest.raises(NotOffered) as caught:
        quote(model=MODEL, quality=quality, size=size, n=n)
    assert (caught.value.field, caught.value.code, caught.value.http_status) == (field, "not_offered", 400)


def test_quote_survives_being_stored() -> None:
    made = quote(model=MODEL, quality="low", size="1024x1024", n=2)
    assert made.to_json() == {"unit": 1, "total": 2, "version": 3, "usd": "0.006", "estimate": False}
    assert Quote.from_json(made.to_json()) == made
    free = Quote(1, 1, 1, None, estimate=False)
    assert Quote.from_json(free.to_json()) == free


@pytest.mark.parametrize(
    ("usd", "credit", "expected"),
    [
        ("0", "0.01", 1),
        ("0.00001", "0.01", 1),
        ("0.01", "0.01", 1),
        ("0.010001", "0.01", 2),
        ("0.053", "0.01", 6),
        ("0.2", "0.01", 20),
        ("0.211", "1", 1),
        ("0.211", "0.0001", 2110),
    ],
)
def test_credits_are_rounded_up_and_at_least_one(usd: str, credit: str, expected: int) -> None:
    assert credits_for(Decimal(usd), credit_usd=Decimal(credit)) == expected


@given(usd=st.decimals("0", "9999", places=5, allow_nan=False), credit=st.decimals("0.00001", "1000", places=5))
def test_credits_cover_the_price_and_no_whole_credit_more(usd: Decimal, credit: Decimal) -> None:
    credits = credits_for(usd, credit_usd=credit)
    assert credits * credit >= usd
    assert credits == 1 or (credits - 1) * credit < usd


def test_auto_is_the_dearest_it_may_turn_into() -> None:
    points = {
        ("low", "a"): PricePoint(1),
        ("low", "b"): PricePoint(2),
        ("high", "a"): PricePoint(9),
        ("high", "b"): PricePoint(7, estimate=True),
    }
    table = with_auto(points, qualities=["low", "high", "auto"], sizes=["a", "b", "auto"])
    assert table == points | {
        ("low", "auto"): PricePoint(2),
        ("high", "auto"): PricePoint(9),
        ("auto", "a"): PricePoint(9),
        ("auto", "b"): PricePoint(7, estimate=True),
        ("auto", "auto"): PricePoint(9),
    }


def test_auto_has_no_price_while_one_it_may_turn_into_has_none() -> None:
    points = {("low", "a"): PricePoint(1), ("low", "b"): PricePoint(2), ("high", "a"): PricePoint(9)}
    table = with_auto(points, qualities=["low", "high", "auto"], sizes=["a", "b", "auto"])
    assert table == points | {("low", "auto"): PricePoint(2), ("auto", "a"): PricePoint(9)}


def test_auto_is_not_invented_for_a_model_without_it() -> None:
    points = {("low", "a"): PricePoint(1)}
    assert with_auto(points, qualities=["low"], sizes=["a"]) == points
