"""What a team is offered."""

from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from studio.catalogue.errors import NotOffered
from studio.catalogue.listing import arrangement_of
from studio.catalogue.models import ImageModel, Price, Route
from studio.catalogue.pricing import Quote
from studio.catalogue.queries import find_offer, models_for, note_of, price_at, shelf_for
from studio.catalogue.services import sync_catalogue
from studio.providers.health import MOST_FAILURES
from studio.providers.models import PausedModel
from studio.teams.models import Team
from tests.catalogue.making import connect

pytestmark = pytest.mark.django_db

BEFORE, LAST_DAY, END = "2026-11-20T12:00Z", "2026-11-30T23:59Z", "2026-12-01T00:00Z"


@pytest.fixture(autouse=True)
def _catalogue(db: None) -> None:
    sync_catalogue()


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


def shown(team: Team) -> dict[str, str]:
    """Every model on the team's shelf with the reason why it is away, if it is."""
    shelf = shelf_for(team)
    return {offer.model.slug: offer.reason for offer in (*shelf.offers, *shelf.away)}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("auth", "the provider rejects the key"),
        ("insufficient_funds", "the account at the provider is empty"),
        ("something_new", "not available now"),
    ],
)
def test_models_of_a_paused_connection_are_away_with_the_reason(kind: str, reason: str, team: Team) -> None:
    connect(None, "Practice", "rehearsal")
    connect(team, "Paused", paused_kind=kind, paused_at=timezone.now())

    assert (shown(team)["gpt-image-2"], shown(team)["rehearsal"]) == (reason, "")
    assert slugs(team) == ["rehearsal"]
    with pytest.raises(NotOffered):
        find_offer(team, "gpt-image-2")


def test_model_is_there_while_another_connection_serves_it(team: Team) -> None:
    connect(team, "Paused", paused_kind="auth")
    shared = connect(None, "Shared")

    assert shown(team)["gpt-image-2"] == ""
    assert find_offer(team, "gpt-image-2").steps[0].connection == shared


def test_paused_model_alone_is_away(team: Team) -> None:
    connection = connect(team, "OpenAI")
    PausedModel.objects.create(connection=connection, remote_name="gpt-image-2", kind="model_maintenance")

    assert shown(team)["gpt-image-2"] == "under maintenance at the provider"
    assert shown(team)["gpt-image-2.5-flare"] == ""


@pytest.mark.parametrize(
    ("failures", "minutes", "reason"),
    [
        (MOST_FAILURES, 1, "the provider does not answer"),
        (MOST_FAILURES, -1, ""),  # one call may try, and somebody has to make it
        (MOST_FAILURES - 1, 1, ""),  # only slowed down
    ],
)
def test_models_are_away_while_the_circuit_is_open(failures: int, minutes: int, reason: str, team: Team) -> None:
    connect(team, "OpenAI", failures=failures, resume_at=timezone.now() + timedelta(minutes=minutes))

    assert shown(team)["gpt-image-2"] == reason
    assert "gpt-image-2" in slugs(team)


def test_connection_that_rests_for_longer_than_anybody_waits_is_passed_over(team: Team) -> None:
    resting = connect(team, "OpenAI", resume_at=timezone.now() + timedelta(hours=3))
    assert shown(team)["gpt-image-2"] == "the allowance at the provider is used up"
    assert slugs(team) == []

    shared = connect(None, "Shared")
    model = ImageModel.objects.get(slug="gpt-image-2")
    for position, connection in enumerate((resting, shared)):
        Route.objects.create(team=team, model=model, position=position, connection=connection, via=model)
    assert [step.connection for step in find_offer(team, "gpt-image-2").steps] == [shared]
    assert [place.trouble for place in arrangement_of(team, model).places] == ["Paused", ""]


def test_what_nobody_can_mend_is_not_shown(team: Team, other_team: Team) -> None:
    connect(other_team, "Theirs", paused_kind="auth")
    connect(None, "Off", enabled=False)
    connect(None, "Removed", removed_at=timezone.now(), paused_kind="auth")

    assert shown(team) == {}


@pytest.mark.parametrize("count", [1, 3])
def test_shelf_for_costs_as_much_as_models_for(count: int, team: Team, django_assert_num_queries: Any) -> None:
    for number in range(count):
        connect(team, f"Connection {number}", paused_kind="auth")

    with django_assert_num_queries(5):
        shelf_for(team)


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
    connect(team, "OpenAI", earlier_secret="sk-before", hook_secret="whsec-test")
    settings.ENCRYPTION_KEYS = []
    assert "gpt-image-2" in slugs(team)


@time_machine.travel(BEFORE)
@pytest.mark.parametrize(
    ("slug", "change", "note"),
    [
        ("gpt-image-2", {}, "Free sizes"),
        ("gpt-image-1.5", {}, "Three fixed sizes. Ends 1 Dec 2026. Use GPT Image 2.5 Sunburst instead"),
        (
            "gpt-image-1.5",
            {"announced_end": "2027-02-03"},
            "Three fixed sizes. Ends 3 Feb 2027. Use GPT Image 2.5 Sunburst instead",
        ),
        ("gpt-image-1.5", {"retires_on": None, "note": ""}, "GPT Image 2.5 Sunburst follows it"),
        ("gpt-image-1.5", {"successor": "gpt-image-9"}, "Three fixed sizes. Ends 1 Dec 2026"),
        (
            "gpt-image-2",
            {"successor": "cloudflare-gpt-image-2.5-sunburst"},
            "Free sizes. GPT Image 2.5 Sunburst follows it",
        ),
        ("gpt-image-2", {"successor": "gpt-image-1.5"}, "Free sizes"),
    ],
)
def test_note_tells_the_end_of_a_model_and_what_to_use_then(
    slug: str, change: dict[str, Any], note: str, team: Team
) -> None:
    connect(team, "OpenAI")
    ImageModel.objects.filter(slug=slug).update(**change)
    offers = models_for(team)
    assert note_of(next(offer for offer in offers if offer.model.slug == slug), offers) == note
