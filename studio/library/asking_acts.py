"""What a person is asked before an act that needs more than the selection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef

from studio.library.choosing import Wanted
from studio.library.filing import all_collections
from studio.library.models import AssetTag, Tag
from studio.library.progress import in_images
from studio.library.queries import count
from studio.library.selection import Selection
from studio.teams.access import TeamRequest

# More are not shown as buttons; the field for a name completes all of them.
MOST_TAGS_SHOWN: Final = 60


@dataclass(frozen=True)
class Choice:
    """One thing to choose: what the form sends for it, and what it is called."""

    act: str
    name: str
    hue: int = 0
    is_inside: bool = False


@dataclass(frozen=True)
class Question:
    """A title, what can be chosen, and what can be made or confirmed."""

    title: str
    kind: str
    choices: Sequence[Choice] = ()
    # What the form sends for a new one, or for yes.
    act: str = ""
    names: Sequence[str] = ()
    number: int = 0


def question_of(request: TeamRequest, wanted: Wanted, selection: Selection) -> Question:
    """Return what to ask for an act."""
    return _QUESTIONS[wanted.name](request, wanted, selection)


def _collect(request: TeamRequest, wanted: Wanted, selection: Selection) -> Question:
    verb = "Move" if wanted.name == "move" else "Add"
    found = _collections(request, wanted)
    title = f"{verb} {_number(request, selection)} to a collection"
    return Question(title, "collection", found, act=f"{wanted.name}:new")


def _collections(request: TeamRequest, wanted: Wanted) -> list[Choice]:
    own = request.POST.get("source", "") if wanted.name == "move" else ""
    return [
        Choice(f"{wanted.name}:{one.pk}", one.name, is_inside=one.parent_id is not None)
        for one in all_collections(request.team)
        if str(one.pk) != own
    ]


def _tag(request: TeamRequest, _: Wanted, selection: Selection) -> Question:
    tags = list(Tag.objects.filter(team=request.team).order_by("key"))
    choices = [Choice(f"tag:{tag.pk}", tag.name, tag.hue) for tag in tags[:MOST_TAGS_SHOWN]]
    names = [tag.name for tag in tags]
    return Question(f"Tag {_number(request, selection)}", "tag", choices, act="tag:new", names=names)


def _untag(request: TeamRequest, _: Wanted, selection: Selection) -> Question:
    """Of ticked pictures only the tags they have; for a search, which may find very many, all tags of the team."""
    tags = Tag.objects.filter(team=request.team)
    if selection.ids:
        tags = tags.filter(Exists(AssetTag.objects.filter(tag=OuterRef("pk"), asset__in=selection.ids)))
    choices = [Choice(f"untag:{tag.pk}", tag.name, tag.hue) for tag in tags.order_by("key")]
    return Question(f"Take a tag from {_number(request, selection)}", "untag", choices)


def _purge(request: TeamRequest, _: Wanted, selection: Selection) -> Question:
    number = selection.assets(request.team, request.user).binned().count()
    return Question(f"Delete {in_images(number)} for good?", "purge", act="purge", number=number)


def _number(request: TeamRequest, selection: Selection) -> str:
    if selection.search is None:
        return in_images(selection.assets(request.team, request.user).count())
    found = count(request.team, request.user, selection.search)
    return f"all {found.number:,}{'+' if found.is_more else ''} matching images"


_QUESTIONS: Final[Mapping[str, Callable[[TeamRequest, Wanted, Selection], Question]]] = {
    "collect": _collect,
    "move": _collect,
    "tag": _tag,
    "untag": _untag,
    "purge": _purge,
}
