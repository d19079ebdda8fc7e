"""Saved views: a search under a name, one person's own until it is shared with the team."""

from typing import Final

from django.db import transaction

from studio.accounts.models import User
from studio.core.errors import NotFound
from studio.library.errors import BadName, NameTaken, TooMany
from studio.library.labels import read_label
from studio.library.models import SavedView
from studio.library.search import LibrarySearch
from studio.teams.models import Membership, Team

NAME_LENGTH: Final = 80
MOST_VIEWS: Final = 50


def create_view(*, team: Team, user: User, name: str, query: str, is_shared: bool = False) -> SavedView:
    """Save a search under a name.

    Raises BadInput for a search that cannot be read, BadName, NameTaken for a name this person has already, and TooMany
    past MOST_VIEWS.
    """
    name, search = _read_name(name), LibrarySearch.read(query)
    with transaction.atomic():
        _hold_views_of(team.pk, user.pk)
        if SavedView.objects.filter(team=team, user=user).count() >= MOST_VIEWS:
            raise TooMany(f"You have {MOST_VIEWS} saved views, the most there can be. Delete one first.")
        _refuse_taken(SavedView(team=team, user=user), name)
        return SavedView.objects.create(team=team, user=user, name=name, query=search.to_query(), is_shared=is_shared)


def rename_view(*, view: SavedView, name: str) -> SavedView:
    """Give a view another name; raises BadName, NameTaken or NotFound."""
    name = _read_name(name)
    with transaction.atomic():
        _hold_views_of(view.team_id, view.user_id)
        _refuse_taken(view, name)
        _change(view, name=name)
    return view


def share_view(*, view: SavedView, is_shared: bool) -> SavedView:
    """Show a view to the whole team, or to its owner alone again; raises NotFound."""
    _change(view, is_shared=is_shared)
    return view


def delete_view(*, view: SavedView) -> None:
    """Forget a view; a second time does nothing."""
    SavedView.objects.filter(pk=view.pk).delete()


def _change(view: SavedView, **fields: str | bool) -> None:
    """Write to a view; raises NotFound where it was deleted meanwhile."""
    if not SavedView.objects.filter(pk=view.pk).update(**fields):
        raise NotFound("This view was deleted meanwhile.")
    for field, value in fields.items():
        setattr(view, field, value)


def _hold_views_of(team_id: int, user_id: int) -> None:
    """Let one at a time make and name views of a person, so that two at once neither share a name nor pass the most."""
    Membership.objects.select_for_update().get(team=team_id, user=user_id)


def _read_name(name: str) -> str:
    label = read_label(name, what="A saved view", longest=NAME_LENGTH, key_length=4 * NAME_LENGTH)
    if not label.name:
        raise BadName("A saved view needs a name.")
    return label.name


def _refuse_taken(view: SavedView, name: str) -> None:
    others = SavedView.objects.filter(team_id=view.team_id, user_id=view.user_id, name__iexact=name)
    if others.exclude(pk=view.pk).exists():
        raise NameTaken(f"You have a view called {name} already. Take another name, or delete that one.")
