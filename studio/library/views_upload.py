"""Uploads: the page that takes files, and the answer for each of them."""

from dataclasses import dataclass
from typing import Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from studio.core.errors import BadInput, StudioError
from studio.core.keys import read_key
from studio.library import intake
from studio.library.models import Asset, Collection
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

MOST_FILES: Final = 100
_NAMELESS: Final = "A file without a name"


@dataclass(frozen=True)
class Outcome:
    """What became of one file: added, known, restored or refused, with a sentence where there is more to say."""

    name: str
    kind: str
    status: int
    text: str = ""
    asset: Asset | None = None


_TEXTS: Final = {
    "added": "",
    "known": "Already in the library.",
    "restored": "Was in the bin and is back in the library.",
}
_LEFT_OUT: Final = "In the library, but in no collection: this one is being deleted."


@team_required(Role.MEMBER)
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: TeamRequest) -> HttpResponse:
    """Show where to put files; a post takes them. With htmx it takes one file and answers with the line about it."""
    collection = _collection_of(request)
    if request.method != "POST":
        return render(request, "library/upload.html", {"collection": collection})
    sent = request.FILES.getlist("files")
    _check_number(len(sent))
    outcomes = [_take(request, file, collection) for file in sent]
    if request.htmx:
        [outcome] = outcomes[:1]
        return render(request, "library/upload.html#outcome", {"outcome": outcome}, status=outcome.status)
    refused = all(outcome.kind == "refused" for outcome in outcomes)
    context = {"collection": collection, "outcomes": outcomes}
    return render(request, "library/upload.html", context, status=400 if refused else 200)


def _collection_of(request: TeamRequest) -> Collection | None:
    value = request.POST.get("collection") or request.GET.get("collection")
    if not value:
        return None
    key = read_key(value)
    if key is None:
        raise BadInput("There is no such collection.")
    return get_object_or_404(Collection, team=request.team, pk=key)


def _check_number(number: int) -> None:
    if not number:
        raise BadInput("No files came with this. Choose some, then upload them.")
    if number > MOST_FILES:
        raise BadInput(f"Up to {MOST_FILES} files can be sent at once.")


def _take(request: TeamRequest, file: "UploadedFile[bytes]", collection: Collection | None) -> Outcome:
    """Add one file; what is wrong with it is said about it and harms no other."""
    name = intake.clean_file_name(file.name or "")
    try:
        uploaded = intake.add_upload(
            team=request.team, actor=request.user, file=file, file_name=name, collection=collection
        )
    except StudioError as error:
        return Outcome(name or _NAMELESS, "refused", error.http_status, error.message)
    kind = "added" if uploaded.is_new else "restored" if uploaded.was_restored else "known"
    text = _LEFT_OUT if uploaded.is_left_out else _TEXTS[kind]
    return Outcome(name or _NAMELESS, kind, 201 if uploaded.is_new else 200, text, uploaded.asset)
