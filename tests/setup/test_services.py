"""The first run, and founding teams."""

from collections import Counter
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.catalogue.models import ImageModel
from studio.core.errors import BadInput
from studio.ledger.models import CreditAccount, Entry
from studio.ledger.queries import balance
from studio.providers.models import Connection
from studio.providers.services import create_connection
from studio.setup import services
from studio.setup.errors import SetupOver
from studio.setup.models import SetupLink
from studio.setup.services import Founder
from studio.teams.models import Membership, Role, Team
from tests.factories import make_user
from tests.together import at_once

FOUNDER = Founder(
    email="maya@halden.example",
    name="Maya Lindqvist",
    password="ein langes Wort",
    team_name="Halden & Co",
    credits=500,
)


def new_token() -> str:
    return services.prepare().setup_link.rstrip("/").rpartition("/")[2]


def test_found_team_opens_account_with_first_credits(db: None) -> None:
    owner = make_user("maya@halden.example")

    team = services.found_team(name="Halden & Co", owner=owner, credits=1000, actor=None)

    assert balance(team).available == 1000
    assert [(entry.kind, entry.amount, entry.note) for entry in Entry.objects.all()] == [
        ("grant", 1000, "Starting credits")
    ]


def test_found_team_without_credits_has_an_empty_account(db: None) -> None:
    team = services.found_team(name="Halden & Co", owner=make_user(), credits=0, actor=None)
    assert balance(team).available == 0
    assert Entry.objects.count() == 0


def test_found_team_that_fails_leaves_nothing(db: None) -> None:
    with pytest.raises(BadInput):
        services.found_team(name="Halden & Co", owner=make_user(), credits=-5, actor=None)
    assert Team.objects.count() == CreditAccount.objects.count() == 0


def test_prepare_makes_catalogue_rehearsal_and_link(db: None, settings: Settings) -> None:
    settings.BASE_URL = "https://atelier.example.com"

    done = services.prepare()

    assert ImageModel.objects.filter(slug="rehearsal", enabled=True).exists()
    assert [(each.team, each.name, each.protocol) for each in Connection.objects.all()] == [
        (None, "Rehearsal", "rehearsal")
    ]
    assert done.setup_link.startswith("https://atelier.example.com/set-up/")
    token = done.setup_link.rstrip("/").rpartition("/")[2]
    assert services.is_setup_link(token)
    assert token not in str(SetupLink.objects.values())


def test_prepare_again_replaces_the_link_and_nothing_else(db: None) -> None:
    first, second = new_token(), new_token()
    assert [services.is_setup_link(first), services.is_setup_link(second)] == [False, True]
    assert SetupLink.objects.count() == 1
    assert Connection.objects.count() == 1


def test_prepare_keeps_out_where_a_connection_exists(db: None) -> None:
    create_connection(
        team=None,
        name="Ours",
        protocol="openai",
        base_url="https://api.example.com/v1",
        secret="sk-test",
        actor=None,
    )
    services.prepare()
    assert list(Connection.objects.values_list("name", flat=True)) == ["Ours"]


def test_prepare_with_settings_makes_operator_and_team_once(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "Maya@Halden.example", "ein langes Wort"
    settings.ADMIN_TEAM, settings.STARTING_CREDITS = "Halden & Co", 700

    done = services.prepare()

    assert (done.operator_created, done.setup_link) == ("maya@halden.example", "")
    maya = User.objects.get()
    assert maya.check_password("ein langes Wort")
    assert (maya.is_staff, maya.is_superuser) == (True, True)
    team = Team.objects.get()
    assert (team.name, balance(team).available) == ("Halden & Co", 700)
    assert Membership.objects.get(team=team, user=maya).role == Role.OWNER

    settings.ADMIN_PASSWORD, settings.STARTING_CREDITS = "ein anderes Wort", 9
    again = services.prepare()

    assert (again.operator_created, again.setup_link) == ("", "")
    maya.refresh_from_db()
    assert maya.check_password("ein langes Wort")
    assert Team.objects.count() == 1
    assert balance(team).available == 700


def test_prepare_with_settings_names_the_team_studio(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya@halden.example", "ein langes Wort"
    services.prepare()
    assert Team.objects.get().slug == "studio"


def test_prepare_with_an_address_that_is_none_names_the_setting(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "nobody", "ein langes Wort"
    with pytest.raises(ImproperlyConfigured, match=r"^ATELIER_ADMIN_EMAIL must be an e-mail address\.$"):
        services.prepare()
    assert User.objects.count() == 0


def test_prepare_with_a_weak_password_warns_and_takes_it(db: None, settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya@halden.example", "kurz"
    done = services.prepare()
    assert done.warning == "This password is too short. It must contain at least 10 characters."
    assert User.objects.get().check_password("kurz")


def test_prepare_where_people_exist_prints_no_link(db: None) -> None:
    make_user()
    assert services.prepare().setup_link == ""
    assert SetupLink.objects.count() == 0


def test_set_up_makes_operator_team_and_credits(db: None) -> None:
    team, owner = services.set_up(token=new_token(), founder=FOUNDER)

    assert (owner.email, owner.name, owner.is_staff, owner.is_superuser) == (
        "maya@halden.example",
        "Maya Lindqvist",
        True,
        True,
    )
    assert (team.slug, balance(team).available) == ("halden-co", 500)
    assert SetupLink.objects.count() == 0
    assert list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))[-3:] == [
        "installation.set_up",
        "team.created",
        "credits.granted",
    ]


def test_set_up_twice_is_over(db: None) -> None:
    token = new_token()
    services.set_up(token=token, founder=FOUNDER)
    with pytest.raises(SetupOver):
        services.set_up(token=token, founder=FOUNDER)
    assert User.objects.count() == 1


def test_set_up_with_a_link_from_before_the_first_person_is_over(db: None) -> None:
    token = new_token()
    make_user()
    with pytest.raises(SetupOver):
        services.set_up(token=token, founder=FOUNDER)
    assert Team.objects.count() == 0


def test_set_up_that_fails_keeps_the_link(db: None) -> None:
    token = new_token()
    with pytest.raises(BadInput):
        services.set_up(token=token, founder=Founder(**{**FOUNDER.__dict__, "credits": -1}))
    assert User.objects.count() == Team.objects.count() == 0
    assert services.is_setup_link(token)


@pytest.mark.django_db(transaction=True)
def test_set_up_twice_at_once_is_won_by_one() -> None:
    token = new_token()
    founders = [Founder(**{**FOUNDER.__dict__, "email": f"p{number}@halden.example"}) for number in range(4)]

    outcomes = at_once([partial(services.set_up, token=token, founder=founder) for founder in founders], SetupOver)

    assert outcomes.count(SetupOver) == 3
    assert User.objects.count() == Team.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_prepare_twice_at_once_prepares_once(settings: Settings) -> None:
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "maya@halden.example", "ein langes Wort"

    outcomes = at_once([lambda: services.prepare().operator_created] * 3)

    assert Counter(outcomes) == {"": 2, "maya@halden.example": 1}
    assert Connection.objects.count() == User.objects.count() == Team.objects.count() == 1
