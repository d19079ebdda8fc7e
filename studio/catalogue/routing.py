"""Where a team's request for a model may go, in order."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import F

from studio.catalogue.models import ImageModel, Route
from studio.providers.models import Connection, PausedModel
from studio.teams.models import Team


@dataclass(frozen=True, slots=True)
class Step:
    """One place to ask, and the entry of the catalogue that says what the model is called there."""

    connection: Connection
    via: ImageModel


def steps_for(team: Team, models: Collection[ImageModel]) -> Mapping[int, list[Step]]:
    """Return the places that can be asked now for each model, by its id: three queries, however many.

    They are those of the team's route; without one, the first connection that speaks the model's protocol, the team's
    own before a shared one. The secrets stay in the database, since nothing is sent here.
    """
    own_first = Connection.objects.usable_by(team).order_by(F("team").asc(nulls_last=True), "pk").defer("secret")
    connections = {connection.pk: connection for connection in own_first}
    routes = _routes(team, models)
    paused = set(PausedModel.objects.filter(connection__in=connections).values_list("connection_id", "remote_name"))
    steps: dict[int, list[Step]] = {}
    for model in models:
        if model.pk in routes:
            wanted = [(connections.get(route.connection_id), route.via) for route in routes[model.pk]]
        else:
            wanted = [(each, model) for each in connections.values() if each.protocol == model.protocol]
        free = [
            Step(connection, via)
            for connection, via in wanted
            if connection is not None and (connection.pk, via.remote_name) not in paused
        ]
        steps[model.pk] = free if model.pk in routes else free[:1]
    return steps


def _routes(team: Team, models: Collection[ImageModel]) -> Mapping[int, list[Route]]:
    routes: dict[int, list[Route]] = defaultdict(list)
    current = ImageModel.objects.current()
    rows = Route.objects.filter(team=team, model__in=models, via__in=current).select_related("via")
    for route in rows.order_by("position"):
        routes[route.model_id].append(route)
    return routes
