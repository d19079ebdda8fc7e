"""The account page and the ways in and out, as allauth and Atelier's adapter make them together."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from studio.accounts.models import User
from studio.accounts.services import deactivate
from studio.teams.models import Team
from tests.conftest import ClientOf
from tests.factories import PASSWORD, make_membership, make_team, make_user

LOGIN = "/auth/login/"


def sign_in(client: Client, email: str = "priya@halden.example", password: str = PASSWORD) -> int:
    return client.post(LOGIN, {"login": email, "password": password}).status_code


def sent_link(message: EmailMessage) -> str:
    found = re.search(r"http://testserver(/\S+)", str(message.body))
    assert found is not None
    return found.group(1)


def test_sign_in_leads_home(member: User, client: Client) -> None:
    response = client.post(LOGIN, {"login": "Priya@HALDEN.example", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/")["Location"] == "/t/halden-co/studio/"


@pytest.mark.parametrize(
    "data", [{}, {"login": "priya@halden.example", "password": "wrong"}, {"login": "x", "password": "y"}]
)
def test_sign_in_with_anything_wrong_stays_outside(member: User, client: Client, data: dict[str, str]) -> None:
    assert client.post(LOGIN, data).status_code == 200
    assert client.get("/")["Location"] == "/auth/login/?next=/"


def test_sign_in_of_a_deactivated_person_is_refused(member: User, operator: User, client: Client) -> None:
    deactivate(user=member, operator=operator)
    client.post(LOGIN, {"login": "priya@halden.example", "password": PASSWORD})
    assert client.get("/")["Location"] == "/auth/login/?next=/"


def test_sign_in_is_limited_by_address(member: User, client: Client) -> None:
    for _ in range(5):
        sign_in(client, password="wrong")
    assert sign_in(client) == 200
    assert (
        "Too many failed login attempts"
        in client.post(LOGIN, {"login": "priya@halden.example", "password": PASSWORD}).content.decode()
    )


def test_sign_in_is_limited_in_the_database_for_all_processes(member: User, client: Client, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "atelier_cache",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }
    for _ in range(5):
        sign_in(client, password="wrong")
    cache.close()
    assert sign_in(Client()) == 200
    cache.clear()
    assert sign_in(Client()) == 302


def test_sign_in_never_leads_to_another_site(member: User, client: Client) -> None:
    response = client.post(
        LOGIN + "?next=https://evil.example/", {"login": "priya@halden.example", "password": PASSWORD}
    )
    assert response["Location"] == "/"


def test_sign_out_by_form_only(member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    client.get("/auth/logout/")
    assert client.get("/account/").status_code == 200
    client.post("/auth/logout/")
    assert client.get("/account/")["Location"] == "/auth/login/?next=/account/"


def test_sign_up_is_closed(client: Client, db: None) -> None:
    data = {"email": "new@halden.example", "password1": PASSWORD, "name": "New"}
    client.post("/auth/signup/", data)
    assert User.objects.count() == 0


def test_sign_up_works_where_the_operator_opens_it(client: Client, db: None, settings: Settings) -> None:
    settings.OPEN_SIGNUP = True
    data = {"email": "New@Halden.example", "password1": PASSWORD, "name": "New Person"}
    response = client.post("/auth/signup/", data)
    assert response["Location"] == "/"
    user = User.objects.get()
    assert (user.email, user.name) == ("new@halden.example", "New Person")
    assert "You are in no team yet" in client.get("/").content.decode()


def test_profile_changes_the_name(member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    assert "Priya Nair" in client.get("/account/").content.decode()

    assert client.post("/account/", {"name": " Priya N. "})["Location"] == "/account/"

    member.refresh_from_db()
    assert member.name == "Priya N."


@pytest.mark.parametrize("name", ["", "  ", "x" * 121])
def test_profile_refuses_a_bad_name(member: User, client_of: ClientOf, name: str) -> None:
    assert client_of(member).post("/account/", {"name": name}).status_code == 422
    member.refresh_from_db()
    assert member.name == "Priya Nair"


@pytest.mark.parametrize("item_count", [1, 3])
def test_profile_costs_the_same_for_any_number_of_teams(
    member: User, client_of: ClientOf, django_assert_num_queries: DjangoAssertNumQueries, item_count: int
) -> None:
    for _ in range(item_count - 1):
        make_membership(make_team(), user=member)
    client = client_of(member)
    # session, user, teams
    with django_assert_num_queries(3):
        client.get("/account/")


def test_password_change_keeps_this_session_and_ends_the_others(member: User, client_of: ClientOf) -> None:
    here, elsewhere = client_of(member), client_of(member)
    response = here.post(
        "/auth/password/change/",
        {"oldpassword": PASSWORD, "password1": "ein anderes Wort", "password2": "ein anderes Wort"},
    )
    assert response.status_code == 302
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


def test_password_reset_by_mail(member: User, client: Client) -> None:
    client.post("/auth/password/reset/", {"email": "PRIYA@halden.example"})
    link = sent_link(mail.outbox[0])
    assert mail.outbox[0].to == ["priya@halden.example"]

    page = client.get(link, follow=True)
    client.post(page.redirect_chain[-1][0], {"password1": "ein anderes Wort", "password2": "ein anderes Wort"})

    assert sign_in(Client(), password="ein anderes Wort") == 302
    assert client.get(link, follow=True).content.decode().count('name="password1"') == 0


def test_password_reset_says_the_same_for_unknown_addresses(member: User, client: Client) -> None:
    answers = [
        client.post("/auth/password/reset/", {"email": email}, follow=True)
        for email in ("priya@halden.example", "nobody@halden.example")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].redirect_chain == answers[1].redirect_chain


def test_email_change_counts_once_the_link_was_opened(member: User, client_of: ClientOf) -> None:
    client = client_of(member)
    client.post("/auth/email/", {"action_add": "", "email": "New@Halden.example"})
    member.refresh_from_db()
    assert member.email == "priya@halden.example"

    message = next(each for each in mail.outbox if each.to == ["new@halden.example"])
    link = sent_link(message)
    client.post(link)

    member.refresh_from_db()
    assert member.email == "new@halden.example"
    assert sign_in(Client(), "new@halden.example") == 302


def test_email_change_to_anothers_address_changes_nothing(member: User, client_of: ClientOf) -> None:
    other = make_user("taken@halden.example")
    client_of(member).post("/auth/email/", {"action_add": "", "email": "taken@halden.example"})
    for message in mail.outbox:
        assert message.to == ["taken@halden.example"]
        if "/auth/confirm-email/" in str(message.body):
            assert client_of(other).post(sent_link(message)).status_code < 500

    assert User.objects.get(pk=member.pk).email == "priya@halden.example"
    assert User.objects.get(pk=other.pk).email == "taken@halden.example"


@pytest.mark.parametrize("makes_address", [True, False])
def test_email_change_of_an_account_made_by_console(client: Client, db: None, makes_address: bool) -> None:
    """Such an account has no proven address, which allauth alone would remove."""
    user = User.objects.create_superuser("ops@halden.example", PASSWORD)
    if makes_address:
        EmailAddress.objects.create(user=user, email=user.email)
    assert sign_in(client, "ops@halden.example") == 302

    client.get("/auth/email/")
    client.post("/auth/email/", {"action_add": "", "email": "new@halden.example"})

    user.refresh_from_db()
    assert user.email == "ops@halden.example"


def test_admin_is_entered_by_the_same_sign_in(client: Client, operator: User) -> None:
    way = client.get("/admin/", follow=True).redirect_chain
    assert way[-1] == ("/auth/login/?next=%2Fadmin%2F", 302)
    response = client.post(way[-1][0], {"login": "ops@halden.example", "password": PASSWORD})
    assert response["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_admin_refuses_people_who_are_no_operators(team: Team, owner: User, client_of: ClientOf) -> None:
    client = client_of(owner)
    assert client.get("/admin/login/").status_code == 403
    assert client.get("/admin/accounts/user/").status_code == 302
    assert client.get("/admin/", follow=True).status_code == 403
