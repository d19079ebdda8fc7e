"""The one door to team data, and what every page knows about teams."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from studio.accounts.models import User
from studio.accounts.services import deactivate
from studio.teams.access import TeamRequest, team_required
from studio.teams.context import teams_of_user
from studio.teams.models import Membership, Role, Team
from studio.teams.services import leave
from tests.conftest import ClientOf
from tests.factories import make_membership, make_team, make_user


@pytest.mark.parametrize("role", list(Role))
def test_members_page_is_open_to_every_role(team: Team, client_of: ClientOf, role: Role) -> None:
    user = make_membership(team, role).user
    assert client_of(user).get("/t/halden-co/team/members/").status_code == 200


def test_stranger_gets_404(team: Team, stranger: User, other_team: Team, client_of: ClientOf) -> None:
    assert client_of(stranger).get("/t/halden-co/team/members/").status_code == 404
    assert client_of(stranger).get("/t/elsewhere/team/members/").status_code == 200


def test_operator_is_a_stranger_too(team: Team, operator: User, client_of: ClientOf) -> None:
    assert client_of(operator).get("/t/halden-co/team/members/").status_code == 404


def test_unknown_team_and_foreign_team_look_the_same(team: Team, stranger: User, client_of: ClientOf) -> None:
    client = client_of(stranger)
    foreign, unknown = client.get("/t/halden-co/team/members/"), client.get("/t/no-such-team/team/members/")
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)


def test_anonymous_is_sent_to_sign_in(team: Team, client: Client) -> None:
    response = client.get("/t/halden-co/team/members/")
    assert (response.status_code, response["Location"]) == (302, "/auth/login/?next=/t/halden-co/team/members/")


def test_member_without_the_right_gets_403_that_names_the_role(team: Team, viewer: User, client_of: ClientOf) -> None:
    response = client_of(viewer).get("/t/halden-co/team/members/invite/")
    assert response.status_code == 403
    assert "This needs the role admin in Halden &amp; Co; yours is viewer." in response.content.decode()


def test_removed_member_is_out_with_the_next_request(team: Team, member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    assert client.get("/t/halden-co/team/members/").status_code == 200

    leave(membership=Membership.objects.get(user=member))

    assert client.get("/t/halden-co/team/members/").status_code == 404


def test_deactivated_person_is_signed_out_with_the_next_request(
    team: Team, member: User, operator: User, client_of: ClientOf
) -> None:
    client = client_of(member)
    deactivate(user=member, operator=operator)
    assert client.get("/t/halden-co/team/members/").status_code == 302


def test_use_is_noted_once_a_minute_and_not_by_fragments(team: Team, member: User, client_of: ClientOf) -> None:
    membership = Membership.objects.get(user=member)
    client = client_of(member)

    def noted_after(seconds: int, **headers: str) -> bool:
        before = timezone.now() - timedelta(seconds=seconds)
        Membership.objects.filter(pk=membership.pk).update(last_used_at=before)
        client.get("/t/halden-co/team/members/", headers=headers)
        membership.refresh_from_db()
        return membership.last_used_at != before

    assert noted_after(61)
    assert not noted_after(50)
    assert not noted_after(61, hx_request="true")


def test_door_costs_one_query(
    team: Team, member: User, rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    @team_required(Role.VIEWER)
    def view(request: TeamRequest) -> HttpResponse:
        return HttpResponse(f"{request.team} {request.membership.role}")

    request = rf.get("/")
    request.user = member
    with django_assert_num_queries(1):
        response = view(request, team_slug="halden-co")
    assert isinstance(response, HttpResponse)
    assert response.content == b"Halden & Co 20"


def test_home_leads_to_the_team_used_last(team: Team, member: User, client_of: ClientOf) -> None:
    second = make_team("Second")
    make_membership(second, user=member)
    client = client_of(member)
    assert client.get("/")["Location"] == "/t/second/studio/"

    Membership.objects.filter(team=second).update(last_used_at=timezone.now() - timedelta(hours=1))

    assert client.get("/")["Location"] == "/t/halden-co/studio/"


def test_home_prefers_a_used_team_to_one_just_joined(team: Team, member: User, client_of: ClientOf) -> None:
    Membership.objects.filter(pk=make_membership(make_team("New"), user=member).pk).update(last_used_at=None)
    assert client_of(member).get("/")["Location"] == "/t/halden-co/studio/"


def test_home_without_team_says_so(client_of: ClientOf, db: None) -> None:
    response = client_of(make_user()).get("/")
    assert response.status_code == 200
    assert "You are in no team yet" in response.content.decode()


def test_home_signed_out_leads_to_sign_in(client: Client, db: None) -> None:
    assert client.get("/")["Location"] == "/auth/login/?next=/"


@pytest.mark.parametrize("item_count", [1, 3])
def test_teams_of_user_cost_one_query_and_none_unused(
    member: User,
    rf: RequestFactory,
    django_assert_num_queries: DjangoAssertNumQueries,
    item_count: int,
) -> None:
    for number in range(item_count - 1):
        make_membership(make_team(f"Team {number}"), user=member)
    request = rf.get("/")
    request.user = member
    listing = Template("{% for team in teams_of_user %}{{ team.name }},{% endfor %}{{ teams_of_user.0.slug }}")

    with django_assert_num_queries(0):
        unused = teams_of_user(request)
    with django_assert_num_queries(1):
        text = listing.render(Context(unused))

    assert text.count(",") == item_count


def test_teams_of_user_are_none_for_the_anonymous(rf: RequestFactory) -> None:
    assert list(teams_of_user(rf.get("/"))["teams_of_user"]) == []
