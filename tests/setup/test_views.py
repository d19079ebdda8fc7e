"""The page of the first run."""

import pytest
from django.test import Client

from studio.accounts.models import User
from studio.setup.services import prepare
from studio.teams.models import Team
from tests.factories import make_user

GOOD = {
    "name": "Maya Lindqvist",
    "email": "Maya@Halden.example",
    "password": "ein langes Wort",
    "team_name": "Halden & Co",
    "credits": "1000",
}


@pytest.fixture
def path(db: None) -> str:
    link = prepare().setup_link
    return link[link.index("/set-up/") :]


def test_set_up_signs_in_and_goes_to_the_studio(path: str, client: Client) -> None:
    assert "Set up Atelier" in client.get(path).content.decode()

    response = client.post(path, GOOD)

    assert response["Location"] == "/t/halden-co/studio/"
    assert client.get("/t/halden-co/team/members/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_set_up_link_is_gone_afterwards(path: str, client: Client) -> None:
    client.post(path, GOOD)
    assert [client.get(path).status_code, client.post(path, GOOD).status_code] == [404, 404]
    assert User.objects.count() == 1


def test_set_up_by_guess_is_not_found(path: str, client: Client) -> None:
    assert client.get("/set-up/guess/").status_code == 404
    assert client.post("/set-up/guess/", GOOD).status_code == 404
    assert User.objects.count() == 0


def test_set_up_is_over_once_somebody_has_an_account(path: str, client: Client) -> None:
    make_user()
    assert client.post(path, GOOD).status_code == 404
    assert Team.objects.count() == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"email": ""}, "This field is required."),
        ({"email": "maya"}, "Enter a valid email address."),
        ({"password": "12345"}, "This password is too short. It must contain at least 10 characters."),
        ({"team_name": "  "}, "This field is required."),
        ({"team_name": "x" * 81}, "Ensure this value has at most 80 characters (it has 81)."),
        ({"credits": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"credits": "1000000000001"}, "Ensure this value is less than or equal to 1000000000000."),
        ({"credits": "many"}, "Enter a whole number."),
    ],
)
def test_set_up_with_bad_input_keeps_the_form(path: str, client: Client, data: dict[str, str], message: str) -> None:
    response = client.post(path, {**GOOD, **data})
    assert response.status_code == 422
    assert message in response.content.decode()
    assert User.objects.count() == 0
    assert client.get(path).status_code == 200


def test_set_up_without_any_input_keeps_the_form(path: str, client: Client) -> None:
    assert client.post(path, {}).status_code == 422


def test_set_up_refuses_a_form_from_elsewhere(path: str) -> None:
    assert Client(enforce_csrf_checks=True).post(path, GOOD).status_code == 403
    assert User.objects.count() == 0
