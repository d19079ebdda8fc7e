"""Which connections the team's models are asked for at, together where they are the same."""

import pytest

from studio.catalogue.models import ImageModel, Route
from studio.connections.queries import Health, connections_for
from studio.connections.routing import orders_of
from studio.connections.rows import Row
from studio.providers.models import Connection
from studio.providers.services import create_connection, remove_connection
from studio.teams.models import Team
from tests.connections.conftest import SECRET

pytestmark = pytest.mark.django_db


def orders(team: Team) -> list[tuple[list[str], list[str], str]]:
    """The models of each order by their slugs, its connections by their names, and why it is of no use now."""
    rows = {each.pk: Row(each, Health()) for each in connections_for(team)}
    return [
        ([model.slug for model in order.models], [row.connection.name for row in order.rows], order.reason)
        for order in orders_of(team, rows)
    ]


def route(team: Team, model: ImageModel, *connections: Connection) -> None:
    for position, connection in enumerate(connections):
        Route.objects.create(team=team, model=model, position=position, connection=connection, via=model)


@pytest.fixture
def models(ours: Connection) -> list[ImageModel]:
    """The models that the team's connection brings, without those that are at their end."""
    ImageModel.objects.filter(retires_on__isnull=False).update(enabled=False)
    return list(ImageModel.objects.filter(protocol="openai", enabled=True, prices__isnull=False).distinct())


def test_models_of_the_same_connections_stand_together(
    team: Team, ours: Connection, shared: Connection, models: list[ImageModel]
) -> None:
    slugs = [model.slug for model in models]
    assert orders(team) == [(slugs, ["Ours"], ""), (["rehearsal"], ["Rehearsal"], "")]

    second = create_connection(team=team, name="Second", protocol="openai", secret=SECRET, actor=None)
    route(team, models[1], second, ours)

    assert orders(team) == [
        ([slugs[0], *slugs[2:]], ["Ours"], ""),
        ([slugs[1]], ["Second", "Ours"], ""),
        (["rehearsal"], ["Rehearsal"], ""),
    ]


def test_connection_that_pauses_is_passed_over_and_the_last_one_says_why(
    team: Team, ours: Connection, models: list[ImageModel]
) -> None:
    second = create_connection(team=team, name="Second", protocol="openai", secret=SECRET, actor=None)
    for model in models:
        route(team, model, ours, second)
    slugs = [model.slug for model in models]
    Connection.objects.filter(pk=ours.pk).update(paused_kind="auth")
    assert orders(team) == [(slugs, ["Second"], "")]

    Connection.objects.update(paused_kind="auth")
    assert orders(team) == [(slugs, [], "the provider rejects the key")]


def test_route_of_nothing_but_removed_connections_is_no_route(
    team: Team, ours: Connection, models: list[ImageModel]
) -> None:
    route(team, models[0], ours)
    remove_connection(connection=ours, actor=None)
    create_connection(team=team, name="Third", protocol="openai", secret=SECRET, actor=None)
    assert orders(team) == [([model.slug for model in models], ["Third"], "")]
