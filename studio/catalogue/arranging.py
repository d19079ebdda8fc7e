"""What a team's admins choose about models: which are available, and where they are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.services import record
from studio.catalogue.errors import RouteRefused
from studio.catalogue.models import HiddenModel, ImageModel, Route
from studio.catalogue.routing import Step, default_places, possible_steps, route_of
from studio.teams.models import Team


@transaction.atomic
def set_available(*, team: Team, model: ImageModel, available: bool, actor: User) -> None:
    """Put a model into the team's studio or take it out; what is so already stays without a word."""
    if available:
        changed = HiddenModel.objects.filter(team=team, model=model).delete()[0] > 0
    else:
        changed = HiddenModel.objects.get_or_create(team=team, model=model)[1]
    if changed:
        action = Action.MODEL_SHOWN if available else Action.MODEL_HIDDEN
        record(action=action, team_id=team.pk, actor_id=actor.pk, subject=model.slug)


def set_route(*, team: Team, model: ImageModel, steps: Sequence[Step], actor: User) -> None:
    """Ask these places in this order for a model; none means the first connection of its protocol, as without a route.

    Raises RouteRefused for a connection that is not the team's to use or does not lead to the model, and for one that
    is named twice.
    """
    with _locked(team):
        _replace(team, model, steps, actor)


def add_step(*, team: Team, model: ImageModel, step: Step, actor: User) -> None:
    """Ask one more place, after all others. Raises RouteRefused."""
    with _locked(team):
        _replace(team, model, [*_steps_now(team, model), step], actor)


def move_step(*, team: Team, model: ImageModel, connection_id: int, earlier: bool, actor: User) -> None:
    """Let a connection change places with the one before or after it; at the end of the list it stays."""
    with _locked(team):
        steps = _steps_now(team, model)
        place = _place(steps, connection_id)
        other = place - 1 if earlier else place + 1
        if 0 <= other < len(steps):
            steps[place], steps[other] = steps[other], steps[place]
            _replace(team, model, steps, actor)


def remove_step(*, team: Team, model: ImageModel, connection_id: int, actor: User) -> None:
    """Ask a connection no more for this model."""
    with _locked(team):
        steps = _steps_now(team, model)
        del steps[_place(steps, connection_id)]
        _replace(team, model, steps, actor)


@contextmanager
def _locked(team: Team) -> Iterator[None]:
    """Routes of a team are changed one after the other, each by what the one before left."""
    with transaction.atomic():
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        yield


def _steps_now(team: Team, model: ImageModel) -> list[Step]:
    """The route, or what is done without one, which the first change starts from."""
    return route_of(team, model) or default_places(team, model)


def _place(steps: Sequence[Step], connection_id: int) -> int:
    for place, step in enumerate(steps):
        if step.connection.pk == connection_id:
            return place
    raise RouteRefused("This connection is no longer in the list.")


def _replace(team: Team, model: ImageModel, steps: Sequence[Step], actor: User) -> None:
    before = route_of(team, model)
    known = {(step.connection.pk, step.via.pk) for step in [*before, *possible_steps(team, model)]}
    if any((step.connection.pk, step.via.pk) not in known for step in steps):
        raise RouteRefused(f"This connection does not lead to {model.title}, or the team may not use it.")
    if len({step.connection.pk for step in steps}) < len(steps):
        raise RouteRefused("A connection stands in the list once.")
    Route.objects.filter(team=team, model=model).delete()
    Route.objects.bulk_create(
        Route(team=team, model=model, position=position, connection=step.connection, via=step.via)
        for position, step in enumerate(steps)
    )
    if list(steps) != before:
        names = [step.connection.name for step in steps]
        record(
            action=Action.ROUTE_CHANGED,
            team_id=team.pk,
            actor_id=actor.pk,
            subject=model.slug,
            data={"connections": names},
        )
