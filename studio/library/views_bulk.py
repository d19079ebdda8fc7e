"""Acts on many pictures, and how far they are."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from studio.core.errors import BadInput, NotAllowed
from studio.core.zones import zone_of
from studio.library import acting
from studio.library.acts import ACTS
from studio.library.asking_acts import question_of
from studio.library.choosing import NEW, Wanted, find_value, read_wanted
from studio.library.forms import read_selection
from studio.library.models import BulkAct
from studio.library.progress import Progress, running_of
from studio.library.selection import Selection
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

LEAST_COMPARED, MOST_COMPARED = 2, 4
# What a selection consists of.
_CARRIED = ("ids", "all", "query", "newest", "bin", "until")


@team_required(Role.VIEWER)
@require_POST
def bulk(request: TeamRequest) -> HttpResponse:
    """Do something to all chosen pictures, or first ask what exactly."""
    if request.POST.get("act") == "compare":
        return _compare(request, read_selection(request.POST, zone=zone_of(request)))
    wanted = read_wanted(request.POST)
    _require(request, wanted.act.role)
    selection = read_selection(request.POST, zone=zone_of(request))
    key = _key(request)
    value = _value(request, wanted, selection, key)
    if value is None:
        return _ask(request, wanted, selection)
    act = acting.start(
        team=request.team, actor=request.user, act=wanted.name, value=value, selection=selection, key=key
    )
    return _answer(request, act)


@team_required(Role.VIEWER)
@require_safe
def running(request: TeamRequest) -> HttpResponse:
    """The person's acts that are under way, for the strip above the pictures."""
    acts = [Progress(act, request.membership) for act in running_of(request.team, request.user)]
    return render(request, "library/bulk_act.html#strips", {"acts": acts})


@team_required(Role.VIEWER)
@require_safe
def bulk_act(request: TeamRequest, pk: int) -> HttpResponse:
    """How far an act is, and what can be done about it."""
    return _show(request, _find(request, pk))


@team_required(Role.VIEWER)
@require_POST
def cancel(request: TeamRequest, pk: int) -> HttpResponse:
    """Stop an act; what it has done stays."""
    acting.cancel(act=_find(request, pk))
    if request.htmx:
        return _show(request, _find(request, pk))
    return redirect("library:bulk_act", request.team.slug, pk)


@team_required(Role.VIEWER)
@require_POST
def undo(request: TeamRequest, pk: int) -> HttpResponse:
    """Take an act back, which changes pictures as the act itself did."""
    found = _find(request, pk)
    _require(request, ACTS[found.act].role)
    return _answer(request, acting.undo(act=found))


def _value(request: TeamRequest, wanted: Wanted, selection: Selection, key: uuid.UUID) -> dict[str, Any] | None:
    """Return what the act needs to know; a form that is sent twice makes a new tag or collection once.

    And none for images that are not there: what was made would stay behind, empty.
    """
    if wanted.about != NEW:
        return find_value(request, wanted)
    sent = acting.find(team=request.team, actor=request.user, key=key)
    if sent is not None and sent.act == wanted.name and sent.value.get("name") == request.POST.get("name", "").strip():
        return {name: value for name, value in sent.value.items() if name != "until"}
    selection.assets(request.team, request.user)
    return find_value(request, wanted)


def _require(request: TeamRequest, role: Role) -> None:
    if not request.membership.may(role):
        yours = request.membership.get_role_display().lower()
        raise NotAllowed(f"This needs the role {role.label.lower()}; yours is {yours}. An admin of the team can do it.")


def _compare(request: TeamRequest, selection: Selection) -> HttpResponse:
    ids = selection.ids
    if not LEAST_COMPARED <= len(ids) <= MOST_COMPARED:
        raise BadInput(f"Choose {LEAST_COMPARED} to {MOST_COMPARED} images to compare.")
    query = urlencode({"ids": ",".join(map(str, ids))}, safe=",")
    return HttpResponseRedirect(f"{reverse('library:compare', args=[request.team.slug])}?{query}", status=303)


def _ask(request: TeamRequest, wanted: Wanted, selection: Selection) -> HttpResponse:
    """Ask in a dialog, whose form takes the ids from the page; without htmx on a page that carries them along."""
    carried = [(name, value) for name in _CARRIED for value in request.POST.getlist(name)]
    context: dict[str, Any] = {
        "question": question_of(request, wanted, selection),
        "source": request.POST.get("source"),
        "carried": [pair for pair in carried if pair[0] != "ids" or not request.htmx],
    }
    return render(request, f"library/bulk_ask.html{'#content' if request.htmx else ''}", context)


def _answer(request: TeamRequest, act: BulkAct) -> HttpResponse:
    """Say what was done, with Undo; what takes longer shows how far it is."""
    if not request.htmx:
        return redirect("library:bulk_act", request.team.slug, act.pk)
    shown = Progress(act, request.membership)
    response = render(request, "library/bulk_act.html#answer", {"act": shown})
    if not shown.is_live:
        trigger_client_event(response, "library-changed")
    return trigger_client_event(response, "bulk-started")


def _show(request: TeamRequest, act: BulkAct) -> HttpResponse:
    template = "library/bulk_act.html#strip" if request.htmx else "library/bulk_act.html"
    return render(request, template, {"act": Progress(act, request.membership)})


def _find(request: TeamRequest, pk: int) -> BulkAct:
    """One's own act; an admin finds everybody's but for what is personal."""
    act = get_object_or_404(BulkAct, team=request.team, pk=pk)
    is_own = act.actor_id == request.user.pk
    if not is_own and (ACTS[act.act].role == Role.VIEWER or not request.membership.may(Role.ADMIN)):
        raise Http404("This was somebody else's act.")
    return act


def _key(request: TeamRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid.uuid4()
