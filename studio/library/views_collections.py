"""Pages of collections: the list, new and changed ones, and their manual order."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from studio.core.errors import BadInput, Conflict, StudioError
from studio.library import collecting, emptying, ordering
from studio.library.filing import items_page, shelf_of, shelf_page
from studio.library.forms_organise import CollectionForm, read_id, read_ids
from studio.library.models import Collection
from studio.library.progress import answer_emptying
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 60
_PAGE: Final = ["GET", "HEAD", "POST"]


@team_required(Role.VIEWER)
@require_safe
def collections(request: TeamRequest) -> HttpResponse:
    """List the team's collections by name, each with those in it."""
    after = request.GET.get("after", "")[:500]
    page = shelf_page(request.team, after=after, size=PAGE_SIZE)
    context = {
        "page": page,
        "after": after,
        "more": f"?{urlencode({'after': page.next_after})}" if page.next_after else "",
        "may_organise": request.membership.may(Role.MEMBER),
    }
    part = after and request.htmx
    return render(request, "library/collections.html#rows" if part else "library/collections.html", context)


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def new_collection(request: TeamRequest) -> HttpResponse:
    """Ask for a new collection's name; a post makes it and shows it."""
    posted = request.POST if request.method == "POST" else None
    form = CollectionForm(posted, team=request.team, initial={"parent": request.GET.get("in", "")[:18]})
    if form.is_bound and form.is_valid():
        try:
            made = collecting.create_collection(team=request.team, actor=request.user, **form.cleaned_data)
        except StudioError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, f"Collection {made.name} made. Add images to it from the library.")
            return redirect(_grid_of(made))
    return _ask(request, form=form, title="New collection", action="Make collection")


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def edit_collection(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask for another name, description and place; a post changes them."""
    collection = _get_collection(request, pk)
    posted = request.POST if request.method == "POST" else None
    now = {"name": collection.name, "description": collection.description, "parent": collection.parent_id}
    form = CollectionForm(posted, team=request.team, collection=collection, initial=now)
    if form.is_bound and form.is_valid():
        try:
            collecting.change_collection(collection=collection, **form.cleaned_data)
        except StudioError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, f"Collection {collection.name} saved.")
            return redirect(_grid_of(collection))
    return _ask(request, form=form, title="Collection settings", action="Save", collection=collection)


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def delete_collection(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask before a collection is deleted; a post deletes it, or begins to, and its pictures stay."""
    collection = _get_collection(request, pk)
    if request.method == "POST":
        try:
            return answer_emptying(request, emptying.delete_collection(collection=collection, actor=request.user))
        except Conflict as error:
            # Somebody was faster, so what was asked for happens; the list shows how far it is.
            messages.info(request, error.message)
            return redirect("library:collections", request.team.slug)
    context = {"shelf": shelf_of(collection), "collection": collection, "body": "library/collection_delete_form.html"}
    return _ask(request, title=f"Delete {collection.name}?", **context)


@team_required(Role.MEMBER)
@require_POST
def cover(request: TeamRequest, pk: int) -> HttpResponse:
    """Let one of its pictures stand for a collection; without one, its first does."""
    collection = _get_collection(request, pk)
    asset = read_id(request.POST, "asset") if request.POST.get("asset") else None
    collecting.set_cover(collection=collection, asset_id=asset)
    messages.success(request, "Cover saved." if asset else "The first image is the cover now.")
    return redirect("library:arrange", team_slug=request.team.slug, pk=collection.pk)


@team_required(Role.MEMBER)
@require_safe
def arrange(request: TeamRequest, pk: int) -> HttpResponse:
    """Show a collection's pictures in their order, to be moved by hand, by keyboard or by buttons."""
    collection = _get_collection(request, pk)
    after = request.GET.get("after", "")[:40]
    assets, cursor = items_page(collection, after=after, size=PAGE_SIZE)
    context = {
        "collection": collection,
        "assets": assets,
        "after": after,
        "grid": _grid_of(collection),
        "more": f"?after={cursor}" if cursor else "",
    }
    part = after and request.htmx
    return render(request, "library/arrange.html#rows" if part else "library/arrange.html", context)


@team_required(Role.MEMBER)
@require_POST
def order(request: TeamRequest, pk: int) -> HttpResponse:
    """Move pictures (item, repeated) right before or after another one, or one of them by a step (to)."""
    collection = _get_collection(request, pk)
    data = request.POST
    items = read_ids(data, "item", most=ordering.MOST_MOVED)
    if not items:
        raise BadInput("There is nothing to move.")
    if "to" in data:
        if data["to"] not in ordering.STEPS:
            raise BadInput("An image moves to the start, earlier, later or to the end.")
        ordering.step(collection=collection, asset_id=items[0], to=ordering.STEPS[data["to"]])
    elif "before" in data:
        ordering.place(collection=collection, asset_ids=items, side="before", anchor=read_id(data, "before"))
    else:
        ordering.place(collection=collection, asset_ids=items, side="after", anchor=read_id(data, "after"))
    if request.htmx:
        return HttpResponse(status=204)
    address = reverse("library:arrange", args=[request.team.slug, collection.pk])
    return redirect(f"{address}#picture-{items[0]}")


def _get_collection(request: TeamRequest, pk: int) -> Collection:
    return get_object_or_404(Collection.objects.select_related("team", "parent"), team=request.team, pk=pk)


def _grid_of(collection: Collection) -> str:
    return f"{reverse('library:grid', args=[collection.team.slug])}?collection={collection.pk}"


def _ask(request: TeamRequest, **context: Any) -> HttpResponse:
    """Show a form in the page's dialog, or as a page."""
    back = {"back": reverse("library:collections", args=[request.team.slug]), "back_label": "Collections"}
    context = {"body": "library/collection_form.html", "here": request.get_full_path(), **back, **context}
    template = "components/dialog_content.html" if request.htmx else "library/dialog_page.html"
    form = context.get("form")
    return render(request, template, context, status=422 if form is not None and form.is_bound else 200)
