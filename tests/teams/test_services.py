"""Teams, their people and their invitations."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from studio.accounts.models import User
from studio.accounts.services import deactivate
from studio.audit.models import AuditEvent
from studio.core.errors import BadInput, NotAllowed, NotFound, StudioError
from studio.teams import services
from studio.teams.errors import AlreadyMember, InvitationEnded, InvitationForSomebodyElse, InvitationUnknown, LastOwner
from studio.teams.models import Invitation, Membership, Role, Team
from tests.factories import make_invitation, make_member, make_membership, make_team, make_user
from tests.together import at_once


def membership_of(team: Team, user: User) -> Membership:
    return Membership.objects.get(team=team, user=user)


def told(team: Team) -> list[tuple[str, str, str]]:
    events = AuditEvent.objects.filter(team=team).order_by("pk").select_related("actor")
    return [(event.action, str(event.actor), event.subject) for event in events]


def outcomes_of(*calls: Callable[[], object]) -> list[str]:
    """Make the calls at once; return the outcomes, sorted: `ok` or the error's code."""
    return sorted(getattr(outcome, "code", "ok") for outcome in at_once(calls, StudioError))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Halden & Co", "halden-co"),
        ("  Ünïcode Studio ", "unicode-studio"),
        ("東京", "team"),
        ("--", "team"),
        ("x" * 80, "x" * 50),
    ],
)
def test_create_team_makes_address_of_name(db: None, name: str, slug: str) -> None:
    owner = make_user("maya@halden.example")

    team = services.create_team(name=name, owner=owner)

    assert (team.name, team.slug) == (name.strip(), slug)
    assert membership_of(team, owner).role == Role.OWNER
    assert told(team) == [("team.created", "maya@halden.example", name.strip())]


def test_create_team_with_name_taken_counts_on(db: None) -> None:
    owner = make_user()

    assert [services.create_team(name="Studio", owner=owner).slug for _ in range(3)] == [
        "studio",
        "studio-2",
        "studio-3",
    ]


@pytest.mark.parametrize("name", ["", "   "])
def test_create_team_without_name_is_refused(db: None, name: str) -> None:
    with pytest.raises(BadInput):
        services.create_team(name=name, owner=make_user())
    assert Team.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_create_team_twice_at_once_gives_two_addresses() -> None:
    owner = make_user()

    outcomes = outcomes_of(*[lambda: services.create_team(name="Studio", owner=owner)] * 4)

    assert outcomes == ["ok"] * 4
    assert sorted(Team.objects.values_list("slug", flat=True)) == ["studio", "studio-2", "studio-3", "studio-4"]


def test_rename_team_keeps_address(team: Team, owner: User) -> None:
    services.rename_team(team=team, name=" Halden ", actor=owner)

    team.refresh_from_db()
    assert (team.name, team.slug) == ("Halden", "halden-co")
    assert told(team)[-1] == ("team.renamed", "maya@halden.example", "Halden")


def test_rename_team_to_nothing_is_refused(team: Team, owner: User) -> None:
    with pytest.raises(BadInput):
        services.rename_team(team=team, name=" ", actor=owner)


def test_invite_stores_no_token(team: Team, admin: User) -> None:
    made = services.invite(team=team, actor=admin, role=Role.MEMBER, email="Nils@Halden.example ", days=5)

    row = Invitation.objects.values().get()
    assert row["email"] == "nils@halden.example"
    assert row["prefix"] == made.token[:8]
    assert made.token not in str(row)
    assert timedelta(days=4, hours=23) < row["expires_at"] - timezone.now() <= timedelta(days=5)
    assert services.get_open_invitation(made.token) == made.invitation
    assert told(team)[-1] == ("member.invited", "lea@halden.example", "nils@halden.example")
    assert made.token not in str(list(AuditEvent.objects.values()))


@pytest.mark.parametrize("days", [0, -1, 31])
def test_invite_for_too_long_is_refused(team: Team, admin: User, days: int) -> None:
    with pytest.raises(BadInput):
        services.invite(team=team, actor=admin, role=Role.MEMBER, email="", days=days)


def test_invite_as_owner_is_refused(team: Team, owner: User) -> None:
    with pytest.raises(BadInput):
        services.invite(team=team, actor=owner, role=Role.OWNER, email="", days=1)


def test_invite_somebody_who_is_in_is_refused(team: Team, admin: User, member: User) -> None:
    with pytest.raises(AlreadyMember):
        services.invite(team=team, actor=admin, role=Role.VIEWER, email="PRIYA@halden.example", days=1)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER, None])
def test_invite_without_right_is_refused(team: Team, role: Role | None) -> None:
    actor = make_user() if role is None else make_member(team, role)
    with pytest.raises(NotAllowed):
        services.invite(team=team, actor=actor, role=Role.VIEWER, email="", days=1)
    assert Invitation.objects.count() == 0


def test_accept_gives_role_and_uses_invitation_up(team: Team, owner: User) -> None:
    invitation, token = make_invitation(team, created_by=owner, role=Role.ADMIN)
    nils = make_user("nils@halden.example")

    membership = services.accept_invitation(token=token, user=nils)

    assert (membership.team, membership.user, membership.role) == (team, nils, Role.ADMIN)
    invitation.refresh_from_db()
    assert invitation.accepted_by == nils
    assert invitation.accepted_at is not None
    assert told(team)[-1] == ("member.joined", "nils@halden.example", "nils@halden.example")
    with pytest.raises(InvitationEnded):
        services.accept_invitation(token=token, user=make_user())


def test_accept_by_another_address_is_refused(team: Team, owner: User) -> None:
    invitation, token = make_invitation(team, created_by=owner, email="nils@halden.example")
    with pytest.raises(InvitationForSomebodyElse):
        services.accept_invitation(token=token, user=make_user("other@halden.example"))
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_accept_by_member_leaves_invitation_open(team: Team, owner: User, member: User) -> None:
    invitation, token = make_invitation(team, created_by=owner, role=Role.ADMIN)
    with pytest.raises(AlreadyMember):
        services.accept_invitation(token=token, user=member)
    assert membership_of(team, member).role == Role.MEMBER
    assert list(Invitation.objects.open()) == [invitation]


def test_accept_past_its_time_is_refused(team: Team, owner: User) -> None:
    _, token = make_invitation(team, created_by=owner, days=-1)
    with pytest.raises(InvitationEnded):
        services.accept_invitation(token=token, user=make_user())


@pytest.mark.parametrize("token", ["", "x", "ä" * 50, "x" * 5000])
def test_accept_of_unknown_token_is_refused(team: Team, token: str) -> None:
    with pytest.raises(InvitationUnknown):
        services.accept_invitation(token=token, user=make_user())


@pytest.mark.django_db(transaction=True)
def test_accept_twice_at_once_lets_one_in() -> None:
    owner = make_user()
    team = make_team(owner=owner)
    _, token = make_invitation(team, created_by=owner)
    people = [make_user() for _ in range(4)]

    outcomes = outcomes_of(*[lambda who=who: services.accept_invitation(token=token, user=who) for who in people])

    assert outcomes == ["invitation_ended"] * 3 + ["ok"]
    assert Membership.objects.filter(team=team).count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_invitations_accepted_at_once_by_one_person_make_one_membership() -> None:
    owner, nils = make_user(), make_user()
    team = make_team(owner=owner)
    tokens = [make_invitation(team, created_by=owner)[1] for _ in range(3)]

    outcomes = outcomes_of(
        *[lambda token=token: services.accept_invitation(token=token, user=nils) for token in tokens]
    )

    assert outcomes == ["already_member"] * 2 + ["ok"]
    assert Invitation.objects.open().count() == 2


def test_join_with_new_account_makes_account_and_membership(team: Team, owner: User) -> None:
    _, token = make_invitation(team, created_by=owner, role=Role.VIEWER)

    user = services.join_with_new_account(
        token=token, email="Nils@Halden.example", name=" Nils Berg ", password="ein langes Wort"
    )

    assert (user.email, user.name) == ("nils@halden.example", "Nils Berg")
    assert membership_of(team, user).role == Role.VIEWER


def test_join_by_ended_invitation_makes_no_account(team: Team, owner: User) -> None:
    _, token = make_invitation(team, created_by=owner, days=-1)
    with pytest.raises(InvitationEnded):
        services.join_with_new_account(token=token, email="nils@halden.example", name="Nils", password="x")
    assert not User.objects.filter(email="nils@halden.example").exists()


def test_revoke_ends_invitation(team: Team, owner: User, admin: User) -> None:
    invitation, token = make_invitation(team, created_by=owner, email="nils@halden.example")

    services.revoke_invitation(invitation=invitation, actor=admin)

    with pytest.raises(InvitationEnded):
        services.get_open_invitation(token)
    with pytest.raises(InvitationEnded):
        services.revoke_invitation(invitation=invitation, actor=admin)
    assert told(team)[-1] == ("invitation.revoked", "lea@halden.example", "nils@halden.example")


def test_revoke_without_right_is_refused(team: Team, owner: User, member: User) -> None:
    invitation, token = make_invitation(team, created_by=owner)
    with pytest.raises(NotAllowed):
        services.revoke_invitation(invitation=invitation, actor=member)
    assert services.get_open_invitation(token) == invitation


@pytest.mark.parametrize(
    ("actor_role", "before", "after", "allowed"),
    [
        (Role.OWNER, Role.VIEWER, Role.OWNER, True),
        (Role.OWNER, Role.OWNER, Role.VIEWER, True),
        (Role.OWNER, Role.ADMIN, Role.MEMBER, True),
        (Role.ADMIN, Role.VIEWER, Role.ADMIN, True),
        (Role.ADMIN, Role.ADMIN, Role.VIEWER, True),
        (Role.ADMIN, Role.MEMBER, Role.OWNER, False),
        (Role.ADMIN, Role.OWNER, Role.ADMIN, False),
        (Role.MEMBER, Role.VIEWER, Role.MEMBER, False),
        (Role.VIEWER, Role.VIEWER, Role.MEMBER, False),
    ],
)
def test_change_role_follows_the_rules(team: Team, actor_role: Role, before: Role, after: Role, allowed: bool) -> None:
    actor = make_member(team, actor_role)
    membership = make_membership(team, before)

    if allowed:
        services.change_role(membership=membership, role=after, actor=actor)
        assert told(team)[-1] == ("member.role_changed", actor.email, membership.user.email)
    else:
        with pytest.raises(NotAllowed):
            services.change_role(membership=membership, role=after, actor=actor)

    assert membership_of(team, membership.user).role == (after if allowed else before)


def test_change_role_by_stranger_is_refused(team: Team, member: User, stranger: User, other_team: Team) -> None:
    with pytest.raises(NotAllowed):
        services.change_role(membership=membership_of(team, member), role=Role.ADMIN, actor=stranger)


def test_change_role_to_the_same_says_nothing(team: Team, owner: User, member: User) -> None:
    before = told(team)
    services.change_role(membership=membership_of(team, member), role=Role.MEMBER, actor=owner)
    assert told(team) == before


def test_change_role_of_last_owner_is_refused(team: Team, owner: User) -> None:
    with pytest.raises(LastOwner):
        services.change_role(membership=membership_of(team, owner), role=Role.ADMIN, actor=owner)
    assert membership_of(team, owner).role == Role.OWNER


def test_deactivated_owner_does_not_count_as_one(team: Team, owner: User, operator: User) -> None:
    deactivate(user=make_member(team, Role.OWNER), operator=operator)
    with pytest.raises(LastOwner):
        services.leave(membership=membership_of(team, owner))


def test_demotion_ends_invitations_of_the_demoted(team: Team, owner: User, admin: User) -> None:
    _, theirs = make_invitation(team, created_by=admin)
    _, others = make_invitation(team, created_by=owner)

    services.change_role(membership=membership_of(team, admin), role=Role.MEMBER, actor=owner)

    with pytest.raises(InvitationEnded):
        services.get_open_invitation(theirs)
    assert services.get_open_invitation(others).created_by == owner


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_demote_each_other_at_once_leave_one() -> None:
    first, second = make_user(), make_user()
    team = make_team(owner=first)
    make_membership(team, Role.OWNER, user=second)

    outcomes = outcomes_of(
        lambda: services.change_role(membership=membership_of(team, second), role=Role.MEMBER, actor=first),
        lambda: services.change_role(membership=membership_of(team, first), role=Role.MEMBER, actor=second),
    )

    assert outcomes == ["not_allowed", "ok"]
    assert Membership.objects.filter(team=team, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one() -> None:
    first, second = make_user(), make_user()
    team = make_team(owner=first)
    make_membership(team, Role.OWNER, user=second)

    outcomes = outcomes_of(
        *[lambda who=who: services.leave(membership=membership_of(team, who)) for who in (first, second)]
    )

    assert outcomes == ["last_owner", "ok"]


@pytest.mark.django_db(transaction=True)
def test_database_alone_keeps_the_last_owner() -> None:
    """Without the service's lock, as a console or a later mistake would do it."""
    first, second = make_user(), make_user()
    team = make_team(owner=first)
    make_membership(team, Role.OWNER, user=second)

    def demote(user: User) -> None:
        with services._last_owner_kept():
            Membership.objects.filter(team=team, user=user).update(role=Role.MEMBER)

    assert outcomes_of(lambda: demote(first), lambda: demote(second)) == ["last_owner", "ok"]


def test_remove_ends_access_and_their_invitations(team: Team, owner: User, admin: User) -> None:
    _, token = make_invitation(team, created_by=admin)

    services.remove_member(membership=membership_of(team, admin), actor=owner)

    assert not Membership.objects.filter(team=team, user=admin).exists()
    with pytest.raises(InvitationEnded):
        services.get_open_invitation(token)
    assert told(team)[-1] == ("member.removed", "maya@halden.example", "lea@halden.example")


def test_remove_owner_by_admin_is_refused(team: Team, owner: User, admin: User) -> None:
    with pytest.raises(NotAllowed):
        services.remove_member(membership=membership_of(team, owner), actor=admin)


def test_remove_somebody_who_has_gone_is_not_found(team: Team, owner: User, member: User) -> None:
    membership = membership_of(team, member)
    services.leave(membership=membership_of(team, member))
    with pytest.raises(NotFound):
        services.remove_member(membership=membership, actor=owner)


def test_leave_is_told(team: Team, member: User) -> None:
    services.leave(membership=membership_of(team, member))
    assert told(team)[-1] == ("member.left", "priya@halden.example", "priya@halden.example")


def test_operator_changes_owners_and_adds_members(team: Team, owner: User, operator: User, member: User) -> None:
    joined = services.add_member(team=team, user=operator, role=Role.OWNER, operator=operator)
    services.change_role(membership=membership_of(team, owner), role=Role.ADMIN, actor=member, as_operator=True)
    services.remove_member(membership=membership_of(team, owner), actor=operator, as_operator=True)

    assert joined.role == Role.OWNER
    assert not Membership.objects.filter(team=team, user=owner).exists()
    with pytest.raises(AlreadyMember):
        services.add_member(team=team, user=member, role=Role.VIEWER, operator=operator)
