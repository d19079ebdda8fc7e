"""The composer's state: what a request would cost, and what the team could afford instead."""

from typing import Any

import pytest

from studio.catalogue.queries import models_for
from studio.catalogue.services import sync_catalogue
from studio.generations.composer import Composer
from studio.generations.forms import GenerationForm
from studio.ledger.queries import Balance
from studio.providers.services import create_connection
from studio.teams.models import Team


@pytest.fixture
def composed(team: Team) -> Any:
    """Makes composers of gpt-image-2 with so many credits: high costs 22 for a square picture, medium 6, low 1."""
    sync_catalogue()
    create_connection(team=None, name="OpenAI", protocol="openai", secret="sk-test", actor=None)
    offers = models_for(team)

    def compose(available: int, **wanted: Any) -> Composer:
        asked = {"model": "gpt-image-2", "quality": "high", "size": "1024x1024", "n": 10, **wanted}
        form = GenerationForm.prefilled(offers, asked)
        return Composer(form, form.price(), Balance(balance=available, held=0))

    return compose


def test_composer_with_enough_says_what_is_left(composed: Any) -> None:
    composer = composed(300)

    assert (composer.n, composer.left, composer.missing, composer.short) == (10, 80, 0, "")
    assert composer.cheaper == []
    assert composer.quoted_for == "gpt-image-2 high 1024x1024 10"
    assert composer.summary == "GPT Image 2, High, 1:1, 10 images"


def test_composer_short_of_credits_offers_the_best_that_fits(composed: Any) -> None:
    composer = composed(120)

    assert (composer.missing, composer.short, composer.left) == (100, "100 credits short.", 0)
    assert [(change.label, change.name, change.value) for change in composer.cheaper] == [
        ("Use Medium, 60 credits", "quality", "medium"),
        ("Make 5 images, 110 credits", "n", "5"),
    ]


def test_composer_with_next_to_nothing_offers_what_fits(composed: Any) -> None:
    assert [change.label for change in composed(10).cheaper] == ["Use Low, 10 credits"]
    assert composed(0).cheaper == []


def test_composer_auto_is_up_to_its_dearest(composed: Any) -> None:
    assert composed(300, quality="auto").up_to
    assert not composed(300).up_to


def test_composer_without_a_price_says_nothing_of_one(composed: Any) -> None:
    composer = composed(300, n="abc")

    assert (composer.price, composer.quoted_for, composer.missing, composer.cheaper) == (None, "", 0, [])


def test_composer_price_list_has_every_size_and_quality(composed: Any) -> None:
    composer = composed(300)

    assert composer.qualities == ["Low", "Medium", "High", "Auto"]
    assert ("1:1, 1024 × 1024", [1, 6, 22, 22]) in composer.price_list  # as the page says it
    assert len(composer.price_list) == len(composer.form.offer.sizes)
