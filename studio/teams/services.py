"""Every change to teams, memberships and invitations.

Changes to a team's people lock the team's row first, then read the rights of whoever asks: a demotion that was quicker
counts. The database itself keeps the last owner.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.text import slugify
from psycopg import errors as postgres

from studio.accounts.models import User
from studio.accounts.services import create_account
from studio.audit.actions import Action
from studio.audit.services import record
from studio.core.errors import BadInput, NotAllowed, NotFound
from studio.live.notify import notify
from studio.teams.errors import AlreadyMember, InvitationEnded, InvitationForSomebodyElse, InvitationUnknown, LastOwner
from studio.teams.models import Invitation, Membership, Role, Team
from studio.teams.tokens import hash_of, new_token

NAME_LENGTH: Final = 80
INVITATION_DAYS: Final = range(1, 31)
# Owners are made by an owner, knowingly, from among the members; never by a link.
INVITABLE_ROLES: Final = (Role.VIEWER, Role.MEMBER, Role.ADMIN)


class NewInvitation(NamedTuple):
    """An invitation with its token, which is not stored and never shown again."""

    invitation: Invitation
    token: str


def create_team(*, name: str, owner: User) -> Team:
    """Create a team with its first owner and an address made from its name."""
    name = _checked(name)
    with transaction.atomic():
        team = _insert_team(name)
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        record(action=Action.TEAM_CREATED, team_id=team.pk, actor_id=owner.pk, subject=name)
    return team


def rename_team(*, team: Team, name: str, actor: User) -> None:
    """Change the name that people see; the address stays, so links keep working."""
    name = _checked(name)
    with transaction.atomic():
        Team.objects.filter(pk=team.pk).update(name=name)
        record(action=Action.TEAM_RENAMED, team_id=team.pk, actor_id=actor.pk, subject=name, data={"from": team.name})
    team.name = name


def invite(*, team: Team, actor: User, role: Role, email: str, days: int) -> NewInvitation:
    """Make a link that lets one person join; with an address, only that person."""
    if days not in INVITATION_DAYS:
        raise BadInput(f"An invitation is good for {INVITATION_DAYS[0]} to {INVITATION_DAYS[-1]} days.")
    if role not in INVITABLE_ROLES:
        raise BadInput("Nobody becomes an owner by a link. Invite them as an admin and change the role afterwards.")
    email = email.strip().lower()
    made = new_token()
    with _people_of(team):
        _require_admin(team, actor)
        if email and Membership.objects.for_team(team).filter(user__email=email).exists():
            raise AlreadyMember(f"{email} is in this team already.")
        invitation = Invitation.objects.create(
            team=team,
            email=email,
            role=role,
            prefix=made.prefix,
            token_hash=made.hash,
            created_by=actor,
            expires_at=timezone.now() + timedelta(days=days),
        )
        _tell(Action.MEMBER_INVITED, team, actor, email or made.prefix, {"role": role.label, "days": days})
    return NewInvitation(invitation, made.token)


def revoke_invitation(*, invitation: Invitation, actor: User) -> None:
    """End an open invitation; one that has ended already cannot be revoked."""
    with _people_of(invitation.team) as team:
        _require_admin(team, actor)
        if not Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=Now()):
            raise InvitationEnded("This invitation was used or has ended already.")
        _tell(Action.INVITATION_REVOKED, team, actor, invitation.email or invitation.prefix, {})


def get_open_invitation(token: str) -> Invitation:
    """Return what the token opens; raises InvitationUnknown or InvitationEnded, which look the same to people."""
    invitation = Invitation.objects.filter(token_hash=hash_of(token)).select_related("team", "created_by").first()
    if invitation is None:
        raise InvitationUnknown("No invitation has this token.")
    if not Invitation.objects.open().filter(pk=invitation.pk).exists():
        raise InvitationEnded("This invitation was used or has ended.")
    return invitation


def check_may_accept(*, invitation: Invitation, user: User) -> None:
    """Raise InvitationForSomebodyElse or AlreadyMember if this person cannot use the invitation."""
    if invitation.email and invitation.email != user.email:
        raise InvitationForSomebodyElse("This invitation was made for another address.")
    if Membership.objects.for_team(invitation.team).filter(user=user).exists():
        raise AlreadyMember(f"You are in {invitation.team} already.")


def accept_invitation(*, token: str, user: User) -> Membership:
    """Let the person in; the invitation is used up by one conditional update, so it works once."""
    invitation = get_open_invitation(token)
    with _people_of(invitation.team) as team:
        check_may_accept(invitation=invitation, user=user)
        used = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_by=user, accepted_at=Now())
        if not used:
            raise InvitationEnded("This invitation was used or has ended.")
        role = Role(invitation.role)
        membership = Membership.objects.create(team=team, user=user, role=role, last_used_at=timezone.now())
        _tell(Action.MEMBER_JOINED, team, user, user.email, {"role": role.label, "invitation": invitation.prefix})
    return membership


def join_with_new_account(*, token: str, email: str, name: str, password: str) -> User:
    """Make an account and let it in, both or neither."""
    with transaction.atomic():
        user = create_account(email=email, name=name, password=password)
        accept_invitation(token=token, user=user)
    return user


def add_member(*, team: Team, user: User, role: Role, operator: User) -> Membership:
    """Put a person into a team without an invitation; for the operator only."""
    with _people_of(team):
        if Membership.objects.for_team(team).filter(user=user).exists():
            raise AlreadyMember(f"{user} is in this team already.")
        membership = Membership.objects.create(team=team, user=user, role=role)
        _tell(Action.MEMBER_JOINED, team, operator, user.email, {"role": role.label, "by": "operator"})
    return membership


def change_role(*, membership: Membership, role: Role, actor: User, as_operator: bool = False) -> None:
    """Give a member another role; only an owner makes owners or touches one."""
    with _people_of(membership.team) as team:
        before = _current_role(membership)
        if not as_operator:
            _require_may_change(team, actor, before, role)
        if before == role:
            return
        with _last_owner_kept():
            Membership.objects.filter(pk=membership.pk).update(role=role)
        if role < Role.ADMIN:
            _revoke_invitations_of(team, membership.user)
        data = {"from": before.label, "to": role.label}
        _tell(Action.ROLE_CHANGED, team, actor, membership.user.email, data)
    membership.role = role


def remove_member(*, membership: Membership, actor: User, as_operator: bool = False) -> None:
    """Take a person out of the team; what they made and every line of credit stays."""
    with _people_of(membership.team) as team:
        before = _current_role(membership)
        if not as_operator:
            _require_may_change(team, actor, before, before)
        _end_membership(membership)
        _tell(Action.MEMBER_REMOVED, team, actor, membership.user.email, {"role": before.label})


def leave(*, membership: Membership) -> None:
    """Leave a team; the last owner cannot."""
    with _people_of(membership.team) as team:
        before = _current_role(membership)
        _end_membership(membership)
        _tell(Action.MEMBER_LEFT, team, membership.user, membership.user.email, {"role": before.label})


def _checked(name: str) -> str:
    name = name.strip()
    if not name:
        raise BadInput("A team needs a name.")
    if len(name) > NAME_LENGTH:
        raise BadInput(f"A team's name has at most {NAME_LENGTH} characters.")
    return name


def _insert_team(name: str) -> Team:
    """Insert under the first free address; two teams founded at once with one name both get theirs."""
    base = slugify(name)[:50].strip("-") or "team"
    for number in range(1, 1000):
        try:
            with transaction.atomic():
                return Team.objects.create(name=name, slug=base if number == 1 else f"{base}-{number}")
        except IntegrityError as error:
            if not isinstance(error.__cause__, postgres.UniqueViolation):
                raise
    raise BadInput("Too many teams have this name.")


@contextmanager
def _people_of(team: Team) -> Iterator[Team]:
    """Open a transaction in which nobody else changes this team's people."""
    with transaction.atomic():
        yield Team.objects.select_for_update(no_key=True).get(pk=team.pk)


@contextmanager
def _last_owner_kept() -> Iterator[None]:
    """Turn the database's refusal to lose the last owner into the sentence for it."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if _constraint_of(error) == "membership_last_owner":
            raise LastOwner from error
        raise


def _constraint_of(error: IntegrityError) -> str | None:
    cause = error.__cause__
    return cause.diag.constraint_name if isinstance(cause, postgres.Error) else None


def _current_role(membership: Membership) -> Role:
    """Read the role anew, under the team's lock."""
    role = Membership.objects.filter(pk=membership.pk).values_list("role", flat=True).first()
    if role is None:
        raise NotFound("This person has left the team.")
    return Role(role)


def _role_of(team: Team, user: User) -> Role | None:
    found = Membership.objects.for_team(team).active().filter(user=user).values_list("role", flat=True).first()
    return None if found is None else Role(found)


def _require_admin(team: Team, actor: User) -> Role:
    role = _role_of(team, actor)
    if role is None or role < Role.ADMIN:
        raise NotAllowed("Only admins and owners of the team may do this.")
    return role


def _require_may_change(team: Team, actor: User, before: Role, after: Role) -> None:
    rights = _require_admin(team, actor)
    if rights < Role.OWNER and Role.OWNER in {before, after}:
        raise NotAllowed("Only an owner may make an owner or change one.")


def _end_membership(membership: Membership) -> None:
    """Delete the row and the person's open invitations, which would otherwise be a way back in."""
    with _last_owner_kept():
        Membership.objects.filter(pk=membership.pk).delete()
    _revoke_invitations_of(membership.team, membership.user)


def _revoke_invitations_of(team: Team, user: User) -> None:
    Invitation.objects.open().for_team(team).filter(created_by=user).update(revoked_at=Now())


def _tell(action: Action, team: Team, actor: User, subject: str, data: Mapping[str, object]) -> None:
    record(action=action, team_id=team.pk, actor_id=actor.pk, subject=subject, data=data)
    notify(team_id=team.pk, event="members")
