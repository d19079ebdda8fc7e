"""The pages about a team's people."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.accounts.services import deactivate
from studio.teams.models import Invitation, Membership, Role, Team
from tests.conftest import ClientOf
from tests.factories import PASSWORD, make_invitation, make_member, make_membership, make_team, make_user

MEMBERS = "/t/halden-co/team/members/"


def role_of(user: User) -> int | None:
    return Membership.objects.filter(team__slug="halden-co", user=user).values_list("role", flat=True).first()


def path_of(user: User, act: str) -> str:
    return f"{MEMBERS}{Membership.objects.get(team__slug='halden-co', user=user).pk}/{act}/"


def text_of(response: Any) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(response.content.decode().split())


def test_members_are_listed_with_their_roles(team: Team, owner: User, viewer: User, client_of: ClientOf) -> None:
    text = text_of(client_of(viewer).get(MEMBERS))
    assert "Maya Lindqvist" in text
    assert "jonas@halden.example" in text
    assert text.index("maya@halden.example") < text.rindex("jonas@halden.example")


def test_members_are_read_only_for_who_may_not_change_them(team: Team, member: User, client_of: ClientOf) -> None:
    make_invitation(team, created_by=member, email="nils@halden.example")
    text = text_of(client_of(member).get(MEMBERS))
    assert "<select" not in text
    assert "Remove" not in text
    assert MEMBERS + "invite/" not in text
    assert "nils@halden.example" not in text


def test_members_of_other_teams_are_not_listed(
    team: Team, admin: User, stranger: User, other_team: Team, client_of: ClientOf
) -> None:
    make_invitation(other_team, created_by=stranger, email="else@elsewhere.example")
    text = text_of(client_of(admin).get(MEMBERS))
    assert "elsewhere.example" not in text


@pytest.mark.parametrize("item_count", [1, 3])
def test_members_page_costs_the_same_for_any_number(
    team: Team, admin: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries, item_count: int
) -> None:
    for _ in range(item_count):
        make_member(team)
        make_invitation(team, created_by=admin)
    client = client_of(admin)
    # session, user, door, people, invitations, balance, teams in the switch
    with django_assert_num_queries(7):
        client.get(MEMBERS)


def test_invite_shows_the_link_once(team: Team, admin: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    sent = client.post(MEMBERS + "invite/", {"email": "Nils@halden.example", "role": "20", "days": "7"})
    assert (sent.status_code, sent["Location"]) == (302, MEMBERS)

    fragment = text_of(client.get(MEMBERS, headers={"HX-Request": "true"}))
    first, second = text_of(client.get(MEMBERS)), text_of(client.get(MEMBERS))

    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role) == ("nils@halden.example", Role.MEMBER)
    link = f"http://testserver/invite/{invitation.prefix}"
    assert link not in fragment
    assert link in first
    assert link not in second
    assert "nils@halden.example" in second


def test_invitation_link_is_not_shown_to_another_team(team: Team, admin: User, client_of: ClientOf) -> None:
    make_membership(make_team("Second"), Role.ADMIN, user=admin)
    client = client_of(admin)
    client.post(MEMBERS + "invite/", {"email": "", "role": "20", "days": "7"})
    assert "Invitation ready" not in text_of(client.get("/t/second/team/members/"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"email": "no address"}, "Enter a valid email address."),
        ({"email": "priya@halden.example"}, "priya@halden.example is in this team already."),
        ({"role": "40"}, "Select a valid choice. 40 is not one of the available choices."),
        ({"role": ""}, "This field is required."),
        ({"role": "admin"}, "Select a valid choice. admin is not one of the available choices."),
        ({"days": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"days": "31"}, "Ensure this value is less than or equal to 30."),
        ({"days": "soon"}, "Enter a whole number."),
    ],
)
def test_invite_with_bad_input_keeps_the_form(
    team: Team, admin: User, member: User, client_of: ClientOf, data: dict[str, str], message: str
) -> None:
    response = client_of(admin).post(MEMBERS + "invite/", {"email": "", "role": "20", "days": "7", **data})
    assert response.status_code == 422
    assert message in text_of(response)
    assert Invitation.objects.count() == 0


def test_invite_page_works_without_script(team: Team, admin: User, client_of: ClientOf) -> None:
    assert "Make invitation link" in text_of(client_of(admin).get(MEMBERS + "invite/"))


@pytest.mark.parametrize("act", ["invite/", "1/role/", "1/remove/", "invitations/1/revoke/"])
def test_people_are_changed_by_admins_only(
    team: Team, member: User, stranger: User, client_of: ClientOf, act: str
) -> None:
    assert client_of(member).post(MEMBERS + act).status_code == 403
    assert client_of(stranger).post(MEMBERS + act).status_code == 404
    assert Client().post(MEMBERS + act)["Location"].startswith("/auth/login/")


def test_change_role_by_plain_form(team: Team, admin: User, member: User, client_of: ClientOf) -> None:
    response = client_of(admin).post(path_of(member, "role"), {"role": "10"})
    assert (response.status_code, response["Location"]) == (302, MEMBERS)
    assert role_of(member) == Role.VIEWER


def test_change_role_by_htmx_answers_the_people(team: Team, admin: User, member: User, client_of: ClientOf) -> None:
    response = client_of(admin).post(path_of(member, "role"), {"role": "10"}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    text = text_of(response)
    assert text.startswith('<div class="stack" id="people"')
    assert "<html" not in text


def test_change_of_own_role_shows_the_page_with_the_new_rights(team: Team, admin: User, client_of: ClientOf) -> None:
    response = client_of(admin).post(path_of(admin, "role"), {"role": "20"}, headers={"HX-Request": "true"})
    assert "<select" not in text_of(response)
    assert role_of(admin) == Role.MEMBER


@pytest.mark.parametrize("role", ["", "15", "owner", "-1", "9" * 30])
def test_change_role_to_nonsense_changes_nothing(
    team: Team, admin: User, member: User, client_of: ClientOf, role: str
) -> None:
    response = client_of(admin).post(path_of(member, "role"), {"role": role})
    assert response.status_code == 422
    assert "There is no such role." in text_of(response)
    assert role_of(member) == Role.MEMBER


def test_last_owner_is_kept_with_a_clear_message(team: Team, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    demoted = client.post(path_of(owner, "role"), {"role": "30"})
    left = client.post(MEMBERS + "leave/")

    message = "This is the team&#x27;s last owner. Make somebody else an owner first."
    assert [demoted.status_code, left.status_code] == [409, 409]
    assert message in text_of(demoted)
    assert message in text_of(left)
    assert role_of(owner) == Role.OWNER


def test_admin_cannot_touch_owners(team: Team, owner: User, admin: User, member: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    assert client.post(path_of(owner, "role"), {"role": "10"}).status_code == 403
    assert client.post(path_of(owner, "remove")).status_code == 403
    assert client.post(path_of(member, "role"), {"role": "40"}).status_code == 403
    assert [role_of(owner), role_of(member)] == [Role.OWNER, Role.MEMBER]


def test_members_of_another_team_cannot_be_reached(
    team: Team, owner: User, stranger: User, other_team: Team, client_of: ClientOf
) -> None:
    foreign = Membership.objects.get(team=other_team)
    invitation, _ = make_invitation(other_team, created_by=stranger)
    client = client_of(owner)
    assert client.post(f"{MEMBERS}{foreign.pk}/role/", {"role": "10"}).status_code == 404
    assert client.post(f"{MEMBERS}{foreign.pk}/remove/").status_code == 404
    assert client.post(f"{MEMBERS}invitations/{invitation.pk}/revoke/").status_code == 404
    assert client.post(f"{MEMBERS}{'9' * 40}/remove/").status_code == 404


def test_remove_asks_first(team: Team, admin: User, member: User, client_of: ClientOf) -> None:
    client = client_of(admin)
    page = text_of(client.get(path_of(member, "remove")))
    dialog = text_of(client.get(path_of(member, "remove"), headers={"HX-Request": "true"}))
    assert "Remove Priya Nair?" in page
    assert "Remove Priya Nair?" in dialog
    assert "<html" not in dialog
    assert role_of(member) == Role.MEMBER

    assert client.post(path_of(member, "remove"))["Location"] == MEMBERS
    assert role_of(member) is None


def test_remove_oneself_is_leaving(team: Team, admin: User, client_of: ClientOf) -> None:
    assert client_of(admin).post(path_of(admin, "remove"))["Location"] == MEMBERS + "leave/"
    assert role_of(admin) == Role.ADMIN


def test_leave_asks_first(team: Team, viewer: User, client_of: ClientOf) -> None:
    client = client_of(viewer)
    assert "Leave Halden &amp; Co?" in text_of(client.get(MEMBERS + "leave/"))
    assert client.post(MEMBERS + "leave/")["Location"] == "/"
    assert role_of(viewer) is None
    assert "You have left Halden &amp; Co." in text_of(client.get("/"))


def test_revoke_ends_the_invitation(team: Team, admin: User, client: Client, client_of: ClientOf) -> None:
    invitation, token = make_invitation(team, created_by=admin)
    path = f"{MEMBERS}invitations/{invitation.pk}/revoke/"

    assert client_of(admin).post(path)["Location"] == MEMBERS
    assert client.get(f"/invite/{token}/").status_code == 410
    assert client_of(admin).post(path).status_code == 410


def test_accept_signed_out_makes_an_account_and_joins(team: Team, owner: User, client: Client) -> None:
    _, token = make_invitation(team, created_by=owner)
    assert "Join Halden &amp; Co" in text_of(client.get(f"/invite/{token}/"))

    data = {"name": "Nils Berg", "email": "Nils@Halden.example", "password": PASSWORD}
    response = client.post(f"/invite/{token}/", data)

    assert response["Location"] == "/t/halden-co/studio/"
    nils = User.objects.get(email="nils@halden.example")
    assert role_of(nils) == Role.MEMBER
    assert client.get(MEMBERS).status_code == 200


def test_accept_by_bound_invitation_keeps_its_address(team: Team, owner: User, client: Client) -> None:
    _, token = make_invitation(team, created_by=owner, email="nils@halden.example")
    client.post(f"/invite/{token}/", {"name": "Nils", "email": "thief@else.example", "password": PASSWORD})
    assert not User.objects.filter(email="thief@else.example").exists()
    assert role_of(User.objects.get(email="nils@halden.example")) == Role.MEMBER


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"email": "nobody"}, "Enter a valid email address."),
        ({"email": "PRIYA@halden.example"}, "This address has an account already. Sign in with it instead."),
        ({"password": "short"}, "This password is too short. It must contain at least 10 characters."),
        ({"password": "password1234"}, "This password is too common."),
        ({"password": "nils@halden.example"}, "The password is too similar to the email."),
    ],
)
def test_accept_with_bad_input_keeps_form_and_invitation(
    team: Team, owner: User, member: User, client: Client, data: dict[str, str], message: str
) -> None:
    invitation, token = make_invitation(team, created_by=owner)
    good = {"name": "Nils Berg", "email": "nils@halden.example", "password": PASSWORD}

    response = client.post(f"/invite/{token}/", {**good, **data})

    assert response.status_code == 422
    assert message in text_of(response)
    assert list(Invitation.objects.open()) == [invitation]
    assert not User.objects.filter(email="nils@halden.example").exists()


def test_accept_signed_in_joins_after_a_click(team: Team, owner: User, stranger: User, client_of: ClientOf) -> None:
    _, token = make_invitation(team, created_by=owner, role=Role.VIEWER)
    client = client_of(stranger)

    assert "Join as sam@elsewhere.example" in text_of(client.get(f"/invite/{token}/"))
    assert role_of(stranger) is None

    assert client.post(f"/invite/{token}/")["Location"] == "/t/halden-co/studio/"
    assert role_of(stranger) == Role.VIEWER


@pytest.mark.parametrize("method", ["get", "post"])
def test_accept_with_another_account_says_so(
    team: Team, owner: User, stranger: User, client_of: ClientOf, method: str
) -> None:
    _, token = make_invitation(team, created_by=owner, email="nils@halden.example")
    response = getattr(client_of(stranger), method)(f"/invite/{token}/")
    assert response.status_code == 403
    assert "This invitation is for another address" in text_of(response)
    assert role_of(stranger) is None


def test_accept_by_a_member_leads_to_the_studio(team: Team, owner: User, member: User, client_of: ClientOf) -> None:
    _, token = make_invitation(team, created_by=owner)
    for method in (client_of(member).get, client_of(member).post):
        assert method(f"/invite/{token}/")["Location"] == "/t/halden-co/studio/"


def test_links_that_open_nothing_all_show_the_same_page(
    team: Team, owner: User, stranger: User, client: Client, client_of: ClientOf
) -> None:
    used, used_token = make_invitation(team, created_by=owner)
    client_of(stranger).post(f"/invite/{used_token}/")
    revoked, revoked_token = make_invitation(team, created_by=owner)
    client_of(owner).post(f"{MEMBERS}invitations/{revoked.pk}/revoke/")
    _, old_token = make_invitation(team, created_by=owner, days=-1)

    pages = [client.get(f"/invite/{token}/") for token in (used_token, revoked_token, old_token, "unknown")]

    assert [page.status_code for page in pages] == [410, 410, 410, 404]
    assert {page.content for page in pages} == {pages[0].content}
    assert "Halden" not in text_of(pages[0])
    assert used != revoked


def test_accept_is_limited(team: Team, owner: User, client: Client) -> None:
    _, token = make_invitation(team, created_by=owner)
    statuses = [client.post(f"/invite/{token}/", {}).status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]


def test_accept_refuses_a_form_without_token_of_the_page(team: Team, owner: User) -> None:
    _, token = make_invitation(team, created_by=owner)
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"/invite/{token}/", {"name": "N", "email": "n@halden.example", "password": PASSWORD})
    assert response.status_code == 403
    assert User.objects.filter(email="n@halden.example").count() == 0


def test_sign_in_by_invitation_link_comes_back_to_it(team: Team, owner: User, client: Client) -> None:
    make_user("nils@halden.example")
    _, token = make_invitation(team, created_by=owner)
    response = client.post(
        f"/auth/login/?next=/invite/{token}/", {"login": "NILS@halden.example", "password": PASSWORD}
    )
    assert response["Location"] == f"/invite/{token}/"


def test_own_role_is_saved_by_a_button_and_others_at_once(
    team: Team, admin: User, member: User, client_of: ClientOf
) -> None:
    text = text_of(client_of(admin).get(MEMBERS))
    assert f'hx-post="{path_of(member, "role")}"' in text
    assert f'hx-post="{path_of(admin, "role")}"' not in text
    assert f'action="{path_of(admin, "role")}"' in text


def test_deactivated_members_are_marked(
    team: Team, member: User, operator: User, viewer: User, client_of: ClientOf
) -> None:
    deactivate(user=member, operator=operator)
    assert "Deactivated" in text_of(client_of(viewer).get(MEMBERS))
