"""What a picture's page says about it, and changing it: fragments for htmx, and the page again without."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from studio.core.errors import BadInput, StudioError
from studio.library import collecting, editing, tagging
from studio.library.filing import all_collections, filing_of
from studio.library.forms_organise import read_id, read_ids
from studio.library.models import MOST_RATING, Asset, Collection, Status, Tag
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

MOST_TAGS_AT_ONCE: Final = 20
# What answers for a field of the inspector; what is wrong is said at its head.
_PARTS: Final = {"notes": "notes", "rating": "rated"}
_RATINGS: Final = [str(rating) for rating in range(MOST_RATING + 1)]


def inspector_of(request: TeamRequest, asset: Asset) -> dict[str, Any]:
    """Return what templates/library/inspector.html needs beside `asset` (with its author)."""
    return {
        "filing": filing_of(asset, request.user),
        "may_organise": request.membership.may(Role.MEMBER) and asset.binned_at is None,
        "statuses": list(Status),
        "stars": range(1, MOST_RATING + 1),
        "here": query_of(request),
    }


@team_required(Role.MEMBER)
@require_POST
def edit_asset(request: TeamRequest, pk: int) -> HttpResponse:
    """Change the title, the notes, the status or the rating: whichever is sent, and nothing else."""
    found = _get_asset(request, pk)
    part = next((part for field, part in _PARTS.items() if field in request.POST), "head")
    return _change(request, found, part, lambda: _edit(request, found))


@team_required(Role.VIEWER)
@require_POST
def favourite(request: TeamRequest, pk: int) -> HttpResponse:
    """Like a picture (value=1) or no longer (value=0); pressing twice is the same as once."""
    found = _get_asset(request, pk)
    value = request.POST.get("value")
    if value not in {"0", "1"}:
        raise BadInput("An image is a favourite or it is not.")
    change = editing.favourite if value == "1" else editing.unfavourite
    change(team_id=request.team.pk, asset_ids=[found.pk], user_id=request.user.pk)
    if not request.htmx:
        return redirect(_address_of(request, found))
    context = {"asset": found, "is_favourite": value == "1", "in_tile": request.POST.get("in") == "tile"}
    return render(request, "library/heart.html", {**context, "here": query_of(request)})


@team_required(Role.MEMBER)
@require_POST
def asset_tags(request: TeamRequest, pk: int) -> HttpResponse:
    """File a picture under tags by name, with commas between several, or take one tag away by its id."""
    found = _get_asset(request, pk)
    return _change(request, found, "filed", lambda: _tag(request, found))


@team_required(Role.MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def asset_collections(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask which collections a picture is in; a post puts it into these, or takes it out of one."""
    found = _get_asset(request, pk)
    if request.method == "POST":
        return _change(request, found, "filed", lambda: _collect(request, found))
    editing.require_listed(found)
    context = {
        "asset": found,
        "title": "Add to collections",
        "body": "library/collect_form.html",
        "collections": all_collections(request.team),
        "chosen": set(found.collection_items.values_list("collection", flat=True)),
        "here": query_of(request),
        "back": _address_of(request, found),
        "back_label": found.caption,
    }
    return render(request, "components/dialog_content.html" if request.htmx else "library/dialog_page.html", context)


def query_of(request: TeamRequest) -> str:
    """Return the query of the page, to be kept by what is posted from it."""
    query = request.META.get("QUERY_STRING", "")
    return f"?{query}" if query else ""


def _get_asset(request: TeamRequest, pk: int) -> Asset:
    return get_object_or_404(Asset.objects.for_team(request.team).unpurged().select_related("author"), pk=pk)


def _address_of(request: TeamRequest, asset: Asset) -> str:
    return reverse("library:asset", args=[request.team.slug, asset.pk]) + query_of(request)


def _change(request: TeamRequest, asset: Asset, part: str, change: Callable[[], str]) -> HttpResponse:
    """Do it and answer with the part it changed; without htmx with the page, or the page about what went wrong."""
    said, problem, status = "", "", 200
    try:
        editing.require_listed(asset)
        said = change()
    except StudioError as error:
        if not request.htmx:
            raise
        problem, status = error.message, error.http_status
        part = "head" if part == "rated" else part
    if not request.htmx:
        messages.success(request, said)
        return redirect(_address_of(request, asset))
    asset = _get_asset(request, asset.pk)
    context = {"asset": asset, "said": said, "problem": problem, "is_answer": True, **inspector_of(request, asset)}
    return render(request, f"library/inspector.html#{part}", context, status=status)


def _edit(request: TeamRequest, asset: Asset) -> str:
    data, team_id, asset_ids = request.POST, request.team.pk, [asset.pk]
    if "title" in data:
        editing.set_title(asset=asset, title=data["title"])
        return "Title saved."
    if "notes" in data:
        editing.set_notes(asset=asset, notes=data["notes"])
        return "Notes saved."
    if data.get("status") in Status.values:
        status = Status(data["status"])
        editing.set_status(team_id=team_id, asset_ids=asset_ids, status=status)
        return f"{status.label}."
    if data.get("rating") in _RATINGS:
        rating = int(data["rating"])
        editing.set_rating(team_id=team_id, asset_ids=asset_ids, rating=rating)
        return f"Rated {rating} of {MOST_RATING}." if rating else "No rating."
    raise BadInput("There is nothing to change, or no such status or rating.")


def _tag(request: TeamRequest, asset: Asset) -> str:
    if "remove" in request.POST:
        tag = get_object_or_404(Tag, team=request.team, pk=read_id(request.POST, "remove"))
        tagging.remove_tag(asset_ids=[asset.pk], tag=tag)
        return f"No longer tagged {tag.name}."
    names = [name for name in request.POST.get("add", "").split(",") if name.strip()]
    if len(names) > MOST_TAGS_AT_ONCE:
        raise BadInput(f"At most {MOST_TAGS_AT_ONCE} tags are added at once.")
    if not names:
        raise BadInput("Type the name of a tag.")
    tags = tagging.add_named_tags(asset_ids=[asset.pk], team=request.team, names=names)
    return f"Tagged {', '.join(tag.name for tag in tags)}."


def _collect(request: TeamRequest, asset: Asset) -> str:
    data = request.POST
    if "remove" in data:
        collection = get_object_or_404(Collection, team=request.team, pk=read_id(data, "remove"))
        collecting.uncollect(asset_ids=[asset.pk], collection=collection)
        return f"Taken out of {collection.name}."
    if data.get("new", "").strip():
        made = collecting.create_collection(team=request.team, actor=request.user, name=data["new"])
        collecting.collect(asset_ids=[asset.pk], collection=made, actor_id=request.user.pk)
    before, after = set(read_ids(data, "was")), set(read_ids(data, "collections"))
    collections = Collection.objects.filter(team=request.team).in_bulk([*(before ^ after)])
    for pk in sorted(collections):
        if pk in after:
            collecting.collect(asset_ids=[asset.pk], collection=collections[pk], actor_id=request.user.pk)
        else:
            collecting.uncollect(asset_ids=[asset.pk], collection=collections[pk])
    return "Collections saved."
