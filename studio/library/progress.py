"""An act on many pictures as people see it: in words, with how far it is and what can be done about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from studio.accounts.models import User
from studio.library.acting import can_undo
from studio.library.acts import ACTS
from studio.library.models import BulkAct, BulkState
from studio.library.models_bulk import LIVE
from studio.teams.access import TeamRequest
from studio.teams.models import Membership, Team


@dataclass(frozen=True)
class Progress:
    """One act, as a member of its team sees it."""

    act: BulkAct
    membership: Membership

    @property
    def id(self) -> str:
        """The number as addresses and attributes need it, never with separators."""
        return str(self.act.pk)

    @property
    def is_live(self) -> bool:
        """Whether it goes on."""
        return self.act.state in LIVE

    @property
    def place(self) -> tuple[str, str]:
        """Where it was asked for: the name of an address, and in words."""
        kind = ACTS[self.act.act]
        if kind.emptying:
            return kind.emptying.place
        return ("library:bin", "bin") if kind.is_for_bin else ("library:grid", "library")

    @property
    def can_cancel(self) -> bool:
        """Whether it can still be stopped."""
        return self.act.state in {BulkState.QUEUED, BulkState.RUNNING}

    @property
    def can_undo(self) -> bool:
        """Whether this member can take it back: who lost the right to do it has lost that, too."""
        return self.membership.may(ACTS[self.act.act].role) and can_undo(self.act)

    @property
    def part(self) -> int:
        """How many are through."""
        return self.act.undone + self.act.kept if self.act.state == BulkState.UNDOING else self.act.done

    @property
    def whole(self) -> int:
        """Of how many; 0 while that is not known."""
        return self.act.done - self.act.skipped if self.act.state == BulkState.UNDOING else self.act.total

    @property
    def is_ok(self) -> bool:
        """Whether it ended as it was meant to."""
        return self.act.state in {BulkState.DONE, BulkState.UNDONE} and not self.act.problem

    @property
    def words(self) -> str:
        """What happened, or happens, in a sentence or two."""
        if not self.act.is_frozen:
            return "Finding the images."
        return _joined([_WORDS[BulkState(self.act.state)](self), self.act.problem])

    @property
    def told(self) -> str:
        """What is done to them: `moved to the bin`."""
        return ACTS[self.act.act].told.format(**{"name": "", **self.act.value})

    @property
    def emptied(self) -> str:
        """What is gone since there was nothing left in it: `Tag hero deleted.`"""
        emptying = ACTS[self.act.act].emptying
        return emptying.told.format(**self.act.value) if emptying else ""


def answer_emptying(request: TeamRequest, act: BulkAct) -> HttpResponse:
    """Go on to the list from which a tag or collection is gone, or to how far that is."""
    shown = Progress(act, request.membership)
    if not shown.is_ok:
        return redirect("library:bulk_act", request.team.slug, act.pk)
    messages.success(request, shown.emptied)
    return redirect(shown.place[0], request.team.slug)


def running_of(team: Team, user: User) -> list[BulkAct]:
    """Return the acts of one person that go on, oldest first."""
    return list(BulkAct.objects.live().filter(team=team, actor=user).order_by("pk")[:5])


def in_images(number: int) -> str:
    """`1 image`, `2,418 images`."""
    return f"{number:,} {'image' if number == 1 else 'images'}"


def _done(shown: Progress) -> str:
    changed = shown.act.done - shown.act.skipped
    return _joined([shown.emptied, f"{in_images(changed)} {shown.told}.", _passed_over(shown.act)])


def _cancelled(shown: Progress) -> str:
    return f"Stopped: {shown.act.done - shown.act.skipped:,} of {in_images(shown.act.total)} {shown.told}."


def _undone(shown: Progress) -> str:
    return _joined([f"Undone for {in_images(shown.act.undone)}.", _stayed(shown.act.kept)])


def _stayed(number: int) -> str:
    if not number:
        return ""
    return f"{number:,} {'was' if number == 1 else 'were'} changed since and {'stays' if number == 1 else 'stay'} so."


def _passed_over(act: BulkAct) -> str:
    if not act.skipped:
        return ""
    why = ACTS[act.act].passed_over
    return f"{act.skipped:,} stayed: {why}." if why else f"{act.skipped:,} needed no change."


def _joined(sentences: Sequence[str]) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


_WORDS: Final[Mapping[BulkState, Callable[[Progress], str]]] = {
    BulkState.QUEUED: lambda shown: f"{in_images(shown.act.total)} waiting.",
    BulkState.RUNNING: lambda shown: f"{shown.act.done:,} of {in_images(shown.act.total)} {shown.told}.",
    BulkState.UNDOING: lambda shown: f"Undoing: {shown.part:,} of {in_images(shown.whole)}.",
    BulkState.DONE: _done,
    BulkState.CANCELLED: _cancelled,
    BulkState.UNDONE: _undone,
}
