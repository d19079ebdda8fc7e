"""The right to watch, from the cookie alone."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.test import Client, override_settings
from django.utils import timezone

from studio.accounts.models import User
from studio.live.grants import LiveGrant, Refusal
from studio.teams.access_live import live_grant, still_granted
from studio.teams.models import Membership, Role, Team
from tests.factories import make_member


def _cookies(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


def _grant(user: User, team: Team) -> LiveGrant:
    found = live_grant(_cookies(user), team.slug)
    assert isinstance(found, LiveGrant)
    return found


def test_member_is_granted_their_own_team(team: Team, viewer: User, django_assert_num_queries) -> None:
    cookies = _cookies(viewer)
    with django_assert_num_queries(3):
        found = live_grant(cookies, team.slug)
    assert isinstance(found, LiveGrant)
    assert (found.team_id, found.user_id) == (team.pk, viewer.pk)


def test_stranger_is_told_nothing(team: Team, stranger: User) -> None:
    assert live_grant(_cookies(stranger), team.slug) is Refusal.NO_SUCH_TEAM


def test_browser_without_a_session_costs_no_query(team: Team, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert live_grant({"other": "cookie"}, team.slug) is Refusal.SIGN_IN


def test_expired_session_is_none(team: Team, member: User) -> None:
    cookies = _cookies(member)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert live_grant(cookies, team.slug) is Refusal.SIGN_IN


def test_session_signed_with_an_older_key_holds_as_long_as_that_key_does(team: Team, member: User) -> None:
    with override_settings(SECRET_KEY="the older key"):
        cookies = _cookies(member)
    assert live_grant(cookies, team.slug) is Refusal.SIGN_IN
    with override_settings(SECRET_KEY_FALLBACKS=["the older key"]):
        assert isinstance(live_grant(cookies, team.slug), LiveGrant)


@pytest.mark.parametrize("people", [1, 3])
def test_all_grants_are_checked_in_one_query(team: Team, people: int, django_assert_num_queries) -> None:
    grants = [_grant(make_member(team, Role.VIEWER), team) for _ in range(people)]
    with django_assert_num_queries(1):
        assert still_granted(grants) == set(grants)


def test_check_finds_every_lost_right_and_only_those(team: Team, owner: User) -> None:
    kept, removed, inactive, renewed, expired, signed_out = (
        _grant(make_member(team, Role.MEMBER), team) for _ in range(6)
    )
    Membership.objects.filter(user_id=removed.user_id).delete()
    User.objects.filter(pk=inactive.user_id).update(is_active=False)
    User.objects.filter(pk=renewed.user_id).update(password=make_password("another"))
    Session.objects.filter(pk=expired.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    Session.objects.filter(pk=signed_out.session_key).delete()
    assert still_granted([kept, removed, inactive, renewed, expired, signed_out]) == {kept}


def test_nothing_to_check_is_nothing(db: None) -> None:
    assert still_granted([]) == set()
