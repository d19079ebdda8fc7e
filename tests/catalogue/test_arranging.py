"""What a team's admins choose about models."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import connections

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.catalogue.arranging import add_step, move_step, remove_step, set_available, set_route
from studio.catalogue.errors import RouteRefused
from studio.catalogue.models import HiddenModel, ImageModel, Route
from studio.catalogue.queries import models_for
from studio.catalogue.routing import Step, possible_steps, route_of
from studio.catalogue.services import sync_catalogue
from studio.providers.models import Connection, PausedModel
from studio.teams.models import Team
from tests.catalogue.making import connect

pytestmark = pytest.mark.django_db

BEFORE = "2026-11-20T12:00Z"


@pytest.fixture
def model() -> ImageModel:
    """GPT Image 2, which four protocols besides its own lead to."""
    sync_catalogue()
    return ImageModel.objects.get(slug="gpt-image-2")


def step(connection: Connection, slug: str = "gpt-image-2") -> Step:
    return Step(connection, ImageModel.objects.get(slug=slug))


def names(team: Team, model: ImageModel) -> list[str]:
    return [each.connection.name for each in route_of(team, model)]


def events() -> list[tuple[str, str, object]]:
    rows = AuditEvent.objects.filter(action__startswith="model.").order_by("pk")
    return [(row.action, row.subject, row.data) for row in rows]


def test_hidden_model_is_not_offered_until_it_is_shown_again(team: Team, admin: User, model: ImageModel) -> None:
    connect(team, "OpenAI")
    for available in (False, False, True, True):
        set_available(team=team, model=model, available=available, actor=admin)
        assert (model in [offer.model for offer in models_for(team)]) is available
    assert HiddenModel.objects.count() == 0
    assert events() == [("model.hidden", "gpt-image-2", {}), ("model.shown", "gpt-image-2", {})]


def test_hiding_a_model_is_one_teams_matter(team: Team, other_team: Team, admin: User, model: ImageModel) -> None:
    connect(None, "OpenAI")
    set_available(team=team, model=model, available=False, actor=admin)
    assert model in [offer.model for offer in models_for(other_team)]


def test_route_decides_where_a_model_is_asked_for(team: Team, admin: User, model: ImageModel) -> None:
    first, second = connect(team, "OpenAI"), connect(None, "Cloudflare", "cloudflare")
    steps = [step(second, "cloudflare-gpt-image-2"), step(first)]
    set_route(team=team, model=model, steps=steps, actor=admin)
    offer = next(offer for offer in models_for(team) if offer.model == model)
    assert list(offer.steps) == steps
    set_route(team=team, model=model, steps=steps, actor=admin)
    assert events() == [("model.route_changed", "gpt-image-2", {"connections": ["Cloudflare", "OpenAI"]})]


def test_empty_route_leaves_it_to_the_first_connection(team: Team, admin: User, model: ImageModel) -> None:
    own = connect(team, "OpenAI")
    set_route(team=team, model=model, steps=[step(own)], actor=admin)
    set_route(team=team, model=model, steps=[], actor=admin)
    assert Route.objects.count() == 0
    assert [offer.steps[0].connection for offer in models_for(team) if offer.model == model] == [own]


@pytest.mark.parametrize("wrong", ["another team's", "removed", "another protocol", "another family", "ended", "twice"])
def test_route_takes_no_place_that_does_not_lead_there(
    wrong: str, team: Team, other_team: Team, admin: User, model: ImageModel
) -> None:
    connection = connect(other_team if wrong == "another team's" else team, "OpenAI")
    steps = [step(connection)]
    if wrong == "removed":
        Connection.objects.update(removed_at=BEFORE)
    elif wrong == "another protocol":
        steps = [step(connection, "cloudflare-gpt-image-2")]
    elif wrong == "another family":
        steps = [step(connection, "gpt-image-2.5-flare")]
    elif wrong == "ended":
        ImageModel.objects.filter(pk=model.pk).update(announced_end="2026-01-01")
    elif wrong == "twice":
        steps = [*steps, *steps]
    with pytest.raises(RouteRefused):
        set_route(team=team, model=model, steps=steps, actor=admin)
    assert (Route.objects.count(), events()) == (0, [])


def test_first_added_connection_comes_after_the_one_that_served(team: Team, admin: User, model: ImageModel) -> None:
    connect(team, "OpenAI")
    other = connect(team, "Cloudflare", "cloudflare")
    add_step(team=team, model=model, step=step(other, "cloudflare-gpt-image-2"), actor=admin)
    assert names(team, model) == ["OpenAI", "Cloudflare"]


def test_connection_that_rests_just_now_keeps_its_place(team: Team, admin: User, model: ImageModel) -> None:
    own = connect(team, "OpenAI")
    PausedModel.objects.create(connection=own, remote_name="gpt-image-2", kind="model_unavailable")
    other = connect(team, "Cloudflare", "cloudflare")
    add_step(team=team, model=model, step=step(other, "cloudflare-gpt-image-2"), actor=admin)
    assert names(team, model) == ["OpenAI", "Cloudflare"]


def test_connections_change_places_and_leave(team: Team, admin: User, model: ImageModel) -> None:
    a, b, c = (connect(team, name) for name in "ABC")
    set_route(team=team, model=model, steps=[step(a), step(b), step(c)], actor=admin)
    for connection, earlier, after in [(a, True, "ABC"), (c, True, "ACB"), (a, False, "CAB"), (b, False, "CAB")]:
        move_step(team=team, model=model, connection_id=connection.pk, earlier=earlier, actor=admin)
        assert "".join(names(team, model)) == after
    remove_step(team=team, model=model, connection_id=a.pk, actor=admin)
    assert "".join(names(team, model)) == "CB"
    with pytest.raises(RouteRefused):
        remove_step(team=team, model=model, connection_id=a.pk, actor=admin)
    with pytest.raises(RouteRefused):
        move_step(team=team, model=model, connection_id=a.pk, earlier=True, actor=admin)
    assert "".join(names(team, model)) == "CB"


def test_ended_entry_in_a_route_does_not_stop_other_changes(team: Team, admin: User, model: ImageModel) -> None:
    a, b = connect(team, "A"), connect(team, "B", "cloudflare")
    set_route(team=team, model=model, steps=[step(a), step(b, "cloudflare-gpt-image-2")], actor=admin)
    ImageModel.objects.filter(slug="cloudflare-gpt-image-2").update(announced_end="2026-01-01")
    move_step(team=team, model=model, connection_id=b.pk, earlier=True, actor=admin)
    assert names(team, model) == ["B", "A"]


@time_machine.travel(BEFORE)
def test_possible_places_are_the_teams_of_the_same_family(team: Team, other_team: Team) -> None:
    sync_catalogue()
    connect(None, "Shared", "aimlapi")
    connect(team, "Own")
    connect(team, "Practice", "rehearsal")
    connect(other_team, "Theirs")
    old = ImageModel.objects.get(slug="gpt-image-1.5")
    found = [(place.connection.name, place.via.slug) for place in possible_steps(team, old)]
    assert found == [("Own", "gpt-image-1.5"), ("Shared", "aimlapi-gpt-image-1.5")]


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_lose_none(team: Team, admin: User, model: ImageModel) -> None:
    places = [step(connect(team, name)) for name in "ABCDEF"]

    def add(place: Step) -> None:
        try:
            add_step(team=team, model=model, step=place, actor=admin)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(add, places[1:]))
    assert sorted(names(team, model)) == list("ABCDEF")
    assert list(Route.objects.order_by("position").values_list("position", flat=True)) == [0, 1, 2, 3, 4, 5]
