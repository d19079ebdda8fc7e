"""Mends what can be mended of a store without losing a byte: files move aside, small pictures are made again."""

from datetime import date
from typing import Final

from studio.integrity.stock import LOST, Finding, Kind
from studio.library import files, names
from studio.library.models import Asset

_MADE: Final = frozenset({names.THUMBS, names.PREVIEWS})
_MOST_TRIES: Final = 1000


def mend(finding: Finding, *, day: date) -> str:
    """Mend one finding and return what was done, nothing where only a backup helps.

    Nothing is ever removed: what belongs nowhere moves to lost/<day>/, under the name that it had.
    """
    if finding.is_extra:
        return f"moved to {_move_aside(finding.name, day)}"
    if finding.folder not in _MADE or finding.asset is None:
        return ""
    # A small picture that is there is damaged: aside with it, or the next one could not be told from it.
    moved = finding.kind != Kind.MISSING and f"moved to {_move_aside(finding.name, day)}, "
    _make_again(finding.asset, finding.folder)
    return f"{moved or ''}will be made again"


def _move_aside(name: str, day: date) -> str:
    """Move a file to where nobody looks for it; one of the same name that is there already keeps its place."""
    target = f"{LOST}/{day:%Y-%m-%d}/{name}"
    for number in range(_MOST_TRIES):
        place = f"{target}.{number}" if number else target
        try:
            files.move(name, place)
        except FileExistsError:
            continue
        return place
    raise FileExistsError(target)


def _make_again(asset_id: int, folder: str) -> None:
    """Let the upkeep make the small pictures of an asset; a thumbnail is made together with the preview."""
    unmade = Asset.objects.unpurged().filter(pk=asset_id)
    unmade.update(has_preview=False, preview_tries=0)
    if folder == names.THUMBS:
        unmade.update(has_thumb=False)
