"""The page of a team's tags, and its dialogs: each a page of its own without script."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from studio.core.errors import StudioError
from studio.library import emptying, tagging
from studio.library.filing import names_like, tag_page
from studio.library.forms_organise import MergeForm, TagForm
from studio.library.models import BulkAct, Tag
from studio.library.progress import answer_emptying
from studio.library.tagging import NAME_LENGTH
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

PAGE_SIZE: Final = 60
_PAGE: Final = ["GET", "HEAD", "POST"]


@team_required(Role.VIEWER)
@require_safe
def tags(request: TeamRequest) -> HttpResponse:
    """List the tags in the order of their names, or those whose names hold `q`."""
    q, after = request.GET.get("q", "")[:NAME_LENGTH], request.GET.get("after", "")[:200]
    page = tag_page(request.team, q=q, after=after, size=PAGE_SIZE)
    context = {
        "page": page,
        "q": q,
        "after": after,
        "more": f"?{urlencode({'q': q, 'after': page.next_after})}" if page.next_after else "",
        "may_organise": request.membership.may(Role.MEMBER),
    }
    part = f"#{'rows' if after else 'found'}" if request.htmx else ""
    return render(request, f"library/tags.html{part}", context)


@team_required(Role.MEMBER)
@require_safe
def tag_names(request: TeamRequest) -> HttpResponse:
    """Answer a field that is being typed in with names of tags: for the last of several."""
    typed = request.GET.get("add") or request.GET.get("into") or ""
    names = names_like(request.team, typed[-200:].rpartition(",")[2])
    before = typed[: typed.rindex(",") + 1] + " " if "," in typed else ""
    return render(request, "library/tag_names.html", {"names": names, "before": before})


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def new_tag(request: TeamRequest) -> HttpResponse:
    """Ask for a tag's name and colour; a post makes it."""
    form = TagForm(request.POST if request.method == "POST" else None, initial={"hue": 0})

    def make() -> str:
        made = tagging.create_tag(team=request.team, **form.cleaned_data)
        return f"Tag {made.name} made."

    return _answer(request, form, make, field="name", title="New tag", action="Make tag")


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def edit_tag(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask for another name and colour; a post changes them."""
    tag = _get_tag(request, pk)
    form = TagForm(request.POST if request.method == "POST" else None, initial={"name": tag.name, "hue": tag.hue})

    def change() -> str:
        tagging.change_tag(tag=tag, **form.cleaned_data)
        return f"Tag {tag.name} saved."

    return _answer(request, form, change, field="name", title="Change tag", action="Save", tag=tag)


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def merge_tag(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask which tag to merge one into; a post moves its pictures there and deletes it, or begins to."""
    tag = _get_tag(request, pk)
    form = MergeForm(request.POST if request.method == "POST" else None, tag=tag)

    def merge() -> BulkAct:
        return emptying.merge_tag(tag=tag, into=form.cleaned_data["into"], actor=request.user)

    body = "library/tag_merge_form.html"
    return _answer(request, form, merge, field="into", title=f"Merge {tag.name}", action="Merge", tag=tag, body=body)


@team_required(Role.MEMBER)
@require_http_methods(_PAGE)
def delete_tag(request: TeamRequest, pk: int) -> HttpResponse:
    """Ask before a tag is deleted; a post deletes it, or begins to."""
    tag = _get_tag(request, pk)
    form = Form(request.POST if request.method == "POST" else None)

    def delete() -> BulkAct:
        return emptying.delete_tag(tag=tag, actor=request.user)

    body = "library/tag_delete_form.html"
    title = f"Delete {tag.name}?"
    return _answer(request, form, delete, field=None, title=title, action="Delete tag", tag=tag, body=body)


def _get_tag(request: TeamRequest, pk: int) -> Tag:
    return get_object_or_404(Tag.objects.select_related("team"), team=request.team, pk=pk)


def _answer(
    request: TeamRequest, form: Form, do: Callable[[], str | BulkAct], *, field: str | None, title: str, **more: Any
) -> HttpResponse:
    """Do what a valid form asks for and go to the list, or to how far it is; or show the form with what is wrong."""
    if form.is_bound and form.is_valid():
        try:
            done = do()
        except StudioError as error:
            form.add_error(field, error.message)
        else:
            if isinstance(done, BulkAct):
                return answer_emptying(request, done)
            messages.success(request, done)
            return redirect("library:tags", team_slug=request.team.slug)
    back = {"back": reverse("library:tags", args=[request.team.slug]), "back_label": "Tags"}
    context = {"form": form, "title": title, "body": "library/tag_form.html", "here": request.path, **back, **more}
    template = "components/dialog_content.html" if request.htmx else "library/dialog_page.html"
    return render(request, template, context, status=422 if form.is_bound else 200)
