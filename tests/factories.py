"""Makes rows for tests: plain typed functions, each through the service that makes such rows in the product."""

from datetime import timedelta
from itertools import count

from django.utils import timezone

from studio.accounts.models import User
from studio.accounts.services import create_account
from studio.teams.models import Invitation, Membership, Role, Team
from studio.teams.services import create_team
from studio.teams.tokens import new_token

PASSWORD = "drei Farben, ein Blau"
_numbers = count(1)


def make_user(email: str = "", *, name: str = "", password: str = PASSWORD, is_staff: bool = False) -> User:
    """Make a person who can sign in with `password`."""
    email = email or f"person{next(_numbers)}@halden.example"
    user = create_account(email=email, name=name, password=password)
    if is_staff:
        user.is_staff = user.is_superuser = True
        user.save()
    return user


def make_team(name: str = "Halden & Co", *, owner: User | None = None) -> Team:
    """Make a team with an owner."""
    owner = owner or make_user()
    team = create_team(name=name, owner=owner)
    # As after a visit: noting the use is a write that would disturb tests that count queries.
    Membership.objects.filter(team=team).update(last_used_at=timezone.now())
    return team


def make_membership(team: Team, role: Role = Role.MEMBER, *, user: User | None = None) -> Membership:
    """Put a person into a team."""
    return Membership.objects.create(team=team, user=user or make_user(), role=role, last_used_at=timezone.now())


def make_member(team: Team, role: Role = Role.MEMBER, *, email: str = "", name: str = "") -> User:
    """Make a person in a team."""
    return make_membership(team, role, user=make_user(email, name=name)).user


def make_invitation(
    team: Team, *, created_by: User, role: Role = Role.MEMBER, email: str = "", days: int = 7
) -> tuple[Invitation, str]:
    """Make an invitation and return it with its token; negative days make one whose time is over."""
    made = new_token()
    invitation = Invitation.objects.create(
        team=team,
        email=email,
        role=role,
        prefix=made.prefix,
        token_hash=made.hash,
        created_by=created_by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, made.token
