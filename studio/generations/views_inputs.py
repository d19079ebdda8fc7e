"""Pictures around a generation: those to choose from before it, and the unfinished ones while it runs."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from studio.core.keys import read_key
from studio.generations.inputs import Inputs, take_inputs
from studio.generations.models import Preview
from studio.library.queries import find
from studio.library.search import LibrarySearch
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

OFFERED: Final = 24

_KEEP_PREVIEW: Final = 3600
# What the page of pictures asks for itself, or says of the composer in another way.
_NOT_CARRIED: Final = frozenset({"csrfmiddlewaretoken", "q", "pick", "pick_mask", "reference", "mask_asset"})


@team_required(Role.MEMBER)
@require_POST
def pick(request: TeamRequest) -> HttpResponse:
    """Offer pictures of the library to go along with the composer that is posted: the newest, or what a search finds.

    What is chosen here goes to `quote`; without script the page carries the whole composer there.
    """
    inputs = take_inputs(team=request.team, actor=request.user, post=request.POST, files=request.FILES)
    context = _mask_offer(request) if request.GET.get("for") == "mask" else _references_offer(request, inputs)
    context |= {"here": request.get_full_path(), "body": "generations/pick_form.html"}
    if request.htmx:
        return render(request, "components/dialog_content.html", context)
    context |= {"carried": _carried(request, inputs, context["ticked"]), "problems": inputs.problems.values()}
    return render(request, "generations/pick.html", context)


@team_required(Role.VIEWER)
@require_safe
def preview(request: TeamRequest, pk: int, slot: int, number: int) -> HttpResponse:
    """Send an unfinished picture, or a later one that has taken its place; it is gone when the final one is there."""
    shown = Preview.objects.filter(output__generation__team=request.team, output__generation=pk, output__slot=slot)
    found = get_object_or_404(shown, number__gte=number)
    headers = {"Cache-Control": f"private, max-age={_KEEP_PREVIEW}"}
    return HttpResponse(bytes(found.data), content_type="image/webp", headers=headers)


def _references_offer(request: TeamRequest, inputs: Inputs) -> dict[str, Any]:
    ticks = set(request.POST.getlist("pick"))
    ticked = [asset for asset in inputs.references if str(asset.pk) in ticks]
    search, found = _search(request, without={asset.pk for asset in inputs.references})
    return {
        "title": "Pick reference images",
        "name": "pick",
        "many": True,
        "search": search,
        "offered": [*ticked, *found],
        "ticked": [asset.pk for asset in ticked],
    }


def _mask_offer(request: TeamRequest) -> dict[str, Any]:
    search, found = _search(request, without=set(), alpha="1")
    ticked = read_key(request.POST.get("pick_mask"))
    return {
        "title": "Pick a mask",
        "name": "pick_mask",
        "many": False,
        "search": search,
        "offered": found,
        "ticked": [] if ticked is None else [ticked],
    }


def _search(request: TeamRequest, *, without: set[int], **filters: str) -> tuple[LibrarySearch, list[Any]]:
    search = LibrarySearch.read(urlencode({"q": request.POST.get("q", ""), **filters}))
    found = find(request.team, request.user, search, size=OFFERED + len(without))
    return search, [asset for asset in found.items if asset.pk not in without][:OFFERED]


def _carried(request: TeamRequest, inputs: Inputs, ticked: list[int]) -> list[tuple[str, str]]:
    """Everything that the composer holds but the ticks of this page, as fields; files have become pictures by now."""
    fields = [(name, value) for name, values in request.POST.lists() if name not in _NOT_CARRIED for value in values]
    fields += [("reference", str(asset.pk)) for asset in inputs.references if asset.pk not in ticked]
    mask = inputs.mask
    return fields + ([("mask_asset", str(mask.pk))] if mask and mask.pk not in ticked else [])
