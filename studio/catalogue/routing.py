"""Where a team's request for a model may go, in order."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from django.db.models import F

from studio.catalogue.models import ImageModel, Route
from studio.providers.adapters.errors import QuotaUsedUp
from studio.providers.health import is_down, rests_long
from studio.providers.models import SECRETS, Connection, PausedModel
from studio.teams.models import Team

# Why a connection or a model of it is not used, by the kind of error that paused it, in few words for designers.
PAUSES: Final = {
    "auth": "the provider rejects the key",
    "permission": "not open to the account at the provider",
    "insufficient_funds": "the account at the provider is empty",
    "address_refused": "the address of the provider is not allowed",
    "quota_used_up": "the allowance at the provider is used up",
    "model_unavailable": "no longer offered by the provider",
    "model_maintenance": "under maintenance at the provider",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One place to ask, and the entry of the catalogue that says what the model is called there."""

    connection: Connection
    via: ImageModel


@dataclass(frozen=True, slots=True)
class Ways:
    """The places that can be asked for a model now, in their order, and why it would be of no use at this moment.

    There may be a reason while there are places: those whose circuit is open take what waits as soon as it is closed.
    """

    steps: list[Step]
    reason: str = ""


def ways_for(team: Team, models: Collection[ImageModel]) -> Mapping[int, Ways]:
    """Return where each model can be asked for, by its id: three queries, however many.

    The places are those of the team's route; without one, the first connection that speaks the model's protocol, the
    team's own before a shared one.
    """
    own_first = F("team").asc(nulls_last=True), "pk"
    open_to_team = Connection.objects.open_to(team).without_secrets().filter(enabled=True).order_by(*own_first)
    connections = {connection.pk: connection for connection in open_to_team}
    routes = _routes(team, models)
    paused_models = PausedModel.objects.filter(connection__in=connections)
    paused = {(row[0], row[1]): row[2] for row in paused_models.values_list("connection_id", "remote_name", "kind")}
    ways: dict[int, Ways] = {}
    for model in models:
        if model.pk in routes:
            places = [(connections.get(route.connection_id), route.via) for route in routes[model.pk]]
        else:
            places = [(each, model) for each in connections.values() if each.protocol == model.protocol]
        known = [Step(connection, via) for connection, via in places if connection is not None]
        pauses = [pause_of(step, paused) for step in known]
        free = [step for step, pause in zip(known, pauses, strict=True) if not pause]
        steps = free if model.pk in routes else free[:1]
        ways[model.pk] = Ways(steps, _reason(steps, [pause for pause in pauses if pause]))
    return ways


def pause_of(step: Step, paused_models: Mapping[tuple[int, str], str]) -> str:
    """Return the kind of error for which a place is passed over, empty for none.

    `paused_models` holds that of each model that pauses, by connection and name.
    """
    connection = step.connection
    if not connection.paused_kind and rests_long(connection):
        return QuotaUsedUp.kind
    return connection.paused_kind or paused_models.get((connection.pk, step.via.remote_name), "")


def steps_for(team: Team, models: Collection[ImageModel]) -> Mapping[int, list[Step]]:
    """Return the places that can be asked now for each model, by its id: three queries, however many."""
    return {pk: ways.steps for pk, ways in ways_for(team, models).items()}


def _reason(steps: Collection[Step], pauses: Sequence[str]) -> str:
    if not steps:
        return PAUSES.get(pauses[0], "not available now") if pauses else ""
    return "" if any(not is_down(step.connection) for step in steps) else "the provider does not answer"


def route_of(team: Team, model: ImageModel) -> list[Step]:
    """The team's own order for a model as it was set, with what cannot be asked now; empty without one."""
    rows = Route.objects.filter(team=team, model=model, connection__in=Connection.objects.open_to(team))
    secrets = (f"connection__{name}" for name in SECRETS)
    in_order = rows.select_related("connection", "via").defer(*secrets).order_by("position")
    return [Step(route.connection, route.via) for route in in_order]


def default_places(team: Team, model: ImageModel) -> list[Step]:
    """The one place that is asked without a route; while none can be, the one that would be."""
    direct = (step for step in possible_steps(team, model) if step.via == model)
    return list(steps_for(team, [model])[model.pk]) or list(islice(direct, 1))


def possible_steps(team: Team, model: ImageModel) -> list[Step]:
    """Every place that leads to a model: connections that the team may use, with the entry of the same family."""
    open_to_team = Connection.objects.open_to(team).without_secrets()
    connections = open_to_team.order_by(F("team").asc(nulls_last=True), "pk")
    family = list(ImageModel.objects.current().filter(family=model.family))
    return [Step(each, via) for each in connections for via in family if via.protocol == each.protocol]


def _routes(team: Team, models: Collection[ImageModel]) -> Mapping[int, list[Route]]:
    routes: dict[int, list[Route]] = defaultdict(list)
    current = ImageModel.objects.current()
    kept = Route.objects.filter(connection__removed_at=None)
    rows = kept.filter(team=team, model__in=models, via__in=current).select_related("via")
    for route in rows.order_by("position"):
        routes[route.model_id].append(route)
    return routes
