"""The operator's pages about people, teams and the audit trail."""

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.audit.actions import Action
from studio.audit.models import AuditEvent
from studio.audit.services import record
from studio.ledger.queries import balance
from studio.teams.models import Membership, Role, Team
from tests.conftest import ClientOf
from tests.factories import PASSWORD, make_invitation, make_membership, make_user

USERS = "/admin/accounts/user/"


@pytest.fixture
def desk(operator: User, client_of: ClientOf) -> Client:
    """A browser of the operator."""
    return client_of(operator)


def test_every_list_opens(desk: Client, team: Team, member: User) -> None:
    make_invitation(team, created_by=member)
    record(action=Action.TEAM_RENAMED, team_id=team.pk, actor_id=member.pk)
    for place in ("accounts/user", "teams/team", "teams/membership", "teams/invitation", "audit/auditevent"):
        assert desk.get(f"/admin/{place}/").status_code == 200


def test_user_is_added_through_the_service(desk: Client) -> None:
    response = desk.post(USERS + "add/", {"name": "Nils", "email": "Nils@Halden.example", "password": PASSWORD})
    assert response.status_code == 302, response.context["adminform"].form.errors
    nils = User.objects.get(email="nils@halden.example")
    assert nils.check_password(PASSWORD)
    assert nils.is_staff is False


@pytest.mark.parametrize(
    "data", [{"email": "ops@halden.example"}, {"email": "OPS@halden.example"}, {"password": "short"}, {"email": "x"}]
)
def test_user_with_bad_input_is_not_added(desk: Client, data: dict[str, str]) -> None:
    good = {"name": "Nils", "email": "nils@halden.example", "password": PASSWORD}
    assert desk.post(USERS + "add/", {**good, **data}).status_code == 200
    assert User.objects.count() == 1


def test_user_is_made_an_operator(desk: Client, member: User) -> None:
    desk.post(f"{USERS}{member.pk}/change/", {"name": "Priya", "is_staff": "on", "email": "other@halden.example"})
    member.refresh_from_db()
    assert (member.name, member.is_staff, member.is_superuser) == ("Priya", True, True)
    assert member.email == "priya@halden.example"


def test_operator_keeps_their_own_rights(desk: Client, operator: User) -> None:
    page = f"{USERS}{operator.pk}/change/"
    assert b'name="is_staff"' not in desk.get(page).content

    assert desk.post(page, {"name": "Ops", "is_staff": ""}).status_code == 302

    operator.refresh_from_db()
    assert (operator.name, operator.is_staff, operator.is_superuser) == ("Ops", True, True)


def test_users_are_never_deleted(desk: Client, member: User) -> None:
    assert desk.post(f"{USERS}{member.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(("act", "active"), [("deactivate", False), ("anonymise", False), ("reactivate", True)])
def test_user_actions(desk: Client, member: User, act: str, active: bool) -> None:
    desk.post(USERS, {"action": act, "_selected_action": [member.pk]})
    member.refresh_from_db()
    assert member.is_active is active


def test_user_action_spares_the_last_owner_and_the_operator(desk: Client, owner: User, team: Team) -> None:
    operator = User.objects.get(is_staff=True)
    page = desk.post(USERS, {"action": "deactivate", "_selected_action": [owner.pk, operator.pk]}, follow=True)
    assert User.objects.filter(is_active=False).count() == 0
    assert "is the last owner of a team" in page.content.decode()


def test_team_is_founded_with_owner_and_credits(desk: Client, stranger: User) -> None:
    desk.post("/admin/teams/team/add/", {"name": "New Team", "owner": stranger.pk, "credits": "250"})
    team = Team.objects.get()
    assert (team.slug, balance(team).available) == ("new-team", 250)
    assert Membership.objects.get(team=team).user == stranger


def test_team_is_renamed_and_told(desk: Client, team: Team) -> None:
    desk.post(f"/admin/teams/team/{team.pk}/change/", {"name": "Halden"})
    team.refresh_from_db()
    assert (team.name, team.slug) == ("Halden", "halden-co")
    assert AuditEvent.objects.latest("pk").data == {"from": "Halden & Co"}


def test_team_is_never_deleted(desk: Client, team: Team) -> None:
    assert desk.post(f"/admin/teams/team/{team.pk}/delete/", {"post": "yes"}).status_code == 403


def test_membership_is_added_changed_and_removed_through_the_services(desk: Client, team: Team) -> None:
    person = make_user()
    place = "/admin/teams/membership/"
    desk.post(place + "add/", {"team": team.pk, "user": person.pk, "role": "10"})
    membership = Membership.objects.get(user=person)
    desk.post(f"{place}{membership.pk}/change/", {"role": "40"})
    membership.refresh_from_db()
    assert membership.role == Role.OWNER
    desk.post(place, {"action": "delete_selected", "_selected_action": [membership.pk], "post": "yes"})

    assert not Membership.objects.filter(user=person).exists()
    told = AuditEvent.objects.filter(actor__is_staff=True, team=team).order_by("pk").values_list("action", flat=True)
    assert list(told) == ["member.joined", "member.role_changed", "member.removed"]


def test_membership_of_the_last_owner_stays(desk: Client, team: Team, owner: User) -> None:
    membership = Membership.objects.get(user=owner)
    path = f"/admin/teams/membership/{membership.pk}/"
    assert desk.post(path + "change/", {"role": "10"}).status_code == 409
    assert desk.post(path + "delete/", {"post": "yes"}).status_code == 409
    membership.refresh_from_db()
    assert membership.role == Role.OWNER


def test_membership_twice_is_refused_in_the_form(desk: Client, team: Team) -> None:
    existing = make_membership(team)
    data = {"team": team.pk, "user": existing.user_id, "role": "10"}
    assert desk.post("/admin/teams/membership/add/", data).status_code == 200
    assert Membership.objects.filter(team=team).count() == 2


@pytest.mark.parametrize("place", ["teams/invitation", "audit/auditevent"])
def test_history_is_read_only(desk: Client, team: Team, member: User, place: str) -> None:
    invitation, _ = make_invitation(team, created_by=member)
    row = invitation if place == "teams/invitation" else AuditEvent.objects.latest("pk")
    assert desk.get(f"/admin/{place}/add/").status_code == 403
    assert desk.post(f"/admin/{place}/{row.pk}/change/", {}).status_code == 403
    assert desk.post(f"/admin/{place}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    page = desk.get(f"/admin/{place}/{row.pk}/change/").content.decode()
    assert invitation.token_hash not in page
