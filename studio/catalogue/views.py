"""The pages about models: the list, a comparison, one model, and what admins choose about it."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from studio.catalogue import arranging
from studio.catalogue.comparing import abilities, compare, price_table, wait, wording
from studio.catalogue.errors import RouteRefused
from studio.catalogue.forms import MoveForm, StepForm
from studio.catalogue.listing import (
    RANKED_DAYS,
    Entry,
    arrangement_of,
    entries_for,
    models_of,
    price_sources,
    ranking,
    used_lately,
)
from studio.catalogue.models import ImageModel
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role
from studio.usage.queries import Used

FEWEST: Final = 2
MOST: Final = 4


@team_required(Role.VIEWER)
@require_safe
def models(request: TeamRequest) -> HttpResponse:
    """Show the models of the team's connections; `compare=` names those to set side by side instead."""
    may_manage = request.membership.may(Role.ADMIN)
    used = _used(request)
    entries = entries_for(request.team, used)
    named = {slug for value in request.GET.getlist("compare") for slug in value.split(",")}
    chosen = [entry for entry in entries if entry.model.slug in named]
    context: dict[str, Any] = {"may_manage": may_manage, "ranked_days": RANKED_DAYS}
    if FEWEST <= len(chosen) <= MOST:
        context |= {"entries": chosen, "sections": compare(chosen, with_use=may_manage)}
        return render(request, "catalogue/compare.html", context)
    context |= {
        "entries": entries,
        "ranking": ranking(used),
        "chosen": {entry.model.slug for entry in chosen},
        "refused": "compare" in request.GET,
    }
    return render(request, "catalogue/models.html", context)


@team_required(Role.VIEWER)
@require_safe
def model(request: TeamRequest, slug: str) -> HttpResponse:
    """Show one model: what it can do and costs, when it ends, and to admins where it is asked for."""
    for entry in entries_for(request.team, _used(request)):
        if entry.model.slug == slug:
            return _model_page(request, entry)
    raise Http404("No such model, or not among those of this team.")


@team_required(Role.ADMIN)
@require_POST
def available(request: TeamRequest, slug: str) -> HttpResponse:
    """Put a model into the team's studio, or take it out."""
    chosen = _get_model(request, slug)
    is_available = request.POST.get("available") == "1"
    arranging.set_available(team=request.team, model=chosen, available=is_available, actor=request.user)
    if request.htmx:
        return render(request, "catalogue/switch.html", {"model": chosen, "is_hidden": not is_available})
    what = "is available" if is_available else "is no longer available"
    messages.success(request, f"{chosen.title} {what} in {request.team}.")
    return redirect("catalogue:models", team_slug=request.team.slug)


@team_required(Role.ADMIN)
@require_POST
def add_step(request: TeamRequest, slug: str) -> HttpResponse:
    """Add a connection at the end of a model's route."""
    chosen = _get_model(request, slug)
    form = StepForm(request.POST, steps=arrangement_of(request.team, chosen).others)
    if form.is_valid():
        step = form.chosen()
        try:
            arranging.add_step(team=request.team, model=chosen, step=step, actor=request.user)
        except RouteRefused as error:
            form.add_error("step", error.message)
        else:
            return _route_changed(request, chosen, f"{step.connection} added.")
    if request.htmx:
        return render(request, "catalogue/model.html#route", _route(request, chosen, form), status=422)
    entry = next(entry for entry in entries_for(request.team, _used(request)) if entry.model == chosen)
    return _model_page(request, entry, form)


@team_required(Role.ADMIN)
@require_POST
def change_step(request: TeamRequest, slug: str, pk: int) -> HttpResponse:
    """Move a connection of a model's route up or down, or take it out."""
    chosen = _get_model(request, slug)
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise RouteRefused("A connection can be moved up, moved down or removed.")
    act = form.cleaned_data["act"]
    if act == "remove":
        arranging.remove_step(team=request.team, model=chosen, connection_id=pk, actor=request.user)
        return _route_changed(request, chosen, "Removed.")
    arranging.move_step(team=request.team, model=chosen, connection_id=pk, earlier=act == "up", actor=request.user)
    return _route_changed(request, chosen, "Moved.")


def _used(request: TeamRequest) -> Mapping[str, Used]:
    """Usage is for admins."""
    return used_lately(request.team) if request.membership.may(Role.ADMIN) else {}


def _get_model(request: TeamRequest, slug: str) -> ImageModel:
    return get_object_or_404(models_of(request.team), slug=slug)


def _model_page(request: TeamRequest, entry: Entry, form: StepForm | None = None) -> HttpResponse:
    may_manage = request.membership.may(Role.ADMIN)
    context: dict[str, Any] = {
        "entry": entry,
        "abilities": abilities([entry]),
        "qualities": [wording(quality) for quality in entry.offer.qualities],
        "prices": price_table(entry),
        "sources": price_sources(entry.model),
        "ranked_days": RANKED_DAYS,
        "wait": wait(entry),
        "may_manage": may_manage,
    }
    if may_manage:
        context |= _route(request, entry.model, form)
    return render(request, "catalogue/model.html", context, status=422 if form is not None else 200)


def _route(request: TeamRequest, chosen: ImageModel, form: StepForm | None = None, said: str = "") -> dict[str, Any]:
    arrangement = arrangement_of(request.team, chosen)
    form = form or StepForm(steps=arrangement.others)
    return {"model": chosen, "arrangement": arrangement, "form": form, "said": said}


def _route_changed(request: TeamRequest, chosen: ImageModel, said: str) -> HttpResponse:
    if request.htmx:
        return render(request, "catalogue/model.html#route", _route(request, chosen, said=said))
    return redirect(f"{reverse('catalogue:model', args=[request.team.slug, chosen.slug])}#route")
