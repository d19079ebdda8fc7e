"""Making, shutting out and forgetting people."""

from functools import partial

import pytest
from allauth.account.models import EmailAddress

from studio.accounts import services
from studio.accounts.errors import EmailTaken, StillOwner
from studio.accounts.models import User
from studio.audit.models import AuditEvent
from studio.teams.models import Membership, Role, Team
from tests.factories import make_membership, make_user
from tests.together import at_once


def test_create_account_keeps_address_in_lower_case(db: None) -> None:
    user = services.create_account(email=" Maya@Halden.Example ", name=" Maya ", password="ein langes Wort")

    assert (user.email, user.name, user.display_name) == ("maya@halden.example", "Maya", "Maya")
    assert user.check_password("ein langes Wort")
    assert (user.is_active, user.is_staff, user.is_superuser) == (True, False, False)
    address = EmailAddress.objects.get()
    assert (address.email, address.primary, address.user) == ("maya@halden.example", True, user)


def test_display_name_without_name_is_the_address_before_the_at(db: None) -> None:
    assert make_user("maya@halden.example").display_name == "maya"


@pytest.mark.parametrize("email", ["maya@halden.example", "MAYA@halden.example"])
def test_create_account_with_address_taken_is_refused(db: None, email: str) -> None:
    make_user("maya@halden.example")
    with pytest.raises(EmailTaken):
        services.create_account(email=email, name="", password="x")
    assert User.objects.count() == 1


def test_create_account_with_an_address_that_another_is_changing_to_is_refused(db: None) -> None:
    EmailAddress.objects.create(user=make_user(), email="new@halden.example", primary=False, verified=False)
    with pytest.raises(EmailTaken):
        services.create_account(email="new@halden.example", name="", password="x")


@pytest.mark.django_db(transaction=True)
def test_create_account_twice_at_once_makes_one() -> None:
    create = partial(services.create_account, email="maya@halden.example", name="", password="x")
    assert at_once([create] * 3, EmailTaken).count(EmailTaken) == 2
    assert User.objects.count() == 1


def test_deactivate_and_reactivate_are_told_once(member: User, operator: User) -> None:
    for _ in range(2):
        services.deactivate(user=member, operator=operator)
    assert User.objects.get(pk=member.pk).is_active is False
    for _ in range(2):
        services.reactivate(user=member, operator=operator)
    assert User.objects.get(pk=member.pk).is_active is True

    told = AuditEvent.objects.filter(actor=operator).order_by("pk").values_list("action", "subject")
    assert list(told) == [
        ("user.deactivated", "priya@halden.example"),
        ("user.reactivated", "priya@halden.example"),
    ]


@pytest.mark.parametrize("act", [services.deactivate, services.anonymise])
def test_last_owner_cannot_be_shut_out(team: Team, owner: User, operator: User, act: object) -> None:
    assert callable(act)
    with pytest.raises(StillOwner):
        act(user=User.objects.get(pk=owner.pk), operator=operator)
    owner.refresh_from_db()
    assert (owner.is_active, owner.email) == (True, "maya@halden.example")


def test_one_of_two_owners_can_be_shut_out(team: Team, owner: User, operator: User) -> None:
    make_membership(team, Role.OWNER)
    services.deactivate(user=owner, operator=operator)
    assert User.objects.get(pk=owner.pk).is_active is False


def test_anonymise_forgets_who_it_was_and_keeps_what_was_done(team: Team, member: User, operator: User) -> None:
    services.anonymise(user=member, operator=operator)

    gone = User.objects.get(pk=member.pk)
    assert (gone.email, gone.name) == (f"removed-{member.pk}@removed.invalid", "Former member")
    assert (gone.is_active, gone.has_usable_password()) == (False, False)
    assert EmailAddress.objects.filter(user=gone).count() == 0
    assert Membership.objects.filter(team=team, user=gone).exists()
    services.create_account(email="priya@halden.example", name="", password="x")


def test_anonymise_takes_an_operators_rights(db: None, operator: User) -> None:
    other = make_user(is_staff=True)
    services.anonymise(user=other, operator=operator)
    gone = User.objects.get(pk=other.pk)
    assert (gone.is_staff, gone.is_superuser) == (False, False)
