"""The one door to what a team owns."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone

from studio.accounts.models import User
from studio.core.errors import NotAllowed
from studio.core.http import HtmxRequest, is_htmx
from studio.teams.models import Membership, Role, Team

P = ParamSpec("P")
TeamView = Callable[Concatenate["TeamRequest", P], HttpResponseBase]
GuardedView = Callable[..., HttpResponseBase]

# "Last used" decides where `/` leads; a minute is exact enough for that and spares a write with every click.
_USE_NOTED_EVERY: Final = timedelta(minutes=1)


class TeamRequest(HtmxRequest):
    """A request that came through the door: who asks, for which team, with which rights."""

    user: User
    team: Team
    membership: Membership


def team_required(role: Role) -> Callable[[TeamView[P]], GuardedView]:
    """Let only members with the rights of `role` in; the URL's `team_slug` is used up here.

    It must be the outermost decorator: whoever may not know the team gets 404 whatever else is wrong with the
    request. Without a sign-in: the sign-in page; a stranger: 404; a member without the right: 403.
    """

    def decorate(view: TeamView[P]) -> GuardedView:
        @wraps(view)
        def guarded(request: Any, *args: Any, team_slug: str, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            membership = find_membership(user=request.user, team_slug=team_slug)
            if membership is None:
                raise Http404("No such team, or not for this person.")
            request.team, request.membership = membership.team, membership
            if not membership.may(role):
                raise NotAllowed(
                    f"This needs the role {role.label.lower()} in {membership.team}; yours is "
                    f"{membership.get_role_display().lower()}. An owner or admin of the team can change that."
                )
            _note_use(request, membership)
            return view(request, *args, **kwargs)

        guarded.team_role = role  # type: ignore[attr-defined]  # read by the test that walks every URL
        return guarded

    return decorate


def find_membership(*, user: User, team_slug: str) -> Membership | None:
    """Find the membership of a person who may sign in; read anew for every request, so a removal counts at once."""
    return (
        Membership.objects.filter(user=user, user__is_active=True, team__slug=team_slug).select_related("team").first()
    )


def _note_use(request: HttpRequest, membership: Membership) -> None:
    """Remember that the team was used; fragments that a forgotten tab fetches by itself do not count."""
    now = timezone.now()
    seen = membership.last_used_at
    if is_htmx(request) or (seen is not None and now - seen < _USE_NOTED_EVERY):
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USE_NOTED_EVERY)
    Membership.objects.filter(stale, pk=membership.pk).update(last_used_at=now)
