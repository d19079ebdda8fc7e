"""What a form says is to be done to the chosen pictures: `act=tag`, `act=tag:12`, `act=tag:new` with a `name`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict
from django.shortcuts import get_object_or_404

from studio.core.errors import BadInput
from studio.core.keys import read_key
from studio.library.acts import ACTS, Act
from studio.library.collecting import create_collection
from studio.library.models import MOST_RATING, Collection, Status, Tag
from studio.library.tagging import get_or_create_tag
from studio.teams.access import TeamRequest

NEW: Final = "new"


@dataclass(frozen=True)
class Wanted:
    """An act by its name, with what it is about as far as the form says."""

    name: str
    about: str = ""

    @property
    def act(self) -> Act:
        """What the name stands for."""
        return ACTS[self.name]


def read_wanted(data: QueryDict) -> Wanted:
    """Read which act a form asks for; raises BadInput for one that there is not."""
    name, _, about = data.get("act", "").partition(":")
    if name not in ACTS or ACTS[name].emptying:
        raise BadInput("Nothing like that can be done to images.")
    return Wanted(name, about)


def find_value(request: TeamRequest, wanted: Wanted) -> dict[str, Any] | None:
    """Return what the act needs to know; None where the person still has to be asked.

    A tag or collection of another team is not found; a new one is made here.
    """
    reader = _READERS.get(wanted.name)
    return reader(request, wanted.about) if reader else {}


def _status(_: TeamRequest, about: str) -> dict[str, Any]:
    if about not in Status.values:
        raise BadInput("There is no such status.")
    return {"status": about, "name": Status(about).label.lower()}


def _rating(_: TeamRequest, about: str) -> dict[str, Any]:
    if about not in map(str, range(MOST_RATING + 1)):
        raise BadInput(f"A rating is 0 to {MOST_RATING} stars.")
    return {"rating": int(about), "name": f"{about} {'star' if about == '1' else 'stars'}"}


def _tag(request: TeamRequest, about: str) -> dict[str, Any] | None:
    if not about:
        return None
    if about == NEW:
        tag = get_or_create_tag(team=request.team, name=request.POST.get("name", ""))
    else:
        tag = get_object_or_404(Tag, team=request.team, pk=_key(about))
    return {"tag": tag.pk, "name": tag.name}


def _collection(request: TeamRequest, about: str) -> dict[str, Any] | None:
    if not about:
        return None
    if about == NEW:
        name = request.POST.get("name", "")
        collection = create_collection(team=request.team, name=name, actor=request.user)
    else:
        collection = get_object_or_404(Collection, team=request.team, pk=_key(about))
    return {"collection": collection.pk, "name": collection.name}


def _taken_from(request: TeamRequest, about: str) -> dict[str, Any] | None:
    """Images are taken out of a collection on its own page, so nobody is asked which."""
    if about in ("", NEW):
        raise BadInput("Open the collection first, then take images out of it.")
    return _collection(request, about)


def _tag_to_take(request: TeamRequest, about: str) -> dict[str, Any] | None:
    if about == NEW:
        raise BadInput("A new tag is on no image yet. Choose one that is.")
    return _tag(request, about)


def _move(request: TeamRequest, about: str) -> dict[str, Any] | None:
    source = get_object_or_404(Collection, team=request.team, pk=_key(request.POST.get("source", "")))
    target = _collection(request, about)
    if target is not None and target["collection"] == source.pk:
        raise BadInput("The images are in this collection already. Choose another one.")
    return None if target is None else {**target, "source": source.pk}


def _key(text: str) -> int:
    key = read_key(text)
    if key is None:
        raise BadInput("There is no such tag or collection.")
    return key


def _purge(request: TeamRequest, _: str) -> dict[str, Any] | None:
    return {} if request.POST.get("confirmed") == "1" else None


_READERS: Final[Mapping[str, Callable[[TeamRequest, str], dict[str, Any] | None]]] = {
    "status": _status,
    "rate": _rating,
    "tag": _tag,
    "untag": _tag_to_take,
    "collect": _collection,
    "uncollect": _taken_from,
    "move": _move,
    "purge": _purge,
}
