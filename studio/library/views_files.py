"""The files of a picture, one at a time."""

from pathlib import Path
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from studio.core.ranges import content_disposition
from studio.library import files, names
from studio.library.convert import CONVERSIONS, QUALITY, TYPES, Conversion, convert
from studio.library.errors import FileMissing
from studio.library.models import Asset
from studio.library.serving import send_file
from studio.library.turns import turn
from studio.teams.access import TeamRequest, team_required
from studio.teams.models import Role

VARIANTS: Final = frozenset({"original", "preview", "thumb", "received", *CONVERSIONS})

# The bytes under one tag never change, but a removed member's browser should not show them for ever.
_KEEP_DERIVED: Final = 30 * 24 * 3600
_KEEP_ORIGINAL: Final = 24 * 3600


@team_required(Role.VIEWER)
@require_safe
def file(request: TeamRequest, pk: int, variant: str) -> HttpResponse:
    """Send a picture: what is shown, a small or converted one made from it, or the file as it was received."""
    if variant not in VARIANTS:
        raise Http404("There is no such variant of a picture.")
    found = get_object_or_404(Asset.objects.for_team(request.team), pk=pk)
    if found.purged_at is not None:
        raise FileMissing(f"Image {found.pk} was deleted for good. What was charged and who made it is still known.")
    try:
        return _send(request, found, variant)
    except FileNotFoundError as error:
        raise FileMissing(
            f"The file of image {found.pk} is missing or damaged on the server. What was charged and who made it is "
            "still known. Tell the person who runs Atelier."
        ) from error


def _send(request: TeamRequest, found: Asset, variant: str) -> HttpResponse:
    if variant == "preview" and found.has_preview:
        return _derived(request, found, found.preview_name, variant)
    if variant == "thumb" and found.has_thumb:
        return _derived(request, found, found.thumb_name, variant)
    if variant == "received" and found.has_received:
        return _received(request, found)
    if variant in CONVERSIONS:
        return _converted(found, CONVERSIONS[variant])
    return _original(request, found, stands_in=variant not in {"original", "received"})


def _derived(request: TeamRequest, found: Asset, name: str, variant: str) -> HttpResponse:
    return send_file(
        request,
        name,
        filename=f"{Path(found.download_name).stem}-{variant}.webp",
        content_type=names.DERIVED_TYPE,
        etag=f"{found.sha256}-{variant}",
        inline=True,
        max_age=_KEEP_DERIVED,
    )


def _original(request: TeamRequest, found: Asset, *, stands_in: bool) -> HttpResponse:
    """Send the original; where it stands in for a small one, only until that one is made."""
    return send_file(
        request,
        found.original_name,
        size=found.size,
        filename=found.download_name,
        content_type=found.content_type,
        etag=found.sha256,
        inline="download" not in request.GET,
        max_age=0 if stands_in else _KEEP_ORIGINAL,
    )


def _received(request: TeamRequest, found: Asset) -> HttpResponse:
    """Send the file as it came, under its own name: only ever to be saved, because nothing was taken out of it."""
    extension = names.EXTENSIONS[found.received_type]
    return send_file(
        request,
        found.received_name,
        size=found.received_size,
        filename=f"{Path(found.file_name or found.download_name).stem}.{extension}",
        content_type=found.received_type,
        etag=found.received_sha256,
        max_age=_KEEP_ORIGINAL,
    )


def _converted(found: Asset, to: Conversion) -> HttpResponse:
    """Convert it now, which takes a core for some tenths of a second; nothing is kept."""
    with turn():
        data = files.read(found.original_name)
        if len(data) != found.size:
            raise FileNotFoundError(found.original_name)
        converted = convert(data, asset=found, format=to.format, side=to.side, quality=QUALITY)
    name = f"{Path(found.download_name).stem}.{names.EXTENSIONS[TYPES[to.format]]}"
    headers = {
        "Content-Disposition": content_disposition(name, inline=False),
        "Cache-Control": f"private, max-age={_KEEP_ORIGINAL}",
    }
    return HttpResponse(converted, content_type=TYPES[to.format], headers=headers)
