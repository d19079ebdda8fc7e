"""Reading teams and their people."""

from dataclasses import dataclass

from django.db.models import F, QuerySet

from studio.accounts.models import User
from studio.teams.models import Invitation, Membership, Role, Team


@dataclass(frozen=True)
class Person:
    """A line of the members page, as somebody with certain rights sees it."""

    membership: Membership
    is_self: bool
    roles: tuple[Role, ...]  # those that may be chosen; none where the line is read-only
    may_remove: bool


def teams_of(user: User) -> list[Team]:
    """List a person's teams, the one used last first."""
    return [membership.team for membership in _newest_first(user)]


def find_last_used(user: User) -> Team | None:
    """Find the team a person used last, or else joined last."""
    found = _newest_first(user).first()
    return found.team if found else None


def _newest_first(user: User) -> QuerySet[Membership]:
    newest = F("last_used_at").desc(nulls_last=True)
    return Membership.objects.filter(user=user).select_related("team").order_by(newest, "-pk")


def people_for(asking: Membership) -> list[Person]:
    """List the people of a member's team with what this member may change about each."""
    people = []
    for membership in members_of(asking.team):
        touchable = asking.may(Role.ADMIN) and (asking.may(Role.OWNER) or not membership.may(Role.OWNER))
        roles = tuple(role for role in reversed(Role) if asking.may(role)) if touchable else ()
        is_self = membership.pk == asking.pk
        people.append(Person(membership, is_self, roles, may_remove=touchable and not is_self))
    return people


def members_of(team: Team) -> QuerySet[Membership]:
    """List a team's people, those with the most rights first."""
    return Membership.objects.for_team(team).select_related("user").order_by("-role", "user__name", "user__email")


def admin_addresses(team_id: int) -> list[str]:
    """The e-mail addresses of a team's admins and owners."""
    admins = Membership.objects.active().filter(team=team_id, role__gte=Role.ADMIN)
    return list(admins.order_by("user").values_list("user__email", flat=True))


def open_invitations_of(team: Team) -> QuerySet[Invitation]:
    """List the invitations that still wait, newest first."""
    return Invitation.objects.open().for_team(team).order_by("-pk")
