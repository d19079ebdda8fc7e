"""What a team is offered."""

from datetime import date
from typing import Any

import pytest
import time_machine

from studio.catalogue.errors import NotOffered
from studio.catalogue.models import ImageModel, Price
from studio.catalogue.pricing import Quote
from studio.catalogue.queries import find_offer, models_for, price_at
from studio.catalogue.services import sync_catalogue
from studio.providers.models import Connection
from studio.teams.models import Team

pytestmark = pytest.mark.django_db

BEFORE, LAST_DAY, END = "2026-11-20T12:00Z", "2026-11-30T23:59Z", "2026-12-01T00:00Z"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    sync_catalogue()


def connect(team: Team | None, name: str, protocol: str = "openai", **fields: Any) -> Connection:
    return Connection.objects.create(team=team, name=name, protocol=protocol, secret="sk-test", **fields)


def slugs(team: Team) -> list[str]:
    return [offer.model.slug for offer in models_for(team)]


def test_models_without_a_connection_are_not_offered(team: Team, other_team: Team) -> None:
    connect(other_team, "Theirs")
    connect(None, "Off", enabled=False)
    assert slugs(team) == []


@time_machine.travel(BEFORE)
def test_models_come_in_the_catalogues_order_without_unpriced_ones(team: Team) -> None:
    connect(None, "Practice", "rehearsal")
    connect(team, "OpenAI")
    assert slugs(team) == ["gpt-image-2.5-sunburst", "gpt-image-2.5-flare", "gpt-image-2", "gpt-image-1.5", "rehearsal"]


def test_own_connection_serves_before_a_shared_one(team: Team, other_team: Team) -> None:
    connect(None, "Shared")
    connect(other_team, "Theirs")
    own = connect(team, "Own")
    connect(team, "Second")
    assert {offer.steps[0].connection for offer in models_for(team)} == {own}


@pytest.mark.parametrize(("moment", "offered"), [(LAST_DAY, True), (END, False)])
def test_model_is_gone_on_the_day_it_retires(moment: str, offered: bool, team: Team) -> None:
    connect(team, "OpenAI")
    with time_machine.travel(moment):
        assert ("gpt-image-1.5" in slugs(team)) is offered


def test_disabled_model_is_not_offered(team: Team) -> None:
    connect(team, "OpenAI")
    ImageModel.objects.exclude(slug="gpt-image-2").update(enabled=False)
    assert slugs(team) == ["gpt-image-2"]


def test_offer_lists_only_what_has_a_price(team: Team) -> None:
    connect(team, "OpenAI")
    offer = find_offer(team, "gpt-image-2.5-flare")
    assert offer.qualities == ["low", "medium", "high"]
    assert (offer.sizes[0], offer.sizes[-1], len(offer.sizes)) == ("1024x1024", "auto", 11)
    assert offer.priced.cheapest == 1


def test_offer_uses_the_current_version(team: Team) -> None:
    connect(team, "Practice", "rehearsal")
    model = ImageModel.objects.get(slug="rehearsal")
    Price.objects.create(model=model, version=2, quality="low", size="1024x1024", credits=5)
    ImageModel.objects.filter(pk=model.pk).update(price_version=2)
    offer = find_offer(team, "rehearsal")
    assert (offer.priced.version, offer.qualities, offer.sizes) == (2, ["low"], ["1024x1024"])
    assert price_at(model=model, version=1, quality="low", size="1024x1024").unit == 1
    assert price_at(model=model, version=2, quality="low", size="1024x1024") == Quote(5, 5, 2, None, estimate=False)
    with pytest.raises(NotOffered):
        price_at(model=model, version=3, quality="low", size="1024x1024")


def test_find_offer_of_an_unknown_model_names_the_field(team: Team) -> None:
    with pytest.raises(NotOffered) as caught:
        find_offer(team, "gpt-image-9")
    assert caught.value.field == "model"


@pytest.mark.parametrize("count", [1, 3])
def test_models_for_costs_the_same_for_any_number(count: int, team: Team, django_assert_num_queries: Any) -> None:
    for number in range(count):
        connect(team, f"Connection {number}")
    keep = ImageModel.objects.exclude(slug__contains="2.6").values_list("pk", flat=True)[:count]
    ImageModel.objects.exclude(pk__in=list(keep)).update(enabled=False, retires_on=date(2026, 1, 1))
    # models, connections, routes, paused models, prices
    with django_assert_num_queries(5):
        models_for(team)


def test_models_for_reads_no_secret(team: Team, settings: Any) -> None:
    connect(team, "OpenAI")
    settings.ENCRYPTION_KEYS = []
    assert "gpt-image-2" in slugs(team)
